//! `buoyd restore`: the state directory of a backup.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};

use crate::store::{self, Backup};

/// Restores a backup into a state directory that has no store yet, and says what it held.
pub fn restore(file: &Path, state_dir: &Path) -> Result<String> {
    let shown = file.display();
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("stdin")?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| shown.to_string())?;
    }
    let backup = Backup::parse(&text).with_context(|| shown.to_string())?;
    store::restore(&backup, state_dir).with_context(|| format!("{shown} was not restored"))?;
    Ok(format!("{} values of {shown} are in {} now", backup.len(), state_dir.display()))
}
