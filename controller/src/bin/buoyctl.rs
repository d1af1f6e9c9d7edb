//! The command line.

use std::process::ExitCode;

use buoy_controller::cli;
use clap::Parser;

fn main() -> ExitCode {
    cli::run(cli::Args::parse()).into()
}
