//! The rules of the house that a machine can keep: who may import whom, what stands at the top of a file, what may not stand in one.
//!
//! The tables below are the rules; the rest reads source lines, which is enough because the formatter decides what they look like.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The floors from the ground up: each may use those before it, and itself.
const FLOORS: &[&str] = &["base", "engine", "domain", "app", "http", "ui", "cli"];

/// The capabilities in their order: each may use those before it.
const CAPABILITIES: &[&str] = &[
    "audit",
    "settings",
    "accounts",
    "repos",
    "secrets",
    "teams",
    "cache",
    "issues",
    "coverage",
    "github",
    "pulls",
    "checks",
    "statuses",
    "automation",
    "dora",
    "search",
    "notify",
    "hooks",
    "admin",
];

/// The engines, and which others each may use.
const ENGINES: &[(&str, &[&str])] = &[
    ("store", &["outbound"]),
    ("queue", &["store"]),
    ("git", &["outbound"]),
    ("sandbox", &["outbound"]),
    ("outbound", &[]),
    ("vault", &[]),
    ("mail", &["outbound"]),
    ("fulltext", &[]),
];

/// Crates that only some modules may name; a name that ends in `_` stands for all that begin with it.
const CRATES: &[(&str, &[&str])] = &[
    ("axum", &["http", "ui"]),
    ("ureq", &["engine/outbound"]),
    ("redb", &["engine/store"]),
    ("gix", &["engine/git"]),
    ("gix_", &["engine/git"]),
    ("tantivy", &["engine/fulltext"]),
    ("tokio_cron_scheduler", &["app/ticker"]),
    ("lettre", &["engine/mail"]),
    ("bollard", &["engine/sandbox/oci"]),
];

/// What may stand in no file, cut in two so that this one may list it.
const FORBIDDEN: &[(&str, &str)] =
    &[("db", "g!("), ("to", "do!("), ("unimple", "mented!("), ("FIX", "ME"), ("#[ig", "nore"), ("thread::sl", "eep"), ("time::sl", "eep")];

/// The most lines of code in a file; one with more has two ideas.
const CODE_LINES: usize = 600;

struct Source {
    /// From the top of the repository.
    path: String,
    /// The module, such as `engine/store/tx`; empty for `lib.rs`, `main.rs` and what is not in `src`.
    module: String,
    text: String,
}

impl Source {
    /// Lines that are not comments.
    fn code(&self) -> impl Iterator<Item = &str> {
        self.text.lines().filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with("//"))
    }
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| top.join(folder)).collect();
    let mut sources = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let from_top = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
            let module = from_top.strip_prefix("src/").and_then(|path| path.strip_suffix(".rs")).unwrap_or_default();
            let module = if matches!(module, "lib" | "main" | "build") { String::new() } else { module.to_owned() };
            sources.push(Source { module, text: std::fs::read_to_string(&path).unwrap(), path: from_top });
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// The modules of ours that a text names: `crate::a::b::c` as `a/b/c`, and each branch of `crate::{a::b, c}`.
fn named_modules(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for (at, root) in code.match_indices("crate::") {
        let is_start = !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if is_start {
            branches(&code[at + root.len()..], "", &mut named);
        }
    }
    named
}

/// Reads a path, or a group of paths in braces, and answers what follows it.
fn branches<'a>(mut rest: &'a str, within: &str, named: &mut BTreeSet<String>) -> &'a str {
    let mut path = within.to_owned();
    loop {
        if let Some(mut group) = rest.strip_prefix('{') {
            loop {
                group = branches(group.trim_start(), &path, named).trim_start();
                match group.strip_prefix(',') {
                    Some(next) if !next.trim_start().starts_with('}') => group = next,
                    Some(next) => return next.trim_start().strip_prefix('}').unwrap_or(next),
                    None => return group.strip_prefix('}').unwrap_or(group),
                }
            }
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end > 0 {
            path = if path.is_empty() { rest[..end].to_owned() } else { format!("{path}/{}", &rest[..end]) };
        }
        rest = &rest[end..];
        match rest.strip_prefix("::") {
            Some(next) => rest = next,
            None => {
                named.insert(path);
                // `a as b` and `*` are of no interest.
                return rest.trim_start_matches(|c: char| !matches!(c, ',' | '}' | ';' | '\n'));
            }
        }
    }
}

fn place(list: &[&str], name: &str) -> Option<usize> {
    list.iter().position(|known| *known == name)
}

/// Why `from` may not name `to`; `None` if it may.
fn objection(from: &str, to: &str) -> Option<String> {
    let (mut from_parts, mut to_parts) = (from.split('/'), to.split('/'));
    let (from_floor, to_floor) = (from_parts.next()?, to_parts.next()?);
    // What is no floor is a macro.
    let to_place = place(FLOORS, to_floor)?;
    let Some(from_place) = place(FLOORS, from_floor) else { return Some(format!("`{from_floor}` is no floor of the house")) };
    if to_place > from_place {
        return Some(format!("`{from_floor}` may not use `{to_floor}`, which stands above it"));
    }
    let (from_room, to_room) = (from_parts.next()?, to_parts.next()?);
    if to_floor != from_floor || from_room == to_room {
        return None;
    }
    match to_floor {
        "engine" => {
            let to_is_engine = ENGINES.iter().any(|(name, _)| *name == to_room);
            let may = ENGINES.iter().find(|(name, _)| *name == from_room).is_some_and(|(_, others)| others.contains(&to_room));
            (to_is_engine && !may).then(|| format!("engine `{from_room}` may not use engine `{to_room}`"))
        }
        "domain" => {
            let is_before = place(CAPABILITIES, to_room)? < place(CAPABILITIES, from_room).unwrap_or(usize::MAX);
            (!is_before).then(|| format!("capability `{from_room}` may not use `{to_room}`, which comes after it"))
        }
        _ => None,
    }
}

fn assert_none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

#[test]
fn imports_go_downward() {
    let mut findings = Vec::new();
    for source in sources(&["src"]).iter().filter(|source| !source.module.is_empty()) {
        let code: String = source.code().flat_map(|line| [line, "\n"]).collect();
        for named in named_modules(&code) {
            findings.extend(
                objection(&source.module, &named).map(|why| format!("{}: crate::{}: {why}", source.path, named.replace('/', "::"))),
            );
        }
    }
    assert_none(&findings);
}

#[test]
fn every_engine_and_capability_has_its_place() {
    let mut findings = Vec::new();
    for source in sources(&["src"]).iter().filter(|source| !source.module.is_empty()) {
        let mut parts = source.module.split('/');
        let (floor, room) = (parts.next().unwrap_or_default(), parts.next());
        let is_known = match (floor, room) {
            ("engine", Some(room)) => ENGINES.iter().any(|(name, _)| *name == room),
            ("domain", Some(room)) => CAPABILITIES.contains(&room),
            _ => FLOORS.contains(&floor),
        };
        if !is_known {
            findings.push(format!("{}: `{}` has no place in the tables of tests/it/tidy.rs", source.path, room.unwrap_or(floor)));
        }
    }
    assert_none(&findings);
}

#[test]
fn a_crate_is_named_only_where_it_belongs() {
    let mut findings = Vec::new();
    for source in sources(&["src"]) {
        for line in source.code() {
            for (name, modules) in CRATES {
                let belongs = modules.iter().any(|module| source.module == *module || source.module.starts_with(&format!("{module}/")));
                if !belongs && names_crate(line, name) {
                    findings.push(format!("{}: `{name}` belongs in {}: {}", source.path, modules.join(", "), line.trim()));
                }
            }
        }
    }
    assert_none(&findings);
}

/// Whether a line has a path that begins with the crate, or `use`s it whole.
fn names_crate(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + name.len()..]);
        let after = if name.ends_with('_') { after.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_') } else { after };
        let is_start = !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.' | '"' | '`'));
        is_start && (after.starts_with("::") || before.trim_end().ends_with("use") && after.starts_with([';', ' ']))
    })
}

#[test]
fn every_source_file_says_what_it_is_for() {
    // A file of unit tests is for the file it is named after.
    let silent = sources(&["src"]).into_iter().filter(|source| !source.module.ends_with("/tests") && !source.text.starts_with("//!"));
    assert_none(&silent.map(|source| format!("{}: does not begin with `//!`", source.path)).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_undone_skipped_or_slept_through() {
    let mut findings = Vec::new();
    for source in sources(&["src", "tests"]) {
        for (at, line) in source.text.lines().enumerate() {
            for (head, tail) in FORBIDDEN {
                let word = format!("{head}{tail}");
                // A bench may wait: how much a process takes while it rests is measured while it rests.
                let is_bench = source.path.starts_with("tests/bench/") && word == "thread::sleep";
                if line.contains(&word) && !is_bench {
                    findings.push(format!("{}:{}: `{word}`", source.path, at + 1));
                }
            }
        }
    }
    assert_none(&findings);
}

#[test]
fn no_file_has_two_ideas() {
    let long = sources(&["src", "tests"]).into_iter().filter(|source| source.code().count() > CODE_LINES);
    assert_none(
        &long.map(|source| format!("{}: {} lines of code, more than {CODE_LINES}", source.path, source.code().count())).collect::<Vec<_>>(),
    );
}

#[test]
fn the_rules_see_what_they_forbid() {
    let code = "use crate::base::{id::Id, name as n};\nuse crate::{app, domain::issues::{self, track}};\nlet x = crate::http::serve(2);\nmycrate::ui::x();";
    let named: Vec<String> = named_modules(code).into_iter().collect();
    let expected = ["app", "base/id/Id", "base/name", "domain/issues/self", "domain/issues/track", "http/serve"];
    assert_eq!(named, expected);
    let refused = [
        ("base/id", "engine/store"),
        ("engine/queue", "engine/git"),
        ("engine/store", "engine/queue"),
        ("domain/repos", "domain/issues/track"),
        ("domain/issues", "app"),
        ("app/runner", "http/checks"),
        ("elsewhere", "base"),
    ];
    for (from, to) in refused {
        assert!(objection(from, to).is_some(), "{from} → {to}");
    }
    let allowed = [
        ("engine/queue/item", "engine/store/Record"),
        ("engine/git/transport", "engine/outbound"),
        ("domain/statuses/gate", "domain/issues"),
        ("domain/issues/track", "domain/issues/issue"),
        ("cli/serve", "ui"),
        ("app/runner", "words"),
        ("ui", "ui/home"),
    ];
    for (from, to) in allowed {
        assert_eq!(objection(from, to), None, "{from} → {to}");
    }
    assert!(names_crate("use axum;", "axum") && names_crate("    fn f(x: axum::Router) {", "axum") && names_crate("gix_hash::x()", "gix_"));
    assert!(!names_crate("crate::redb::x", "redb") && !names_crate("// like axum does", "axum") && !names_crate("self.gix::x", "gix"));
}
