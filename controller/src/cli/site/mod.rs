//! `buoyctl apply` and `buoyctl export`: the whole site as a file.
//!
//! [`toml`] and [`json`] read a file into a [`tree`], [`check`] makes entries of it, [`show`] tells what they change;
//! [`write`] is the way back.

mod check;
mod json;
mod show;
#[cfg(test)]
mod tests;
mod toml;
mod tree;
mod write;

use std::io::{self, IsTerminal, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use buoy_topology::Name;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value, json};

use super::client::{Failure, Long, Session};
use super::{Exit, Format, finish, names};
use crate::api::{ErrorKind, Wait};
use crate::arguments::one_line;
use check::Entries;
use tree::{Lines, Node, Wrong};

/// Where the daemon is, and how an answer is to be.
pub(super) struct Setting<'a> {
    pub(super) socket: &'a Path,
    pub(super) project: Option<&'a Name>,
    pub(super) format: Format,
    pub(super) quiet: bool,
    pub(super) wait: Wait,
    pub(super) timeout: Duration,
}

/// The arguments of `apply`.
#[derive(Debug, clap::Args)]
pub(super) struct Apply {
    /// The file, in TOML or JSON; "-" reads it from stdin
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Delete what is not in the file; without it that is left alone
    #[arg(long)]
    prune: bool,
}

/// The arguments of `export`.
#[derive(Debug, clap::Args)]
pub(super) struct Export {
    /// Write to this file, all of it or nothing [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Makes the site as the file says.
pub(super) fn apply(args: &Apply, setting: &Setting<'_>) -> Exit {
    let (name, text) = match read(&args.file) {
        Ok(read) => read,
        Err(message) => {
            eprintln!("buoyctl: {}", one_line(&message));
            return Exit::Refused(ErrorKind::Invalid);
        }
    };
    let lines = Lines::of(&text);
    let entries = match parse(&name, &text).and_then(|root| Entries::of(&root)) {
        Ok(entries) => entries,
        Err(mut wrong) => {
            wrong.sort();
            wrong.iter().for_each(|own| complain(&name, &lines, Some(own.at), &own.what));
            return Exit::Refused(ErrorKind::Invalid);
        }
    };
    match send(args, setting, &entries) {
        Ok(result) => finish(&result, setting, !args.dry_run, || match setting.format {
            _ if setting.quiet => names(&result["changes"]),
            Format::Json => format!("{result:#}\n"),
            Format::Table => show::render(&result),
        }),
        Err(Failure::Refused { kind, mistakes, .. }) if !mistakes.is_empty() => {
            let mut placed: Vec<_> = mistakes.iter().map(|own| (entries.place(own), own)).collect();
            placed.sort_by_key(|(at, _)| (at.is_none(), *at));
            placed.iter().for_each(|(at, own)| complain(&name, &lines, *at, &own.message));
            Exit::Refused(kind)
        }
        Err(failure) => {
            eprintln!("buoyctl: {}", one_line(&failure.to_string()));
            failure.exit()
        }
    }
}

/// Writes the site as a file.
pub(super) fn export(args: &Export, setting: &Setting<'_>) -> Exit {
    let site = match fetch(setting) {
        Ok(site) => site,
        Err(failure) => {
            eprintln!("buoyctl: {}", one_line(&failure.to_string()));
            return failure.exit();
        }
    };
    let text = match setting.format {
        Format::Json => write::json(&site),
        Format::Table => write::toml(&site),
    };
    let Some(path) = &args.output else {
        // A reader that has seen enough is no failure.
        let _ = io::stdout().write_all(text.as_bytes());
        return Exit::Done;
    };
    if let Err(error) = replace(path, &text) {
        eprintln!("buoyctl: {}: {error}", one_line(&path.display().to_string()));
        return Exit::Broken;
    }
    Exit::Done
}

fn send(args: &Apply, setting: &Setting<'_>, entries: &Entries) -> Result<Value, Failure> {
    let mut params = Map::new();
    params.insert("prune".to_owned(), args.prune.into());
    params.insert("dry_run".to_owned(), args.dry_run.into());
    let bar = progress(entries.entries.len());
    let mut session = Session::open(setting.socket, setting.project, setting.wait, setting.timeout)?;
    let long = Long::new("site.apply", params, entries.entries.clone());
    let result = session.ask_long(long, |count| bar.set_position(u64::try_from(count).unwrap_or(u64::MAX)));
    bar.finish_and_clear();
    result
}

/// How far it is, for a person who has to wait.
fn progress(entries: usize) -> ProgressBar {
    if entries < WORTH_A_BAR || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} entries, {elapsed}");
    let total = u64::try_from(entries).unwrap_or(u64::MAX);
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn fetch(setting: &Setting<'_>) -> Result<write::Whole, Failure> {
    let mut session = Session::open(setting.socket, setting.project, setting.wait, setting.timeout)?;
    let mut whole = write::Whole::new();
    for part in 0_u32.. {
        let params = Map::from_iter([("part".to_owned(), json!(part))]);
        let Value::Object(mut page) = session.ask("site.export", params)? else {
            return Err(Failure::Broken("a site is an object".to_owned()));
        };
        let more = page.remove("more") == Some(Value::Bool(true));
        for (noun, value) in page {
            if let (Value::Array(mut own), Value::Array(all)) = (value, whole.entry(noun).or_insert_with(|| json!([])))
            {
                all.append(&mut own);
            }
        }
        if !more {
            break;
        }
    }
    whole.retain(|noun, _| crate::api::site::NOUNS.contains(&&**noun));
    Ok(whole)
}

fn read(file: &Path) -> Result<(String, String), String> {
    let (name, bytes) = if file == Path::new("-") {
        let mut bytes = Vec::new();
        ("stdin".to_owned(), io::stdin().read_to_end(&mut bytes).map(|_| bytes))
    } else {
        (file.display().to_string(), std::fs::read(file))
    };
    let bytes = bytes.map_err(|error| format!("{name}: {error}"))?;
    // A byte order mark is no part of the text.
    let text =
        String::from_utf8(bytes).map_err(|_| format!("{name}: this is not UTF-8: save the file in that encoding"))?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    Ok((name, text))
}

/// Reads by the end of the name, and where that says nothing by the first character: no TOML begins with a brace.
fn parse(name: &str, text: &str) -> Result<Node, Vec<Wrong>> {
    let is_json = match Path::new(name).extension().and_then(|own| own.to_str()) {
        Some("json") => true,
        Some("toml") => false,
        _ => text.trim_start().starts_with('{'),
    };
    if is_json { json::parse(text) } else { toml::parse(text) }
}

fn complain(name: &str, lines: &Lines<'_>, at: Option<usize>, what: &str) {
    match at.map(|at| lines.place(at)) {
        Some((line, column)) => eprintln!("buoyctl: {}", one_line(&format!("{name}:{line}:{column}: {what}"))),
        None => eprintln!("buoyctl: {}", one_line(&format!("{name}: {what}"))),
    }
}

/// Puts a file in the place of another, so that nobody sees half of it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    let mut file = tempfile::Builder::new().prefix(".buoyctl-").permissions(readable).tempfile_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    std::fs::File::open(dir)?.sync_all()
}

/// Fewer are there before a bar could be seen.
const WORTH_A_BAR: usize = 500;

pub(super) const APPLY_HELP: &str =
    "The file says what there is: [[project]], [[provider]], [[pool]], [[network]], [[instance]] with
[[instance.interface]], [[direct]] and [[fip]], in any order, with the fields that the arguments of `buoyctl ... create` have (host_ip,
mac_policy). `buoyctl export` writes such a file. What would change is shown as + (created), ~ (changed) and
- (deleted); all of it is done at once, or nothing, and what is so already changes nothing. What the file does not
name is listed with ? and left alone, unless --prune is given. Every mistake is told with file, line and column.

Examples:
  buoyctl apply -f site.toml --dry-run
  buoyctl apply -f site.toml
  buoyctl apply -f site.toml --prune --timeout 30
  ssh other-host buoyctl export | buoyctl apply -f - --dry-run

A site:
  [[provider]]
  name = \"lan\"
  bridge = \"br-ex\"
  uplink = \"eth0\"
  gateway = \"203.0.113.1\"

  [[pool]]
  name = \"public\"
  provider = \"lan\"
  range = [\"203.0.113.100-203.0.113.119\"]

  [[network]]
  name = \"blue\"
  cidr = \"10.0.0.0/24\"
  gateway = \"10.0.0.1\"

  [[instance]]
  name = \"web\"
  interface = [{ network = \"blue\", port = \"vm1\", mac = \"02:00:00:00:00:11\", ip = \"10.0.0.11\" }]

  [[fip]]
  address = \"203.0.113.100\"
  instance = \"web\"";

pub(super) const EXPORT_HELP: &str =
    "The file is TOML with comments, or JSON with --format json. The same site gives the same bytes. `buoyctl apply` takes
it back: on this host it changes nothing, on an empty one it makes the same site.

Examples:
  buoyctl export -o site.toml
  buoyctl --format json export | jq '.fip | length'";
