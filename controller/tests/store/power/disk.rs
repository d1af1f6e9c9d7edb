//! A disk with a cache that a power cut empties.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proptest::prelude::Rng;

use super::record::Event;

/// How much of what was never synced is on the disk all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Luck {
    Nothing,
    Some,
    All,
}

/// Files as they are seen, and what of them has reached the disk.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    /// Every file that there ever was, by number.
    files: Vec<File>,
    /// The files that have a name, as seen.
    names: BTreeMap<PathBuf, usize>,
    dirs: BTreeSet<PathBuf>,
    /// The same as the disk has it.
    synced_names: BTreeMap<PathBuf, usize>,
    synced_dirs: BTreeSet<PathBuf>,
    /// Syncs under way.
    syncs: BTreeMap<usize, Sync>,
}

#[derive(Debug, Default)]
struct File {
    len: u64,
    /// What was done to it, in order.
    steps: Vec<Step>,
    /// How many of the steps are synced.
    synced: usize,
}

#[derive(Clone, Debug)]
enum Step {
    Write(u64, Vec<u8>),
    Truncate(u64),
}

#[derive(Debug)]
enum Sync {
    File(usize, usize),
    Dir(PathBuf, BTreeMap<PathBuf, usize>, BTreeSet<PathBuf>),
}

impl Disk {
    pub(super) fn new(root: &Path) -> Self {
        let dirs = BTreeSet::from([root.parent().unwrap().to_owned()]);
        Self {
            root: root.to_owned(),
            files: vec![],
            names: BTreeMap::new(),
            synced_names: BTreeMap::new(),
            synced_dirs: dirs.clone(),
            dirs,
            syncs: BTreeMap::new(),
        }
    }

    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::Create { path, is_cut } => match self.names.get(path) {
                Some(&file) if *is_cut => self.files[file].step(Step::Truncate(0)),
                Some(_) => {}
                None => {
                    self.names.insert(path.clone(), self.files.len());
                    self.files.push(File::default());
                }
            },
            Event::Mkdir(path) => drop(self.dirs.insert(path.clone())),
            Event::Write { path, offset, bytes } => {
                let file = self.file(path);
                let offset = offset.unwrap_or(file.len);
                file.step(Step::Write(offset, bytes.clone()));
            }
            Event::Truncate { path, len } => self.file(path).step(Step::Truncate(*len)),
            Event::Rename(from, to) => {
                let file = self.names.remove(from).unwrap_or_else(|| panic!("{} has no file", from.display()));
                self.names.insert(to.clone(), file);
            }
            Event::Unlink(path) => drop(self.names.remove(path)),
            Event::SyncBegan(number, path) => {
                let sync = match self.names.get(path) {
                    Some(&file) => Sync::File(file, self.files[file].steps.len()),
                    None => self.dir(path),
                };
                self.syncs.insert(*number, sync);
            }
            Event::SyncEnded(number) => self.synced(*number),
            Event::Said(_) => {}
        }
    }

    /// Writes what a power cut at this moment leaves. Of writes that were not synced any may be there, in any
    /// combination; names are there or not.
    pub(super) fn write_to(&self, target: &Path, luck: Luck, random: &mut impl Rng) {
        let mut keeps = || match luck {
            Luck::Nothing => false,
            Luck::Some => random.next_u32().is_multiple_of(2),
            Luck::All => true,
        };
        let is_kept = keeps();
        let (names, dirs) = if is_kept { (&self.names, &self.dirs) } else { (&self.synced_names, &self.synced_dirs) };
        std::fs::create_dir_all(target).unwrap();
        let inside = |path: &Path| target.join(path.strip_prefix(&self.root).unwrap());
        for dir in dirs.iter().filter(|dir| dir.starts_with(&self.root)) {
            std::fs::create_dir_all(inside(dir)).unwrap();
        }
        for (path, file) in names {
            let file = &self.files[*file];
            let mut bytes = Vec::new();
            for (at, step) in file.steps.iter().enumerate() {
                if at < file.synced || keeps() {
                    step.apply(&mut bytes);
                }
            }
            if path.parent().is_some_and(|dir| dirs.contains(dir)) {
                std::fs::write(inside(path), bytes).unwrap();
            }
        }
    }

    fn file(&mut self, path: &Path) -> &mut File {
        let file = *self.names.get(path).unwrap_or_else(|| panic!("{} has no file", path.display()));
        &mut self.files[file]
    }

    /// What a sync of a directory makes durable: the names in it.
    fn dir(&self, path: &Path) -> Sync {
        let within = |own: &PathBuf| own.parent() == Some(path);
        let names = self.names.iter().filter(|(own, _)| within(own)).map(|(own, file)| (own.clone(), *file)).collect();
        Sync::Dir(path.to_owned(), names, self.dirs.iter().filter(|own| within(own)).cloned().collect())
    }

    fn synced(&mut self, number: usize) {
        match self.syncs.remove(&number).expect("it began") {
            Sync::File(file, steps) => {
                let file = &mut self.files[file];
                file.synced = file.synced.max(steps);
            }
            Sync::Dir(path, names, dirs) => {
                self.synced_names.retain(|own, _| own.parent() != Some(&path));
                self.synced_names.extend(names);
                self.synced_dirs.extend(dirs);
            }
        }
    }
}

impl File {
    fn step(&mut self, step: Step) {
        self.len = match &step {
            Step::Write(offset, bytes) => self.len.max(offset + u64::try_from(bytes.len()).unwrap()),
            Step::Truncate(len) => *len,
        };
        self.steps.push(step);
    }
}

impl Step {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write(offset, bytes) => {
                let offset = usize::try_from(*offset).unwrap();
                let end = offset + bytes.len();
                content.resize(content.len().max(end), 0);
                content[offset..end].copy_from_slice(bytes);
            }
            Self::Truncate(len) => content.resize(usize::try_from(*len).unwrap(), 0),
        }
    }
}
