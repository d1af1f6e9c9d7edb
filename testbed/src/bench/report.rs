//! The result of a run: what is printed, and what is written as JSON.

use std::fmt;

use serde::Serialize;

use super::figures::Figures;

/// All that a run measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Goes up when a field changes its meaning or goes.
    pub(super) schema: u32,
    /// Where it was measured.
    pub(super) machine: super::machine::Machine,
    /// The peers that were not measured.
    pub(super) missing: Vec<Missing>,
    /// What was measured.
    pub(super) rows: Vec<Row>,
}

/// A peer that was not measured.
#[derive(Debug, Serialize)]
pub(super) struct Missing {
    /// Its name.
    pub(super) peer: &'static str,
    /// Why not, and what to do.
    pub(super) why: String,
}

/// One thing that Buoy does, beside what others take for the same.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// What is done.
    pub(super) what: &'static str,
    /// How many floating IPs are associated.
    pub(super) size: u32,
    /// What the figures count.
    pub(super) unit: Unit,
    /// Buoy's figures.
    pub(super) ours: Figures,
    /// What they are to be, whatever the peers take.
    pub(super) goal: Option<Goal>,
    /// The others, each measured in turn with Buoy.
    pub(super) peers: Vec<Peer>,
}

/// What is measured beside Buoy.
#[derive(Debug, Serialize)]
pub(super) struct Peer {
    /// What it is.
    pub(super) name: &'static str,
    /// Its figures.
    pub(super) figures: Figures,
    /// Buoy's median through its median.
    pub(super) ratio: f64,
    /// What the ratio is to be.
    pub(super) goal: Option<Goal>,
}

/// What a figure is to be.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Goal {
    /// On which side of the limit.
    pub(super) bound: Bound,
    /// The limit.
    pub(super) limit: f64,
    /// Whether it was reached.
    pub(super) reached: bool,
}

/// On which side of a limit a figure is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Bound {
    /// Not above it.
    AtMost,
    /// Not below it.
    AtLeast,
}

/// What figures count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub(super) enum Unit {
    /// Thousandths of a second.
    #[serde(rename = "ms")]
    Millis,
    /// Millionths of a second.
    #[serde(rename = "us")]
    Micros,
    /// Bytes for each association.
    #[serde(rename = "bytes_each")]
    BytesEach,
    /// How many in a second.
    #[serde(rename = "per_second")]
    PerSecond,
    /// Millions of bits in a second.
    #[serde(rename = "megabits_per_second")]
    Megabits,
    /// How many there are.
    #[serde(rename = "number")]
    Number,
}

impl Row {
    /// A row without peers and goal.
    pub(super) fn new(what: &'static str, size: u32, unit: Unit, ours: Figures) -> Self {
        Self { what, size, unit, ours, goal: None, peers: Vec::new() }
    }

    /// Says what Buoy's median is to be.
    pub(super) fn aiming(mut self, bound: Bound, limit: f64) -> Self {
        self.goal = Some(Goal::of(bound, limit, self.ours.median));
        self
    }

    /// Adds a peer, and what the ratio to it is to be.
    pub(super) fn beside(mut self, name: &'static str, figures: Figures, goal: Option<(Bound, f64)>) -> Self {
        let ratio = self.ours.median / figures.median;
        let goal = goal.map(|(bound, limit)| Goal::of(bound, limit, ratio));
        self.peers.push(Peer { name, figures, ratio, goal });
        self
    }
}

impl Goal {
    fn of(bound: Bound, limit: f64, value: f64) -> Self {
        let reached = match bound {
            Bound::AtMost => value <= limit,
            Bound::AtLeast => value >= limit,
        };
        Self { bound, limit, reached }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.machine)?;
        for row in &self.rows {
            writeln!(f, "\n{row}")?;
        }
        for Missing { peer, why } in &self.missing {
            writeln!(f, "\nnot measured: {peer}: {why}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = format!("{}, {} floating IPs [{}]", self.what, self.size, self.unit.word());
        writeln!(f, "{title:<74} {:>10} {:>10} {:>10} {:>7}", "median", "min", "max", "ratio")?;
        line(f, "buoyd", &self.ours, None, self.goal)?;
        for peer in &self.peers {
            writeln!(f)?;
            line(f, peer.name, &peer.figures, Some(peer.ratio), peer.goal)?;
        }
        Ok(())
    }
}

fn line(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    figures: &Figures,
    ratio: Option<f64>,
    goal: Option<Goal>,
) -> fmt::Result {
    let Figures { median, min, max, .. } = figures;
    let ratio = ratio.map(|ratio| format!("{ratio:.3}")).unwrap_or_default();
    write!(f, "  {name:<72} {median:>10.1} {min:>10.1} {max:>10.1} {ratio:>7}")?;
    goal.map_or(Ok(()), |goal| write!(f, "  {goal}"))
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.bound == Bound::AtMost { "at most" } else { "at least" };
        write!(f, "{side} {}: {}", self.limit, if self.reached { "reached" } else { "not reached" })
    }
}

impl Unit {
    /// The word for it in a table.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Millis => "ms",
            Self::Micros => "µs",
            Self::BytesEach => "bytes each",
            Self::PerSecond => "a second",
            Self::Megabits => "Mbit/s",
            Self::Number => "number",
        }
    }
}
