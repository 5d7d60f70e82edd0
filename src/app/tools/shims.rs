//! Stand-ins of version managers: small programs in the search path that look up which version is meant and start that one.
//!
//! Within a sandbox they would not find their way, so the version is looked up here, as they would outside of any project: the one that is
//! set for the user. A project's own wish (`.python-version`, `rust-toolchain.toml`) is not followed, since it would have the repository
//! decide which program of the host runs.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::is_program;

/// The most versions that are looked at.
const MAX_VERSIONS: usize = 1_000;
/// The largest file of settings that is read.
const MAX_SETTINGS: u64 = 64 << 10;

/// The program itself; `None` if there is a stand-in and nothing behind it.
pub fn behind(found: &Path, name: &str) -> Option<PathBuf> {
    let folder = found.parent()?;
    if folder.file_name() == Some(OsStr::new("shims")) && folder.with_file_name("versions").is_dir() {
        return of_versions(folder.parent()?, name);
    }
    if is_rustup(found, folder) {
        return of_toolchain(folder.parent()?, name);
    }
    Some(found.to_path_buf())
}

/// pyenv, rbenv and their kin: `versions/3.11.7/bin`, the wanted ones named in the file `version`.
fn of_versions(manager: &Path, name: &str) -> Option<PathBuf> {
    let versions = manager.join("versions");
    let wanted = read(&manager.join("version")).unwrap_or_default();
    let wanted = wanted.split_whitespace().filter(|version| !version.contains('/')).map(|version| versions.join(version));
    let mut others = folders(&versions);
    others.reverse();
    wanted.chain(others).map(|version| version.join("bin").join(name)).find(|file| is_program(file))
}

/// Whether it is the one program that stands in for all of a Rust toolchain.
fn is_rustup(found: &Path, folder: &Path) -> bool {
    let is_named = std::fs::canonicalize(found).is_ok_and(|end| end.file_name() == Some(OsStr::new("rustup")));
    let same = || Some((std::fs::metadata(found).ok()?, std::fs::metadata(folder.join("rustup")).ok()?));
    is_named || same().is_some_and(|(one, two)| (one.dev(), one.ino()) == (two.dev(), two.ino()))
}

/// The toolchain that is the default: `.rustup` lies beside `.cargo`.
fn of_toolchain(cargo: &Path, name: &str) -> Option<PathBuf> {
    let home = [".rustup", "rustup"].iter().map(|rustup| cargo.with_file_name(rustup)).find(|home| home.join("toolchains").is_dir())?;
    let settings: toml::Table = read(&home.join("settings.toml")).and_then(|text| text.parse().ok()).unwrap_or_default();
    let default = settings.get("default_toolchain").and_then(toml::Value::as_str).unwrap_or("stable");
    let toolchains = folders(&home.join("toolchains"));
    let is_default = |folder: &&PathBuf| {
        let known = folder.file_name().and_then(OsStr::to_str).unwrap_or_default();
        known == default || known.strip_prefix(default).is_some_and(|rest| rest.starts_with('-'))
    };
    let file = toolchains.iter().find(is_default)?.join("bin").join(name);
    is_program(&file).then_some(file)
}

fn folders(within: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(within).into_iter().flatten().take(MAX_VERSIONS);
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn read(file: &Path) -> Option<String> {
    let size = std::fs::metadata(file).ok()?.len();
    (size <= MAX_SETTINGS).then(|| std::fs::read_to_string(file).ok())?
}
