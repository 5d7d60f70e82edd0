//! `todo`: what was put off, in comments that say so.
//!
//! | rule | says |
//! |---|---|
//! | `todo` | something is left to do |
//! | `fixme` | something is known to be wrong |
//! | `xxx` | something deserves a second look |
//! | `hack` | something was made to work in a way that nobody likes |
//!
//! Only comments are read, so that a string or a name is none, and in them only a word that marks: in capitals, at the beginning of a
//! line of the comment or with a colon or a bracket after it. Prose about a list of such words is no such word.
//!
//! How old one is, no file says: what was put off last week is another matter than what was put off years ago. So [`Builtin::file`] says
//! what can be kept for as long as the blob stays, and [`Builtin::dated`] adds the day on which the line was written, once somebody who
//! holds the history tells it. A day stays what it is; an age would be another message each morning.

use super::tokens::{Kind as Piece, Language, Lexer};
use super::{Builtin, OfTree, Wants};
use crate::base::name::TreePath;
use crate::base::text::{clip, quiet};
use crate::base::time::Timestamp;
use crate::domain::issues::finding::{Finding, Kind, Severity, Span};
use crate::engine::git;
use crate::engine::git::tree::{FileKind, Tree, TreeFile};

use super::subject::Subject;

/// The largest file whose comments are read.
pub const MAX_FILE: u64 = 1 << 20;
/// How many bytes of a comment's line are quoted.
const QUOTED: usize = 120;

/// The words, each with the rule it is told under. The second is cut in two, so that nobody takes it for one.
const WORDS: [(&str, &str, Severity); 4] = [
    ("TODO", "todo", Severity::Info),
    (concat!("FIX", "ME"), "fixme", Severity::Minor),
    ("XXX", "xxx", Severity::Info),
    ("HACK", "hack", Severity::Info),
];

/// What stands before the words of a comment's line.
const DECORATION: &[u8] = b" \t/*#-;%!<>'\"|=(@{:";

/// The built-in check `todo`.
#[derive(Debug, Clone, Copy)]
pub struct Todo;

impl Builtin for Todo {
    fn name(&self) -> &'static str {
        "todo"
    }

    fn version(&self) -> u32 {
        2
    }

    fn wants(&self, file: &TreeFile, size: u64) -> Wants {
        let is_file = matches!(file.kind, FileKind::Regular | FileKind::Executable);
        if !is_file || size == 0 || size > MAX_FILE || Language::of(&file.path).is_none() {
            return Wants::Nothing;
        }
        let subject = Subject::of(&file.path);
        if subject.is_foreign() || subject.is_generated() || subject.is_specimen() { Wants::Nothing } else { Wants::Content { cap: size } }
    }

    fn file(&self, file: &TreeFile, _: u64, content: &[u8]) -> Vec<Finding> {
        let Some(language) = Language::of(&file.path) else { return Vec::new() };
        // Nearly every file ends here.
        if !WORDS.iter().any(|(word, ..)| memchr::memmem::find(content, word.as_bytes()).is_some()) {
            return Vec::new();
        }
        let mut findings = Vec::new();
        for token in Lexer::new(language, content).filter(|token| token.kind == Piece::Comment) {
            let comment = &content[token.start..token.end];
            for (line, number) in comment.split(|byte| *byte == b'\n').zip(token.line..) {
                findings.extend(marked(line).map(|(word, text)| finding(&file.path, word, number, text)));
            }
        }
        findings
    }

    fn tree(&self, _: &dyn Tree, _: &dyn Fn() -> bool) -> git::Result<OfTree> {
        Ok(OfTree::default())
    }

    fn wants_dates(&self) -> bool {
        true
    }

    fn dated(&self, finding: Finding, written: Timestamp) -> Finding {
        let day: String = written.to_string().chars().take_while(|c| *c != 'T').collect();
        Finding { message: format!("{} (since {day})", finding.message), ..finding }
    }
}

/// The word that marks a line of a comment, and the text from it on.
fn marked(line: &[u8]) -> Option<(usize, &[u8])> {
    let begin = line.iter().position(|byte| !DECORATION.contains(byte))?;
    WORDS.iter().enumerate().find_map(|(nth, (word, ..))| {
        let mut finds = memchr::memmem::find_iter(line, word.as_bytes());
        let at = finds.find(|at| {
            let before = at.checked_sub(1).map(|at| line[at]);
            let (is_first, after) = (*at == begin, &line[at + word.len()..]);
            let stands_alone = before.is_none_or(|byte| !is_joined(byte)) && after.first().is_none_or(|byte| !is_joined(*byte));
            let points = after.first().is_some_and(|byte| matches!(byte, b':' | b'(')) && !after.starts_with(b"::");
            stands_alone && (is_first || points)
        })?;
        Some((nth, line[at..].trim_ascii()))
    })
}

/// Whether a byte beside a word makes it part of a longer one.
fn is_joined(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'/' | b'|' | b'.' | b',' | b'`') || byte >= 0x80
}

fn finding(path: &TreePath, word: usize, line: u32, text: &[u8]) -> Finding {
    let (word, rule, severity) = WORDS[word];
    let text = String::from_utf8_lossy(text);
    let end = ["*/", "-->", "*)", "-}", "]]", "#>"].iter().find_map(|end| text.strip_suffix(end)).unwrap_or(&text).trim_end();
    let said = end.strip_prefix(word).unwrap_or(end).trim_start_matches([':', ' ']);
    let message =
        if said.is_empty() { format!("{word}, and nothing says what") } else { format!("{word}: {}", quiet(&clip(said, QUOTED))) };
    Finding {
        rule: rule.to_owned(),
        message,
        path: path.clone(),
        span: Some(Span::line(line)),
        kind: Kind::Quality,
        severity,
        fingerprint: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::checks::builtin::tests::all_of;
    use crate::engine::git::memory::MemoryTree;

    /// What is said of a file: `line rule message`.
    fn said(path: &str, content: &str) -> Vec<String> {
        let tree = MemoryTree::new([(path, FileKind::Regular, content)]);
        let line = |finding: &Finding| finding.span.map_or(0, |span| span.line_start);
        all_of(&Todo, &tree).iter().map(|finding| format!("{} {} {}", line(finding), finding.rule, finding.message)).collect()
    }

    #[test]
    fn each_word_is_told_with_what_it_says() {
        let fix = WORDS[1].0;
        let content = format!("x // TODO(ada): sort it\n/* a\n * {fix} it leaks\n * see HACK: b */\n// XXX\n");
        let expected = [
            "1 todo TODO: (ada): sort it".to_owned(),
            format!("3 fixme {fix}: it leaks"),
            "4 hack HACK: b".to_owned(),
            "5 xxx XXX, and nothing says what".to_owned(),
        ];
        assert_eq!(said("a.rs", &content), expected);
        assert_eq!(said("a.py", "# TODO: x\n"), ["1 todo TODO: x"]);
        assert_eq!(said("Dockerfile", "RUN x # TODO x\n"), ["1 todo TODO: x"]);
    }

    #[test]
    fn what_is_no_comment_or_no_mark_is_left_alone() {
        for content in [
            "let x = \"// TODO: x\";",
            "fn TODO() {}",
            "// todo: small letters",
            "// the TODO list of Ada",
            "// TODO-list",
            "// XXX-XXXX is a number",
            "// AUTODOC",
            "// TODO/HACK and the like",
        ] {
            assert_eq!(said("a.rs", content), Vec::<String>::new(), "{content}");
        }
        assert!(said("vendor/a.rs", "// TODO: x").is_empty() && said("a.bin", "// TODO: x").is_empty());
    }

    #[test]
    fn a_comment_of_a_million_lines_is_read_in_a_time_that_grows_with_its_length() {
        let lines = usize::try_from(MAX_FILE).unwrap() - 32;
        let content = format!("/* TODO: x{}TODO: y */", "\n".repeat(lines));
        let started = std::time::Instant::now();
        assert_eq!(said("a.c", &content), ["1 todo TODO: x".to_owned(), format!("{} todo TODO: y", lines + 1)]);
        assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
    }

    #[test]
    fn a_date_is_added_by_whoever_knows_it() {
        let tree = MemoryTree::new([("a.rs", FileKind::Regular, "// TODO: x")]);
        let finding = all_of(&Todo, &tree).remove(0);
        let dated = Todo.dated(finding, Timestamp::from_seconds(1_700_000_000));
        assert_eq!(dated.message, "TODO: x (since 2023-11-14)");
    }
}
