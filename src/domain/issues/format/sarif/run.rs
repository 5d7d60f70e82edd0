//! What the results of a run refer to.

use std::collections::HashMap;

use super::super::columns::Unit;
use super::super::draft::Drafts;
use super::super::json::{self, Node, Pattern, Route, Step};
use super::super::paths::Written;
use super::super::word;
use crate::base::text::clip;
use crate::domain::issues::finding::Kind;

/// The most runs of a document whose heads are kept.
const MAX_RUNS: usize = 1_000;
/// The most extensions of a tool that are kept.
const MAX_EXTENSIONS: usize = 100;
/// The most rules and artifacts of a document that are kept, together.
const MAX_KEPT: usize = 50_000;
/// The most messages of one rule that are kept, and of one tool.
const MAX_MESSAGES: usize = 50;
/// How far a base id is followed to another.
const MAX_BASES: usize = 8;

use Step::{Each, Key};

/// The driver's own words.
const DRIVER: [Pattern; 4] = [
    &[Key("runs"), Each, Key("tool"), Key("driver"), Key("name")],
    &[Key("runs"), Each, Key("tool"), Key("driver"), Key("version")],
    &[Key("runs"), Each, Key("tool"), Key("driver"), Key("semanticVersion")],
    &[Key("runs"), Each, Key("tool"), Key("driver"), Key("globalMessageStrings")],
];
const DRIVER_RULE: usize = 4;
const EXTENSION_NAME: usize = 5;
const EXTENSION_RULE: usize = 6;
const ARTIFACT: usize = 7;
const COLUMN_KIND: usize = 8;
const BASES: usize = 9;
const CATEGORY: usize = 10;

const PATTERNS: [Pattern; 11] = [
    DRIVER[0],
    DRIVER[1],
    DRIVER[2],
    DRIVER[3],
    &[Key("runs"), Each, Key("tool"), Key("driver"), Key("rules"), Each],
    &[Key("runs"), Each, Key("tool"), Key("extensions"), Each, Key("name")],
    &[Key("runs"), Each, Key("tool"), Key("extensions"), Each, Key("rules"), Each],
    &[Key("runs"), Each, Key("artifacts"), Each, Key("location")],
    &[Key("runs"), Each, Key("columnKind")],
    &[Key("runs"), Each, Key("originalUriBaseIds")],
    &[Key("runs"), Each, Key("automationDetails"), Key("id")],
];

/// What nobody looks at in a rule, and what may be large.
const SKIPPED: &[&str] = &["help", "relationships", "helpUri", "deprecatedIds", "deprecatedNames", "deprecatedGuids"];

/// A rule of a tool.
#[derive(Debug, Default)]
pub struct Rule {
    /// Its id.
    pub id: String,
    guid: Option<String>,
    /// How bad it is unless a result says otherwise.
    pub level: Option<String>,
    /// How bad it is for security, from 0 to 10.
    pub score: Option<f64>,
    /// Of what sort it is, by its tags.
    pub kind: Option<Kind>,
    /// What it says, where a result says nothing.
    pub text: Option<String>,
    messages: Vec<(String, String)>,
}

impl Rule {
    fn of(node: &Node) -> Rule {
        let properties = node.get("properties");
        let score = score(properties.get("security-severity"));
        let texts = ["shortDescription", "fullDescription"].map(|name| node.at(&[name, "text"]).text());
        Rule {
            id: kept(node.get("id").text().unwrap_or_default()),
            guid: node.get("guid").text().map(kept),
            level: node.at(&["defaultConfiguration", "level"]).text().or_else(|| properties.get("problem.severity").text()).map(kept),
            score,
            kind: kind_of_tags(properties.get("tags")).or(score.map(|_| Kind::Security)),
            text: texts.into_iter().flatten().next().map(kept),
            messages: messages(node.get("messageStrings")),
        }
    }

    /// The message of this id.
    pub fn message(&self, id: &str) -> Option<&str> {
        self.messages.iter().find(|(known, _)| known == id).map(|(_, text)| text.as_str())
    }
}

/// A tool's driver, or one of its extensions.
#[derive(Debug, Default)]
struct Component {
    name: String,
    rules: Vec<Rule>,
    by_id: HashMap<String, usize>,
    by_guid: HashMap<String, usize>,
}

impl Component {
    /// Keeps a rule at its place, so that results find it there even where others before it were not handed over.
    fn put(&mut self, place: usize, rule: Rule) {
        let place = place.min(MAX_KEPT);
        if self.rules.len() < place {
            self.rules.resize_with(place, Rule::default);
        }
        self.by_id.entry(rule.id.clone()).or_insert(self.rules.len());
        if let Some(guid) = &rule.guid {
            self.by_guid.entry(guid.clone()).or_insert(self.rules.len());
        }
        self.rules.push(rule);
    }

    fn find(&self, id: &str) -> Option<&Rule> {
        let exact = self.by_id.get(id);
        let above = || self.by_id.get(id.rsplit_once('/')?.0);
        exact.or_else(above).map(|place| &self.rules[*place])
    }
}

/// What the results of one run refer to.
#[derive(Debug, Default)]
pub struct Run {
    /// Which of the tools speaks.
    pub tool: Option<usize>,
    /// What its columns count, if it says so.
    pub unit: Option<Unit>,
    driver: Component,
    version: Option<String>,
    messages: Vec<(String, String)>,
    extensions: Vec<Component>,
    /// Each artifact's address, and the base it is relative to.
    artifacts: Vec<(String, Option<String>)>,
    /// What base ids stand for.
    bases: HashMap<String, String>,
}

/// Reads what results refer to.
pub fn heads(input: &[u8], drafts: &mut Drafts<'_>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut category = None;
    let mut left = MAX_KEPT;
    let route = Route { patterns: &PATTERNS, skip: SKIPPED, depth: drafts.bounds.depth };
    json::walk(input, route, &mut |pattern, places, node| {
        let (Ok(node), Some(run)) = (node, places.first().copied().filter(|run| *run < MAX_RUNS)) else { return };
        if left == 0 {
            return;
        }
        left -= usize::from(matches!(pattern, DRIVER_RULE | EXTENSION_RULE | ARTIFACT));
        if runs.len() <= run {
            runs.resize_with(run + 1, Run::default);
        }
        if pattern == CATEGORY {
            category = category.take().or_else(|| node.text().map(kept));
        } else {
            let place = |level: usize| places.get(level).copied().unwrap_or(0);
            runs[run].take(pattern, [place(1), place(2)], &node);
        }
    });
    for run in &mut runs {
        run.tool = drafts.tool(&run.driver.name, run.version.as_deref());
    }
    // `nightly/2026-11-30` names a run of the category `nightly`; a mere `nightly/` the category alone.
    if let Some(category) = category {
        drafts.category(category.rsplit_once('/').map_or(category.as_str(), |(category, _)| category));
    }
    runs
}

impl Run {
    fn take(&mut self, pattern: usize, [place, within]: [usize; 2], node: &Node) {
        match pattern {
            0 => self.driver.name = kept(node.text().unwrap_or_default()),
            1 | 2 => self.version = node.text().map(kept).or(self.version.take()),
            3 => self.messages = messages(node),
            DRIVER_RULE => self.driver.put(place, Rule::of(node)),
            EXTENSION_NAME => self.extension(place, |extension| extension.name = kept(node.text().unwrap_or_default())),
            EXTENSION_RULE => self.extension(place, |extension| extension.put(within, Rule::of(node))),
            ARTIFACT => {
                // What was handed over too large leaves no gap: a place that is not filled is an address that is empty.
                self.artifacts.resize(place.min(MAX_KEPT), (String::new(), None));
                self.artifacts.push((node.get("uri").text().unwrap_or_default().to_owned(), node.get("uriBaseId").text().map(kept)));
            }
            COLUMN_KIND => {
                self.unit = match node.text() {
                    Some("unicodeCodePoints") => Some(Unit::Characters),
                    Some("utf16CodeUnits") => Some(Unit::Utf16),
                    _ => None,
                }
            }
            BASES => self.bases = bases(node),
            _ => {}
        }
    }

    fn extension(&mut self, place: usize, change: impl FnOnce(&mut Component)) {
        if place >= MAX_EXTENSIONS {
            return;
        }
        if self.extensions.len() <= place {
            self.extensions.resize_with(place + 1, Component::default);
        }
        change(&mut self.extensions[place]);
    }

    /// The rule that speaks in a result.
    pub fn rule(&self, result: &Node) -> Option<&Rule> {
        let reference = result.get("rule");
        let component = self.component(reference.get("toolComponent"));
        let index = result.get("ruleIndex").index().or_else(|| reference.get("index").index());
        let id = result.get("ruleId").text().or_else(|| reference.get("id").text());
        let agrees =
            |rule: &&Rule| id.is_none_or(|id| id == rule.id || id.strip_prefix(&rule.id).is_some_and(|rest| rest.starts_with('/')));
        let by_index = index.and_then(|index| component.rules.get(index)).filter(agrees);
        let by_guid = || component.by_guid.get(reference.get("guid").text()?).map(|place| &component.rules[*place]);
        let everywhere = || std::iter::once(&self.driver).chain(&self.extensions);
        let by_id = |id: &str| component.find(id).or_else(|| everywhere().find_map(|component| component.find(id)));
        by_index.or_else(|| id.and_then(by_id)).or_else(by_guid)
    }

    fn component(&self, reference: &Node) -> &Component {
        let by_index = reference.get("index").index().and_then(|index| self.extensions.get(index));
        let by_name = || reference.get("name").text().and_then(|name| self.extensions.iter().find(|extension| extension.name == name));
        by_index.or_else(by_name).unwrap_or(&self.driver)
    }

    /// The tool's own message of this id.
    pub fn message(&self, id: &str) -> Option<&str> {
        self.messages.iter().find(|(known, _)| known == id).map(|(_, text)| text.as_str())
    }

    /// The file that a location names, by itself or as one of the artifacts.
    pub fn file<'a>(&'a self, location: &'a Node) -> Option<Written<'a>> {
        let own = location.get("uri").text().map(|uri| (uri, location.get("uriBaseId").text()));
        let artifact = || {
            let (uri, base) = self.artifacts.get(location.get("index").index()?)?;
            Some((uri.as_str(), base.as_deref())).filter(|(uri, _)| !uri.is_empty())
        };
        let (uri, base) = own.or_else(artifact)?;
        let base = base.and_then(|base| self.bases.get(base)).map(String::as_str);
        Some(Written { text: uri.as_bytes(), is_uri: true, base })
    }
}

/// What each base id stands for, itself relative to another as the case may be.
fn bases(node: &Node) -> HashMap<String, String> {
    let address = |name: &str| {
        let mut address = String::new();
        let mut at = node.get(name);
        for _ in 0..MAX_BASES {
            let uri = at.get("uri").text().unwrap_or_default();
            address = if address.is_empty() || uri.is_empty() {
                uri.to_owned() + &address
            } else {
                format!("{}/{address}", uri.trim_end_matches('/'))
            };
            match at.get("uriBaseId").text() {
                Some(next) => at = node.get(next),
                None => break,
            }
        }
        address
    };
    let names = node.entries().iter().take(MAX_MESSAGES).map(|(name, _)| name);
    names.map(|name| (name.clone(), address(name))).filter(|(_, address)| !address.is_empty()).collect()
}

fn messages(node: &Node) -> Vec<(String, String)> {
    let messages = node.entries().iter().take(MAX_MESSAGES);
    messages.filter_map(|(id, message)| Some((kept(id), kept(message.get("text").text()?)))).collect()
}

/// A score for security, which is written as text by custom.
pub fn score(node: &Node) -> Option<f64> {
    match node {
        Node::Text(text) => text.trim().parse().ok().filter(|score: &f64| score.is_finite()),
        #[expect(clippy::cast_precision_loss, reason = "a score has one digit before its point")]
        Node::Int(score) => Some(*score as f64),
        Node::Float(score) => Some(*score),
        _ => None,
    }
}

/// What sort of shortcoming tags speak of: security before all others, then the first that says something.
pub fn kind_of_tags(tags: &Node) -> Option<Kind> {
    let kinds = || tags.list().iter().filter_map(|tag| word::kind(tag.text()?));
    kinds().find(|kind| *kind == Kind::Security).or_else(|| kinds().next())
}

fn kept(text: &str) -> String {
    clip(text, 500).into_owned()
}
