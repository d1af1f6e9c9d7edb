//! The command line.

use std::process::ExitCode;

use buoy_controller::{arguments, cli};

fn main() -> ExitCode {
    cli::answer_shell();
    match arguments::parse() {
        Ok(args) => cli::run(args).into(),
        Err(code) => code,
    }
}
