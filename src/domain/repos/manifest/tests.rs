use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const WHOLE: &str = r#"version: 1

exclude: ["vendor/", "**/*.min.js"]

coverage:
  project: {min: 80, max_drop: 0.5}
  patch: {min: 90}
  flags:
    unit: {paths: ["src/"], carryforward: true}
  fixes: ["build/::src/"]
  wait_for: 2

issues:
  fail_on: new
  min_severity: minor

github:
  comment: true
  annotations: 50

defaults:
  checks:
    env: {GOPRIVATE: github.com/acme, LINT_LEVEL: lax}
    mounts: [{source: "secrets:GIT_CONFIG", destination: "~/.gitconfig"}, {source: "secrets:OTHER", destination: "/run/secrets/lint"}]
    timeout: 10m

checks:
  - plugin: ruff
  - plugin: docker://cocov/rubocop:v0.1
  - name: house-rules
    run: "./script/lint --format sarif"
    output: sarif
    paths: ["**/*.rb"]
    env: {LINT_LEVEL: strict}
    mounts: [{source: "secrets:LINT_TOKEN", destination: "/run/secrets/lint"}]
    cache: [{key: "gems-{{ hash 'Gemfile.lock' }}", path: "vendor/bundle"}]
    network: {allow: ["packages.example.com:443"]}
    timeout: 5m
    memory: 1GiB
"#;

fn read(text: &str) -> Manifest {
    parse(ManifestName::Plumbline, text.as_bytes()).unwrap()
}

/// What is said of a manifest that is refused.
fn refused(text: &str) -> String {
    parse(ManifestName::Plumbline, text.as_bytes()).unwrap_err().to_string()
}

/// The same for what follows the version.
fn fault(text: &str) -> String {
    let said = refused(&format!("version: 1\n{text}"));
    said.strip_prefix("`.plumbline.yaml` ").expect("every refusal begins with the file").to_owned()
}

#[test]
fn every_key_of_the_reference_is_read() {
    let manifest = read(WHOLE);
    assert_eq!(manifest.exclude.patterns(), ["vendor/", "**/*.min.js"]);
    let coverage = &manifest.coverage;
    let shares = [coverage.project_min, coverage.project_max_drop, coverage.patch_min];
    assert_eq!(shares.map(|share| share.unwrap().hundredths()), [8_000, 50, 9_000]);
    assert!(coverage.flags["unit"].carryforward && coverage.flags["unit"].paths.as_ref().unwrap().matches(&TreePath::new("src/a")));
    assert_eq!(coverage.fixes, [PathFix { before: "build/".to_owned(), after: "src/".to_owned() }]);
    assert_eq!(coverage.wait_for, Some(2));
    assert_eq!(manifest.issues, IssuesGate { fail_on: FailOn::New, min_severity: Severity::Minor });
    assert_eq!(manifest.github, GithubReport { comment: true, annotations: 50 });
    let checks = manifest.checks.unwrap();
    assert_eq!(checks.iter().map(|check| check.name.as_str()).collect::<Vec<_>>(), ["ruff", "rubocop", "house-rules"]);
    assert_eq!(checks[0].runs, Runs::Plugin("ruff".to_owned()));
    assert_eq!(checks[1].runs, Runs::Image("cocov/rubocop:v0.1".to_owned()));
    let rules = &checks[2];
    assert_eq!(rules.runs, Runs::Command { run: "./script/lint --format sarif".to_owned(), output: OutputFormat::Sarif });
    assert_eq!(rules.network, Network::Allow(vec![HostPort { host: "packages.example.com".to_owned(), port: 443 }]));
    assert_eq!((rules.timeout, rules.memory), (Some(Duration::from_secs(300)), Some(1 << 30)));
    assert_eq!(rules.cache[0].key.parts, [KeyPart::Text("gems-".to_owned()), KeyPart::HashOf("Gemfile.lock".to_owned())]);
}

#[test]
fn a_checks_own_value_wins_over_the_default_by_name_and_by_destination() {
    let checks = read(WHOLE).checks.unwrap();
    assert_eq!((checks[0].env["LINT_LEVEL"].as_str(), checks[2].env["LINT_LEVEL"].as_str()), ("lax", "strict"));
    assert_eq!(checks[2].env["GOPRIVATE"], "github.com/acme");
    let mounts = |at: usize| checks[at].mounts.iter().map(|mount| mount.secret.as_str()).collect::<Vec<_>>();
    assert_eq!(mounts(0), ["GIT_CONFIG", "OTHER"]);
    assert_eq!(mounts(2), ["LINT_TOKEN", "GIT_CONFIG"]);
    assert_eq!(checks[0].timeout, Some(Duration::from_secs(600)));
}

#[test]
fn what_is_not_written_or_left_empty_has_its_default() {
    for text in ["version: 1\n", "version: 1\nexclude:\ncoverage:\nissues:\ngithub:\ndefaults:\nchecks:\n"] {
        let manifest = read(text);
        assert_eq!(manifest.issues, IssuesGate::default());
        assert_eq!(manifest.github, GithubReport { comment: false, annotations: 50 });
        assert_eq!((manifest.checks, manifest.coverage), (None, CoverageGate::default()));
    }
    assert_eq!(read("version: 1\nchecks: []\n").checks, Some(vec![]));
}

#[test]
fn a_slip_of_the_hand_is_named_with_its_place_and_the_key_that_was_meant() {
    assert_eq!(fault("checkz: []\n"), "line 2, column 1, `checkz`: unknown key `checkz`; did you mean `checks`?");
    assert_eq!(
        fault("checks:\n  - plugin: ruff\n    timeuot: 5m\n"),
        "line 4, column 5, `checks[0].timeuot`: unknown key `timeuot`; did you mean `timeout`?"
    );
    assert_eq!(
        fault("issues: {zebra: 1}\n"),
        "line 2, column 10, `issues.zebra`: unknown key `zebra`; expected one of: fail_on, min_severity"
    );
    assert_eq!(
        fault("issues:\n  fail_on: neww\n"),
        "line 3, column 12, `issues.fail_on`: expected one of new, any, none, found `neww`; did you mean `new`?"
    );
}

#[test]
fn every_wrong_value_is_refused_in_words() {
    let table = [
        ("exclude: vendor/", "expected a list of path patterns, found `vendor/`"),
        ("exclude: [\"[a\"]", "`[a` is not a pattern"),
        ("exclude: [{}]", "`exclude[0]`: expected a path pattern, found a mapping"),
        ("coverage: {project: {min: 101}}", "expected a percentage from 0 to 100"),
        ("coverage: {project: {min: -1}}", "expected a percentage from 0 to 100"),
        ("coverage: {project: {min: 1.234}}", "at most two decimals"),
        ("coverage: {patch: {min: \"90\"}}", "without quotes"),
        ("coverage: {patch: {min: .nan}}", "expected a percentage"),
        ("coverage: {wait_for: 0}", "expected a whole number from 1 to 100, found `0`"),
        ("coverage: {fixes: [\"a\"]}", "expected `before::after`"),
        ("coverage: {flags: {\"a b\": {}}}", "a flag's name has"),
        ("coverage: {flags: {unit: {carryforward: yes}}}", "expected true or false, found `yes`"),
        ("github: {annotations: 1001}", "from 0 to 1000"),
        ("github: {comment: 1}", "expected true or false"),
        ("issues: {min_severity: 3}", "expected a severity, found `3`"),
        ("issues: []", "`issues`: expected a mapping, found a list"),
        ("checks: {plugin: ruff}", "expected a list of checks, found a mapping"),
        ("checks: [ruff]", "`checks[0]`: expected a mapping, found `ruff`"),
        ("checks: [{name: x}]", "expected `plugin` or `run`, found neither"),
        ("checks: [{plugin: a, run: b, output: gnu}]", "found both"),
        ("checks: [{plugin: a, output: gnu}]", "`output` belongs to `run`"),
        ("checks: [{name: x, run: b}]", "expected `output` beside `run`"),
        ("checks: [{run: b, output: gnu}]", "expected `name` beside `run`"),
        ("checks: [{name: x, run: b, output: gnuu}]", "did you mean `gnu`?"),
        ("checks: [{name: chk_1, plugin: a}]", "expected a name of 1 to 100"),
        ("checks: [{plugin: true}]", "stands in quotes"),
        ("checks: [{plugin: \"cocov/rubocop:v0.1\"}]", "an image is written `docker://cocov/rubocop:v0.1`"),
        ("checks: [{plugin: \"docker://-x\"}]", "expected an image"),
        ("checks: [{plugin: a, env: {1A: x}}]", "a variable's name"),
        ("checks: [{plugin: a, env: {A: [x]}}]", "`checks[0].env.A`: expected text"),
        ("checks: [{plugin: a, env: {A: }}]", "found nothing"),
        ("checks: [{plugin: a, env: {A: \"\\0\"}}]", "NUL"),
        ("checks: [{plugin: a, mounts: [{source: \"file:/etc/passwd\", destination: /x}]}]", "expected `secrets:`"),
        ("checks: [{plugin: a, mounts: [{source: \"secrets:A\", destination: ../x}]}]", "expected an absolute path"),
        ("checks: [{plugin: a, mounts: [{source: \"secrets:A\", destination: /a/../x}]}]", "expected an absolute path"),
        ("checks: [{plugin: a, mounts: [{source: \"secrets:A\"}]}]", "expected `destination`"),
        ("checks: [{plugin: a, cache: [{key: \"{{ exec 'x' }}\", path: a}]}]", "expected text with `{{ hash 'file' }}`"),
        ("checks: [{plugin: a, cache: [{key: k, path: /etc}]}]", "expected a folder within the repository"),
        ("checks: [{plugin: a, network: all}]", "expected `none`, `forge` or `allow:"),
        ("checks: [{plugin: a, network: {allow: [example.com]}}]", "expected a host and its port"),
        ("checks: [{plugin: a, network: {allow: [\"example.com:0\"]}}]", "expected a host and its port"),
        ("checks: [{plugin: a, network: {deny: []}}]", "unknown key `deny`"),
        ("checks: [{plugin: a, timeout: 90}]", "expected a duration from 1s to 6h"),
        ("checks: [{plugin: a, timeout: 7h}]", "expected a duration"),
        ("checks: [{plugin: a, timeout: 99999999999999999999h}]", "expected a duration"),
        ("checks: [{plugin: a, memory: 1GB}]", "expected a size from 16.0 MiB to 64.0 GiB"),
        ("checks: [{plugin: a, memory: 1KiB}]", "expected a size"),
        ("defaults: {checks: {plugin: a}}", "unknown key `plugin`"),
    ];
    for (text, said) in table {
        let fault = fault(text);
        assert!(fault.contains(said), "{text}\n  said     {fault}\n  expected {said}");
        assert!(fault.starts_with("line 2, column "), "{fault}");
    }
}

#[test]
fn two_of_one_name_are_refused_with_both_places() {
    let twice = fault("checks:\n  - plugin: ruff\n  - name: ruff\n    plugin: other\n");
    assert_eq!(
        twice,
        "line 4, column 5, `checks[1]`: a second check named `ruff`; the first stands at line 3, column 5; expected a `name` of its own"
    );
    let mounts = "checks:\n  - plugin: a\n    mounts:\n      - {source: 'secrets:A', destination: /x}\n      - {source: 'secrets:B', destination: /x}\n";
    assert!(fault(mounts).contains("a second mount at this destination; the first stands at line 5"), "{}", fault(mounts));
    assert_eq!(
        fault("issues: {}\nissues: {}\n"),
        "line 3, column 1, `issues`: `issues` is written twice in one mapping; it first stands at line 2, column 1"
    );
}

#[test]
fn the_version_is_asked_for_first() {
    for (text, said) in [
        ("", "line 1, column 1: the file is empty; expected `version: 1`"),
        ("# only a comment\n", "the file is empty"),
        ("checks: []\n", "line 1, column 1: expected `version: 1`, found no version"),
        ("version: 2\n", "line 1, column 10, `version`: expected 1, the version of this file's form, found `2`"),
        ("version: \"1\"\n", "without quotes"),
        ("version:\n", "found nothing"),
        ("- version\n", "expected a mapping, found a list"),
        ("hello\n", "expected a mapping, found `hello`"),
    ] {
        assert!(refused(text).contains(said), "{text:?} said {}", refused(text));
    }
}

#[test]
fn yaml_that_a_manifest_has_no_use_for_is_refused_by_name() {
    for (text, said) in [
        ("issues: {}\n---\nversion: 1\n", "line 3, column 1: a second document begins here"),
        ("issues:\n\tfail_on: new\n", "line 3, column 2: a tab cannot indent YAML"),
        ("issues: !custom {}\n", "takes no tag such as `!custom`"),
        ("a: &a {x: 1}\nissues:\n  <<: *a\n", "takes no merge key `<<`"),
        ("[a]: b\n", "line 2, column 1"),
        ("issues: {fail_on: new\n", "not YAML: "),
        ("issues: \"x\n", "not YAML: "),
        ("issues: *nowhere\n", "line 2, column 9: this alias names no anchor above it"),
        ("exclude: &a [*a]\n", "this alias stands within the value it names"),
    ] {
        assert!(fault(text).contains(said), "{text:?} said {}", fault(text));
    }
    assert!(refused("%YAML 1.2\n---\nversion: 1\n").contains("takes no `%` directive"));
}

#[test]
fn an_alias_is_as_good_as_what_it_stands_for() {
    let manifest = read("version: 1\nexclude: &all [\"a/\"]\nchecks:\n  - {plugin: hygiene, paths: *all}\n");
    assert_eq!(manifest.checks.unwrap()[0].paths.as_ref(), Some(&manifest.exclude));
}

#[test]
fn text_that_is_not_utf8_is_named_by_its_place() {
    let invalid = parse(ManifestName::Plumbline, b"version: 1\n# caf\xe9\n").unwrap_err();
    assert_eq!((invalid.line, invalid.column), (2, 6));
    assert!(invalid.message.contains("0xe9"));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_obstacle() {
    assert_eq!(read(&format!("\u{feff}{}", WHOLE.replace('\n', "\r\n"))), read(WHOLE));
}

/// Nine levels of nine aliases each: 9^9 values from half a kilobyte.
fn bomb() -> String {
    let mut text = "version: 1\na: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (above, level) in ('a'..='h').zip('b'..='i') {
        let aliases = vec![format!("*{above}"); 9].join(",");
        text.push_str(&format!("{level}: &{level} [{aliases}]\n"));
    }
    text
}

#[test]
fn what_is_made_to_exhaust_is_refused_at_once() {
    let long_text_many_times = format!("version: 1\na: &a {}\nb: [{}]\n", "x".repeat(200_000), "*a,".repeat(15_000));
    let inputs = [
        ("ten megabytes", "x: y\n".repeat(2_000_000), "at most 256.0 KiB"),
        ("alias bomb", bomb(), "more than 20000 values"),
        ("long text, many aliases", long_text_many_times, "more than 20000 values"),
        ("deep lists", "[".repeat(200_000), "nested too deeply"),
        ("deep mappings", "{a: ".repeat(60_000), "nested too deeply"),
        ("deep indentation", (0..600).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect(), "nested too deeply"),
        ("many dashes", "- ".repeat(100_000), "nested too deeply"),
        ("many values", format!("version: 1\nexclude: [{}]", "a,".repeat(100_000)), "more than 20000 values"),
        ("many keys", (0..20_000).map(|n| format!("k{n}: 1\n")).collect(), "more than 20000 values"),
        ("many anchors", format!("version: 1\nx: [{}]", "&a b,".repeat(50_000)), "more than 20000 values"),
        ("one long line", "a".repeat(262_144), "expected a mapping"),
        ("question marks", "? ".repeat(130_000), "line 1, column"),
        ("quotes", "\"\\".repeat(130_000), "not YAML"),
        ("patterns", format!("version: 1\nexclude: [{}]", "\"{a,{b,*/**/c}}\",".repeat(15_000)), "at most 200 patterns"),
    ];
    for (name, text, said) in inputs {
        let started = Instant::now();
        let message = refused(&text);
        assert!(message.contains(said), "{name} said {message}");
        assert!(message.len() < 500, "{name} is answered at length");
        assert!(started.elapsed() < Duration::from_secs(2), "{name} took {:?}", started.elapsed());
    }
}

#[test]
fn a_cocov_manifest_says_the_same_in_its_own_words() {
    let text = "version: 0.1.alpha\ncoverage:\n  min_percent: 80\nexclude_paths:\n  - spec/\n  - lib/*.rb\ndefaults:\n  checks:\n    envs: {A: one, B: two}\n    mounts:\n      - {source: secrets:X, destination: ~/.x}\nchecks:\n  - plugin: cocov/rubocop:v0.1\n    envs: {B: 2}\n  - plugin: ghcr.io:5000/cocov-ci/foo-bar@sha256:00\n";
    let manifest = parse(ManifestName::Cocov, text.as_bytes()).unwrap();
    assert_eq!(manifest.coverage.project_min.unwrap().hundredths(), 8_000);
    assert!(manifest.exclude.matches(&TreePath::new("spec/deep/a.rb")), "`dir/` is everything below");
    assert!(!manifest.exclude.matches(&TreePath::new("lib/deep/a.rb")), "a star stops at a slash");
    let checks = manifest.checks.unwrap();
    assert_eq!(checks[0].runs, Runs::Image("cocov/rubocop:v0.1".to_owned()));
    assert_eq!((checks[0].env["A"].as_str(), checks[0].env["B"].as_str()), ("one", "2"), "defaults merge name by name");
    assert_eq!(checks[0].mounts[0].destination, "~/.x");
    assert_eq!(checks[1].name, "foo-bar");
}

#[test]
fn a_cocov_manifest_is_refused_where_cocov_crashes_or_says_nothing() {
    let read = |text: &str| parse(ManifestName::Cocov, text.as_bytes());
    assert!(read("version: 0.1.alpha\ndefaults:\nchecks:\n").is_ok(), "keys left empty");
    for (text, said) in [
        (
            "version: 0.1.alpha\ncoverage: {min_percent: 900}\n",
            "`.cocov.yaml` line 2, column 25, `coverage.min_percent`: expected a percentage",
        ),
        ("version: 0.1.alpha\nchecks: [\n", "not YAML"),
        ("version: 1\n", "expected `0.1.alpha`, found `1`"),
        ("version: 0.1.alpha\nchecks: [{plugin: a, timeout: 5m}]\n", "unknown key `timeout`"),
        ("version: 0.1.alpha\nchecks: [{plugin: a/b:1}, {plugin: c/b:2}]\n", "a second check named `b`"),
    ] {
        let message = read(text).unwrap_err().to_string();
        assert!(message.contains(said), "{text:?} said {message}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = parse(ManifestName::Plumbline, &bytes);
        let _ = parse(ManifestName::Cocov, &bytes);
    }

    #[test]
    fn any_text_of_yaml_signs_is_answered(text in "[\\[\\]{}:,&*!|>'\"%@`#?\\- \\n\\tab01~<]{0,400}") {
        let started = Instant::now();
        let _ = parse(ManifestName::Plumbline, text.as_bytes());
        prop_assert!(started.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn a_manifest_with_a_few_bytes_changed_is_read_or_refused(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..8),
    ) {
        let mut bytes = WHOLE.as_bytes().to_vec();
        for (at, byte, how) in edits {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => { bytes.remove(at); }
            }
        }
        if let Err(invalid) = parse(ManifestName::Plumbline, &bytes) {
            prop_assert!(invalid.line >= 1 && invalid.column >= 1 && !invalid.message.is_empty());
            prop_assert!(invalid.line as usize <= bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 2);
        }
    }
}
