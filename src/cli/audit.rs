//! `plumbline audit`: the trail, from the host: verified, or exported to be verified elsewhere.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Error, Result, admin, say};
use crate::app::config::Config;
use crate::base::text::thousands;
use crate::domain::audit::{Digest, Verifier};

/// The longest line that can be an entry.
const LINE_BYTES: u64 = 1 << 20;

/// What `plumbline audit` is asked.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Says whether the trail is as it was written, or where it first is not
    Verify {
        /// An exported file, in place of this instance's own trail
        file: Option<PathBuf>,
        /// A hash that was noted earlier: the trail must still have the entry that bears it
        #[arg(long, value_name = "HASH", value_parser = hash)]
        head: Option<Digest>,
    },
    /// Prints the trail as lines of JSON, oldest first
    Export {
        /// From when on: a day such as 2026-01-31, or an instant
        #[arg(long, value_name = "WHEN")]
        from: Option<String>,
        /// Until when
        #[arg(long, value_name = "WHEN")]
        to: Option<String>,
    },
}

fn hash(text: &str) -> std::result::Result<Digest, String> {
    Digest::parse(text).ok_or_else(|| "not a hash: sixty-four hexadecimal digits".to_owned())
}

/// Carries out one of them.
pub fn run(command: &Command, config: &Config) -> Result<ExitCode> {
    match command {
        Command::Verify { file, head } => {
            let mut verifying = Verifying { verifier: Verifier::seeking(*head), line: Vec::new() };
            match file {
                Some(file) => of_file(&mut verifying, file)?,
                None => admin::stream(config, "/api/v1/admin/audit.jsonl", &mut |bytes| verifying.take(bytes))?,
            }
            verifying.end()?;
            conclude(&verifying.verifier, file.is_none())
        }
        Command::Export { from, to } => {
            let when = [("from", from), ("to", to)].map(|(name, when)| when.as_ref().map(|when| format!("{name}={}", encoded(when))));
            let query = when.into_iter().flatten().collect::<Vec<_>>().join("&");
            let mut out = std::io::stdout().lock();
            let failed = |error| Error::because("the trail could not be written out", error);
            admin::stream(config, &format!("/api/v1/admin/audit.jsonl?{query}"), &mut |bytes| out.write_all(bytes).map_err(failed))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn of_file(verifying: &mut Verifying, path: &Path) -> Result<()> {
    let failed = |error| Error::because(format!("cannot read `{}`", path.display()), error);
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    loop {
        let mut line = Vec::new();
        if file.by_ref().take(LINE_BYTES + 1).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(());
        }
        verifying.take(&line)?;
    }
}

/// Puts what comes in pieces together to lines.
struct Verifying {
    verifier: Verifier,
    line: Vec<u8>,
}

impl Verifying {
    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.len() as u64 > LINE_BYTES {
                return Err(broken("a line is longer than any entry"));
            }
            if let Some(whole) = self.line.strip_suffix(b"\n") {
                let whole = String::from_utf8_lossy(whole).into_owned();
                self.line.clear();
                self.verifier.take(&whole).map_err(|fault| broken(fault.to_string()))?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.line.is_empty() { Ok(()) } else { self.take(b"\n") }
    }
}

fn broken(why: impl std::fmt::Display) -> Error {
    Error::new(format!("the trail is broken: {why}"))
}

/// Says what was found. The instance's own trail is whole, or its beginning was taken away; a file may be a part of it.
fn conclude(verifier: &Verifier, is_own: bool) -> Result<ExitCode> {
    if verifier.misses() {
        return Err(broken("it holds together, but no entry bears the hash that was noted: its end was cut off, or it was made anew"));
    }
    let Some(verified) = verifier.verified() else {
        if is_own {
            return Err(broken("there is no entry, and there is one from the first account on"));
        }
        say("there is no entry\n");
        return Ok(ExitCode::SUCCESS);
    };
    if is_own && !verified.is_whole {
        return Err(broken(format!(
            "it begins with entry {}, and no entry says that what came before was let go by the age that is set",
            verified.first
        )));
    }
    let (last, hash) = verified.last;
    let span = format!(
        "{}, from {} to {last}, unbroken",
        match verified.entries {
            1 => "1 entry".to_owned(),
            many => format!("{} entries", thousands(many)),
        },
        verified.first
    );
    let before = if verified.is_whole { "" } else { "; what came before them is not here" };
    say(&format!("{span}{before}\nthe last has the hash {hash}\n"));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_wherever_they_are_cut() {
        for cut in 1..20 {
            let mut verifying = Verifying { verifier: Verifier::default(), line: Vec::new() };
            let text = b"{\"checkpoint\":{\"number\":3,\"hash\":\"0000000000000000000000000000000000000000000000000000000000000000\",\"at\":\"2026-01-31T12:00:00Z\"}}\nrubbish";
            let taken = text.chunks(cut).try_for_each(|piece| verifying.take(piece));
            assert!(taken.is_ok(), "{cut}");
            assert!(verifying.end().unwrap_err().to_string().contains("line 2 is not an entry"));
        }
        let mut verifying = Verifying { verifier: Verifier::default(), line: Vec::new() };
        assert!(verifying.take(&vec![b'x'; 2 << 20]).is_err(), "a line without an end is not held");
    }
}
