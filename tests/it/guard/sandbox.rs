//! Getting out of the sandbox: what is tried here fails inside, and works outside, where the same try is made as a control.
//!
//! The attacks are small programs for the shell or for perl, which the system has anyway. Each says `ESCAPED` if it got something and
//! `held` if it did not; saying neither is a failure of the test. Skipped, and said so, where there is no sandbox;
//! `PLUMBLINE_REQUIRE=sandbox` makes that a failure.

use std::path::Path;
use std::sync::OnceLock;

use plumbline::base::name::TreePath;
use plumbline::engine::sandbox::{Command, Error, File, How, Kind, Limits, Outcome, Output, Sandbox, Settings, Tier};

use crate::support::skipped;

mod attacks;
mod bounds;
mod network;
mod runs;

/// Our own binary, which is the launcher too.
pub const LAUNCHER: &str = env!("CARGO_BIN_EXE_plumbline");

/// One sandbox for all tests, or why there is none.
pub fn native() -> Result<&'static Sandbox, &'static str> {
    static SANDBOX: OnceLock<Result<Sandbox, String>> = OnceLock::new();
    shared(&SANDBOX, Settings::default())
}

/// The same, where no cgroup counts: what takes its place has to hold too.
pub fn uncounted() -> Result<&'static Sandbox, &'static str> {
    static SANDBOX: OnceLock<Result<Sandbox, String>> = OnceLock::new();
    shared(&SANDBOX, Settings { use_cgroups: false, ..Settings::default() })
}

/// Keeps what is heard, piece by piece.
#[derive(Default)]
pub struct Hears(pub Vec<u8>);

impl Output for Hears {
    fn stdout(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn stderr(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

/// No sandbox at all.
pub fn trusted() -> &'static Sandbox {
    static SANDBOX: OnceLock<Result<Sandbox, String>> = OnceLock::new();
    shared(&SANDBOX, Settings { tier: Tier::Trusted, ..Settings::default() }).unwrap()
}

/// The same, where no cgroup counts what it uses.
pub fn trusted_uncounted() -> &'static Sandbox {
    static SANDBOX: OnceLock<Result<Sandbox, String>> = OnceLock::new();
    shared(&SANDBOX, Settings { tier: Tier::Trusted, use_cgroups: false, ..Settings::default() }).unwrap()
}

fn shared(of: &'static OnceLock<Result<Sandbox, String>>, settings: Settings) -> Result<&'static Sandbox, &'static str> {
    let made = of.get_or_init(|| {
        let sandbox = Sandbox::new(Path::new(LAUNCHER), settings).map_err(|error| error.to_string())?;
        match run(&sandbox, &sh("true"), &Limits::default()) {
            Ok(_) => Ok(sandbox),
            Err(error) => Err(error.to_string()),
        }
    });
    made.as_ref().map_err(String::as_str)
}

/// The sandbox, or the test ends here.
macro_rules! need {
    ($sandbox:expr) => {
        match $sandbox {
            Ok(sandbox) => sandbox,
            Err(missing) => return $crate::support::skipped("sandbox", missing),
        }
    };
}
use need;

pub fn sh(script: &str) -> Command {
    Command { argv: vec!["/bin/sh".into(), "-c".into(), script.into()], ..Command::default() }
}

pub fn perl(script: &str) -> Command {
    Command { argv: vec!["/usr/bin/perl".into(), "-e".into(), script.into()], ..Command::default() }
}

pub fn file(path: &str, content: &str) -> File {
    File { path: TreePath::new(path.as_bytes()), kind: Kind::Regular, bytes: content.as_bytes().to_vec() }
}

pub fn run(sandbox: &Sandbox, command: &Command, limits: &Limits) -> Result<Outcome, Error> {
    run_over(sandbox, command, limits, Vec::new())
}

pub fn run_over(sandbox: &Sandbox, command: &Command, limits: &Limits, files: Vec<File>) -> Result<Outcome, Error> {
    sandbox.run(command, limits, &mut files.into_iter().map(Ok), &|| false, &mut ())
}

/// What a command wrote that ended well.
pub fn output(sandbox: &Sandbox, command: &Command) -> String {
    let outcome = run(sandbox, command, &Limits::default()).unwrap();
    assert_eq!(outcome.how, How::Exited(0), "{}", outcome.stderr.text());
    outcome.stdout.text()
}

#[test]
fn where_there_must_be_a_sandbox_there_is_one() {
    if let Err(missing) = native() {
        skipped("sandbox", missing);
    }
}
