//! `field:value`: the fields there are, and what each takes for a value.

use std::fmt;

use crate::base::text::nearest;
use crate::base::time::Timestamp;
use crate::domain::issues::finding::{Kind, Severity};
use crate::engine::fulltext::{Glob, TooLong, fold};
use crate::words;

words! {
    /// What stands before the colon.
    pub enum FieldName: "search field" {
        /// The repository: `owner/name`, or a name alone.
        Repo = "repo",
        /// The path: a glob, or a directory with `/` at its end.
        Path = "path",
        /// The kind.
        Kind = "kind",
        /// The severity.
        Severity = "severity",
        /// The rule.
        Rule = "rule",
        /// The tool.
        Source = "source",
        /// Where it stands.
        State = "state",
        /// Who wrote the line.
        Author = "author",
        /// A branch it is on.
        Branch = "branch",
        /// How long ago it was first seen.
        Age = "age",
    }
}

words! {
    /// Where an issue stands, as one asks for it.
    pub enum StateFilter: "state" {
        /// Open and not there in the base.
        New = "new",
        /// There, new or not.
        Open = "open",
        /// Gone.
        Fixed = "fixed",
        /// There and muted.
        Ignored = "ignored",
    }
}

words! {
    /// How an age compares.
    pub enum Comparison: "comparison" {
        /// No older than.
        AtMost = "<=",
        /// No younger than.
        AtLeast = ">=",
        /// Younger than.
        Below = "<",
        /// Older than.
        Above = ">",
    }
}

words! {
    /// What an age is counted in.
    pub enum Unit: "unit of time" {
        /// 60 seconds.
        Minute = "m",
        /// 60 minutes.
        Hour = "h",
        /// 24 hours.
        Day = "d",
        /// 7 days.
        Week = "w",
    }
}

/// How long ago something was first seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Age {
    /// Younger or older.
    pub comparison: Comparison,
    /// Than so many.
    pub count: u32,
    /// Of these.
    pub unit: Unit,
}

impl Age {
    /// The instant that the age reaches back to, in milliseconds since the epoch.
    pub(in crate::domain::search) fn instant(self, now: Timestamp) -> i64 {
        let minutes = match self.unit {
            Unit::Minute => 1,
            Unit::Hour => 60,
            Unit::Day => 1_440,
            Unit::Week => 10_080,
        };
        now.as_millis().saturating_sub(i64::from(self.count) * minutes * 60_000)
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.comparison, self.count, self.unit)
    }
}

/// A keyword that is asked for, in which `*` stands for anything; in a path, for anything within a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    glob: Glob,
}

impl Pattern {
    /// The pattern of this text for that field.
    pub fn new(field: FieldName, text: &str) -> Result<Pattern, TooLong> {
        let glob = match field {
            FieldName::Path => Glob::path(text)?,
            FieldName::Branch => Glob::keyword(text)?,
            // A name alone is any owner's.
            FieldName::Repo if !text.contains('/') => Glob::keyword(&format!("*/{}", fold(text)))?,
            _ => Glob::keyword(&fold(text))?,
        };
        Ok(Pattern { text: text.to_owned(), glob })
    }

    /// What matches: folded, but for paths and branches.
    pub fn glob(&self) -> &Glob {
        &self.glob
    }
}

impl fmt::Display for Pattern {
    /// The text, in quotes where it needs them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.chars().all(|c| !c.is_whitespace() && !matches!(c, '"' | '(' | ')' | ',')) {
            return f.write_str(&self.text);
        }
        f.write_str("\"")?;
        for c in self.text.chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

/// A field with one of some values; each has at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// `repo:`
    Repo(Vec<Pattern>),
    /// `path:`
    Path(Vec<Pattern>),
    /// `kind:`
    Kind(Vec<Kind>),
    /// `severity:`
    Severity(Vec<Severity>),
    /// `rule:`
    Rule(Vec<Pattern>),
    /// `source:`
    Source(Vec<Pattern>),
    /// `state:`
    State(Vec<StateFilter>),
    /// `author:`
    Author(Vec<Pattern>),
    /// `branch:`
    Branch(Vec<Pattern>),
    /// `age:`
    Age(Vec<Age>),
}

impl Filter {
    /// Reads values, each with its position. An error is the position of the value and what is wrong with it.
    pub(super) fn read(field: FieldName, values: &[(usize, String)]) -> Result<Filter, (usize, String)> {
        let patterns = || {
            each(values, |text| {
                Pattern::new(field, text).map(|pattern| vec![pattern]).map_err(|error| format!("`{field}:` cannot take this: {error}"))
            })
        };
        Ok(match field {
            FieldName::Repo => Filter::Repo(patterns()?),
            FieldName::Path => Filter::Path(patterns()?),
            FieldName::Kind => Filter::Kind(each(values, word)?),
            FieldName::Severity => Filter::Severity(each(values, severity)?),
            FieldName::Rule => Filter::Rule(patterns()?),
            FieldName::Source => Filter::Source(patterns()?),
            FieldName::State => Filter::State(each(values, word)?),
            FieldName::Author => Filter::Author(patterns()?),
            FieldName::Branch => Filter::Branch(patterns()?),
            FieldName::Age => Filter::Age(each(values, age)?),
        })
    }

    /// Its field.
    pub fn field(&self) -> FieldName {
        match self {
            Filter::Repo(_) => FieldName::Repo,
            Filter::Path(_) => FieldName::Path,
            Filter::Kind(_) => FieldName::Kind,
            Filter::Severity(_) => FieldName::Severity,
            Filter::Rule(_) => FieldName::Rule,
            Filter::Source(_) => FieldName::Source,
            Filter::State(_) => FieldName::State,
            Filter::Author(_) => FieldName::Author,
            Filter::Branch(_) => FieldName::Branch,
            Filter::Age(_) => FieldName::Age,
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.field())?;
        match self {
            Filter::Repo(patterns)
            | Filter::Path(patterns)
            | Filter::Rule(patterns)
            | Filter::Source(patterns)
            | Filter::Author(patterns)
            | Filter::Branch(patterns) => list(f, patterns),
            Filter::Kind(kinds) => list(f, kinds),
            Filter::Severity(severities) => list(f, severities),
            Filter::State(states) => list(f, states),
            Filter::Age(ages) => list(f, ages),
        }
    }
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, values: &[T]) -> fmt::Result {
    for (place, value) in values.iter().enumerate() {
        if place > 0 {
            f.write_str(",")?;
        }
        write!(f, "{value}")?;
    }
    Ok(())
}

/// Reads each value; one that was there before is dropped.
fn each<T: PartialEq>(values: &[(usize, String)], read: impl Fn(&str) -> Result<Vec<T>, String>) -> Result<Vec<T>, (usize, String)> {
    let mut all = Vec::with_capacity(values.len());
    for (position, text) in values {
        for value in read(text).map_err(|message| (*position, message))? {
            if !all.contains(&value) {
                all.push(value);
            }
        }
    }
    Ok(all)
}

/// A word of a closed set.
fn word<T: std::str::FromStr<Err = crate::base::word::UnknownWord>>(text: &str) -> Result<Vec<T>, String> {
    text.to_ascii_lowercase().parse().map(|word| vec![word]).map_err(|error: crate::base::word::UnknownWord| {
        match nearest(&error.input, error.expected.split(", ")) {
            Some(meant) => format!("{error}; did you mean `{meant}`?"),
            None => error.to_string(),
        }
    })
}

/// A comparison at the start of a value.
fn comparison(text: &str) -> Option<(Comparison, &str)> {
    Comparison::ALL.iter().find_map(|comparison| Some((*comparison, text.strip_prefix(comparison.as_str())?)))
}

/// A severity, or all beyond one.
fn severity(text: &str) -> Result<Vec<Severity>, String> {
    let Some((comparison, rest)) = comparison(text) else { return word(text) };
    let than = word::<Severity>(rest)?.remove(0);
    let wanted: Vec<Severity> = Severity::ALL.iter().copied().filter(|severity| compares(comparison, *severity, than)).collect();
    if wanted.is_empty() { Err(format!("no severity is {text}")) } else { Ok(wanted) }
}

fn compares<T: Ord>(comparison: Comparison, value: T, than: T) -> bool {
    match comparison {
        Comparison::AtMost => value <= than,
        Comparison::AtLeast => value >= than,
        Comparison::Below => value < than,
        Comparison::Above => value > than,
    }
}

fn age(text: &str) -> Result<Vec<Age>, String> {
    let read = || {
        let (comparison, rest) = comparison(text)?;
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (count, unit) = rest.split_at(digits);
        Some(Age { comparison, count: count.parse().ok()?, unit: unit.parse().ok()? })
    };
    read()
        .map(|age| vec![age])
        .ok_or_else(|| "an age is written as <7d, >30d or <=12h: one of < <= > >=, a number, and m, h, d or w".to_owned())
}
