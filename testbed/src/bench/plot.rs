//! The growth with the number of floating IPs, one picture for each row.

use anyhow::Result;
use plotters::coord::Shift;
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
            let own: Vec<_> = own.collect();
            draw_one(panel, what, unit, &lines_of(&own))?;
        }
        area.present()?;
    }
    Ok(svg)
}

/// Buoy first, then each peer that was measured at some size, then what Buoy's figure is to be.
fn lines_of(rows: &[&Row]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut add = |name, row: &Row, value| {
        // Nothing has no place on a logarithmic axis.
        if value <= 0.0 {
            return;
        }
        let point = (f64::from(row.size), value);
        match lines.iter_mut().find(|(own, _)| *own == name) {
            Some((_, points)) => points.push(point),
            None => lines.push((name, vec![point])),
        }
    };
    rows.iter().for_each(|row| add(OURS, row, row.ours.median));
    for row in rows {
        row.peers.iter().for_each(|peer| add(peer.name, row, peer.figures.median));
    }
    rows.iter().filter_map(|row| Some((row, row.goal?))).for_each(|(row, goal)| add(GOAL, row, goal.limit));
    lines
}

/// Both axes are logarithmic: what grows in proportion is a straight line.
fn draw_one<B: DrawingBackend>(panel: &DrawingArea<B, Shift>, what: &str, unit: Unit, lines: &[Line]) -> Result<()>
where
    B::ErrorType: 'static,
{
    let text = |size| ("sans-serif", size).into_font().color(&BLACK);
    panel.draw_text(what, &text(16), (LEFT, 12))?;
    let mut top = NAMES;
    for (number, (name, _)) in lines.iter().enumerate() {
        let ends = [(LEFT, top), (LEFT + 22, top)];
        panel.draw(&PathElement::new(ends, style(number, name)))?;
        panel.draw_text(name, &text(13), (LEFT + 30, top - 6))?;
        top += NAME;
    }

    let (_, chart) = panel.split_vertically(top);
    let points = || lines.iter().flat_map(|(_, points)| points);
    let (left, right) = spread(points().map(|point| point.0), 1.5);
    let (low, high) = decades(points().map(|point| point.1));
    let mut chart = ChartBuilder::on(&chart)
        .margin(8)
        .margin_right(24)
        .x_label_area_size(40)
        .y_label_area_size(64)
        .build_cartesian_2d((left..right).log_scale(), (low..high).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("floating IPs")
        .y_desc(unit.word())
        .x_label_formatter(&|value| short(*value))
        .y_label_formatter(&|value| short(*value))
        .label_style(("sans-serif", 12))
        .axis_desc_style(("sans-serif", 13))
        .bold_line_style(BLACK.mix(0.15))
        .light_line_style(BLACK.mix(0.05))
        .draw()?;
    for (number, (name, points)) in lines.iter().enumerate() {
        let size = if *name == GOAL { 0 } else { 4 };
        let style = style(number, name);
        chart.draw_series(LineSeries::new(points.iter().copied(), style).point_size(size))?;
    }
    Ok(())
}

fn style(number: usize, name: &str) -> ShapeStyle {
    match name {
        OURS => COLOURS.first().copied().unwrap_or(BLACK).stroke_width(3).filled(),
        GOAL => BLACK.mix(0.4).stroke_width(1).filled(),
        _ => COLOURS.iter().cycle().nth(number).copied().unwrap_or(BLACK).stroke_width(2).filled(),
    }
}

/// From somewhat below the lowest to somewhat above the highest.
fn spread(values: impl Iterator<Item = f64>, by: f64) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| *value > 0.0)
        .fold((f64::INFINITY, f64::MIN_POSITIVE), |(low, high), value| (low.min(value), high.max(value)));
    if low > high { (1.0, 10.0) } else { (low / by, high * by) }
}

/// The whole powers of ten around all values: at these an axis has its words.
fn decades(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = spread(values, 1.1);
    (10_f64.powf(low.log10().floor()), 10_f64.powf(high.log10().ceil()))
}

/// A number as an axis has room for it: 0.1, 20, 1k, 3M.
fn short(value: f64) -> String {
    let (value, letter) = match value {
        _ if value >= 1e6 => (value / 1e6, "M"),
        _ if value >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{value:.3}");
    format!("{}{letter}", text.trim_end_matches('0').trim_end_matches('.'))
}

const OURS: &str = "buoyd";
const GOAL: &str = "goal";
/// Ones that who sees few colours can tell apart; Buoy's is the first.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 90, 180),
    RGBColor(230, 140, 0),
    RGBColor(0, 150, 110),
    RGBColor(205, 80, 0),
    RGBColor(190, 100, 160),
    RGBColor(110, 110, 110),
];
const COLUMNS: usize = 2;
const WIDTH: u32 = 1_000;
const HEIGHT: u32 = 380;
// Where the names of the lines begin in a panel, and how far apart they are.
const LEFT: i32 = 24;
const NAMES: i32 = 42;
const NAME: i32 = 17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_go_from_one_power_of_ten_to_another_and_name_them_briefly() {
        let ends = |values: &[f64]| {
            let (low, high) = decades(values.iter().copied());
            format!("{} to {}", short(low), short(high))
        };
        assert_eq!(ends(&[3.0]), "1 to 10");
        assert_eq!(ends(&[0.02, 4_000.0]), "0.01 to 10k");
        assert_eq!(ends(&[250_000.0, 0.0]), "100k to 1M");
        assert_eq!(ends(&[]), "1 to 10");
        assert_eq!([0.1, 2.0, 1_500.0, 3e6].map(short), ["0.1", "2", "1.5k", "3M"]);
    }
}
