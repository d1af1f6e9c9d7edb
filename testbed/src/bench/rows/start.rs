//! The daemon starts with so many floating IPs in its store, until its socket accepts.

use std::path::Path;
use std::{fs, io};

use super::Effort;
use crate::bench::bare_store::scan;
use crate::bench::figures::{Figures, timed};
use crate::bench::report::{Bound, Row, Unit};
use crate::bench::stage::Stage;

pub(super) fn measure(stage: &mut Stage, effort: Effort) -> Row {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..effort.rounds(stage.size) {
        stage.daemon.stop();
        let copy = stage.file(&format!("copy-{round}"));
        copy_directory(&stage.state().join("sled"), &copy).expect("the disk has room");
        bare.push(timed(|| assert!(scan(&copy) > stage.size.into(), "the store has a record for each")));
        fs::remove_dir_all(&copy).expect("it is ours");
        ours.push(timed(|| stage.daemon.start_again()));
    }
    let ours = Figures::of_millis(&ours);
    Row::new("start, until the socket accepts", stage.size, Unit::Millis, ours).aiming(Bound::AtMost, 2_000.0).beside(
        "bare sled: open and scan the same store",
        Figures::of_millis(&bare),
        Some((Bound::AtMost, 1.5)),
    )
}

fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_directory(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
