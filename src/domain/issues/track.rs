//! What makes an issue the same from commit to commit.
//!
//! A tool says *what* and *where*, and says it anew for every commit. [`track`] compares the findings of a base commit, which have their
//! identity, with those of a head commit, and answers which are the same. It is a pure function of both lists and of the diff between the
//! commits; it reads nothing and keeps nothing. The identity is ours: a tool's own fingerprint is a hint, never a proof.
//!
//! The one idea: evidence from the strongest to the weakest, each pass over what the stronger ones left. The diff is the strongest, since
//! it is exact: a finding on a line that git calls unchanged stands where the line now stands. What the diff cannot say (the line itself
//! changed, was indented, had its ending turned, was moved) is decided by content, in the passes of Sonar's tracker.
//!
//! | pass | what is equal, besides source and rule | for |
//! |---|---|---|
//! | [`Mapped`](Pass::Mapped) | the line through the diff and its renames, the message or its shape | nearly everything |
//! | [`LineTextMessage`](Pass::LineTextMessage) | expected line, its content, the message | endings turned, files indented anew |
//! | [`LineText`](Pass::LineText) | expected line, its content | a tool that words its messages anew |
//! | [`Block`](Pass::Block) | the content of the line and of those around it | code that moved within its file |
//! | [`TextMessage`](Pass::TextMessage) | the line's content, the message or its shape | lines that moved alone |
//! | [`Hint`](Pass::Hint) | the tool's fingerprint, if one finding alone has it on either side | lines rewritten |
//! | [`LineMessage`](Pass::LineMessage) | expected line, the message or its shape | lines edited |
//! | [`Text`](Pass::Text) | the line's content | |
//! | [`Moved`](Pass::Moved) | the content of the line and of those around it, in another file of the same commit | functions that moved |
//!
//! The *expected line* of a line within a hunk is its place in the hunk, counted first from the hunk's start and then from its end. A blank
//! line has no content to go by, only surroundings. A finding of a whole file has line 0, on which every diff leaves it, and the file's
//! content for content: it is matched by message and shape, and in an unchanged file by its rule alone.
//!
//! The tool's fingerprint comes late on purpose. Many tools make it of the line number, or of the content and a count; one line or one
//! copy inserted above, and the fingerprint of one finding is that of its neighbour. Content outranks it; it outranks position alone.
//!
//! Promised, and held by property tests: no identity is given twice; nothing of another source or rule is ever matched; the order of the
//! arguments does not matter, up to findings that nothing tells apart. The cost is that of sorting the findings and of some twenty linear
//! rounds, besides the comparison of pairs in [`blocks`], which has a limit of its own.
//!
//! It does not know of tools that rename their rules, of runs that looked at a part of the tree, or of what was fixed long ago: who
//! calls it leaves out what the head's run could not have seen, and asks the [`Fingerprint`] about findings that come back.

pub mod blocks;
mod board;
pub mod fingerprint;
pub mod lines;
mod map;
pub mod shape;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use self::board::{Board, Item, by};
pub use self::fingerprint::{Fingerprint, fingerprints};
pub use self::lines::{Block, LineIndex, Mark};
use self::map::Expected;
use super::finding::{Finding, Span};
use crate::base::id::IssueId;
use crate::base::name::TreePath;
use crate::engine::git::diff::Hunk;
use crate::words;

/// The line of the file after where a line of the file before stands now or, if it changed, where one would look for it first.
pub fn line_after(line: u32, hunks: &[Hunk]) -> Option<u32> {
    let expected = map::expect(line, hunks);
    expected.exact.or(expected.from_start).or(expected.from_end)
}

/// All that matching looks at: where a finding is, what it says, and what stands there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The file, as its own commit has it.
    pub path: TreePath,
    /// The lines; `None` is the whole file.
    pub span: Option<Span>,
    /// The tool or plugin that says it.
    pub source: String,
    /// The rule, unique within its source.
    pub rule: String,
    /// The exact message.
    pub message: Mark,
    /// The message's [shape](shape::shape).
    pub shape: Mark,
    /// The content of the first line, if the file has been read that far.
    pub text: Option<Mark>,
    /// That line with those around it.
    pub block: Option<Block>,
    /// The tool's fingerprint.
    pub hint: Option<Mark>,
}

impl Place {
    /// The place of a finding in a file with these lines; `None` if the file was not or could not be read.
    pub fn of(source: &str, finding: &Finding, lines: Option<&LineIndex<'_>>) -> Place {
        let mut place = Place {
            path: finding.path.clone(),
            span: finding.span,
            source: source.to_owned(),
            rule: finding.rule.clone(),
            message: Mark::of(finding.message.as_bytes()),
            shape: Mark::of(shape::shape(&finding.message).as_bytes()),
            text: None,
            block: None,
            hint: finding.fingerprint.as_ref().map(|hint| Mark::of(hint.as_bytes())),
        };
        if let (Some(line), Some(lines)) = (place.line(), lines) {
            place.text = lines.mark(line);
            place.block = lines.block(line);
        }
        place
    }

    /// Its first line. A tool that says 0 means the whole file.
    pub fn line(&self) -> Option<u32> {
        self.span.map(|span| span.line_start).filter(|line| *line > 0)
    }
}

/// A finding of the base commit: it has an identity already.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Known {
    /// Where it is.
    pub place: Place,
    /// Which issue it is.
    pub issue: IssueId,
}

/// What a commit did to a file. A copy is an added file: its origin stays where it is.
#[derive(Debug, Clone, Copy)]
pub struct FileChange<'a> {
    /// Its path before; `None` if it was added.
    pub before: Option<&'a TreePath>,
    /// Its path after; `None` if it was removed.
    pub after: Option<&'a TreePath>,
    /// The lines that differ, ascending. Where the lines were not compared, one hunk holds all of them.
    pub hunks: &'a [Hunk],
}

words! {
    /// By what a finding was recognised, the strongest evidence first.
    pub enum Pass: "pass" {
        /// By its line through the diff, and its message or the shape of it.
        Mapped = "mapped",
        /// By expected line, content and message.
        LineTextMessage = "line_text_message",
        /// By expected line and content.
        LineText = "line_text",
        /// By the lines around it.
        Block = "block",
        /// By content and message.
        TextMessage = "text_message",
        /// By the tool's fingerprint.
        Hint = "hint",
        /// By expected line and message.
        LineMessage = "line_message",
        /// By content.
        Text = "text",
        /// By the lines around it, in another file.
        Moved = "moved",
    }
}

/// Which issue a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    /// The issue.
    pub issue: IssueId,
    /// By what it was recognised.
    pub pass: Pass,
}

/// What became of the findings of both commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracked {
    /// For each finding of the head commit, in the order given, which issue it is; `None` is new, or comes back.
    pub head: Vec<Option<Match>>,
    /// The issues of the base commit that no finding of the head commit is, ascending.
    pub gone: Vec<IssueId>,
}

/// By the exact line. Where a pass has several rounds, the later are for what the earlier could not tell.
const MAPPED: &[(Pass, u16)] = &[
    (Pass::Mapped, by::EXACT | by::MESSAGE | by::COLUMN),
    (Pass::Mapped, by::EXACT | by::MESSAGE | by::HINT),
    (Pass::Mapped, by::EXACT | by::MESSAGE),
    (Pass::Mapped, by::EXACT | by::SHAPE | by::COLUMN),
    (Pass::Mapped, by::EXACT | by::SHAPE | by::HINT),
    (Pass::Mapped, by::EXACT | by::SHAPE),
];

/// By the expected line and its content.
const LINE_AND_TEXT: &[(Pass, u16)] = &[
    (Pass::LineTextMessage, by::START | by::TEXT | by::MESSAGE),
    (Pass::LineTextMessage, by::END | by::TEXT | by::MESSAGE),
    (Pass::LineText, by::START | by::TEXT | by::SHAPE),
    (Pass::LineText, by::END | by::TEXT | by::SHAPE),
    (Pass::LineText, by::START | by::TEXT),
    (Pass::LineText, by::END | by::TEXT),
];

/// By content, wherever the line is.
const TEXT_AND_WORDING: &[(Pass, u16)] = &[(Pass::TextMessage, by::TEXT | by::MESSAGE), (Pass::TextMessage, by::TEXT | by::SHAPE)];

/// By the expected line, whatever it now holds.
const LINE_AND_WORDING: &[(Pass, u16)] = &[
    (Pass::LineMessage, by::START | by::MESSAGE),
    (Pass::LineMessage, by::END | by::MESSAGE),
    (Pass::LineMessage, by::START | by::SHAPE),
    (Pass::LineMessage, by::END | by::SHAPE),
];

/// Tells which findings of the head commit are issues of the base commit. `changes` is what differs between the two; a file that it does
/// not name is the same in both. Findings of such files may be left out on both sides: they decide nothing about the others.
///
/// Where several findings cannot be told apart, the oldest identity stays first in the file. If `base` names an issue twice, its first
/// place counts.
pub fn track(base: &[Known], head: &[Place], changes: &[FileChange<'_>]) -> Tracked {
    let mut known: Vec<&Known> = base.iter().collect();
    known.sort();
    let mut named = HashSet::new();
    known.retain(|known| named.insert(known.issue));
    let mut order: Vec<usize> = (0..head.len()).collect();
    order.sort_by_key(|at| &head[*at]);

    let (mut board, files, changed) = lay_out(&known, head, &order, &Changes::of(changes));
    let mut pairs_left = blocks::ALL_PAIRS_MAX;
    for (base, head) in files.values().filter(|(base, head)| !base.is_empty() && !head.is_empty()) {
        within_file(&mut board, base, head, &mut pairs_left);
    }
    blocks::between_files(&mut board, &changed.0, &changed.1);

    let mut tracked = Tracked { head: vec![None; head.len()], gone: Vec::new() };
    for (at, found) in order.iter().zip(&board.matches) {
        tracked.head[*at] = found.map(|(base, pass)| Match { issue: known[base as usize].issue, pass });
    }
    tracked.gone = (0_u32..).zip(&known).filter(|(at, _)| board.base_is_free(*at)).map(|(_, known)| known.issue).collect();
    tracked.gone.sort();
    tracked
}

/// Matches the findings of one file, its passes from the strongest to the weakest.
fn within_file(board: &mut Board<'_>, base: &[u32], head: &[u32], pairs_left: &mut usize) {
    rounds(board, (base, head), MAPPED);
    let (base_texts, head_texts) = board.sharing(base, head, by::CONTENT);
    let texts = (&base_texts[..], &head_texts[..]);
    // Lines that are alike and were pushed down together: the place in the hunk of one is that of another now, and would cross them.
    board.round_in_step(texts.0, texts.1, Pass::LineTextMessage, by::TEXT | by::MESSAGE);
    rounds_by_line(board, texts, LINE_AND_TEXT, by::TEXT);
    blocks::within_file(board, texts.0, texts.1, pairs_left);
    rounds(board, texts, TEXT_AND_WORDING);
    board.hint(base, head);
    rounds_by_line(board, (base, head), LINE_AND_WORDING, by::SHAPE);
    rounds(board, texts, &[(Pass::Text, by::TEXT)]);
}

fn rounds(board: &mut Board<'_>, (base, head): (&[u32], &[u32]), rounds: &[(Pass, u16)]) {
    rounds.iter().for_each(|(pass, bits)| board.round(base, head, *pass, *bits));
}

/// Rounds by the expected line, counted either way, each over those findings alone that have `common` with another there: all the rounds
/// ask at least for that, and mostly there are few.
fn rounds_by_line(board: &mut Board<'_>, (base, head): (&[u32], &[u32]), rounds: &[(Pass, u16)], common: u16) {
    let from_start = board.sharing(base, head, by::START | common);
    let from_end = board.sharing(base, head, by::END | common);
    for (pass, bits) in rounds {
        let (base, head) = if bits & by::START != 0 { &from_start } else { &from_end };
        board.round(base, head, *pass, *bits);
    }
}

/// The findings of either side by number, ascending.
type Sides = (Vec<u32>, Vec<u32>);

/// Numbers the findings of both sides in the order of their files. Answers them, those of each file of the head commit, and those of all
/// files that changed.
fn lay_out<'a>(
    known: &[&'a Known],
    head: &'a [Place],
    order: &[usize],
    changes: &Changes<'a>,
) -> (Board<'a>, BTreeMap<&'a TreePath, Sides>, Sides) {
    let mut groups: HashMap<(&str, &str), u32> = HashMap::new();
    let mut group = |place: &'a Place| {
        let next = groups.len() as u32;
        *groups.entry((&place.source, &place.rule)).or_insert(next)
    };
    let mut files: BTreeMap<&TreePath, Sides> = BTreeMap::new();
    let mut changed = Sides::default();

    let mut before = Vec::with_capacity(known.len());
    for (at, place) in (0_u32..).zip(known.iter().map(|known| &known.place)) {
        let change = changes.by_before.get(&place.path);
        if change.is_some() {
            changed.0.push(at);
        }
        let hunks = change.map_or(&[][..], |change| change.hunks);
        let (after, expected) = match change {
            Some(FileChange { after: None, .. }) => (None, Expected::NOWHERE),
            Some(FileChange { after: Some(after), .. }) => (Some(*after), map::expect(place.line().unwrap_or(0), hunks)),
            None => (Some(&place.path), Expected::at(place.line().unwrap_or(0))),
        };
        if let Some(after) = after {
            files.entry(after).or_default().0.push(at);
        }
        before.push(Item { place, group: group(place), expected, text: text(place, hunks) });
    }

    let mut after = Vec::with_capacity(head.len());
    for (at, place) in (0_u32..).zip(order.iter().map(|at| &head[*at])) {
        let change = changes.by_after.get(&place.path);
        if change.is_some() {
            changed.1.push(at);
        }
        files.entry(&place.path).or_default().1.push(at);
        let hunks = change.map_or(&[][..], |change| change.hunks);
        after.push(Item { place, group: group(place), expected: Expected::at(place.line().unwrap_or(0)), text: text(place, hunks) });
    }
    (Board::new(before, after), files, changed)
}

/// The content that a finding speaks of, as far as it can be compared.
fn text(place: &Place, hunks: &[Hunk]) -> Option<Mark> {
    match place.line() {
        Some(_) => place.text,
        None => hunks.is_empty().then(|| Mark::of(b"the whole file, unchanged")),
    }
}

/// What the commit changed, by path. Should a path be named twice, a change that keeps it counts, else the first by the other path.
struct Changes<'a> {
    by_before: HashMap<&'a TreePath, FileChange<'a>>,
    by_after: HashMap<&'a TreePath, FileChange<'a>>,
}

impl<'a> Changes<'a> {
    fn of(changes: &[FileChange<'a>]) -> Changes<'a> {
        let mut sorted = changes.to_vec();
        sorted.sort_by_key(|change| {
            let hunks: Vec<_> =
                change.hunks.iter().map(|hunk| (hunk.before.start, hunk.before.end, hunk.after.start, hunk.after.end)).collect();
            (change.before != change.after, change.after.is_none(), change.before, change.after, hunks)
        });
        let mut out = Changes { by_before: HashMap::new(), by_after: HashMap::new() };
        for change in sorted {
            if let Some(before) = change.before {
                out.by_before.entry(before).or_insert(change);
            }
            if let Some(after) = change.after {
                out.by_after.entry(after).or_insert(change);
            }
        }
        out
    }
}
