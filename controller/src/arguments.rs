//! What both programs do with their arguments: what is wrong with them is said on one line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Parser};

use crate::api::ANY_OF;

/// Reads a program's arguments. Otherwise all has been said that there was to say, and the program ends with this code.
pub fn parse<P: Parser>() -> Result<P, ExitCode> {
    P::try_parse().map_err(|error| {
        if !error.use_stderr() {
            // Help or version. A reader that has seen enough is no failure.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        let mut command = P::command();
        // What is inherited, such as global arguments, is known only then.
        command.build();
        eprintln!("{}: {}", command.get_name(), explain(&error, &command, std::env::args_os().skip(1)));
        ExitCode::from(USAGE)
    })
}

/// Text on one line, with nothing in it that a terminal would obey.
pub fn one_line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// What was wrong and where the help is.
fn explain(error: &clap::Error, command: &Command, words: impl Iterator<Item = OsString>) -> String {
    let meant = meant(command, words);
    let help = meant.get_bin_name().unwrap_or(meant.get_name());
    let what = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            let commands: Vec<_> = meant.get_subcommands().map(Command::get_name).collect();
            format!("a command is missing: one of {}", commands.join(", "))
        }
        ErrorKind::MissingRequiredArgument if error.get(ContextKind::InvalidArg).is_some_and(names_a_group) => {
            let group = meant.get_groups().find(|group| group.get_id() == ANY_OF);
            let of = |own: &&Arg| group.is_some_and(|group| group.get_args().any(|id| id == own.get_id()));
            let all: Vec<_> = meant.get_arguments().filter(of).map(ToString::to_string).collect();
            format!("nothing is said that is to change: at least one of {}", all.join(", "))
        }
        _ => fold(&error.render().to_string()),
    };
    one_line(&format!("{what} (see '{help} --help')"))
}

/// Whether all that is missing is one of several options.
fn names_a_group(missing: &ContextValue) -> bool {
    matches!(missing, ContextValue::Strings(all) if all.iter().all(|own| own.starts_with("<--")))
}

/// The command whose help is of use: the innermost that was named.
fn meant(mut command: &Command, mut words: impl Iterator<Item = OsString>) -> &Command {
    while let Some(word) = words.next() {
        let word = word.to_string_lossy();
        if let Some(option) = word.strip_prefix("--") {
            let mut arguments = command.get_arguments();
            let known = arguments.find(|argument| argument.get_long() == Some(option));
            if known.is_some_and(|argument| argument.get_action().takes_values()) {
                words.next();
            }
        } else if let Some(inner) = command.find_subcommand(&*word) {
            command = inner;
        } else {
            break;
        }
    }
    command
}

/// The paragraphs of a message on one line, without the usage, which the help shows too.
fn fold(message: &str) -> String {
    let paragraphs = message.trim_start_matches("error: ").split("\n\n").map(str::trim);
    let telling = paragraphs.filter(|own| !own.starts_with("Usage:") && !own.starts_with("For more information"));
    telling.map(fold_paragraph).collect::<Vec<_>>().join("; ")
}

/// A line that ends with a colon begins a list; other lines belong together.
fn fold_paragraph(paragraph: &str) -> String {
    let mut lines = paragraph.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    let rest: Vec<_> = lines.collect();
    let separator = if first.ends_with(':') { ", " } else { " " };
    [first, &rest.join(separator)].join(" ").trim_end().to_owned()
}

const USAGE: u8 = 2;
