//! The text format of Prometheus, version 0.0.4: what a server scrapes, and what node_exporter reads from a file. (OpenMetrics,
//! which metrics crates write, names counters in another way, and node_exporter takes them for untyped.)

use std::fmt::{Display, Write};

/// What the text is.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A whole answer.
#[derive(Debug, Default)]
pub(crate) struct Page(String);

/// What kind of figure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It goes up, and begins again when what counts begins again.
    Counter,
    /// It goes up and down.
    Gauge,
}

impl Page {
    /// Begins a family. It is there also where it has no sample.
    pub(crate) fn family(&mut self, kind: Kind, name: &'static str, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        put(&mut self.0, format_args!("# HELP {name} {}\n# TYPE {name} {kind}\n", escaped(help, false)));
        Family { page: &mut self.0, name }
    }

    /// The text.
    pub(crate) fn text(self) -> String {
        self.0
    }
}

/// A family of samples.
#[derive(Debug)]
pub(crate) struct Family<'a> {
    page: &'a mut String,
    name: &'static str,
}

impl Family<'_> {
    /// Adds a sample; the labels of each sample of a family have the same names.
    pub(crate) fn sample(&mut self, labels: &[(&str, &dyn Display)], value: u64) {
        self.page.push_str(self.name);
        for (at, (name, value)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            put(self.page, format_args!("{before}{name}=\"{}\"", escaped(&value.to_string(), true)));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        put(self.page, format_args!("{close} {value}\n"));
    }
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a string takes all that is written");
}

fn escaped(text: &str, is_label: bool) -> String {
    let escaped = text.replace('\\', r"\\").replace('\n', r"\n");
    if is_label { escaped.replace('"', "\\\"") } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_what_prometheus_reads() {
        let mut page = Page::default();
        page.family(Kind::Gauge, "buoy_generation", "The last\ncommit.").sample(&[], 7);
        let mut dropped = page.family(Kind::Counter, "buoy_dropped_packets_total", "Packets.");
        dropped.sample(&[("bridge", &"br-ex"), ("table", &50)], 3);
        dropped.sample(&[("bridge", &"a\"b\\c\nd"), ("table", &0)], 0);
        page.family(Kind::Gauge, "buoy_nothing", "Nothing.");
        let wanted = concat!(
            "# HELP buoy_generation The last\\ncommit.\n# TYPE buoy_generation gauge\nbuoy_generation 7\n",
            "# HELP buoy_dropped_packets_total Packets.\n# TYPE buoy_dropped_packets_total counter\n",
            "buoy_dropped_packets_total{bridge=\"br-ex\",table=\"50\"} 3\n",
            "buoy_dropped_packets_total{bridge=\"a\\\"b\\\\c\\nd\",table=\"0\"} 0\n",
            "# HELP buoy_nothing Nothing.\n# TYPE buoy_nothing gauge\n",
        );
        assert_eq!(page.text(), wanted);
    }
}
