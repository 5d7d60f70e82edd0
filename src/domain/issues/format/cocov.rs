//! Cocov's records: what plugins made for it write into their output file, each followed by NUL. An empty file is no issue.
//!
//! A record names no rule, so its kind stands for one; `uid` is the plugin's mark of identity and often no more than a place, so it is a
//! hint. Cocov's own server fails on a record that lacks a line or a kind; here the one is the whole file and the other `quality`.

use super::columns::{Columns, Region};
use super::draft::{Draft, Drafts};
use super::json::{self, Node};
use super::paths::Written;

/// Reads the records.
pub fn read(input: &[u8], drafts: &mut Drafts<'_>) -> Result<(), String> {
    json::sequence(input, &[], drafts, |node, drafts| {
        let kind = node.get("kind").text().unwrap_or("quality");
        let path = node.get("file").text().unwrap_or_default();
        let region = Region::read([node.get("line_start"), node.get("line_end")], [&Node::Null, &Node::Null], Columns::PLAIN);
        drafts.add_at(
            region,
            Draft {
                rule: kind,
                message: node.get("message").text().unwrap_or_default(),
                path: Written::path(path),
                kind: kind.parse().ok(),
                fingerprint: node.get("uid").text(),
                ..Draft::default()
            },
        );
    })
}
