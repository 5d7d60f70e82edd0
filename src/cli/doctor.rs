//! `plumbline doctor`: what of this host the appliance rests on, how well that is, and how to mend it.
//!
//! It looks and changes nothing: at the data directory, at the sandbox from inside one, at the daemon that runs images if one is named, and
//! for each tool of the catalogue. It ends with 1 if something does not work, and with 0 if something could only be better.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use rustix::fs::Access;
use serde_json::{Value, json};

use super::check::style::{Ink, Style};
use super::{Result, say};
use crate::app::config::Config;
use crate::app::sandboxes::{Sandboxes, Seen};
use crate::domain::checks::catalogue::Tool;
use crate::engine::sandbox::Tier;
use crate::engine::sandbox::probe::{self, Finding, Grade};
use crate::engine::vault::{self, Vault};

/// The part about the tools of the catalogue.
const TOOLS: &str = "tools";

/// What `plumbline doctor` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exits with 0 if everything works, 1 if something does not, 2 on wrong usage.")]
pub struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// One thing that was looked at.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) grade: Option<Grade>,
    pub(super) says: String,
    pub(super) advice: Option<String>,
}

impl Line {
    pub(super) fn new(name: impl Into<String>, grade: Grade, says: impl Into<String>) -> Line {
        Line { name: name.into(), grade: Some(grade), says: says.into(), advice: None }
    }

    fn json(&self) -> Value {
        let grade = match self.grade {
            Some(Grade::Good) => "good",
            Some(Grade::Weaker) => "weaker",
            Some(Grade::Bad) => "bad",
            None => "absent",
        };
        json!({"name": self.name, "grade": grade, "says": self.says, "advice": self.advice})
    }

    pub(super) fn text(&self, style: &Style) -> String {
        let (sign, ink) = match self.grade {
            Some(Grade::Good) => ("●", Ink::Good),
            Some(Grade::Weaker) => ("◆", Ink::Unsure),
            Some(Grade::Bad) => ("▲", Ink::Bad),
            None => ("○", Ink::Faint),
        };
        let advice = self.advice.as_ref().map(|advice| format!("    {}\n", style.ink(Ink::Faint, advice))).unwrap_or_default();
        format!("  {} {:<15} {}\n{advice}", style.ink(ink, sign), self.name, self.says)
    }
}

/// Looks at everything and says what it saw.
pub fn run(args: &Args, config: &Config) -> Result<ExitCode> {
    let sandboxes = Sandboxes::seen_by_onlooker(config);
    let mut parts = vec![("data", data(config)), ("sandbox", sandbox(config, &sandboxes))];
    if config.oci_socket.is_some() || config.min_tier == Tier::Oci {
        parts.push(("images", images(&sandboxes)));
    }
    parts.push((TOOLS, tools(config, &sandboxes)));
    let is_bad = parts.iter().flat_map(|(_, lines)| lines).any(|line| line.grade == Some(Grade::Bad));
    if args.json {
        let parts = parts.iter().map(|(name, lines)| ((*name).to_owned(), lines.iter().map(Line::json).collect::<Value>()));
        say(&format!("{:#}\n", Value::Object(parts.collect())));
    } else {
        let style = Style::of_stdout();
        for (name, lines) in &parts {
            say(&format!("{}\n", style.ink(Ink::Path, name)));
            lines.iter().for_each(|line| say(&line.text(&style)));
        }
        say(&format!("\n{}\n", verdict(&parts)));
    }
    Ok(if is_bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What holds of all of it, in a sentence.
fn verdict(parts: &[(&str, Vec<Line>)]) -> String {
    let of = |grade: Grade| {
        parts
            .iter()
            .flat_map(move |(part, lines)| lines.iter().map(move |line| (*part, line)))
            .filter(move |(_, line)| line.grade == Some(grade))
    };
    if of(Grade::Bad).next().is_some() {
        return "Something does not work; what mends it stands beside it.".to_owned();
    }
    let tools: Vec<&str> = of(Grade::Weaker).filter(|(part, _)| *part == TOOLS).map(|(_, line)| line.name.as_str()).collect();
    let others = of(Grade::Weaker).filter(|(part, _)| *part != TOOLS).count() as u64;
    let works = match tools.as_slice() {
        [] => "Everything works".to_owned(),
        tools => format!("Everything works but what is here and cannot be run: {}", tools.join(", ")),
    };
    match others {
        0 => format!("{works}."),
        1 => format!("{works}; one thing could be better (◆)."),
        others => format!("{works}; {others} things could be better (◆)."),
    }
}

fn data(config: &Config) -> Vec<Line> {
    let shown = config.data_dir.display();
    let directory = match std::fs::metadata(&config.data_dir) {
        Ok(meta) if meta.is_dir() => writable(&config.data_dir).unwrap_or_else(|| Line::new("directory", Grade::Good, shown.to_string())),
        Ok(_) => Line {
            advice: Some("name another place with --data".to_owned()),
            ..Line::new("directory", Grade::Bad, format!("`{shown}` is no directory"))
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let above = config.data_dir.ancestors().skip(1).find(|path| path.exists()).unwrap_or(Path::new("."));
            let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
            writable(above).unwrap_or_else(|| Line {
                grade: None,
                ..Line::new("directory", Grade::Good, format!("`{shown}` is not there yet; `plumbline serve` makes it"))
            })
        }
        Err(error) => Line::new("directory", Grade::Bad, format!("`{shown}` cannot be entered: {error}")),
    };
    let server = match UnixStream::connect(config.data_dir.join("admin.sock")) {
        Ok(_) => Line::new("server", Grade::Good, "is running"),
        Err(_) => Line { grade: None, ..Line::new("server", Grade::Good, "is not running") },
    };
    vec![directory, server, key_file(config)]
}

/// What is said of a directory in which we may not write; `None` if we may. Asked without writing: the kernel knows.
fn writable(path: &Path) -> Option<Line> {
    let error = rustix::fs::access(path, Access::WRITE_OK | Access::EXEC_OK).err()?;
    let why = std::io::Error::from(error);
    Some(Line {
        advice: Some(
            "mount it so that it can be written, give it to the user that runs the server, or name another place with --data".to_owned(),
        ),
        ..Line::new("directory", Grade::Bad, format!("`{}` cannot be written: {why}", path.display()))
    })
}

/// The file that secrets are sealed with. Whether it is this store's is told by the server alone.
fn key_file(config: &Config) -> Line {
    match Vault::count_keys(config.vault_key_file.clone()) {
        Ok(_) => Line {
            advice: Some("keep a copy of it, and not where copies of the data are".to_owned()),
            ..Line::new("key file", Grade::Good, config.vault_key_file.display().to_string())
        },
        Err(vault::Error::Missing { .. }) if !config.data_dir.join("store.redb").exists() => {
            Line { grade: None, ..Line::new("key file", Grade::Good, "not there yet; `plumbline serve` makes it") }
        }
        Err(error) => Line::new("key file", Grade::Bad, error.to_string()),
    }
}

fn found(finding: Finding) -> Line {
    Line { advice: finding.advice.map(str::to_owned), ..Line::new(finding.name, finding.grade, finding.says) }
}

fn sandbox(config: &Config, sandboxes: &Sandboxes) -> Vec<Line> {
    if config.min_tier == Tier::Oci {
        // Decided so, and nothing that needs mending.
        let says = "images alone run here, since `sandbox.min_tier` is `oci`: no command, and no tool of this host";
        return vec![Line { grade: None, ..Line::new("tier", Grade::Good, says) }];
    }
    match sandboxes.get() {
        Ok(sandbox) => probe::self_test(&sandbox).into_iter().map(found).collect(),
        Err(error) => vec![Line::new("tier", Grade::Bad, error.message)],
    }
}

fn images(sandboxes: &Sandboxes) -> Vec<Line> {
    let oci = match sandboxes.oci() {
        Ok(oci) => oci,
        Err(error) => return vec![Line::new("daemon", Grade::Bad, error.message)],
    };
    match oci.self_test() {
        Ok(findings) => findings.into_iter().map(found).collect(),
        Err(error) => vec![Line::new("daemon", Grade::Bad, error.to_string())],
    }
}

fn tools(config: &Config, sandboxes: &Sandboxes) -> Vec<Line> {
    let is_run = config.min_tier != Tier::Oci;
    let look = |(tool, seen): &(&'static Tool, Seen)| match seen.clone() {
        Seen::Ready(ready) => {
            let version = ready.version.map_or_else(|| "does not say its version".to_owned(), |version| version.to_string());
            Line::new(&tool.name, Grade::Good, version)
        }
        Seen::Missing(_) => Line { grade: None, ..Line::new(&tool.name, Grade::Good, format!("not installed; `{}`", tool.install)) },
        Seen::Unusable(..) if !is_run => {
            Line { grade: None, ..Line::new(&tool.name, Grade::Good, "installed, and not run: `sandbox.min_tier` is `oci`") }
        }
        Seen::Outdated(_) | Seen::Unusable(..) => {
            let why = seen.clone().ready(tool).err().map(|error| error.message).unwrap_or_default();
            Line::new(&tool.name, Grade::Weaker, why)
        }
    };
    sandboxes.survey().tools.iter().map(look).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_at_the_end_is_what_holds() {
        let line = |name: &str, grade| Line::new(name, grade, "");
        let said = |sandbox, tools: &[Grade]| {
            let tools = tools.iter().zip(["eslint", "ruff"]).map(|(grade, name)| line(name, *grade)).collect();
            verdict(&[("sandbox", vec![line("memory", sandbox)]), (TOOLS, tools)])
        };
        assert_eq!(said(Grade::Good, &[Grade::Good]), "Everything works.");
        assert_eq!(
            said(Grade::Good, &[Grade::Weaker, Grade::Weaker]),
            "Everything works but what is here and cannot be run: eslint, ruff."
        );
        assert_eq!(said(Grade::Weaker, &[Grade::Good]), "Everything works; one thing could be better (◆).");
        assert!(said(Grade::Weaker, &[Grade::Weaker]).ends_with("run: eslint; one thing could be better (◆)."));
        assert!(said(Grade::Bad, &[Grade::Weaker]).starts_with("Something does not work"));
    }
}
