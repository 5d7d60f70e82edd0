//! What license files and manifests declare, folder by folder.

use std::collections::BTreeMap;

use serde_json::Value;
use spdx::{Expression, LicenseItem, ParseMode};

use super::super::subject::Subject;
use super::{finding, text};
use crate::base::name::TreePath;
use crate::base::text::clip;
use crate::domain::issues::finding::{Finding, Severity};
use crate::engine::git;
use crate::engine::git::tree::{FileKind, Tree, TreeFile};

/// The largest license file or manifest that is read.
const LARGEST: u64 = 256 << 10;
/// Extensions of data, settings, pictures and programs that `header` does not read: whatever such a file is called, it is no license's text.
const NO_TEXTS: [&str; 24] = [
    "json", "jsonc", "yml", "yaml", "toml", "xml", "csv", "ini", "cfg", "lock", "css", "scss", "less", "vue", "svelte", "ejs", "erb",
    "svg", "png", "jpg", "gif", "ico", "pdf", "ipynb",
];
/// The most files of either sort that are read.
const MOST: usize = 2_000;
/// The most licenses that a folder is said to declare.
const NAMES: usize = 50;

/// What one folder declares.
#[derive(Debug, Default)]
pub struct Declared {
    /// The file that says so, to be named.
    pub from: String,
    /// Names of licenses without `-only` and `-or-later`.
    licenses: Vec<String>,
    /// Whether something was declared that is not understood: then nothing conflicts.
    is_unclear: bool,
}

impl Declared {
    /// Whether an expression can be met by what is declared, or nothing can be said.
    pub fn is_agreed(&self, expression: &Expression) -> bool {
        let knows = |item: &LicenseItem| match item {
            LicenseItem::Spdx { id, .. } => self.licenses.iter().any(|known| known == family(id.name)),
            // What a repository defines for itself, it knows.
            LicenseItem::Other(_) => true,
        };
        self.is_unclear || self.licenses.is_empty() || expression.evaluate(|requirement| knows(&requirement.license))
    }

    /// The licenses, in code marks.
    pub fn names(&self) -> String {
        self.licenses.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }

    fn add(&mut self, from: &TreePath, name: &str) {
        if self.from.is_empty() {
            self.from = from.to_string();
        }
        if self.licenses.len() < NAMES && !self.licenses.iter().any(|known| known == name) {
            self.licenses.push(name.to_owned());
        }
    }
}

/// What every folder declares that declares anything.
#[derive(Debug, Default)]
pub struct Scopes {
    by_folder: BTreeMap<Vec<u8>, Declared>,
    findings: Vec<Finding>,
    has_license: bool,
}

/// What a manifest says of its license.
struct Statement {
    line: u32,
    text: String,
    /// Whether its format asks for an expression of SPDX.
    is_strict: bool,
}

impl Scopes {
    /// Reads the license files and manifests of a tree.
    pub fn of(tree: &dyn Tree, cancel: &dyn Fn() -> bool) -> git::Result<Scopes> {
        let mut scopes = Scopes::default();
        let mut manifests = Vec::new();
        for file in tree.files().iter().filter(|file| file.kind != FileKind::Submodule && may_declare(file)).take(MOST) {
            if cancel() {
                return Ok(scopes);
            }
            let content = match tree.read(file, LARGEST) {
                Err(error) if error.is_transient() => return Err(error),
                read => read.unwrap_or_default(),
            };
            if is_manifest(Subject::of(&file.path).name()) {
                manifests.push((file, content));
            } else {
                scopes.license_file(file, &content);
            }
        }
        for (file, content) in manifests {
            if let Some(statement) = stated(Subject::of(&file.path).name(), &content) {
                scopes.manifest(file, &statement);
            }
        }
        Ok(scopes)
    }

    /// What is wrong with the declarations themselves.
    pub fn findings(&self) -> Vec<Finding> {
        self.findings.clone()
    }

    /// Whether the root says anything of a license.
    pub fn has_license(&self) -> bool {
        self.has_license
    }

    /// What the nearest folder above a file declares.
    pub fn around(&self, path: &TreePath) -> Option<&Declared> {
        let mut folder = folder(path);
        loop {
            if let Some(declared) = self.by_folder.get(folder) {
                return Some(declared);
            }
            if folder.is_empty() {
                return None;
            }
            folder = &folder[..memchr::memrchr(b'/', folder).unwrap_or(0)];
        }
    }

    fn license_file(&mut self, file: &TreeFile, content: &[u8]) {
        let mut place = folder(&file.path);
        // `LICENSES/` holds the texts of all that the folder above uses, each under its name.
        let is_collected = place.rsplit(|byte| *byte == b'/').next().is_some_and(|name| name.eq_ignore_ascii_case(b"licenses"));
        if is_collected {
            place = &place[..memchr::memrchr(b'/', place).unwrap_or(0)];
        }
        self.has_license |= place.is_empty();
        let declared = self.by_folder.entry(place.to_owned()).or_default();
        let name = file.path.to_string();
        let stem = name.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(stem, _)| stem);
        match text::detect(content).or_else(|| spdx::license_id(stem).map(|id| family(id.name))) {
            Some(license) => declared.add(&file.path, license),
            None => declared.is_unclear = true,
        }
    }

    fn manifest(&mut self, file: &TreeFile, statement: &Statement) {
        let place = folder(&file.path).to_owned();
        let at_root = place.is_empty();
        let declared = self.by_folder.entry(place).or_default();
        let Statement { line, text, is_strict } = statement;
        let says_own = ["unlicensed", "proprietary", "see license in"].iter().any(|own| text.to_lowercase().starts_with(own));
        if says_own {
            declared.is_unclear = true;
            self.has_license |= at_root;
            return;
        }
        let lax = ParseMode { allow_slash_as_or_operator: true, ..ParseMode::LAX };
        match (text.len() < 200).then(|| Expression::parse_mode(text, lax)) {
            Some(Ok(expression)) => {
                let agreed = declared.is_agreed(&expression);
                if !agreed {
                    let message = format!(
                        "The manifest says `{}`, and `{}` is the text of {}; make them agree",
                        clip(text, 80),
                        declared.from,
                        declared.names()
                    );
                    self.findings.push(finding(&file.path, "license-conflict", Severity::Major, Some(*line), message));
                }
                for requirement in expression.requirements() {
                    if let Some(id) = requirement.req.license.id() {
                        declared.add(&file.path, family(id.name));
                    }
                }
            }
            _ => {
                declared.is_unclear = true;
                if *is_strict {
                    let meant =
                        spdx::imprecise_license_id(text).map(|(id, _)| format!("; did you mean `{}`?", id.name)).unwrap_or_default();
                    let message = format!("`{}` is no license that SPDX knows{meant}", clip(text, 60));
                    self.findings.push(finding(&file.path, "invalid-spdx", Severity::Minor, Some(*line), message));
                }
            }
        }
    }
}

/// The name of a license without what says whether later versions are meant, which its text does not say.
fn family(name: &str) -> &str {
    name.strip_suffix("-only").or_else(|| name.strip_suffix("-or-later")).unwrap_or(name).trim_end_matches('+')
}

fn folder(path: &TreePath) -> &[u8] {
    let bytes = path.as_bytes();
    &bytes[..memchr::memrchr(b'/', bytes).unwrap_or(0)]
}

/// Whether a file of this name, in lower case, can say a license among other things.
pub fn is_manifest(name: &str) -> bool {
    matches!(name, "package.json" | "cargo.toml" | "pyproject.toml" | "composer.json")
}

/// Whether a file can say what the license is, by its name and place.
fn may_declare(file: &TreeFile) -> bool {
    let subject = Subject::of(&file.path);
    if subject.is_foreign() || subject.is_specimen() || subject.is_in_tests() {
        return false;
    }
    let name = subject.name();
    let stem = name.split(['.', '-', '_']).next().unwrap_or(name);
    let is_other = super::header::SOURCES.contains(&subject.extension()) || NO_TEXTS.contains(&subject.extension());
    let is_license = matches!(stem, "license" | "licence" | "copying" | "unlicense")
        || name.ends_with("-license")
        || name.ends_with("-license.txt")
        || subject.folders().last() == Some("licenses");
    is_manifest(name) || is_license && !is_other
}

/// What a manifest says.
fn stated(name: &str, content: &[u8]) -> Option<Statement> {
    let content = std::str::from_utf8(content).ok()?;
    let (text, is_strict) = match name {
        "package.json" | "composer.json" => {
            let manifest: Value = serde_json::from_str(content).ok()?;
            let license = manifest.get("license")?;
            let text = match license {
                Value::String(text) => text.clone(),
                // Either of several, as PHP's packages say it.
                Value::Array(several) => several.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" OR "),
                other => other.get("type")?.as_str()?.to_owned(),
            };
            (text, true)
        }
        "cargo.toml" => {
            let manifest: toml::Table = content.parse().ok()?;
            let of = |table: &toml::Value| Some(table.get("package")?.get("license")?.as_str()?.to_owned());
            let own = of(&toml::Value::Table(manifest.clone()));
            (own.or_else(|| manifest.get("workspace").and_then(of))?, true)
        }
        _ => {
            let manifest: toml::Table = content.parse().ok()?;
            let of_project = manifest.get("project").and_then(|project| project.get("license"));
            let license = of_project.or_else(|| manifest.get("tool")?.get("poetry")?.get("license"))?;
            // A table with a text or a file is free text.
            (license.as_str().or_else(|| license.get("text")?.as_str())?.to_owned(), license.is_str())
        }
    };
    let at = content.lines().position(|line| line.trim_start().trim_start_matches('"').starts_with("license")).unwrap_or(0);
    (!text.trim().is_empty()).then(|| Statement { line: u32::try_from(at + 1).unwrap_or(1), text: text.trim().to_owned(), is_strict })
}
