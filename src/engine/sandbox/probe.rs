//! What this machine can give: the sandbox looks at itself from inside.
//!
//! `plumbline doctor` prints the findings. Each says what was found and, unless all is well, what to do about it. The test runs a real
//! sandbox and takes well under three seconds.

use std::time::{Duration, Instant};

use super::{Command, Error, How, Keeper, Kind, Landlock, Limits, Outcome, Result, Sandbox, Tier, Value};
use crate::base::name::TreePath;
use crate::base::text;

/// How well something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// As it should be.
    Good,
    /// It works, with less protection than there could be.
    Weaker,
    /// It does not work, or does not protect.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub name: &'static str,
    /// How well it is.
    pub grade: Grade,
    /// What was found.
    pub says: String,
    /// What to do, if anything.
    pub advice: Option<&'static str>,
}

impl Finding {
    fn good(name: &'static str, says: impl Into<String>) -> Finding {
        Finding { name, grade: Grade::Good, says: says.into(), advice: None }
    }

    fn or(self, is_good: bool, grade: Grade, says: impl Into<String>, advice: &'static str) -> Finding {
        if is_good { self } else { Finding { grade, says: says.into(), advice: Some(advice), ..self } }
    }
}

/// How long the test inside may take.
const PATIENCE: Duration = Duration::from_millis(2500);

/// What is looked at from inside, one answer a line, with nothing but a shell's own commands.
const SCRIPT: &str = r#"
while read -r key value rest; do case "$key" in Uid:|CapEff:|NoNewPrivs:|Seccomp:|Seccomp_filters:) echo "$key$value";; esac; done </proc/self/status
links=; while IFS=': ' read -r name rest; do case "$name" in Inter-*|face*) ;; *) links="$links $name";; esac; done </proc/net/dev; echo "links:$links"
pids=0; for dir in /proc/[0-9]*; do pids=$((pids+1)); done; echo "pids:$pids"
if { echo >/usr/plumbline-probe; } 2>/dev/null; then echo usr:writable; else echo usr:closed; fi
if { echo >/work/probe; } 2>/dev/null; then echo work:writable; else echo work:closed; fi
if [ -e /etc/shadow ] || [ -e /root ]; then echo host:seen; else echo host:hidden; fi
if read -r line </work/tree; then echo "tree:$line"; fi
echo "env:${PROBE:-none}"
"#;

/// Looks at everything that a run rests on.
pub fn self_test(sandbox: &Sandbox) -> Vec<Finding> {
    let mut findings = vec![tier(sandbox)];
    let command = Command {
        argv: vec!["/bin/sh".into(), "-c".into(), SCRIPT.into()],
        env: [("PROBE".to_owned(), Value::Plain("given".into()))].into(),
        ..Command::default()
    };
    let limits = Limits { wall: PATIENCE, tmpfs_bytes: 16 << 20, memory: 256 << 20, processes: 64, ..Limits::default() };
    let tree = super::File { path: TreePath::new(*b"tree"), kind: Kind::Regular, bytes: b"written\n".to_vec() };
    // What it takes until the run is over: a sandbox that comes up is most of it, and no part of what the run itself is told to have taken.
    let began = Instant::now();
    let ran = sandbox.run(&command, &limits, &mut std::iter::once(Ok(tree)), &|| false, &mut ());
    let took = began.elapsed();
    match ran {
        Ok(outcome) if sandbox.tier() == Tier::Native => inside(&outcome, took, &mut findings),
        Ok(outcome) => findings.push(runs(&outcome, took)),
        Err(error) => findings.push(fails(&error)),
    }
    findings.push(counts(sandbox));
    findings.extend(weaker(sandbox));
    findings
}

fn tier(sandbox: &Sandbox) -> Finding {
    let is_native = sandbox.tier() == Tier::Native;
    let advice = "run checks of others' code in the tier `native`: install bubblewrap and take `trusted` out of the configuration";
    Finding::good("tier", sandbox.tier().as_str()).or(
        is_native,
        Grade::Weaker,
        "trusted: checks may do whatever this program may do",
        advice,
    )
}

/// Whether a sandbox comes up here at all: a run of next to nothing. That bubblewrap is there does not say that the host lets it.
pub fn trial(sandbox: &Sandbox) -> Result<()> {
    let command = Command { argv: vec!["/bin/sh".into(), "-c".into(), ":".into()], ..Command::default() };
    let limits = Limits { wall: PATIENCE, tmpfs_bytes: 4 << 20, memory: 256 << 20, processes: 16, ..Limits::default() };
    match sandbox.run(&command, &limits, &mut std::iter::empty(), &|| false, &mut ())?.how {
        How::Exited(0) => Ok(()),
        how => Err(Error::Lost { why: format!("a first run of next to nothing did not end well: {how:?}") }),
    }
}

/// What mends it that there is no sandbox.
pub fn advice(error: &Error) -> &'static str {
    match error {
        Error::NoBubblewrap { .. } => "on Debian: `apt-get install bubblewrap`",
        Error::Start { .. } => allows(|key| std::fs::read_to_string(format!("/proc/sys/{key}")).ok()?.trim().parse().ok()),
        _ => "it is tried again with the next check; if that does not help, look whether the machine is overloaded",
    }
}

/// The command that lets bubblewrap make the namespaces that a sandbox is, by what the host's settings are.
fn allows(setting: impl Fn(&str) -> Option<i64>) -> &'static str {
    if setting("user/max_user_namespaces") == Some(0) {
        "`sysctl -w user.max_user_namespaces=10000` allows user namespaces"
    } else if setting("kernel/unprivileged_userns_clone") == Some(0) {
        "`sysctl -w kernel.unprivileged_userns_clone=1` allows user namespaces"
    } else if setting("kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        "`sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` allows user namespaces; a profile of AppArmor for `bwrap` with `userns,` \
         allows them to it alone"
    } else {
        "allow user namespaces: a container needs `--security-opt seccomp=unconfined --security-opt apparmor=unconfined` to make them"
    }
}

fn fails(error: &Error) -> Finding {
    let mut says = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        says += &format!(": {source}");
    }
    Finding { name: "start", grade: Grade::Bad, says, advice: Some(advice(error)) }
}

fn runs(outcome: &Outcome, took: Duration) -> Finding {
    let is_good = outcome.how == How::Exited(0);
    let advice = "look at what the program wrote, and whether the machine is overloaded";
    let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    Finding::good("start", format!("a run is over in {}", text::duration(took))).or(
        is_good,
        Grade::Bad,
        format!("a run did not end well: {:?}", outcome.how),
        advice,
    )
}

/// What was seen from inside.
fn inside(outcome: &Outcome, took: Duration, findings: &mut Vec<Finding>) {
    findings.push(runs(outcome, took));
    let said = outcome.stdout.text();
    let value = |key: &str| said.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).unwrap_or("nothing").trim().to_owned();
    let is_cut_off = "an update of the kernel or of bubblewrap, or report this: a sandbox that does not hold must not be used";
    let mut expect = |name, good: &str, key: &str, wanted: &[&str], bad: &str| {
        let found = value(key);
        let is_good = wanted.contains(&found.as_str());
        findings.push(Finding::good(name, good).or(is_good, Grade::Bad, format!("{bad} ({key}: {found})"), is_cut_off));
    };
    expect("files", "nothing of the host but the system's programs", "host", &["hidden"], "files of the host can be seen");
    expect("system", "cannot be written", "usr", &["closed"], "the system's programs can be written");
    expect("tree", "is written from memory", "tree", &["written"], "the tree did not arrive");
    expect("work", "can be written", "work", &["writable"], "the checkout cannot be written");
    expect("environment", "is what was given", "env", &["given"], "the environment did not arrive");
    // The launcher and the shell.
    expect("processes", "its own alone", "pids", &["2"], "other processes can be seen");
    expect("network", "none but its own loopback", "links", &["lo", ""], "interfaces of the host can be seen");
    expect("rights", "none", "CapEff", &["0000000000000000"], "a right was left over");
    expect("new rights", "none can be had", "NoNewPrivs", &["1"], "a program can gain rights");
    expect("system calls", "filtered", "Seccomp", &["2"], "system calls are not filtered");
    let has_all = outcome.landlock == Landlock::Full;
    let says =
        if outcome.landlock == Landlock::Partial { "an older kernel gives only a part of it" } else { "this kernel does not have it" };
    findings.push(Finding::good("landlock", "in full").or(has_all, Grade::Weaker, says, "a kernel of 6.12 or later gives all of it"));
}

fn counts(sandbox: &Sandbox) -> Finding {
    let cgroups = sandbox.cgroups();
    let has_all = cgroups.counts().all();
    let advice = "let systemd delegate a cgroup to the service: `Delegate=cpu memory pids`";
    Finding::good("cgroups", cgroups.words()).or(has_all, Grade::Weaker, cgroups.words(), advice)
}

fn weaker(sandbox: &Sandbox) -> impl Iterator<Item = Finding> {
    let advice = "with a cgroup the kernel counts all processes together";
    let kept = sandbox.limits_in_force().into_iter().filter(|(_, keeper)| keeper.is_weaker());
    kept.map(move |(limit, keeper)| {
        let how = if keeper == Keeper::Watch { "is kept by looking ten times a second" } else { "is not kept in this tier" };
        Finding { name: "limit", grade: Grade::Weaker, says: format!("{} {how}", limit.words()), advice: Some(advice) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_named_that_mends_what_the_host_forbids() {
        let forbids = |which: &'static str, value| {
            move |key: &str| Some(i64::from(if key == which { value } else { i32::from(!key.contains("apparmor")) }))
        };
        assert!(allows(forbids("user/max_user_namespaces", 0)).contains("user.max_user_namespaces="));
        assert!(allows(forbids("kernel/unprivileged_userns_clone", 0)).contains("kernel.unprivileged_userns_clone=1"));
        assert!(allows(forbids("kernel/apparmor_restrict_unprivileged_userns", 1)).contains("apparmor_restrict_unprivileged_userns=0"));
        assert!(allows(|_| None).contains("container"));
    }
}
