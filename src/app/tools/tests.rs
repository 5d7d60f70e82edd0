use std::os::unix::fs::symlink;

use super::*;
use crate::domain::checks::catalogue;

/// A host's file system, made by hand in a folder of its own.
struct Host(tempfile::TempDir);

impl Host {
    fn new() -> Host {
        Host(tempfile::tempdir().unwrap())
    }

    fn at(&self, path: &str) -> PathBuf {
        std::fs::canonicalize(self.0.path()).unwrap().join(path)
    }

    fn file(&self, path: &str, content: &str, mode: u32) -> &Host {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn program(&self, path: &str) -> &Host {
        self.file(path, "\u{7f}ELF", 0o755)
    }

    fn folder(&self, path: &str) -> &Host {
        std::fs::create_dir_all(self.at(path)).unwrap();
        self
    }

    fn link(&self, path: &str, target: &str) -> &Host {
        std::fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        symlink(target, self.at(path)).unwrap();
        self
    }

    /// Where the tool is and what it needs, as paths on this host.
    fn locate(&self, tool: &str, path: &[&str]) -> Result<(String, Vec<String>), Missing> {
        self.locate_beside(tool, path, &[])
    }

    /// The same where we have folders of our own.
    fn locate_beside(&self, tool: &str, path: &[&str], hidden: &[PathBuf]) -> Result<(String, Vec<String>), Missing> {
        let path = std::env::join_paths(path.iter().map(|folder| self.at(folder))).unwrap();
        let located = locate(catalogue::find(tool).unwrap(), &path, hidden)?;
        let here = |path: &PathBuf| path.strip_prefix(self.at("")).unwrap_or(path).display().to_string();
        Ok((here(&located.executable), located.roots.iter().map(here).collect()))
    }
}

fn found(executable: &str, roots: &[&str]) -> Result<(String, Vec<String>), Missing> {
    Ok((executable.to_owned(), roots.iter().map(|root| (*root).to_owned()).collect()))
}

#[test]
fn a_tool_that_is_not_there_says_how_it_is_installed() {
    let host = Host::new();
    host.file("bin/ruff", "not a program", 0o644).folder("other/ruff");
    let missing = host.locate("ruff", &["bin", "other"]).unwrap_err();
    assert_eq!((missing.program.as_str(), missing.how_to_install.as_str()), ("ruff", "pip install ruff"));
    assert!(missing.to_string().contains("`pip install ruff` installs it"));
}

#[test]
fn a_program_alone_is_its_own_root() {
    let host = Host::new();
    host.program("tools/ruff").program("me/go/bin/actionlint").program("me/.cargo/bin/hadolint").folder("me/.cargo/lib");
    assert_eq!(host.locate("ruff", &["tools"]), found("tools/ruff", &["tools/ruff"]));
    assert_eq!(host.locate("actionlint", &["me/go/bin"]), found("me/go/bin/actionlint", &["me/go/bin/actionlint"]));
    assert_eq!(host.locate("hadolint", &["me/.cargo/bin"]), found("me/.cargo/bin/hadolint", &["me/.cargo/bin/hadolint"]));
}

#[test]
fn a_home_is_never_a_root() {
    let host = Host::new();
    host.program("me/bin/ruff")
        .folder("me/lib")
        .folder("me/.ssh")
        .program("me/.local/bin/yamllint")
        .folder("me/.local/share")
        .folder("me/.local/lib");
    assert_eq!(host.locate("ruff", &["me/bin"]), found("me/bin/ruff", &["me/bin/ruff"]));
    assert_eq!(host.locate("yamllint", &["me/.local/bin"]), found("me/.local/bin/yamllint", &["me/.local/bin/yamllint", "me/.local/lib"]));
}

#[test]
fn a_script_of_a_virtual_environment_needs_that_and_what_it_was_made_from() {
    let host = Host::new();
    let home = format!("home = {}\n", host.at("pythons/3.12/bin").display());
    host.program("pythons/3.12/bin/python3.12").folder("pythons/3.12/lib").link("pythons/3.12/bin/python3", "python3.12");
    host.file("venv/pyvenv.cfg", &home, 0o644).link("venv/bin/python3", host.at("pythons/3.12/bin/python3").to_str().unwrap());
    host.file("venv/bin/bandit", &format!("#!{}\nimport re\n", host.at("venv/bin/python3").display()), 0o755);
    assert_eq!(host.locate("bandit", &["venv/bin"]), found("venv/bin/bandit", &["pythons/3.12", "venv"]));
    // As pipx and uv have it: a link in a folder of many things.
    host.link("me/.local/bin/bandit", host.at("venv/bin/bandit").to_str().unwrap());
    assert_eq!(host.locate("bandit", &["me/.local/bin"]), found("venv/bin/bandit", &["pythons/3.12", "venv"]));
}

#[test]
fn a_package_of_node_needs_its_modules_and_node() {
    let host = Host::new();
    host.file("app/node_modules/eslint/bin/eslint.js", "#!/usr/bin/env -S node --no-warnings\n", 0o755);
    host.link("app/node_modules/.bin/eslint", "../eslint/bin/eslint.js").program("node/20/bin/node").folder("node/20/lib");
    let expected = found("app/node_modules/.bin/eslint", &["app/node_modules", "node/20"]);
    assert_eq!(host.locate("eslint", &["app/node_modules/.bin", "node/20/bin"]), expected);
    assert_eq!(host.locate("eslint", &["app/node_modules/.bin"]).unwrap_err().program, "node");
    // As it is installed for all: the link lies beside node itself.
    host.file("node/20/lib/node_modules/eslint/bin/eslint.js", "#!/usr/bin/env node\n", 0o755);
    host.link("node/20/bin/eslint", "../lib/node_modules/eslint/bin/eslint.js");
    assert_eq!(host.locate("eslint", &["node/20/bin"]), found("node/20/bin/eslint", &["node/20"]));
}

#[test]
fn the_stand_ins_of_version_managers_are_seen_through() {
    let host = Host::new();
    host.file("pyenv/shims/ruff", "#!/usr/bin/env bash\nexec pyenv exec ruff\n", 0o755).file("pyenv/version", "3.11.7\n", 0o644);
    for version in ["3.11.7", "3.12.1", "3.13.0"] {
        host.folder(&format!("pyenv/versions/{version}/lib"));
    }
    host.program("pyenv/versions/3.11.7/bin/ruff").program("pyenv/versions/3.12.1/bin/ruff");
    assert_eq!(host.locate("ruff", &["pyenv/shims"]), found("pyenv/versions/3.11.7/bin/ruff", &["pyenv/versions/3.11.7"]));
    std::fs::remove_file(host.at("pyenv/versions/3.11.7/bin/ruff")).unwrap();
    assert_eq!(host.locate("ruff", &["pyenv/shims"]), found("pyenv/versions/3.12.1/bin/ruff", &["pyenv/versions/3.12.1"]));
    std::fs::remove_file(host.at("pyenv/versions/3.12.1/bin/ruff")).unwrap();
    assert_eq!(host.locate("ruff", &["pyenv/shims"]).unwrap_err().program, "ruff");
}

#[test]
fn a_rust_toolchain_is_the_default_one() {
    let host = Host::new();
    host.program("me/.cargo/bin/rustup").file("me/.rustup/settings.toml", "default_toolchain = \"1.90.0\"\n", 0o644);
    let toolchain = "me/.rustup/toolchains/1.90.0-x86_64-unknown-linux-gnu";
    for name in ["cargo-clippy", "cargo", "rustc", "clippy-driver"] {
        host.link(&format!("me/.cargo/bin/{name}"), "rustup").program(&format!("{toolchain}/bin/{name}"));
    }
    host.folder(&format!("{toolchain}/lib")).folder("me/.rustup/toolchains/nightly/bin");
    assert_eq!(host.locate("clippy", &["me/.cargo/bin"]), found(&format!("{toolchain}/bin/cargo-clippy"), &[toolchain]));
    std::fs::remove_file(host.at(&format!("{toolchain}/bin/clippy-driver"))).unwrap();
    assert_eq!(host.locate("clippy", &["me/.cargo/bin"]).unwrap_err().program, "clippy-driver");
}

#[test]
fn links_and_scripts_that_lead_in_a_circle_end() {
    let host = Host::new();
    host.link("bin/a", "b").link("bin/b", "a").link("bin/ruff", "a");
    assert!(host.locate("ruff", &["bin"]).is_err());
    host.file("loop/ruff", &format!("#!{}\n", host.at("loop/ruff").display()), 0o755);
    assert!(host.locate("ruff", &["loop"]).is_err());
    assert!(locate(catalogue::find("ruff").unwrap(), OsStr::new("relative:.:"), &[]).is_err());
}

#[test]
fn a_folder_that_our_own_data_is_in_is_not_seen_as_a_whole() {
    let host = Host::new();
    host.program("tools/ruff/bin/ruff").folder("tools/ruff/lib").folder("tools/ruff/data");
    assert_eq!(host.locate("ruff", &["tools/ruff/bin"]), found("tools/ruff/bin/ruff", &["tools/ruff"]));
    let hidden = [host.at("tools/ruff/data")];
    assert_eq!(host.locate_beside("ruff", &["tools/ruff/bin"], &hidden), found("tools/ruff/bin/ruff", &["tools/ruff/bin/ruff"]));
    let link = host.link("link", "tools/ruff/data").at("link");
    assert_eq!(host.locate_beside("ruff", &["tools/ruff/bin"], &[link]), found("tools/ruff/bin/ruff", &["tools/ruff/bin/ruff"]));
}
