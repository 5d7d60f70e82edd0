//! `build-output`: folders that a tool fills, committed by a slip.
//!
//! Said once a folder, at its first file, with the number of files. `dist` and `build` are not among them: what is published from there
//! is often committed on purpose.

use std::collections::BTreeMap;

use crate::base::name::TreePath;
use crate::base::text::{clip, count};
use crate::domain::issues::finding::{Finding, Kind, Severity};
use crate::engine::git::tree::TreeFile;

use super::super::subject::Subject;

/// The most folders that are spoken of.
const MOST: usize = 200;

/// Names of folders, the folder that must be above if any, and who fills them.
const FILLED: [(&str, Option<&str>, &str); 27] = [
    ("node_modules", None, "a package manager"),
    ("bower_components", None, "a package manager"),
    ("jspm_packages", None, "a package manager"),
    ("site-packages", None, "pip"),
    ("__pycache__", None, "Python"),
    (".pytest_cache", None, "pytest"),
    (".mypy_cache", None, "mypy"),
    (".ruff_cache", None, "Ruff"),
    (".tox", None, "tox"),
    (".nox", None, "nox"),
    (".eggs", None, "setuptools"),
    (".gradle", None, "Gradle"),
    (".next", None, "Next.js"),
    (".nuxt", None, "Nuxt"),
    (".svelte-kit", None, "SvelteKit"),
    (".parcel-cache", None, "Parcel"),
    (".turbo", None, "Turborepo"),
    (".terraform", None, "Terraform"),
    (".serverless", None, "Serverless"),
    (".vs", None, "Visual Studio"),
    ("cmakefiles", None, "CMake"),
    ("deriveddata", None, "Xcode"),
    ("debug", Some("target"), "Cargo"),
    ("release", Some("target"), "Cargo"),
    ("classes", Some("target"), "Maven"),
    ("debug", Some("obj"), "the .NET SDK"),
    ("debug", Some("bin"), "the .NET SDK"),
];

/// Speaks of folders that a tool fills.
pub fn judge(files: &[TreeFile], cancel: &dyn Fn() -> bool) -> Vec<Finding> {
    let mut folders: BTreeMap<&[u8], (&TreePath, &str, u64)> = BTreeMap::new();
    for file in files {
        if cancel() {
            return Vec::new();
        }
        let Some((folder, by)) = filled(&file.path) else { continue };
        if let Some((_, _, files)) = folders.get_mut(folder) {
            *files += 1;
        } else if folders.len() < MOST && !is_kept_on_purpose(folder) {
            folders.insert(folder, (&file.path, by, 1));
        }
    }
    folders
        .into_iter()
        .map(|(folder, (first, by, files))| Finding {
            rule: "build-output".to_owned(),
            message: format!(
                "`{}` was committed, {} that {by} puts there; take it out (`git rm -r --cached`) and add it to .gitignore",
                clip(&TreePath::new(folder).to_string(), 100),
                count(files, "file")
            ),
            path: first.clone(),
            span: None,
            kind: Kind::Quality,
            severity: Severity::Major,
            fingerprint: None,
        })
        .collect()
}

/// The topmost folder on the way to a file that a tool fills.
fn filled(path: &TreePath) -> Option<(&[u8], &'static str)> {
    let bytes = path.as_bytes();
    let (mut begin, mut above) = (0, &b""[..]);
    for slash in memchr::memchr_iter(b'/', bytes) {
        let name = &bytes[begin..slash];
        let by = FILLED.iter().find(|(filled, below, _)| {
            name.eq_ignore_ascii_case(filled.as_bytes()) && below.is_none_or(|below| above.eq_ignore_ascii_case(below.as_bytes()))
        });
        if let Some((_, _, by)) = by {
            return Some((&bytes[..slash], by));
        }
        (begin, above) = (slash + 1, name);
    }
    None
}

fn is_kept_on_purpose(folder: &[u8]) -> bool {
    let path = TreePath::new(folder);
    let subject = Subject::of(&path);
    subject.is_specimen() || subject.is_in_tests()
}
