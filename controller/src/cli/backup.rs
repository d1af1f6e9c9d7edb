//! `buoyctl backup`: what the daemon has stored, in a file.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::Duration;

use buoy_topology::Name;
use tempfile::NamedTempFile;

use super::client::{self, Failure};
use super::{Exit, one_line};
use crate::api::{ErrorKind, Request, Wait};
use crate::store::Backup;

/// Where the backup goes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file, which must not be there yet; "-" writes to stdout
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Put the backup in place of a file that is there
    #[arg(long)]
    force: bool,
}

/// Asks for a backup, checks that it is whole, and writes it: the file is there complete or not at all.
pub(super) fn run(args: &Args, socket: &Path, project: Option<&Name>, timeout: Duration) -> Exit {
    let refused = |kind, message: &dyn std::fmt::Display| {
        eprintln!("buoyctl: {}", one_line(&message.to_string()));
        Exit::Refused(kind)
    };
    let is_file = args.file != Path::new("-");
    if is_file && !args.force && args.file.exists() {
        let message = format!("{} is there already: --force puts the backup in its place", args.file.display());
        return refused(ErrorKind::Conflict, &message);
    }
    if is_file && args.file.metadata().is_ok_and(|own| !own.is_file()) {
        let message =
            format!("{} is no plain file: --force puts a backup in place of nothing else", args.file.display());
        return refused(ErrorKind::Invalid, &message);
    }
    let backup = client::call_raw(socket, &Request::BackupCreate, project, Wait::default(), timeout)
        .and_then(|text| Backup::parse(text.get()).map_err(|error| Failure::Broken(error.to_string())));
    let backup = match backup {
        Ok(backup) => backup,
        Err(failure) => {
            eprintln!("buoyctl: {}", one_line(&failure.to_string()));
            return failure.exit();
        }
    };
    let written = if is_file { write(&backup, args) } else { backup.write(&mut io::stdout().lock()) };
    match written {
        Ok(()) if is_file => {
            eprintln!("{} values are in {}; `buoyd restore` reads them", backup.len(), args.file.display());
            Exit::Done
        }
        Ok(()) => Exit::Done,
        Err(error) => refused(ErrorKind::Storage, &format!("{}: {error}", args.file.display())),
    }
}

fn write(backup: &Backup, args: &Args) -> io::Result<()> {
    let beside = args.file.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let mut out = BufWriter::new(NamedTempFile::new_in(beside)?);
    backup.write(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    if args.force {
        file.persist(&args.file)?
    } else {
        file.persist_noclobber(&args.file)?
    };
    Ok(())
}

pub(super) const HELP: &str =
    "The backup is consistent: it is the state at one generation. It is JSON with a line for each value, can be read
by people, and has check sums. The file is readable for its owner alone.

Examples:
  buoyctl backup /var/backups/buoy-$(date +%F).json
  buoyctl backup - | gzip > buoy.json.gz

To go back: stop buoyd, move its state directory away, then `buoyd restore FILE`, and start buoyd.";
