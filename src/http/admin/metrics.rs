//! `GET /metrics`: how the instance fares, in `OpenMetrics`, for a program that watches.
//!
//! Few measures with few labels, none of which a stranger can make more of: no path, no repository, no name of anybody.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::app::measures::{Counted, LATENCIES_MS};
use crate::app::{App, health};
use crate::base::event::Verdict;
use crate::domain::admin::{self, LaneDepth};
use crate::engine::store::{self, Statistics};
use crate::http::error::ApiError;
use crate::http::extract::Permit;

/// Where it is.
pub const PATH: &str = "/metrics";
/// What it is.
pub const MEDIA: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All that is written down.
struct Measured {
    counted: Counted,
    lanes: Vec<LaneDepth>,
    store: Statistics,
    store_bytes: Option<u64>,
    free_bytes: Option<u64>,
    streams: usize,
    up_s: u64,
    oldest_due_s: u64,
}

/// `GET /metrics`.
pub async fn show(State(app): State<App>, permit: Permit) -> Result<Response, ApiError> {
    let handle = app.clone();
    app.read(move |tx, _| permit.instance(tx)).await?;
    let measured = app.blocking(move || measure(&handle)).await??;
    Ok(([(header::CONTENT_TYPE, MEDIA)], text(&measured)).into_response())
}

fn measure(app: &App) -> store::Result<Measured> {
    let (lanes, now) = app.read_now(|tx, now| Ok::<_, store::Error>((admin::work_depth(tx, now)?, now)))?;
    let oldest = lanes.iter().filter_map(|lane| lane.due_since).min();
    Ok(Measured {
        counted: app.measures.read(),
        store: app.store.statistics(),
        store_bytes: std::fs::metadata(app.config.data_dir.join("store.redb")).ok().map(|meta| meta.len()),
        free_bytes: health::free_bytes(app),
        streams: app.streams.count(),
        up_s: now.since(app.started_at).as_secs(),
        oldest_due_s: oldest.map_or(0, |since| now.since(since).as_secs()),
        lanes,
    })
}

/// The measures as text: each with its kind and what it says.
fn text(measured: &Measured) -> String {
    let mut out = String::new();
    let Measured { counted, lanes, store, .. } = measured;
    let mut family = |name: &str, kind: &str, about: &str, samples: Vec<(String, String)>| {
        let _ = write!(out, "# HELP plumbline_{name} {about}\n# TYPE plumbline_{name} {kind}\n");
        for (suffix, value) in samples {
            let _ = writeln!(out, "plumbline_{name}{suffix} {value}");
        }
    };
    let one = |value: u64| vec![(String::new(), value.to_string())];
    let total = |value: u64| vec![("_total".to_owned(), value.to_string())];
    let version = env!("CARGO_PKG_VERSION");
    family("build", "info", "Which plumbline this is.", vec![(format!("_info{{version=\"{version}\"}}"), "1".to_owned())]);
    family("up_seconds", "gauge", "For how long the process has run.", one(measured.up_s));
    let classes = counted.by_status.iter().enumerate().skip(1);
    let by_status = classes.map(|(class, count)| (format!("_total{{status=\"{class}xx\"}}"), count.to_string())).collect();
    family("http_requests", "counter", "Requests that were answered, by the class of their status.", by_status);
    family("http_request_seconds", "histogram", "How long answers took, to their first byte.", latencies(counted));
    let verdicts = Verdict::ALL.iter().zip(counted.by_verdict);
    let by_verdict = verdicts.map(|(verdict, count)| (format!("_total{{verdict=\"{verdict}\"}}"), count.to_string())).collect();
    family("check_sets", "counter", "Sets of checks that ended, by what the gate says.", by_verdict);
    family("work_given_up", "counter", "Work that was given up.", total(counted.died));
    let depth = lanes.iter().flat_map(|lane| {
        let of = |state: &str, count: u64| (format!("{{lane=\"{}\",state=\"{state}\"}}", lane.lane), count.to_string());
        [of("ready", lane.ready), of("leased", lane.leased), of("dead", lane.dead)]
    });
    family("work_items", "gauge", "Work in the queue, by lane and state.", depth.collect());
    family("work_oldest_due_seconds", "gauge", "For how long the longest waiting work has been due.", one(measured.oldest_due_s));
    family("store_commits", "counter", "Commits that were made durable.", total(store.commits));
    family("store_verbs", "counter", "Writes that were carried out.", total(store.verbs));
    if let Some(bytes) = measured.store_bytes {
        family("store_size_bytes", "gauge", "The size of the store.", one(bytes));
    }
    if let Some(bytes) = measured.free_bytes {
        family("disk_free_bytes", "gauge", "The room that is left on the disk of the data.", one(bytes));
    }
    family("event_streams", "gauge", "Streams of events that are open.", one(measured.streams as u64));
    out + "# EOF\n"
}

/// A histogram: each class with all below it.
fn latencies(counted: &Counted) -> Vec<(String, String)> {
    let mut below = 0;
    let bounds = LATENCIES_MS.iter().map(|ms| (*ms as f64 / 1_000.0).to_string()).chain(["+Inf".to_owned()]);
    let mut samples: Vec<(String, String)> = bounds
        .zip(counted.by_latency)
        .map(|(bound, count)| {
            below += count;
            (format!("_bucket{{le=\"{bound}\"}}"), below.to_string())
        })
        .collect();
    samples.push(("_count".to_owned(), below.to_string()));
    samples.push(("_sum".to_owned(), format!("{:.6}", counted.latency_us as f64 / 1e6)));
    samples
}
