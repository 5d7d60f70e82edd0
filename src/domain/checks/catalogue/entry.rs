//! An entry of the catalogue as it is written: a file of TOML, read strictly.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::rule::{Link, Meaning, Pattern};
use super::{Fetches, From, Given, On, Sees, Tool, Version};
use crate::base::name::TreePath;
use crate::domain::issues::finding::{Kind, Severity};
use crate::domain::issues::format::{Columns, Format};
use crate::domain::repos::manifest::Globs;
use crate::domain::repos::manifest::glob::Dialect;
use crate::engine::store::blob::BlobHash;

/// What is wrong with an entry.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// It is not written as an entry is.
    #[error("an entry of the catalogue cannot be read: {0}")]
    Toml(#[from] toml::de::Error),
    /// A value cannot be.
    #[error("the entry `{name}` of the catalogue: {why}")]
    Value {
        /// The tool.
        name: String,
        /// What is wrong.
        why: String,
    },
}

/// The keys of an entry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// How it is called in a manifest, and the file's name.
    name: String,
    /// How it is called by people.
    title: String,
    /// What it does, in a sentence or two.
    about: String,
    /// Where it is at home.
    homepage: String,
    /// The program, as it is looked for in the search path.
    executable: String,
    /// A command with which a person installs it.
    install: String,
    /// The oldest version that is taken.
    least: String,
    /// Programs that it starts and that must be found as well.
    #[serde(default)]
    beside: Vec<String>,
    /// Which files it is for.
    wakes: Wakes,
    /// How it is run.
    run: Run,
    /// How its version is asked for.
    version: Ask,
    /// Where its rules are explained.
    links: Vec<To>,
    /// What its rules mean.
    rules: Vec<Means>,
    /// Whether what it finds are secrets, so that the lines it speaks of must not be shown where lines are quoted.
    #[serde(default)]
    conceals: bool,
}

/// Which files it is for. Patterns are those of `.gitignore`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wakes {
    /// Files that it looks at.
    files: Vec<String>,
    /// What must be in the tree, one of these at least: without its settings it has nothing to say.
    #[serde(default)]
    requires: Vec<String>,
    /// Other files from which it takes settings.
    #[serde(default)]
    settings: Vec<String>,
    /// Files that those may draw in from anywhere in the tree, by whatever name: modules, shared settings, lists of what to pass over. Which
    /// of them they do is not asked; a change of any counts as one of the settings.
    #[serde(default)]
    imports: Vec<String>,
}

/// How it is run, from the root of the tree.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    /// Whether it is given files or finds them.
    on: On,
    /// Whether it is shown the whole tree or, where what it says of a file hangs on that file and on settings alone, no more than those.
    #[serde(default = "all")]
    sees: Sees,
    /// Its arguments. `{files}`, `{output}`, `{settings}` and `{given}`, each an argument of its own, stand for the files, for the file it
    /// writes, for what was found of `requires`, and for the words of `given`.
    command: Vec<String>,
    /// Settings that it does not look for where it is given files, and must be told of where they are there.
    #[serde(default)]
    given: Vec<Told>,
    /// The format in which it writes.
    output: Format,
    /// Where it writes.
    from: From,
    /// What its columns count, where that differs from what the format says.
    columns: Option<Columns>,
    /// Exit codes that are no failure.
    fine: Vec<i32>,
    /// Those of them that say that it may have stopped before it had looked at all.
    #[serde(default)]
    stopped: Vec<i32>,
    /// What it fetches.
    #[serde(default = "nothing")]
    network: Fetches,
    /// Variables of its environment.
    #[serde(default)]
    env: BTreeMap<String, String>,
}

/// What it is told of settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    /// Paths from the root of the tree, of which the first that is a file counts.
    files: Vec<String>,
    /// Its arguments then, with `{file}`, an argument of its own, for that file.
    words: Vec<String>,
}

/// How its version is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    /// Its arguments; the first version in what it answers is its own.
    command: Vec<String>,
}

/// Where rules are explained.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct To {
    /// Names of rules, in which `*` stands for anything; the first entry that matches counts.
    rules: Vec<String>,
    /// The address, with the name in one of its forms.
    to: String,
}

/// What rules mean in our words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Means {
    /// Names of rules, in which `*` stands for anything; the first entry that matches counts.
    rules: Vec<String>,
    /// What sort of shortcoming; else what the tool says.
    kind: Option<Kind>,
    /// How much it matters; else what the tool says.
    severity: Option<Severity>,
}

fn all() -> Sees {
    Sees::Tree
}

fn nothing() -> Fetches {
    Fetches::Nothing
}

/// Reads an entry.
pub fn read(bytes: &[u8]) -> Result<Tool, Invalid> {
    let Entry { name, title, about, homepage, executable, install, least, beside, wakes, run, version, links, rules, conceals } =
        toml::from_slice(bytes)?;
    let invalid = |why: String| Invalid::Value { name: name.clone(), why };
    let globs = |patterns: &[String]| Globs::new(patterns, Dialect::Gitignore).map_err(|(_, why)| invalid(why.to_string()));
    let requires = wakes.requires.iter().map(|pattern| Ok((pattern.clone(), globs(std::slice::from_ref(pattern))?)));
    let requires = requires.collect::<Result<Vec<_>, Invalid>>()?;
    let least = Version::of(&least).ok_or_else(|| invalid(format!("`{least}` is not a version")))?;
    let given = run.given.iter().flat_map(|told| &told.files);
    let own: Vec<String> = wakes.settings.iter().cloned().chain(given.map(|file| format!("/{file}"))).collect();
    let settings = globs(&[wakes.imports.as_slice(), own.as_slice()].concat())?;
    let (files, own_settings, has_imports) = (globs(&wakes.files)?, globs(&own)?, !wakes.imports.is_empty());
    let has = |word: &str| run.command.iter().any(|argument| argument == word);
    if has("{files}") != (run.on == On::Files) {
        return Err(invalid("`{files}` belongs where it is run on files, and nowhere else".to_owned()));
    }
    if run.sees == Sees::Files && run.on == On::Tree {
        return Err(invalid("it finds its way in the tree, and so must see it".to_owned()));
    }
    if has("{output}") != (run.from == From::File) {
        return Err(invalid("`{output}` belongs where it writes a file, and nowhere else".to_owned()));
    }
    if has("{given}") == run.given.is_empty() {
        return Err(invalid("`{given}` belongs where it is told of settings, and nowhere else".to_owned()));
    }
    let given = run.given.into_iter().map(|told| Given { files: told.files.into_iter().map(TreePath::new).collect(), words: told.words });
    let given = given.collect();
    let patterns = |rules: Vec<String>| rules.into_iter().map(Pattern).collect();
    Ok(Tool {
        title,
        about,
        homepage,
        executable,
        beside,
        install,
        least,
        wakes: files,
        requires,
        settings,
        own_settings,
        has_imports,
        on: run.on,
        sees: run.sees,
        command: run.command,
        given,
        output: run.output,
        from: run.from,
        columns: run.columns,
        fine: run.fine,
        stopped: run.stopped,
        digest: BlobHash::of(bytes),
        network: run.network,
        env: run.env,
        version: version.command,
        links: links.into_iter().map(|link| Link { rules: patterns(link.rules), address: link.to }).collect(),
        meanings: rules
            .into_iter()
            .map(|means| Meaning { rules: patterns(means.rules), kind: means.kind, severity: means.severity })
            .collect(),
        conceals,
        name,
    })
}
