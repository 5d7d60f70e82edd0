//! What the checks cost that look at source text, and how well `duplication` tells repeated code from code that is alike: on a tree of
//! 100,000 lines whose truth is known, beside `jscpd` in the same run.
//!
//! The tree is made from a seed: functions in five languages that are like no other, and among them some that were copied to one place or
//! two more, as they are or indented and commented anew. Decoys are what looks alike and is nobody's fault: license headers, import blocks,
//! tables of values, generated files, classes of accessors that differ in every name.
//!
//! A place counts as found if at least half of the lines of both, what is told and what is true, are the same. `jscpd` is looked for in
//! `PEERS`, else below `~/.cache/plumbline/tools`: with the engine in JavaScript (up to version 4, in `jscpd-js`), and with the
//! later one, which is a native program. One that is not there is passed over, and that is said.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should say so where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use plumbline::base::name::{BlobId, TreePath};
use plumbline::domain::checks::builtin::{self, MAX_PER_CHECK};
use plumbline::engine::git;
use plumbline::engine::git::tree::{FileKind, Listing, Tree, TreeFile};

mod support;

use support::{Dice, Table, median, ms};

const NOUNS: [&str; 40] = [
    "order", "invoice", "packet", "cursor", "window", "ledger", "parcel", "socket", "signal", "bucket", "marker", "border", "filter",
    "source", "target", "member", "branch", "ticket", "tariff", "vessel", "anchor", "column", "record", "folder", "driver", "engine",
    "worker", "beacon", "charge", "metric", "sample", "vector", "matrix", "header", "footer", "buffer", "handle", "lookup", "region",
    "margin",
];
const VERBS: [&str; 24] = [
    "load", "store", "merge", "split", "count", "parse", "render", "queue", "drain", "flush", "select", "reject", "expand", "reduce",
    "verify", "encode", "decode", "notify", "attach", "detach", "locate", "filter", "settle", "charge",
];
const LANGUAGES: [&str; 5] = ["rs", "py", "ts", "go", "java"];

/// A file's path, its first line and its last.
type Place = (String, u32, u32);

struct Corpus {
    files: BTreeMap<String, String>,
    /// Where the copies are.
    truth: Vec<Place>,
    lines: usize,
}

fn name(dice: &mut Dice) -> String {
    format!("{}_{}", dice.pick(&VERBS), dice.pick(&NOUNS))
}

/// A statement that hardly any other function has.
fn statement(language: &str, dice: &mut Dice) -> Vec<String> {
    let (a, b, c, n) = (name(dice), dice.pick(&NOUNS), dice.pick(&NOUNS), dice.roll(9_000));
    let shape = dice.roll(6);
    let one = |text: String| vec![text];
    match (language, shape) {
        ("rs", 0) => one(format!("let {a} = {b}.iter().filter(|{c}| {c}.weight > {n}).count();")),
        ("rs", 1) => vec![format!("if {b}.{c}() > {n} {{"), format!("    return Err(Error::{c}({n}));"), "}".to_owned()],
        ("rs", 2) => vec![format!("for {b} in self.{c}.drain(..{n}) {{"), format!("    {a}({b}, {n})?;"), "}".to_owned()],
        ("rs", 3) => one(format!("self.{b}.insert({c}.id, {a}({b}, \"{c}\"));")),
        ("rs", _) => one(format!("let mut {b}_{c} = {a}(&self.{b}, {n})?;")),
        ("py", 0) => one(format!("{a} = [{c} for {c} in {b} if {c}.weight > {n}]")),
        ("py", 1) => vec![format!("if {b}.{c} > {n}:"), format!("    raise {c}Error(\"{a}\", {n})")],
        ("py", 2) => vec![format!("for {b} in self.{c}[:{n}]:"), format!("    {a}({b}, {n})")],
        ("py", 3) => one(format!("self.{b}[{c}.id] = {a}({b}, '{c}')")),
        ("py", _) => one(format!("{b}_{c} = self.{a}({b}, limit={n})")),
        ("ts", 0) => one(format!("const {a} = {b}.filter(({c}) => {c}.weight > {n}).length;")),
        ("ts", 1) => vec![format!("if ({b}.{c} > {n}) {{"), format!("  throw new Error(`{a} ${{{c}}}`);"), "}".to_owned()],
        ("ts", 2) => vec![format!("for (const {b} of this.{c}.slice({n})) {{"), format!("  await {a}({b}, {n});"), "}".to_owned()],
        ("ts", _) => one(format!("this.{b}.set({c}.id, {a}({b}, '{c}', {n}));")),
        ("go", 0) => vec![
            format!("{a}, err := s.{b}({c}, {n})"),
            "if err != nil {".to_owned(),
            format!("\treturn fmt.Errorf(\"{c}: %w\", err)"),
            "}".to_owned(),
        ],
        ("go", 1) => vec![format!("for _, {b} := range s.{c} {{"), format!("\t{a}({b}, {n})"), "}".to_owned()],
        ("go", _) => one(format!("s.{b}[{c}.ID] = {a}({b}, \"{c}\", {n})")),
        (_, 0) => one(format!("int {a} = {b}.stream().filter({c} -> {c}.weight() > {n}).count();")),
        (_, 1) => vec![format!("if ({b}.{c}() > {n}) {{"), format!("    throw new IllegalStateException(\"{a}\");"), "}".to_owned()],
        (_, 2) => vec![format!("for (var {b} : this.{c}) {{"), format!("    {a}({b}, {n});"), "}".to_owned()],
        (_, _) => one(format!("this.{b}.put({c}.id(), {a}({b}, \"{c}\"));")),
    }
}

/// A function of so many statements.
fn function(language: &str, statements: usize, dice: &mut Dice) -> Vec<String> {
    let (f, a, b) = (name(dice), dice.pick(&NOUNS), dice.pick(&NOUNS));
    let (open, close) = match language {
        "rs" => (format!("pub fn {f}(&mut self, {a}: &[{b}]) -> Result<()> {{"), "}"),
        "py" => (format!("def {f}(self, {a}, {b}=None):"), ""),
        "ts" => (format!("async {f}({a}: {b}[]): Promise<void> {{"), "}"),
        "go" => (format!("func (s *Server) {f}({a} []{b}) error {{"), "}"),
        _ => (format!("public void {f}(List<{b}> {a}) {{"), "}"),
    };
    let mut lines = vec![open];
    for _ in 0..statements {
        lines.extend(statement(language, dice).into_iter().map(|line| format!("    {line}")));
    }
    if !close.is_empty() {
        lines.push(close.to_owned());
    }
    lines
}

/// The same code as somebody would paste it elsewhere: deeper, and with a comment.
fn pasted(language: &str, lines: &[String]) -> Vec<String> {
    let comment = if language == "py" { "#" } else { "//" };
    let deeper = |(n, line): (usize, &String)| {
        let note = if n == 3 { format!("  {comment} see above") } else { String::new() };
        format!("    {line}{note}")
    };
    lines.iter().enumerate().map(deeper).collect()
}

/// A block that is in many files and is nobody's fault.
fn decoy(language: &str, sort: usize, dice: &mut Dice) -> Vec<String> {
    let comment = if language == "py" { "#" } else { "//" };
    match sort {
        0 => (0..24)
            .map(|n| {
                format!("{comment} Clause {n}: this work is provided as it is, without any warranty whatever, to whom it may concern.")
            })
            .collect(),
        1 => {
            let import = |n: usize| match language {
                "rs" => format!("use crate::shared::{}::{{First{n}, second_{n}}};", NOUNS[n]),
                "py" => format!("from shared.{} import First{n}, second_{n}", NOUNS[n]),
                "ts" => format!("import {{ First{n}, second{n} }} from '../shared/{}';", NOUNS[n]),
                "go" => format!("import \"example.org/shared/{}\"", NOUNS[n]),
                _ => format!("import org.example.shared.{}.First{n};", NOUNS[n]),
            };
            (0..20).map(import).collect()
        }
        // Rows of values that two modules both need.
        2 => {
            let (open, close) = match language {
                "rs" => ("const TABLE: &[(u32, u32, &str)] = &[", "];"),
                "py" => ("TABLE = [", "]"),
                "ts" => ("const TABLE = [", "];"),
                "go" => ("var table = []row{", "}"),
                _ => ("static final Row[] TABLE = {", "};"),
            };
            let rows = (0..24).map(|n| {
                if language == "rs" { format!("    ({n}, {}, \"unit\"),", n * 7) } else { format!("    [{n}, {}, \"unit\"],", n * 7) }
            });
            std::iter::once(open.to_owned()).chain(rows).chain([close.to_owned()]).collect()
        }
        // Accessors: the shape is the same everywhere, and every name differs.
        _ => (0..6)
            .flat_map(|_| {
                let field = format!("{}_{}", name(dice), dice.roll(900));
                match language {
                    "rs" => vec![format!("pub fn {field}(&self) -> &{field} {{"), format!("    &self.{field}"), "}".to_owned()],
                    "py" => vec!["@property".to_owned(), format!("def {field}(self):"), format!("    return self._{field}")],
                    "ts" => vec![format!("get {field}() {{"), format!("  return this.inner.{field};"), "}".to_owned()],
                    "go" => vec![format!("func (s *Server) Get{field}() string {{"), format!("\treturn s.{field}"), "}".to_owned()],
                    _ => vec![format!("public String get{field}() {{"), format!("    return this.{field};"), "}".to_owned()],
                }
            })
            .collect(),
    }
}

fn corpus(lines: usize) -> Corpus {
    let mut dice = Dice(11);
    let mut corpus = Corpus { files: BTreeMap::new(), truth: Vec::new(), lines: 0 };
    // What is copied, by language, with how many copies are still to be placed.
    let mut waiting: Vec<(&str, Vec<String>, usize)> = Vec::new();
    let mut places: Vec<(usize, Place)> = Vec::new();
    while corpus.lines < lines {
        let number = corpus.files.len();
        let language = LANGUAGES[number % LANGUAGES.len()];
        let path = format!("src/part{:02}/{}_{number}.{language}", number % 17, dice.pick(&NOUNS));
        let mut text: Vec<String> = Vec::new();
        if dice.roll(3) > 0 {
            text.extend(decoy(language, 0, &mut dice));
        }
        if dice.roll(3) > 0 {
            text.extend(decoy(language, 1, &mut dice));
        }
        for block in 0..4 + dice.roll(6) {
            text.push(String::new());
            let size = 6 + dice.roll(10);
            text.extend(function(language, size, &mut dice));
            text.push(String::new());
            if block == 2 && dice.roll(4) == 0 {
                let sort = 2 + dice.roll(2);
                text.extend(decoy(language, sort, &mut dice));
            }
            let copied = match waiting.iter_mut().enumerate().find(|(_, (of, _, left))| *of == language && *left > 0) {
                Some((id, (_, lines, left))) if dice.roll(3) == 0 => {
                    *left -= 1;
                    Some((id, if dice.roll(2) == 0 { lines.clone() } else { pasted(language, lines) }))
                }
                None if dice.roll(8) == 0 => {
                    let size = 9 + dice.roll(14);
                    let lines = function(language, size, &mut dice);
                    waiting.push((language, lines.clone(), 1 + dice.roll(2)));
                    Some((waiting.len() - 1, lines))
                }
                _ => None,
            };
            if let Some((id, lines)) = copied {
                let begin = u32::try_from(text.len() + 1).unwrap();
                text.extend(lines);
                places.push((id, (path.clone(), begin, u32::try_from(text.len()).unwrap())));
            }
        }
        corpus.lines += text.len();
        corpus.files.insert(path, text.join("\n") + "\n");
    }
    // What was not placed a second time is no copy.
    let is_copied = |id: usize| places.iter().filter(|(of, _)| *of == id).count() > 1;
    corpus.truth = places.iter().filter(|(id, _)| is_copied(*id)).map(|(_, place)| place.clone()).collect();
    // A tool's work, twice.
    for n in 0..6 {
        let body = function("go", 40, &mut dice).join("\n");
        for copy in 0..2 {
            corpus.files.insert(format!("src/api{copy}/types_{n}.go"), format!("// Code generated by a tool. DO NOT EDIT.\n\n{body}\n"));
        }
    }
    corpus
}

/// A folder, read as it is asked for.
struct Disk {
    top: PathBuf,
    listing: Listing,
}

impl Disk {
    fn path(&self, file: &TreeFile) -> PathBuf {
        self.top.join(String::from_utf8_lossy(file.path.as_bytes()).as_ref())
    }
}

impl Tree for Disk {
    fn listing(&self) -> &Listing {
        &self.listing
    }

    fn content_size(&self, file: &TreeFile) -> git::Result<u64> {
        Ok(std::fs::metadata(self.path(file)).unwrap().len())
    }

    fn content(&self, file: &TreeFile, _: u64) -> git::Result<Vec<u8>> {
        Ok(std::fs::read(self.path(file)).unwrap())
    }

    fn content_head(&self, file: &TreeFile, most: u64) -> git::Result<Vec<u8>> {
        let mut head = self.content(file, u64::MAX)?;
        head.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        Ok(head)
    }
}

fn disk(top: &Path, corpus: &Corpus) -> Disk {
    let mut listing = Listing::default();
    for (path, content) in &corpus.files {
        let at = top.join(path);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(at, content).unwrap();
        let blob = BlobId::from_bytes([0; 20]);
        listing.files.push(TreeFile { path: TreePath::new(path.as_str()), kind: FileKind::Regular, blob });
    }
    Disk { top: top.to_owned(), listing }
}

/// What a check says of the tree, and the processor time of one of several runs.
fn measured(check: &str, tree: &Disk, rounds: usize) -> (Vec<Place>, Duration) {
    let plugin = builtin::find(check).unwrap();
    let files: Vec<&TreeFile> = tree.files().iter().collect();
    let mut places = Vec::new();
    let before = support::cpu();
    for _ in 0..rounds {
        let said = builtin::run(plugin, tree, &files, MAX_PER_CHECK, &|| false, &mut |_| {}).unwrap();
        places = said
            .of_files
            .iter()
            .chain(&said.of_tree)
            .filter_map(|finding| Some((finding.path.to_string(), finding.span?.line_start, finding.span?.line_end)))
            .collect();
    }
    (places, (support::cpu() - before) / u32::try_from(rounds).unwrap())
}

/// Precision and recall, in thousandths.
fn judged(said: &[Place], truth: &[Place]) -> (usize, usize) {
    let is_same = |a: &Place, b: &Place| {
        let shared = (a.2.min(b.2) + 1).saturating_sub(a.1.max(b.1));
        a.0 == b.0 && shared * 2 >= (a.2 - a.1 + 1).max(b.2 - b.1 + 1)
    };
    let right = said.iter().filter(|said| truth.iter().any(|truth| is_same(said, truth))).count();
    let found = truth.iter().filter(|truth| said.iter().any(|said| is_same(said, truth))).count();
    (right * 1_000 / said.len().max(1), found * 1_000 / truth.len().max(1))
}

/// What a `jscpd` says, the processor time of its process and its children, and which version it is; `None` if it is not there.
fn peer(modules: &Path, top: &Path, flags: &[&str]) -> Option<(Vec<Place>, Duration, String)> {
    let program = modules.join("node_modules/.bin/jscpd");
    let manifest = std::fs::read_to_string(modules.join("node_modules/jscpd/package.json")).ok()?;
    let version = serde_json::from_str::<serde_json::Value>(&manifest).ok()?["version"].as_str()?.to_owned();
    let out = tempfile::tempdir().unwrap();
    let before = children();
    #[expect(clippy::disallowed_methods, reason = "a peer is a program")]
    let mut command = std::process::Command::new(program);
    command.args(["--silent", "--reporters", "json", "--output"]).arg(out.path()).args(flags).arg(top);
    command.output().ok()?;
    let took = children() - before;
    let report = std::fs::read_to_string(out.path().join("jscpd-report.json")).ok()?;
    let report: serde_json::Value = serde_json::from_str(&report).ok()?;
    let mut places = BTreeSet::new();
    for pair in report["duplicates"].as_array()? {
        for side in ["firstFile", "secondFile"] {
            let name = pair[side]["name"].as_str()?;
            let name = name.find("src/").map_or(name, |at| &name[at..]);
            let line = |key: &str| u32::try_from(pair[side][key].as_u64().unwrap_or(1)).unwrap();
            places.insert((name.to_owned(), line("start"), line("end")));
        }
    }
    Some((places.into_iter().collect(), took, version))
}

/// The processor time of children that have ended.
fn children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    Duration::from_millis(fields[13..15].iter().map(|field| field.parse::<u64>().unwrap()).sum::<u64>() * 10)
}

fn share(thousandths: usize) -> String {
    format!("{}.{}%", thousandths / 10, thousandths % 10)
}

fn main() {
    let (lines, rounds) = if support::is_smoke() { (4_000, 1) } else { (100_000, 5) };
    let dir = support::folder();
    let corpus = corpus(lines);
    let tree = disk(dir.path(), &corpus);
    println!("{} lines in {} files, {} places of copied code", corpus.lines, corpus.files.len(), corpus.truth.len());

    let mut table = Table::new();
    let (said, own) = measured("duplication", &tree, rounds);
    let (precision, recall) = judged(&said, &corpus.truth);
    table.time("`duplication`, processor time", own, Duration::from_millis(300));
    let (_, complexity) = measured("complexity", &tree, rounds);
    table.tell("`complexity`, processor time", &ms(complexity));
    let (_, todo) = measured("todo", &tree, rounds);
    table.tell("`todo`, processor time", &ms(todo));
    table.time("`duplication`, `complexity` and `todo` together", own + complexity + todo, Duration::from_millis(1_000));
    table.bound("`duplication`, precision", &share(precision), "at least 98%", precision >= 980);
    table.bound("`duplication`, recall", &share(recall), "at least 98%", recall >= 980);

    let home = std::env::var_os("HOME").map_or_else(PathBuf::new, PathBuf::from);
    let tools = std::env::var_os("PEERS").map_or_else(|| home.join(".cache/plumbline/tools"), PathBuf::from);
    for (modules, least) in [(tools.join("jscpd-js"), Some(20)), (tools.clone(), None)] {
        for flags in [&[][..], &["--min-tokens", "70", "--min-lines", "8"]] {
            let mut times = Vec::new();
            let mut last = None;
            for _ in 0..rounds.min(2) {
                last = peer(&modules, dir.path(), flags).inspect(|(_, took, _)| times.push(*took));
            }
            let Some((said, _, version)) = last else {
                println!("`jscpd` in {} is not there, or says nothing: passed over", modules.display());
                break;
            };
            let took = median(times);
            let with = if flags.is_empty() { "as it is".to_owned() } else { flags.join(" ") };
            let (its_precision, its_recall) = judged(&said, &corpus.truth);
            let ratio = took.as_secs_f64() / own.as_secs_f64().max(1e-3);
            let figure = format!("`jscpd` {version} ({with}), processor time; times ours");
            let measured = format!("{}; {ratio:.1}", ms(took));
            match least {
                Some(least) => table.bound(&figure, &measured, &format!("at least {least} times ours"), ratio >= f64::from(least)),
                None => table.bound(&figure, &measured, "no less than ours", ratio >= 1.0),
            }
            table.bound(
                &format!("`jscpd` {version} ({with}), precision"),
                &share(its_precision),
                "no better than ours",
                its_precision <= precision,
            );
            table.bound(&format!("`jscpd` {version} ({with}), recall"), &share(its_recall), "no better than ours", its_recall <= recall);
        }
    }
    table.finish();
}
