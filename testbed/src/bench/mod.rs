//! `buoy-testbed bench`: Buoy beside its peers, in one run on one machine.
//!
//! Read [`stage`] (where it is measured), then a row, [`rows::Subject`]; [`report`] is what comes of it, [`plot`] its picture.
//! `docs/performance.md` says what the figures mean.

mod bare_store;
mod figures;
mod limit;
mod machine;
mod netfilter;
mod ovn;
mod peers;
mod plot;
mod progress;
mod report;
mod rows;
mod stage;
mod traffic;
mod watch;

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;

use machine::Machine;
use progress::Progress;
use report::Report;
use rows::{Effort, Subject};
use stage::Stage;

/// What is measured, and what becomes of it.
#[derive(Debug, Args)]
pub struct Options {
    /// What to measure, separated by commas; all of it by default
    #[arg(long, value_enum, value_delimiter = ',', value_name = "ROW")]
    rows: Vec<Subject>,
    /// How many floating IPs are associated, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = SIZES, value_name = "COUNT")]
    #[arg(value_parser = clap::value_parser!(u32).range(..=100_000))]
    sizes: Vec<u32>,
    /// Only see that it works: few rounds, and 20 floating IPs where no sizes are named
    #[arg(long)]
    quick: bool,
    /// Write all samples here, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the growth with the number of floating IPs here
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// A directory on the disk that is to be measured
    #[arg(long, value_name = "DIRECTORY", default_value_os_t = std::env::temp_dir())]
    disk: PathBuf,
}

/// Measures, prints a table, and writes what was asked for. Panics where a lab, the daemon or a peer fails.
pub fn run(options: &Options) -> Result<()> {
    let mut subjects = options.rows.clone();
    if subjects.is_empty() {
        subjects.extend(<Subject as clap::ValueEnum>::value_variants());
    }
    subjects.sort_unstable();
    subjects.dedup();
    let (effort, sizes) = match options.quick {
        true if options.sizes == SIZES => (Effort::Quick, vec![0, 20]),
        true => (Effort::Quick, options.sizes.clone()),
        false => (Effort::Full, options.sizes.clone()),
    };
    let progress = Progress::start(sizes.len() * (subjects.len() + 1));
    let (mut rows, mut missing, mut machine) = (Vec::new(), peers::missing(), None);
    for size in sizes {
        progress.step(format!("{size} floating IPs, the site"));
        let mut stage = Stage::set(size, &options.disk, progress.clone());
        machine.get_or_insert_with(|| Machine::here(stage.datapath()));
        progress.done();
        for subject in &subjects {
            progress.step(format!("{size} floating IPs, {}", subject.name()));
            rows.extend(subject.measure(&mut stage, effort));
            progress.done();
        }
        missing.append(&mut stage.missing);
    }
    progress.end();
    let machine = machine.context("name at least one size")?;
    let report = Report { schema: SCHEMA, machine, missing, rows };
    println!("{report}");
    if let Some(path) = &options.json {
        let file = File::create(path).with_context(|| format!("write {}", path.display()))?;
        serde_json::to_writer_pretty(file, &report).with_context(|| format!("write {}", path.display()))?;
    }
    if let Some(path) = &options.svg {
        std::fs::write(path, plot::draw(&report.rows)?).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

const SCHEMA: u32 = 1;
const SIZES: [u32; 4] = [0, 1_000, 10_000, 100_000];
