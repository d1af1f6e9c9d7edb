//! The daemon.

use std::io::IsTerminal;
use std::process::ExitCode;

use buoy_controller::arguments;
use buoy_controller::daemon::{self, Args, Config, Task};
use tikv_jemallocator::Jemalloc;
use tracing_subscriber::EnvFilter;

/// Gives back to the system what a long change took (decision 12).
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    let mut args: Args = match arguments::parse() {
        Ok(args) => args,
        Err(code) => return code,
    };
    let task = args.task.take();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    let result = Config::of(args).and_then(|config| {
        if let Some(Task::Restore { file }) = task {
            eprintln!("{}", daemon::restore(&file, &config.state_dir)?);
            return Ok(());
        }
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(daemon::run(config))
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("buoyd: {}", arguments::one_line(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}
