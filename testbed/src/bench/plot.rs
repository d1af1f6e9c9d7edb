//! The growth with the number of floating IPs, one picture for each row.

use std::collections::BTreeMap;

use anyhow::Result;
use plotters::prelude::*;

use super::report::{Row, Unit};

/// A line of a picture: its name, and the median at each size.
type Line = (&'static str, Vec<(f64, f64)>);

/// Draws all rows that say something of more than no floating IP, as SVG.
pub(super) fn draw(rows: &[Row]) -> Result<String> {
    let mut pictures: Vec<(&str, Unit)> = Vec::new();
    for row in rows.iter().filter(|row| row.size > 0) {
        if !pictures.contains(&(row.what, row.unit)) {
            pictures.push((row.what, row.unit));
        }
    }
    let lines = pictures.len().div_ceil(COLUMNS).max(1);
    let mut svg = String::new();
    {
        let height = HEIGHT * u32::try_from(lines)?;
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        area.fill(&WHITE)?;
        for (panel, (what, unit)) in area.split_evenly((lines, COLUMNS)).iter().zip(pictures) {
            let own = rows.iter().filter(|row| row.size > 0 && row.what == what && row.unit == unit);
            draw_one(panel, &format!("{what} [{}]", unit.word()), &lines_of(own))?;
        }
        area.present()?;
    }
    Ok(svg)
}

fn lines_of<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<Line> {
    let mut lines: BTreeMap<usize, Line> = BTreeMap::new();
    for row in rows {
        let peers = row.peers.iter().map(|peer| (peer.name, peer.figures.median));
        for (place, (name, median)) in std::iter::once(("buoyd", row.ours.median)).chain(peers).enumerate() {
            lines.entry(place).or_insert((name, Vec::new())).1.push((f64::from(row.size), median));
        }
    }
    lines.into_values().collect()
}

/// Both axes are logarithmic: what grows in proportion is a straight line.
fn draw_one<B: DrawingBackend>(
    panel: &DrawingArea<B, plotters::coord::Shift>,
    title: &str,
    lines: &[Line],
) -> Result<()>
where
    B::ErrorType: 'static,
{
    let points = || lines.iter().flat_map(|(_, points)| points);
    let (left, right) = bounds(points().map(|point| point.0));
    let (low, high) = bounds(points().map(|point| point.1));
    let mut chart = ChartBuilder::on(panel)
        .caption(title, ("sans-serif", 15))
        .margin(12)
        .x_label_area_size(28)
        .y_label_area_size(64)
        .build_cartesian_2d((left..right).log_scale(), (low..high * ROOM).log_scale())?;
    chart.configure_mesh().x_desc("floating IPs").light_line_style(WHITE).draw()?;
    for (place, (name, points)) in lines.iter().enumerate() {
        let colour = Palette99::pick(place).stroke_width(2);
        let line = LineSeries::new(points.iter().copied(), colour).point_size(3);
        chart.draw_series(line)?.label(*name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).background_style(WHITE.mix(0.8)).draw()?;
    Ok(())
}

/// From half the lowest to twice the highest.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.fold((f64::INFINITY, f64::MIN_POSITIVE), |(low, high), value| (low.min(value), high.max(value)));
    (low.clamp(f64::MIN_POSITIVE, high) / 2.0, high * 2.0)
}

const COLUMNS: usize = 2;
const WIDTH: u32 = 1_000;
const HEIGHT: u32 = 320;
/// Above the lines, for their names.
const ROOM: f64 = 8.0;
