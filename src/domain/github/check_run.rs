//! Runs of checks on GitHub: a summary, and notes at the lines of a commit.
//!
//! Notes are taken fifty at a time and are added to those that are there. A run bears a name of ours for the attempt that it tells of
//! (`external_id`), by which it is found again, and says how many notes it has: so whatever ended in between goes on where it ended.

use oauth2::url::form_urlencoded;
use serde::{Deserialize, Serialize};

use super::Result;
use super::client::{As, Client, Lane};
use crate::base::name::{CommitSha, RepoSlug};

/// The most notes that GitHub takes at a time.
pub const NOTES_AT_A_TIME: usize = 50;
/// How many of a commit's runs are looked through for ours.
const LOOKED_AT: usize = 100;

/// What a run says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What the run is called.
    pub name: String,
    /// Our name for the attempt.
    pub external_id: String,
    /// `success`, `failure`, `cancelled`, `action_required`.
    pub conclusion: &'static str,
    /// A sentence.
    pub title: String,
    /// What was found, in Markdown.
    pub summary: String,
    /// Where to read on.
    pub url: String,
    /// What stands at which lines, the gravest first.
    pub notes: Vec<Note>,
    /// A button that people are offered.
    pub button: Option<&'static Button>,
}

/// A button of ours at a run: pressed, it is delivered to us.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Button {
    /// What stands on it; GitHub takes 20 characters.
    pub label: &'static str,
    /// What it does; GitHub takes 40.
    pub description: &'static str,
    /// Our name for it; GitHub takes 20.
    pub identifier: &'static str,
}

/// What stands at some lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The file.
    pub path: String,
    /// The first line, from 1.
    pub start_line: u32,
    /// The last.
    pub end_line: u32,
    /// The first column, on a note of one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_column: Option<u32>,
    /// The last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_column: Option<u32>,
    /// `failure`, `warning` or `notice`.
    pub annotation_level: &'static str,
    /// What kind of thing it is.
    pub title: String,
    /// What is wrong.
    pub message: String,
}

/// A run that is there.
#[derive(Debug, Deserialize)]
struct Run {
    id: u64,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    output: Option<Output>,
}

#[derive(Debug, Deserialize)]
struct Output {
    #[serde(default)]
    annotations_count: usize,
}

/// Says all of a report that is not there yet.
pub fn post(client: &Client<'_>, installation: u64, slug: &RepoSlug, sha: CommitSha, report: &Report) -> Result<()> {
    let who = As::Installation(installation);
    let send = |method, path: &str, body: &serde_json::Value| client.send::<Run>(who, Lane::Statuses, method, path, body);
    let (run, mut noted) = match find(client, who, slug, sha, report)? {
        Some(run) => (run.id, run.output.map_or(0, |output| output.annotations_count)),
        None => {
            let first = &report.notes[..report.notes.len().min(NOTES_AT_A_TIME)];
            let mut body = said(report, first);
            body["name"] = report.name.as_str().into();
            body["head_sha"] = sha.to_string().into();
            body["external_id"] = report.external_id.clone().into();
            (send("POST", &format!("/repos/{slug}/check-runs"), &body)?.id, first.len())
        }
    };
    while noted < report.notes.len() {
        let some = &report.notes[noted..report.notes.len().min(noted + NOTES_AT_A_TIME)];
        send("PATCH", &format!("/repos/{slug}/check-runs/{run}"), &said(report, some))?;
        noted += some.len();
    }
    Ok(())
}

fn find(client: &Client<'_>, who: As, slug: &RepoSlug, sha: CommitSha, report: &Report) -> Result<Option<Run>> {
    let name: String = form_urlencoded::byte_serialize(report.name.as_bytes()).collect();
    let path = format!("/repos/{slug}/commits/{sha}/check-runs?check_name={name}&filter=all&per_page={LOOKED_AT}");
    let runs: Vec<Run> = client.list(who, Lane::Statuses, &path, Some("check_runs"))?;
    Ok(runs.into_iter().find(|run| run.external_id.as_ref() == Some(&report.external_id)))
}

fn said(report: &Report, notes: &[Note]) -> serde_json::Value {
    serde_json::json!({
        "actions": report.button.into_iter().collect::<Vec<_>>(), "status": "completed", "conclusion": report.conclusion, "details_url": report.url,
        "output": {"title": report.title, "summary": report.summary, "annotations": notes},
    })
}
