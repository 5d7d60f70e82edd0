//! The pages about what is run: a check, the plugins, the manifest.

use super::pages::{Pages, add};
use super::*;

pub fn all(world: &World, out: &mut Pages) {
    checks(world, out);
    plugins(world, out);
    manifests(world, out);
}

fn checks(world: &World, out: &mut Pages) {
    let log = "\u{1b}[1m\u{1b}[92m    Checking\u{1b}[0m plumbline v0.1.0\n\u{1b}[33mwarning\u{1b}[0m: unused variable: `body`\n  \u{1b}[94m-->\u{1b}[0m src/upload.rs:12:9\n";
    let log = LogText { text: world.say(log), left_out: 0 };
    let execution = |tier: &str| ExecutionView {
        command: world.say("cargo clippy --message-format json --all-targets"),
        version: Some(world.say("0.1.95")),
        tier: tier.to_owned(),
        weaker_limits: vec!["processor time".to_owned(), "memory".to_owned()],
        wall_ms: 41_200,
        cpu_ms: 72_400,
        peak_memory_bytes: Some(412 << 20),
        read: 1_204,
        dropped_count: 3,
        kept_from: None,
        dropped: vec![
            DroppedView { what: world.say("target/debug/build/out/generated.rs"), why: world.say("there is no such file in the commit") },
            DroppedView { what: world.say("record 17"), why: world.say("it has no `message`") },
        ],
    };
    let page = |check: Option<CheckView>, is_set_live| CheckPage {
        frame: world.frame(),
        place: world.at_commit(),
        repo: world.repo("acme", "api", 14, Some(Verdict::Failure)),
        commit: world.commits().swap_remove(0),
        name: world.say("clippy"),
        check,
        requested_at: before(64),
        is_set_live,
        bounds: vec![("time", "10 min 0 s".to_owned()), ("memory", "2.0 GiB".to_owned())],
        log: log.clone(),
    };
    let full = CheckView {
        exit_code: Some(101),
        execution: Some(execution("native")),
        ..world.check("clippy", CheckState::Succeeded, Some(12), Some(41_200))
    };
    add(out, "check", &page(Some(full.clone()), false));
    let mut trusted = page(Some(CheckView { execution: Some(execution("trusted")), ..full.clone() }), false);
    trusted.log.left_out = 3_400_000;
    trusted.place.unisolated = ["clippy", "eslint", "ruff", "mypy", "bandit", "semgrep", "yamllint"].map(|name| world.say(name)).to_vec();
    add(out, "check-trusted", &trusted);
    add(out, "check-running", &page(Some(world.check("clippy", CheckState::Running, None, Some(12_000))), true));
    let mut silent = page(Some(world.check("hygiene", CheckState::Succeeded, Some(0), Some(85))), false);
    (silent.log, silent.bounds) = (LogText::default(), Vec::new());
    add(out, "check-silent", &silent);
    let mut waits = world.check("eslint", CheckState::Waiting, None, None);
    (waits.waits_for, waits.started_at) = (Some("approval".into()), None);
    add(out, "check-waiting", &page(Some(waits), true));
    add(out, "check-again", &page(None, true));
    let mut errored = world.check("clippy", CheckState::Errored, None, Some(12_000));
    errored.error = Some(CheckErrorView {
        code: "limit_memory".into(),
        message: world.say("`clippy` reached the bound of its memory, 2.0 GiB; `memory` in the manifest gives it more."),
    });
    add(out, "check-errored", &page(Some(CheckView { execution: Some(execution("native")), ..errored }), false));
    let failed = world.check("tests", CheckState::Failed, None, Some(3_000));
    add(out, "check-failed", &page(Some(CheckView { exit_code: Some(3), ..failed }), false));
}

fn plugins(world: &World, out: &mut Pages) {
    let plugin = |name: &'static str, state: PluginState| {
        PluginView {
        name: world.say(name),
        title: world.say(name),
        about: world.say("Lints Python: pyflakes, pycodestyle, bugbear, bandit's rules and many more."),
        homepage: (state != PluginState::BuiltIn).then(|| "https://docs.example.org/ruff/".to_owned()),
        is_builtin: state == PluginState::BuiltIn,
        runs_by_default: state == PluginState::BuiltIn,
        needs_settings: state == PluginState::Missing,
        fetches: if state == PluginState::Found { Fetches::Dependencies } else { Fetches::Nothing },
        state,
        version: (!matches!(state, PluginState::Missing | PluginState::Unusable)).then(|| world.say("0.17.6")),
        least: (state != PluginState::BuiltIn).then(|| "0.6.0".to_owned()),
        path: (state == PluginState::Found).then(|| world.say("/opt/tools/a/rather/deep/folder/of/a/virtual/environment/bin/ruff")),
        how_to_install: (state != PluginState::BuiltIn).then(|| world.say("npm install --global eslint @eslint/js eslint-formatter-sarif")),
        message: (!state.can_run())
            .then(|| world.say("`ruff` is here in version 0.4.1, and 0.6.0 or later is needed: bring it up to date, such as by `pip install --upgrade ruff`.")),
    }
    };
    let limit = |name: &str, is_weaker| LimitView {
        name: name.to_owned(),
        most: "2.0 GiB".to_owned(),
        keeper: world.say("a look at all processes every so often"),
        is_weaker,
    };
    let sandbox = |tier: Option<&str>| SandboxView {
        tier: tier.map(str::to_owned),
        limits: if tier.is_some() { vec![limit("memory", true), limit("output", false)] } else { Vec::new() },
        cgroups: tier.map(|_| world.say("no cgroups: `/sys/fs/cgroup/system.slice` is not ours to write: Permission denied")),
        error: tier.is_none().then(|| CheckErrorView {
            code: "sandbox_unavailable".into(),
            message: world.say(
                "Nothing here can run a process in isolation: `/usr/bin/bwrap` cannot be run. On Debian: `apt-get install bubblewrap`.",
            ),
        }),
    };
    let page = |plugins, tier| PluginsPage { frame: world.frame(), view: PluginsView { sandbox: sandbox(tier), plugins } };
    let all = vec![
        plugin("hygiene", PluginState::BuiltIn),
        plugin("ruff", PluginState::Found),
        plugin("eslint", PluginState::Missing),
        plugin("golangci-lint", PluginState::Outdated),
        plugin("mypy", PluginState::Unusable),
    ];
    add(out, "plugins", &page(all.clone(), Some("native")));
    add(out, "plugins-trusted", &page(all[..2].to_vec(), Some("trusted")));
    add(out, "plugins-no-sandbox", &page(all[2..].to_vec(), None));
    add(out, "plugins-empty", &page(Vec::new(), Some("native")));
}

fn manifests(world: &World, out: &mut Pages) {
    let text = "version: 1\n\nissues:\n  fail_on: new\n\nchecks:\n  - plugin: hygiene\n  - plugin: ruff\n  - plugin: eslnit\n";
    let check = |name, files, error: Option<&'static str>| DryCheckView {
        name: world.say(name),
        plugin: world.say(name),
        files,
        can_run: error.is_none(),
        error: error.map(|message| CheckErrorView { code: "plugin_unknown".into(), message: world.say(message) }),
    };
    let outcome = |checks| DryRunView {
        valid: true,
        error: None,
        sha: Some(sha(1)),
        checks,
        gate: Some(GateView {
            fail_on: FailOn::New,
            min_severity: Severity::Minor,
            sentence: "The gate fails on new issues of severity minor or above.".to_owned(),
        }),
    };
    let page = |origin, outcome| ManifestPage {
        frame: world.frame(),
        place: world.place(),
        text: format!("{text}{}", world.say("")),
        file: ManifestName::Plumbline,
        origin,
        outcome,
    };
    let all = vec![
        check("hygiene", 1_204, None),
        check("ruff", 0, None),
        check("eslnit", 0, Some("No plugin is named `eslnit`. Did you mean `eslint`?")),
        check(
            "shellcheck",
            3,
            Some("`shellcheck` is not installed on this host, or not where it is looked for; `apt-get install shellcheck` installs it."),
        ),
    ];
    add(out, "manifest", &page(Origin::Committed, outcome(all.clone())));
    add(out, "manifest-starter", &page(Origin::Starter, outcome(all[..1].to_vec())));
    add(out, "manifest-stuck", &page(Origin::Unreadable, outcome(all[2..].to_vec())));
    add(out, "manifest-no-checks", &page(Origin::Typed, DryRunView { sha: None, ..outcome(Vec::new()) }));
    let error = ManifestErrorView {
        line: 9,
        column: 13,
        key: Some(world.say("checks[2].plugin")),
        message: world.say("expected the name of a plugin, such as `eslint`"),
    };
    let invalid = DryRunView { valid: false, error: Some(error), gate: None, ..outcome(Vec::new()) };
    add(out, "manifest-invalid", &page(Origin::Typed, invalid.clone()));
    let mut beyond = invalid;
    beyond.error.as_mut().unwrap().line = 9_999;
    add(out, "manifest-invalid-nowhere", &page(Origin::Typed, beyond));
}
