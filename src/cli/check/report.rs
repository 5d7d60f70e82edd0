//! What a run found, read from the store once and ready to be written in any format.

use crate::app::App;
use crate::app::check::{MANIFEST_BYTES, Manner};
use crate::base::name::TreePath;
use crate::base::text::count;
use crate::domain::checks::{CheckSet, ErrorCode};
use crate::domain::issues::standing::{Standee, chunk_refs, load, turnover};
use crate::domain::issues::{self, Counts};
use crate::domain::repos::manifest::{self, FailOn, Invalid, Manifest, ManifestName};
use crate::engine::git::tree::Tree;

use super::source::Source;

/// An issue at the head.
pub struct Found {
    /// What and where.
    pub standee: Standee,
    /// Whether the base does not have it; all are new where there is no base.
    pub is_new: bool,
}

/// A manifest that cannot be read, with its bytes.
pub struct Unreadable {
    /// What is wrong, and where.
    pub invalid: Invalid,
    /// The file.
    pub content: Vec<u8>,
}

/// What a run found.
pub struct Report {
    /// The checks and their verdict.
    pub set: CheckSet,
    /// How many issues.
    pub counts: Counts,
    /// The issues at the head, by path and line.
    pub issues: Vec<Found>,
    /// What the base has and the head does not, by path and line.
    pub fixed: Vec<Standee>,
    /// Whether there was a base to hold it against.
    pub is_compared: bool,
    /// Which issues the manifest gates; `None` without one.
    pub fail_on: Option<FailOn>,
    /// What is wrong with the manifest.
    pub manifest: Option<Unreadable>,
    /// The paths that are spoken of and were not read, each with the reason.
    pub left_out: Vec<(TreePath, String)>,
    /// What is to be said besides.
    pub note: Option<String>,
}

impl Report {
    /// Reads what a run left in the store.
    pub fn read(app: &App, source: &Source, set: CheckSet, note: Option<String>) -> issues::Result<Report> {
        let (manifest, unreadable) = manifest(&*source.tree);
        let mut report = Report {
            counts: Counts::default(),
            issues: Vec::new(),
            fixed: Vec::new(),
            is_compared: false,
            fail_on: manifest.map(|manifest| manifest.issues.fail_on),
            manifest: unreadable.filter(|_| set.error.as_ref().is_some_and(|error| error.code == ErrorCode::ManifestInvalid)),
            set,
            left_out: left_out(source),
            note,
        };
        let (repo, sha) = (report.set.repo, report.set.sha);
        app.read_now(|tx, _| -> issues::Result<()> {
            let Some(standing) = issues::standing(tx, repo, sha)? else { return Ok(()) };
            let base = match standing.base {
                Some(base) => issues::standing(tx, repo, base)?,
                None => None,
            };
            report.counts = standing.counts;
            report.is_compared = base.is_some();
            let turnover = turnover(tx, base.as_ref(), &standing)?;
            let new: std::collections::HashSet<_> = turnover.added.iter().map(|standee| standee.occurrence.issue).collect();
            report.fixed = turnover.gone;
            for chunk in load(tx, repo, &chunk_refs(tx, &standing)?)? {
                for occurrence in chunk.occurrences {
                    let is_new = new.contains(&occurrence.issue);
                    let standee = Standee { path: chunk.path.clone(), source: chunk.source.clone(), occurrence };
                    report.issues.push(Found { standee, is_new });
                }
            }
            Ok(())
        })?;
        if !report.is_compared {
            report.counts.new = report.counts.open;
            report.counts.new_by_severity = report.counts.open_by_severity;
        }
        report.issues.sort_by(|a, b| place(&a.standee).cmp(&place(&b.standee)));
        report.fixed.sort_by(|a, b| place(a).cmp(&place(b)));
        Ok(report)
    }

    /// What was not read, in one line.
    pub fn left_out(&self) -> Option<String> {
        let (path, why) = self.left_out.first()?;
        Some(match self.left_out.len() - 1 {
            0 => format!("`{path}` was not read: {why}"),
            more => format!("`{path}` and {} were not read: {why}", count(more as u64, "more path")),
        })
    }

    /// The issues that people are shown: what the base has as well is not news, unless the gate asks for it.
    pub fn shown(&self) -> impl Iterator<Item = &Found> {
        let shows_all = self.fail_on == Some(FailOn::Any);
        self.issues.iter().filter(move |found| found.is_new || shows_all)
    }
}

/// What was not read of that which is spoken of.
fn left_out(source: &Source) -> Vec<(TreePath, String)> {
    let manner = Manner { beneath: source.beneath.clone(), ..Manner::default() };
    // What holds that which is spoken of hides it.
    let hides = |path: &TreePath| source.beneath.as_ref().is_some_and(|top| top.as_bytes().starts_with(&[path.as_bytes(), b"/"].concat()));
    source.tree.refused().iter().filter(|(path, _)| manner.speaks_of(path) || hides(path)).cloned().collect()
}

fn place(standee: &Standee) -> (&[u8], Option<issues::Span>, &str, &str, &str) {
    let occurrence = &standee.occurrence;
    (standee.path.as_bytes(), occurrence.span, &standee.source, &occurrence.rule, &occurrence.message)
}

/// The manifest of a tree, or what is wrong with it.
fn manifest(tree: &dyn Tree) -> (Option<Manifest>, Option<Unreadable>) {
    let files = ManifestName::ALL.iter().find_map(|name| Some((*name, tree.find(&name.path())?)));
    let content = files.and_then(|(name, file)| Some((name, tree.read(file, MANIFEST_BYTES).ok()?)));
    match content.map(|(name, content)| (manifest::parse(name, &content), content)) {
        None => (None, None),
        Some((Ok(manifest), _)) => (Some(manifest), None),
        Some((Err(invalid), content)) => (None, Some(Unreadable { invalid, content })),
    }
}
