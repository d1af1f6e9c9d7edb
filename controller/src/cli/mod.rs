//! buoyctl: arguments to a request, a result to a table or to JSON.
//!
//! Read [`args`] (the commands), [`client`] (the socket), [`table`] and [`trace`] (what a terminal shows), [`exit`] (what a
//! script sees); [`import`] reads lists of addresses; [`watch`] and [`history`] print [`events`] as they come; [`backup`]
//! writes files; [`completion`] teaches shells; [`host`] changes this machine; [`decode`] is the one command that asks nobody.

#![expect(clippy::indexing_slicing, reason = "a member that a JSON object lacks reads as null")]

mod args;
mod backup;
mod client;
mod completion;
mod decode;
mod events;
mod exit;
mod history;
mod host;
mod import;
mod table;
mod trace;
mod watch;

use std::io::Write;

use serde_json::Value;

use crate::api::{ErrorKind, Wait};
use crate::arguments::one_line;
pub use args::Args;
use args::{Format, Task};
pub use completion::answer_shell;
pub use exit::Exit;

/// Does what the arguments say.
pub fn run(args: Args) -> Exit {
    let Args { socket, project, format, quiet, wait, timeout, task } = args;
    let request = match task {
        Task::Ask(command) => match command.request() {
            Ok(request) => request,
            Err(unreadable) => {
                eprintln!("buoyctl: {}", one_line(&unreadable.to_string()));
                return Exit::Refused(ErrorKind::Invalid);
            }
        },
        Task::Backup(args) => return backup::run(&args, &socket, project.as_ref(), timeout),
        Task::Completion { shell } => return completion::teach(shell),
        Task::Decode(args) => return decode::run(&args, format),
        Task::Host(command) => return host::run(&command, &socket, format),
        Task::Watch(args) => return watch::run(&socket, format, project, args),
        Task::History(asked) => return history::run(&socket, project.as_ref(), format, timeout, asked),
    };
    let waits = wait == Wait::Switch && request.changes();
    let result = match client::call(&socket, &request, project.as_ref(), wait, timeout) {
        Ok(result) => result,
        Err(failure) => {
            eprintln!("buoyctl: {}", one_line(&failure.to_string()));
            return failure.exit();
        }
    };
    let mut out = String::new();
    match format {
        _ if quiet => out = names(&result),
        Format::Json if request.leaves_nothing() => out.push_str("null\n"),
        Format::Json => out = format!("{result:#}\n"),
        Format::Table if request.leaves_nothing() => {}
        Format::Table => out = table::render(&request, &result),
    }
    // A reader that has seen enough is no failure.
    let _ = std::io::stdout().write_all(out.as_bytes());
    if !quiet {
        report(&result);
    }
    if waits && result["applied"] == Value::Bool(false) { not_applied(&result) } else { Exit::Done }
}

/// What each thing in a result is called, a line each.
fn names(result: &Value) -> String {
    let rows = result.as_array().map_or(std::slice::from_ref(result), Vec::as_slice);
    let name =
        |row: &Value| ["address", "name", "bridge"].iter().find_map(|field| row[field].as_str().map(str::to_owned));
    rows.iter().filter_map(name).map(|name| name + "\n").collect()
}

/// What the admin should know goes beside the result, not into it.
fn report(result: &Value) {
    for notice in result["notices"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        eprintln!("buoyctl: note: {notice}");
    }
}

fn not_applied(result: &Value) -> Exit {
    let pending: Vec<_> = result["pending"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    match result["error"].as_str() {
        Some(error) => eprintln!("buoyctl: stored, but not in force: {error}"),
        None => eprintln!(
            "buoyctl: stored, but not applied yet on {}: it is as soon as the bridge is there (buoyctl switch list)",
            pending.join(", ")
        ),
    }
    Exit::Pending
}
