//! The findings for people: file by file with an excerpt, then the checks in a table, then the verdict in one sentence.

use std::io::{Result, Write};

use unicode_width::UnicodeWidthStr;

use super::excerpt::{Lines, quiet_bytes};
use super::report::{Found, Report};
use super::source::Source;
use super::style::{self, Ink, Style};
use crate::base::name::TreePath;
use crate::base::text::{clip, count, duration, quiet, thousands};
use crate::domain::checks::Check;
use crate::domain::checks::builtin::secrets::hidden;
use crate::domain::issues::standing::BySeverity;
use crate::domain::issues::{Severity, Span, Veil};
use crate::engine::git::tree::FileKind;

/// How many issues are shown; the other formats have all.
const SHOWN: usize = 200;
/// How many bytes of a message are shown.
const MESSAGE: usize = 2_000;
/// The largest file that is quoted.
const FILE_BYTES: u64 = 8 << 20;

/// Writes it all.
pub fn write(out: &mut dyn Write, report: &Report, source: &Source, style: &Style) -> Result<()> {
    let page = Page { report, source, style };
    page.manifest(out)?;
    page.issues(out)?;
    page.checks(out)?;
    page.totals(out)?;
    page.verdict(out)
}

/// What is concealed of a file that is quoted, whichever checks ran.
fn veil(path: &TreePath, content: &[u8]) -> Veil {
    Veil::over(hidden(path, content).into_iter().map(|hidden| hidden.span))
}

struct Page<'a> {
    report: &'a Report,
    source: &'a Source,
    style: &'a Style,
}

impl Page<'_> {
    /// A path with line and column, as terminals and editors follow it.
    fn place(&self, path: &TreePath, span: Option<Span>) -> String {
        let mut place = quiet_bytes(&self.source.shown(path));
        if let Some(span) = span {
            place.push_str(&format!(":{}", span.line_start));
            if let Some(column) = span.column_start {
                place.push_str(&format!(":{column}"));
            }
        }
        place
    }

    /// What is wrong with the manifest, where it is wrong; the verdict says what.
    fn manifest(&self, out: &mut dyn Write) -> Result<()> {
        let Some(unreadable) = &self.report.manifest else { return Ok(()) };
        let invalid = &unreadable.invalid;
        let span = Span { column_start: Some(invalid.column), column_end: Some(invalid.column), ..Span::line(invalid.line) };
        writeln!(out, "{}", self.style.ink(Ink::Path, &self.place(&invalid.file.path(), Some(span))))?;
        let veil = veil(&invalid.file.path(), &unreadable.content);
        Lines::of(&unreadable.content, veil).write(out, span, self.style, Ink::Bad)?;
        writeln!(out)
    }

    fn issues(&self, out: &mut dyn Write) -> Result<()> {
        let all: Vec<&Found> = self.report.shown().collect();
        for file in all[..all.len().min(SHOWN)].chunk_by(|a, b| a.standee.path == b.standee.path) {
            let path = &file[0].standee.path;
            let among = all.iter().filter(|found| found.standee.path == *path).count();
            let noun = count(among as u64, "issue");
            writeln!(out, "{}  {}", self.style.ink(Ink::Path, &self.place(path, None)), self.style.ink(Ink::Faint, &noun))?;
            let content = self.content(path);
            let mut veil = veil(path, &content);
            let own = self.report.issues.iter().map(|found| &found.standee).filter(|standee| standee.path == *path);
            veil.extend(own.filter(|standee| standee.occurrence.conceals).filter_map(|standee| standee.occurrence.span));
            let lines = Lines::of(&content, veil);
            for found in file {
                writeln!(out)?;
                self.issue(out, found, &lines)?;
            }
            writeln!(out)?;
        }
        if let Some(more) = all.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            writeln!(out, "{} are not shown; --format json has all.\n", count(more as u64, "further issue"))?;
        }
        Ok(())
    }

    fn issue(&self, out: &mut dyn Write, found: &Found, lines: &Lines<'_>) -> Result<()> {
        let occurrence = &found.standee.occurrence;
        let ink = style::of_severity(occurrence.severity);
        let mut head = vec![
            self.place(&found.standee.path, occurrence.span),
            self.style.ink(ink, occurrence.severity.as_str()),
            quiet(&occurrence.rule),
        ];
        if self.report.is_compared && found.is_new {
            head.push(self.style.ink(Ink::Path, "new"));
        }
        writeln!(out, "  {}", head.join("  "))?;
        writeln!(out, "  {}", quiet(&clip(&occurrence.message, MESSAGE)))?;
        match occurrence.span {
            Some(span) => lines.write(out, span, self.style, ink),
            None => Ok(()),
        }
    }

    /// What is quoted of a file; what cannot be read is not quoted.
    fn content(&self, path: &TreePath) -> Vec<u8> {
        let file = self.source.tree.find(path).filter(|file| matches!(file.kind, FileKind::Regular | FileKind::Executable));
        file.and_then(|file| self.source.tree.read(file, FILE_BYTES).ok()).unwrap_or_default()
    }

    fn checks(&self, out: &mut dyn Write) -> Result<()> {
        let checks = &self.report.set.checks;
        if checks.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = checks.iter().map(|check| quiet(&check.name)).collect();
        let width = names.iter().map(|name| name.width()).chain([5]).max().unwrap_or(5);
        let heading = format!("{}{}  {:<9}  {:>8}  {:>9}", "check", " ".repeat(width - 5), "state", "findings", "time");
        writeln!(out, "{}", self.style.ink(Ink::Faint, &heading))?;
        for (check, name) in checks.iter().zip(&names) {
            let state = self.style.ink(style::of_state(check.state), &format!("{:<9}", check.state));
            let found = check.issues.map_or_else(|| "–".to_owned(), thousands);
            let time = took(check).map_or_else(|| "–".to_owned(), duration);
            writeln!(out, "{name}{}  {state}  {found:>8}  {time:>9}", " ".repeat(width - name.width()))?;
            if let Some(error) = &check.error {
                writeln!(out, "  {}: {}", error.code, quiet(&error.message))?;
            }
        }
        writeln!(out)
    }

    fn totals(&self, out: &mut dyn Write) -> Result<()> {
        let (report, counts) = (self.report, &self.report.counts);
        if counts.open > 0 {
            writeln!(out, "{}", self.tally(counts.open, "issue", &counts.open_by_severity))?;
        }
        if let Some(base) = self.source.base.as_ref().filter(|_| report.is_compared) {
            let rev = quiet(&clip(&base.rev, 100));
            let base =
                if base.is_fork { format!("{}, where {rev} was left", base.sha.short()) } else { format!("{rev} ({})", base.sha.short()) };
            let new = self.tally(counts.new, "new issue", &counts.new_by_severity);
            writeln!(out, "{new}; {} fixed; held against {base}", thousands(counts.fixed))?;
        }
        Ok(())
    }

    /// A count with what it is made of, the gravest first.
    fn tally(&self, total: u64, noun: &str, by_severity: &BySeverity) -> String {
        let parts: Vec<String> = Severity::ALL
            .iter()
            .rev()
            .filter(|severity| by_severity[**severity as usize] > 0)
            .map(|severity| {
                self.style.ink(style::of_severity(*severity), &format!("{} {severity}", thousands(by_severity[*severity as usize])))
            })
            .collect();
        let separator = if parts.is_empty() { "" } else { ": " };
        format!("{}{separator}{}", count(total, noun), parts.join(", "))
    }

    fn verdict(&self, out: &mut dyn Write) -> Result<()> {
        let (sign, word, ink) = style::of_verdict(self.report.set.verdict);
        let head = self.style.ink(ink, &format!("{sign} The gate {word}"));
        writeln!(out, "{head}: {}.", quiet(&self.report.set.sentence))
    }
}

fn took(check: &Check) -> Option<u64> {
    Some(check.finished_at?.millis_since(check.started_at?))
}
