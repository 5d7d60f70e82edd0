//! What is known of an issue to the search: the document, and the fields of the index that it becomes.

use std::borrow::Cow;

use crate::base::id::{Id, IssueId, RepoId};
use crate::base::name::TreePath;
use crate::base::text::clip;
use crate::base::time::Timestamp;
use crate::domain::issues::IssueState;
use crate::domain::issues::finding::{Kind, Severity};
use crate::engine::fulltext::{Entry, Field, Kind as FieldKind, Value};

/// How much of a message is searched.
pub const MESSAGE_MAX_BYTES: usize = 4_096;
/// How much of a line of code is searched.
pub const LINE_MAX_BYTES: usize = 1_024;
/// How much of a path, rule, source, author or branch counts.
const KEYWORD_MAX_BYTES: usize = 4_096;

/// An issue as it is searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its id.
    pub issue: IssueId,
    /// Its repository.
    pub repo: RepoId,
    /// The repository's `owner/name`.
    pub slug: String,
    /// The rule that speaks.
    pub rule: String,
    /// What sort of shortcoming.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// The tool it comes from.
    pub source: String,
    /// Where it stands.
    pub state: IssueState,
    /// Whether it was not there in the base.
    pub is_new: bool,
    /// Who wrote the line, if it is known.
    pub author: Option<String>,
    /// The branches it is on.
    pub branches: Vec<String>,
    /// The file.
    pub path: TreePath,
    /// What is wrong.
    pub message: String,
    /// The line of code, if there is one.
    pub line_text: Option<String>,
    /// When it was first seen.
    pub first_seen_at: Timestamp,
}

pub(super) const TEXT: &str = "text";
pub(super) const REPO_ID: &str = "repo_id";
pub(super) const REPO: &str = "repo";
pub(super) const PATH: &str = "path";
pub(super) const KIND: &str = "kind";
pub(super) const SEVERITY: &str = "severity";
pub(super) const RULE: &str = "rule";
pub(super) const SOURCE: &str = "source";
pub(super) const STATE: &str = "state";
pub(super) const AUTHOR: &str = "author";
pub(super) const BRANCH: &str = "branch";
pub(super) const FIRST_SEEN: &str = "first_seen";
pub(super) const WEIGHT: &str = "weight";

/// The word in the index for what is open and new, beside `open`.
pub(super) const NEW: &str = "new";

/// The fields of the index. Another set of them makes it another index, which is fed anew.
pub(super) const FIELDS: &[Field] = &[
    // Message, rule, path and line, one after the other: a phrase does not run from one into the next.
    Field { name: TEXT, kind: FieldKind::Text },
    Field { name: REPO_ID, kind: FieldKind::Label },
    Field { name: REPO, kind: FieldKind::Keyword { fold: true } },
    Field { name: PATH, kind: FieldKind::Column },
    Field { name: KIND, kind: FieldKind::Keyword { fold: false } },
    Field { name: SEVERITY, kind: FieldKind::Keyword { fold: false } },
    Field { name: RULE, kind: FieldKind::Keyword { fold: true } },
    Field { name: SOURCE, kind: FieldKind::Keyword { fold: true } },
    Field { name: STATE, kind: FieldKind::Keyword { fold: false } },
    Field { name: AUTHOR, kind: FieldKind::Keyword { fold: true } },
    Field { name: BRANCH, kind: FieldKind::Keyword { fold: false } },
    Field { name: FIRST_SEEN, kind: FieldKind::Number },
    Field { name: WEIGHT, kind: FieldKind::Number },
];

impl Document {
    /// The texts that words are looked for in.
    pub(super) fn texts(&self) -> [Cow<'_, str>; 4] {
        let line = self.line_text.as_deref().unwrap_or_default();
        [clip(&self.message, MESSAGE_MAX_BYTES), clip(&self.rule, KEYWORD_MAX_BYTES), self.path_text(), clip(line, LINE_MAX_BYTES)]
    }

    /// The path as it travels.
    pub(super) fn path_text(&self) -> Cow<'static, str> {
        Cow::Owned(clip(&self.path.to_string(), KEYWORD_MAX_BYTES).into_owned())
    }

    /// Whether it is open and was not there in the base.
    pub(super) fn is_open_and_new(&self) -> bool {
        self.state == IssueState::Open && self.is_new
    }

    /// The document as the index takes it.
    pub(super) fn entry(&self) -> Entry {
        let mut values = Vec::with_capacity(18 + self.branches.len());
        let mut text = |field, text: &str| values.push((field, Value::Text(text.to_owned())));
        self.texts().iter().for_each(|part| text(TEXT, part));
        text(REPO_ID, &self.repo.to_string());
        text(REPO, keyword(&self.slug).as_ref());
        text(PATH, self.path_text().as_ref());
        text(KIND, self.kind.as_str());
        text(SEVERITY, self.severity.as_str());
        text(RULE, keyword(&self.rule).as_ref());
        text(SOURCE, keyword(&self.source).as_ref());
        text(STATE, self.state.as_str());
        if self.is_open_and_new() {
            text(STATE, NEW);
        }
        if let Some(author) = &self.author {
            text(AUTHOR, keyword(author).as_ref());
        }
        self.branches.iter().for_each(|branch| text(BRANCH, keyword(branch).as_ref()));
        values.push((FIRST_SEEN, Value::Number(self.first_seen_at.as_millis())));
        values.push((WEIGHT, Value::Number(self.severity as i64)));
        Entry { key: self.issue.as_u128(), values }
    }
}

/// As much of a keyword as counts.
pub(super) fn keyword(text: &str) -> Cow<'_, str> {
    clip(text, KEYWORD_MAX_BYTES)
}
