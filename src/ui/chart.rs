//! Charts as inline SVG: pure functions from points to markup, coloured by the stylesheet alone.
//!
//! A chart grows with its frame and its text does not: places across are percent, places down are pixels, and the line lies in an inner
//! picture that stretches while its stroke does not. The same numbers stand in a table beneath, so nothing is told by the picture alone.

use std::fmt::Write as _;

use askama::filters::Safe;

use super::escape::{Html, escape};
use super::words;
use crate::base::name::CommitSha;
use crate::base::time::Timestamp;

/// A measure at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// How much.
    pub value: f64,
    /// The commit it was measured at.
    pub sha: Option<CommitSha>,
}

/// What a chart's numbers are, and so how they are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A count of issues.
    Issues,
    /// Percent, from 0 to 100.
    Percent,
}

impl Unit {
    fn say(self, value: f64) -> String {
        match self {
            Unit::Issues => words::count(value.max(0.0) as u64, "issue"),
            Unit::Percent => words::percent(&value),
        }
    }

    fn tick(self, value: f64) -> String {
        match self {
            Unit::Issues => words::thousands(value.max(0.0) as u64),
            Unit::Percent => format!("{value:.0} %"),
        }
    }
}

/// The most points that are drawn: one for each pixel and a half of a wide screen.
const MOST: usize = 480;
const HEIGHT: f64 = 168.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 160.0;

/// A line of 96 by 20 pixels without words: the shape of what `label` names. Nothing for fewer than two points.
pub fn spark(points: &[Point], label: impl AsRef<str>) -> Html {
    let points = drawn(points);
    if points.len() < 2 {
        return Safe(r#"<svg class="spark" viewBox="0 0 96 20" aria-hidden="true"><path class="none" d="M1 17h94"/></svg>"#.to_owned());
    }
    let (low, high) = bounds(&points);
    let span = if high > low { high - low } else { 1.0 };
    let flat = high <= low;
    let xs = across(&points);
    let places: Vec<(f64, f64)> = points
        .iter()
        .zip(&xs)
        .map(|(point, x)| (2.0 + x * 90.0, if flat { 10.0 } else { 17.5 - (point.value - low) / span * 15.0 }))
        .collect();
    let line = path(&places);
    let (x, y) = places[places.len() - 1];
    Safe(format!(
        r#"<svg class="spark" viewBox="0 0 96 20" role="img" aria-label="{label}"><title>{label}</title><path class="area" d="{line}V20H2z"/><path class="stroke" d="{line}"/><circle cx="{x:.1}" cy="{y:.1}" r="1.8"/></svg>"#,
        label = escape(label.as_ref())
    ))
}

/// A line over time with its last value said at its end, three faint rules, and its numbers in a table. Hovering and the arrow keys read
/// points out where scripts run. `title` names what it shows, `id` is unique on its page.
pub fn line(points: &[Point], unit: Unit, title: &str, id: &str) -> Html {
    let points = drawn(points);
    let Some(last) = points.last() else {
        return Safe(String::new());
    };
    let top = ceiling(bounds(&points).1, unit);
    let xs = across(&points);
    // A margin is left free at both ends, for the labels of the rules and of the last value.
    let places: Vec<(f64, f64)> =
        points.iter().zip(&xs).map(|(point, x)| (5.0 + x * 80.0, BOTTOM - point.value.clamp(0.0, top) / top * (BOTTOM - TOP))).collect();
    let mut out = String::new();
    let (title, id) = (escape(title), escape(id));
    write_figure(&mut out, &places, &points, unit, top, &title, &id, last);
    write_table(&mut out, &points, unit);
    out.push_str("</figure>");
    Safe(out)
}

#[expect(clippy::too_many_arguments, reason = "one step of `line`, named to be read apart from the table")]
fn write_figure(out: &mut String, places: &[(f64, f64)], points: &[Point], unit: Unit, top: f64, title: &str, id: &str, last: &Point) {
    let stretched: Vec<(f64, f64)> = places.iter().map(|(x, y)| (x * 10.0, *y)).collect();
    let (line, (end_x, end_y)) = (path(&stretched), places[places.len() - 1]);
    let said = points
        .iter()
        .zip(places)
        .map(|(point, (x, y))| format!("[{x:.2},{y:.1},\"{}, {}\"]", unit.say(point.value), words::date(&point.at)))
        .collect::<Vec<_>>()
        .join(",");
    let _ = write!(
        out,
        r#"<figure class="chart" data-chart aria-labelledby="{id}"><figcaption><span id="{id}">{title}</span><output aria-live="polite"></output></figcaption><svg class="plot" height="{HEIGHT}" width="100%" role="img" aria-label="{title}: {now}, {day}" tabindex="0" data-points="{said}"><g class="rules">"#,
        said = escape(&format!("[{said}]")),
        now = unit.say(last.value),
        day = words::date(&last.at),
    );
    for share in [0.0, 0.5, 1.0] {
        let y = BOTTOM - share * (BOTTOM - TOP);
        let _ = write!(
            out,
            r#"<line x1="0" x2="100%" y1="{y:.1}" y2="{y:.1}"/><text x="0" y="{:.1}">{}</text>"#,
            y - 4.0,
            unit.tick(top * share)
        );
    }
    let lone = if places.len() == 1 { " hidden-line" } else { "" };
    let label_y = (end_y + 4.5).clamp(TOP + 4.0, BOTTOM - 2.0);
    let _ = write!(
        out,
        r#"</g><svg class="stretch{lone}" viewBox="0 0 1000 {HEIGHT}" width="100%" height="{HEIGHT}" preserveAspectRatio="none"><path class="area" d="{line}V{BOTTOM}H{first:.1}z"/><path class="stroke" d="{line}" vector-effect="non-scaling-stroke"/></svg><circle class="end" cx="{end_x:.2}%" cy="{end_y:.1}" r="3"/><text class="last" x="{end_x:.2}%" dx="9" y="{label_y:.1}">{last}</text><g class="probe" visibility="hidden"><line y1="{TOP}" y2="{BOTTOM}"/><circle r="4"/></g></svg><p class="span"><span>{from}</span><span>{to}</span></p>"#,
        first = stretched[0].0,
        last = unit.tick_exact(last.value),
        from = if points.len() > 1 { words::date(&points[0].at) } else { String::new() },
        to = words::date(&last.at),
    );
}

fn write_table(out: &mut String, points: &[Point], unit: Unit) {
    out.push_str(
        r#"<details class="numbers"><summary>The numbers</summary><div class="scroll"><table><thead><tr><th>Day</th><th class="num">"#,
    );
    out.push_str(match unit {
        Unit::Issues => "Open issues",
        Unit::Percent => "Percent",
    });
    out.push_str("</th><th>Commit</th></tr></thead><tbody>");
    for point in points.iter().rev() {
        let sha = point.sha.map(|sha| sha.short()).unwrap_or_default();
        let _ = write!(
            out,
            r#"<tr><td>{}</td><td class="num">{}</td><td class="mono">{sha}</td></tr>"#,
            words::instant(point.at),
            unit.tick_exact(point.value)
        );
    }
    out.push_str("</tbody></table></div></details>");
}

impl Unit {
    fn tick_exact(self, value: f64) -> String {
        match self {
            Unit::Issues => self.tick(value),
            Unit::Percent => words::percent(&value),
        }
    }
}

/// At most [`MOST`] points in order of time, each that is drawn being one that was measured; what no measure can be is left out.
fn drawn(points: &[Point]) -> Vec<Point> {
    let mut points: Vec<Point> = points.iter().filter(|point| point.value.abs() <= 1e15).cloned().collect();
    points.sort_by_key(|point| point.at);
    if points.len() <= MOST {
        return points;
    }
    let step = (points.len() - 1) as f64 / (MOST - 1) as f64;
    (0..MOST).map(|at| points[(at as f64 * step).round() as usize].clone()).collect()
}

fn bounds(points: &[Point]) -> (f64, f64) {
    points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), point| (low.min(point.value), high.max(point.value)))
}

/// Where each point lies between the first and the last instant, from 0 to 1.
fn across(points: &[Point]) -> Vec<f64> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Vec::new();
    };
    let span = last.at.millis_since(first.at) as f64;
    points.iter().map(|point| if span > 0.0 { point.at.millis_since(first.at) as f64 / span } else { 1.0 }).collect()
}

/// The rounded number at the top of the chart, not below `high`: its half is whole as well.
fn ceiling(high: f64, unit: Unit) -> f64 {
    if unit == Unit::Percent {
        return 100.0;
    }
    let small = [2.0, 4.0, 6.0, 8.0, 10.0];
    if let Some(step) = small.into_iter().find(|step| high <= *step) {
        return step;
    }
    let mut scale = 10.0;
    loop {
        for step in [1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0] {
            if high <= step * scale || scale > 1e15 {
                return step * scale;
            }
        }
        scale *= 10.0;
    }
}

fn path(places: &[(f64, f64)]) -> String {
    let mut out = String::with_capacity(places.len() * 12);
    for (at, (x, y)) in places.iter().enumerate() {
        let _ = write!(out, "{}{x:.1} {y:.1}", if at == 0 { 'M' } else { 'L' });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[f64]) -> Vec<Point> {
        values
            .iter()
            .zip(0_i64..)
            .map(|(value, day)| Point { at: Timestamp::from_seconds(day * 86_400), value: *value, sha: None })
            .collect()
    }

    #[test]
    fn any_numbers_make_a_picture() {
        let wild = [f64::NAN, f64::INFINITY, -5.0, 0.0, 1e300, f64::MIN];
        for values in [&[][..], &[3.0], &[0.0, 0.0], &wild, &vec![7.0; 5_000]] {
            for html in
                [spark(&points(values), "a"), line(&points(values), Unit::Issues, "a", "b"), line(&points(values), Unit::Percent, "a", "b")]
            {
                assert!(!html.0.contains("NaN") && !html.0.contains("inf"), "{}", html.0);
            }
        }
    }

    #[test]
    fn the_picture_is_bounded_and_keeps_both_ends() {
        let many: Vec<f64> = (0..10_000).map(f64::from).collect();
        let kept = drawn(&points(&many));
        assert_eq!((kept.len(), kept[0].value, kept[MOST - 1].value), (MOST, 0.0, 9_999.0));
    }

    #[test]
    fn the_last_value_is_said_and_all_are_in_the_table() {
        let html = line(&points(&[5.0, 9.0, 1204.0]), Unit::Issues, "Open issues", "c").0;
        assert!(html.contains(r#"y="22.5">1,204</text>"#) || html.contains(">1,204</text>"), "{html}");
        assert_eq!(html.matches("<tr><td>").count(), 3);
        assert!(html.contains("1,204 issues, 3 Jan 1970"));
    }

    #[test]
    fn the_top_of_the_chart_is_round_and_never_below_the_line() {
        assert_eq!(
            [0.0, 1.0, 3.0, 7.0, 12.0, 17.0, 99.0, 101.0].map(|high| ceiling(high, Unit::Issues)),
            [2.0, 2.0, 4.0, 8.0, 12.0, 20.0, 100.0, 120.0]
        );
        assert_eq!(ceiling(3.0, Unit::Percent), 100.0);
    }

    #[test]
    fn a_label_cannot_break_out_of_its_attribute() {
        let html = line(&points(&[1.0, 2.0]), Unit::Issues, "\"><script>", "x\"y").0;
        assert!(!html.contains("<script>") && !html.contains("x\"y"));
    }
}
