use super::*;
use crate::base::name::BlobId;
use crate::domain::issues::finding::{Kind, Severity};
use crate::engine::git::memory::MemoryTree;
use crate::engine::git::tree::Tree;

fn tree(paths: &[&str]) -> MemoryTree {
    MemoryTree::new(paths.iter().map(|path| (*path, FileKind::Regular, "x\n")))
}

fn woken<'a>(tool: &'a str, tree: &'a MemoryTree) -> Wake<'a> {
    find(tool).unwrap().wake(tree.files(), |_| true)
}

fn commands(tool: &str, files: &[&str]) -> Vec<String> {
    let paths: Vec<TreePath> = files.iter().map(|file| TreePath::new(*file)).collect();
    let paths: Vec<&TreePath> = paths.iter().collect();
    let tree = tree(&[files, &[".semgrep/rules.yml"]].concat());
    let tool = find(tool).unwrap();
    let Wake::Wakes { settings, .. } = tool.wake(tree.files(), |_| true) else { return Vec::new() };
    let commands = tool.commands(Path::new("/bin/tool"), &paths, &settings, Path::new("/out/found"));
    commands.into_iter().map(|words| words.join(OsStr::new(" ")).into_string().unwrap()).collect()
}

#[test]
fn every_entry_is_read_and_complete() {
    for name in Entries::iter() {
        let tool = entry::read(&Entries::get(&name).unwrap().data).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(format!("{}.toml", tool.name), name, "an entry is named as its tool");
        assert!(tool.about.ends_with('.') && tool.about.len() > 20, "{name}: says in a sentence what it does");
        assert!(tool.homepage.starts_with("https://") && !tool.title.is_empty(), "{name}");
        assert!(tool.install.contains(' ') && !tool.install.contains('\n'), "{name}: is installed by one command");
        assert!(tool.stopped.iter().all(|code| *code != 0 && tool.is_fine(*code)), "{name}");
        assert!(tool.fine.contains(&0) && !tool.version.is_empty() && !tool.wakes.is_empty(), "{name}");
        let every = |patterns: &[rule::Pattern]| patterns.iter().any(|pattern| pattern.0 == "*");
        assert!(tool.links.last().is_some_and(|link| every(&link.rules)), "{name}: every rule has a link");
        assert!(tool.links.iter().all(|link| link.address.starts_with("https://")), "{name}");
        let before_last = |meaning: &Meaning| every(&meaning.rules);
        let ends = tool.meanings.len().saturating_sub(1);
        assert!(!tool.meanings.is_empty() && !tool.meanings[..ends].iter().any(before_last), "{name}: no meaning is out of reach");
        assert!(tool.meanings.iter().all(|meaning| meaning.kind.is_some() || meaning.severity.is_some()), "{name}");
        let forms = tool.links.iter().flat_map(|link| link.address.match_indices('{').map(|(at, _)| &link.address[at..]));
        assert!(forms.into_iter().all(|rest| rule::FORMS.iter().any(|(form, _)| rest.starts_with(form))), "{name}: no form is unknown");
    }
}

#[test]
fn a_tool_that_reads_files_one_by_one_is_shown_those_and_its_settings_alone() {
    let given = [&TreePath::new("conf.yaml")];
    let shown = |tool: &str, tree: &MemoryTree| {
        let shown = find(tool).unwrap().shown(tree.files(), &given);
        shown.map(|shown| shown.iter().map(ToString::to_string).collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>())
    };
    let plain = ["app/main.py", "conf.yaml", "deploy/.gitignore", "deploy/.hadolint.yaml", "deploy/other.yml", "README.md"];
    assert_eq!(shown("yamllint", &tree(&plain)).unwrap(), ["conf.yaml"]);
    assert_eq!(shown("hadolint", &tree(&plain)).unwrap(), ["conf.yaml", "deploy/.hadolint.yaml"]);
    assert_eq!(shown("ruff", &tree(&plain)), None, "what is a module of one's own, the tree says");
    assert_eq!(shown("mypy", &tree(&plain)), None);
    for (tool, settings) in [
        ("yamllint", ".yamllint"),
        ("yamllint", ".yamllint.yml"),
        ("markdownlint", "docs/.markdownlint.json"),
        ("bandit", "pyproject.toml"),
    ] {
        assert_eq!(shown(tool, &tree(&[&plain[..], &[settings]].concat())), None, "`{settings}` may name any other file");
    }
    let linked = MemoryTree::new([("conf.yaml", FileKind::Regular, "x\n"), ("deploy", FileKind::Symlink, "ops")]);
    assert_eq!(shown("hadolint", &linked), None, "behind a link may be anything");
}

#[test]
fn what_finds_its_way_in_the_tree_sees_it() {
    let text = |name: &str| String::from_utf8(Entries::get(name).unwrap().data.into_owned()).unwrap();
    let blind = text("mypy.toml").replace("on = \"tree\"", "on = \"tree\"\nsees = \"files\"");
    assert!(entry::read(blind.as_bytes()).unwrap_err().to_string().contains("must see it"));
}

#[test]
fn the_catalogue_has_the_tools_that_a_team_asks_for() {
    let names: Vec<&str> = all().iter().map(|tool| tool.name.as_str()).collect();
    let expected = [
        "actionlint",
        "bandit",
        "biome",
        "clippy",
        "eslint",
        "gitleaks",
        "golangci-lint",
        "hadolint",
        "markdownlint",
        "mypy",
        "rubocop",
        "ruff",
        "semgrep",
        "shellcheck",
        "stylelint",
        "trivy",
        "yamllint",
    ];
    assert_eq!(names, expected);
    assert!(all().iter().all(|tool| super::super::builtin::find(&tool.name).is_none()), "a name means one thing");
}

#[test]
fn every_key_of_an_entry_says_what_it_is_for() {
    let source = include_str!("entry.rs");
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let structs = lines.iter().enumerate().filter(|(_, line)| line.starts_with("struct ") && line.ends_with('{'));
    let mut keys = 0;
    for (start, _) in structs {
        let body = (start + 1..).take_while(|at| lines[*at] != "}");
        for at in body.filter(|at| lines[*at].ends_with(',') && lines[*at].contains(": ")) {
            let before = (0..at).rev().map(|at| lines[at]).find(|line| !line.starts_with("#["));
            assert!(before.is_some_and(|line| line.starts_with("///")), "line {}: {}", at + 1, lines[at]);
            keys += 1;
        }
    }
    assert!(keys > 25, "{keys} keys were looked at");
}

#[test]
fn what_an_entry_cannot_say_is_refused() {
    let ruff = String::from_utf8(Entries::get("ruff.toml").unwrap().data.into_owned()).unwrap();
    let refused = |from: &str, to: &str| entry::read(ruff.replace(from, to).as_bytes()).unwrap_err().to_string();
    assert!(refused("least = \"0.6.0\"", "least = \"new\"").contains("`new` is not a version"));
    assert!(refused("about =", "abuot =").contains("unknown field `abuot`"));
    assert!(refused("\"{files}\"", "\".\"").contains("`{files}` belongs where it is run on files"));
    assert!(refused("from = \"stdout\"", "from = \"file\"").contains("`{output}` belongs where it writes a file"));
    assert!(refused("\"check\"", "\"check\", \"{given}\"").contains("`{given}` belongs where it is told of settings"));
    assert!(refused("\"*.pyi\"", "\"[\"").contains("is not a pattern"));
}

#[test]
fn a_tool_wakes_for_its_files_and_says_what_it_lacks() {
    let python = tree(&["a.py", "b/c.pyi", "d.rb"]);
    let Wake::Wakes { files, settings } = woken("ruff", &python) else { panic!() };
    assert_eq!(files.iter().map(|path| path.shown()).collect::<Vec<_>>(), ["a.py", "b/c.pyi"]);
    assert_eq!(settings.required, None);
    assert_eq!(woken("eslint", &python), Wake::Sleeps);
    let script = tree(&["a.js"]);
    let Wake::Lacks(lacked) = woken("eslint", &script) else { panic!() };
    assert_eq!(lacked[0], "eslint.config.js");
    let rules = tree(&["a.js", ".semgrep/rules.yml"]);
    let Wake::Wakes { settings, .. } = woken("semgrep", &rules) else { panic!() };
    assert_eq!(settings.required, Some(TreePath::new(".semgrep")));
    let nested = tree(&["sub/Cargo.toml", "sub/a.rs"]);
    assert_eq!(woken("clippy", &nested), Wake::Lacks(vec!["Cargo.toml"]), "what is anchored at the root is looked for there");
}

#[test]
fn only_what_is_wanted_and_a_file_wakes_a_tool() {
    let tool = find("ruff").unwrap();
    let file = |path: &str, kind| TreeFile { path: TreePath::new(path), kind, blob: BlobId::from_bytes([0; 20]) };
    let files = [
        file("a.py", FileKind::Symlink),
        file("b.py", FileKind::Executable),
        file("c.py", FileKind::Regular),
        file("d.py", FileKind::Submodule),
    ];
    let Wake::Wakes { files, .. } = tool.wake(&files, |path| path.as_bytes() != b"c.py") else { panic!() };
    assert_eq!(files, [&TreePath::new("b.py")]);
}

#[test]
fn commands_are_given_files_in_batches_that_cannot_be_taken_for_options() {
    assert_eq!(commands("yamllint", &["a.yml", "--help.yml"]), ["/bin/tool --format parsable -- ./a.yml ./--help.yml"]);
    assert_eq!(commands("yamllint", &[]), Vec::<String>::new());
    let many: Vec<String> = (0..BATCH_FILES + 1).map(|n| format!("{n}.yml")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(commands("yamllint", &many).iter().map(|command| command.matches(".yml").count()).collect::<Vec<_>>(), [BATCH_FILES, 1]);
    let long =
        [format!("{}/a.yml", "x".repeat(BATCH_BYTES)), format!("{}/b.yml", "x".repeat(20_000)), format!("{}/c.yml", "x".repeat(20_000))];
    assert_eq!(commands("yamllint", &long.each_ref().map(String::as_str)).len(), 3);
}

#[test]
fn commands_name_the_tree_the_output_and_the_settings() {
    assert!(commands("gitleaks", &["a"])[0].ends_with("--report-format sarif --report-path /out/found"));
    assert!(commands("semgrep", &["a"])[0].starts_with("/bin/tool scan --config ./.semgrep --sarif"));
    assert_eq!(commands("clippy", &["Cargo.toml", "a.rs", "b.rs"]).len(), 1);
}

#[test]
fn a_tool_is_told_of_settings_that_it_does_not_look_for_itself() {
    let told = |tool: &str, files: &[&str]| commands(tool, files).remove(0);
    assert!(told("bandit", &["a.py"]).ends_with("[{test_id}] ./a.py"));
    assert!(told("bandit", &["a.py", ".bandit"]).contains(" --ini ./.bandit ./a.py"));
    assert!(told("bandit", &["a.py", "pyproject.toml"]).contains(" -c ./pyproject.toml ./a.py"));
    let both = told("bandit", &["a.py", "pyproject.toml", "bandit.yaml", ".bandit"]);
    assert!(both.contains(" --ini ./.bandit -c ./bandit.yaml ./a.py"), "{both}");
    let below = told("bandit", &["a.py", "lib/.bandit"]);
    assert!(!below.contains("--ini"), "what is not at the root is not meant for all: {below}");
    let workflow = ".github/workflows/ci.yml";
    assert!(told("actionlint", &[workflow]).ends_with(" -pyflakes= ./.github/workflows/ci.yml"));
    assert!(told("actionlint", &[workflow, ".github/actionlint.yaml"]).contains(" -config-file ./.github/actionlint.yaml ./.github/w"));
    let linked = [(workflow, FileKind::Regular, "x"), (".github/actionlint.yml", FileKind::Symlink, "/etc/passwd")];
    let Wake::Wakes { settings, .. } = find("actionlint").unwrap().wake(MemoryTree::new(linked).files(), |_| true) else { panic!() };
    assert_eq!(settings.given, [None], "what is no file of the tree is not handed over");
}

#[test]
fn every_file_that_bears_on_what_a_tool_says_counts_as_its_settings() {
    for (tool, files) in [
        ("actionlint", &[".github/actionlint.yaml", ".github/actionlint.yml"][..]),
        ("bandit", &[".bandit", "pyproject.toml", "bandit.yaml", "conf/profile.yml", "baseline.json"]),
        ("biome", &["biome.json", "web/biome.jsonc", "shared/rules.json", "lint/own.grit", "package.json", ".gitignore"]),
        ("eslint", &["tools/rules.cjs", "lint/rules.mts", "tsconfig.json", "package.json", ".gitignore", ".prettierrc"]),
        ("hadolint", &[".hadolint.yaml", ".hadolint.yml"]),
        ("markdownlint", &[".markdownlint.json", ".markdownlintrc", ".markdownlintignore", "shared/rules.yaml"]),
        (
            "rubocop",
            &[".rubocop.yml", ".rubocop_todo.yml", ".rubocop-rails.yml", ".rubocop", ".ruby-version", "lib/own_cop.rb", "Gemfile.lock"],
        ),
        ("ruff", &["pyproject.toml", "ruff.toml", "lib/.ruff.toml", "shared/lint.toml"]),
        ("shellcheck", &[".shellcheckrc", "lib/common.sh"]),
        ("stylelint", &[".stylelintignore", "shared/rules.js", "shared/rules.json", "package.json"]),
        ("yamllint", &[".yamllint", ".yamllint.yaml", "shared/rules.yml", ".gitignore"]),
    ] {
        for file in files {
            let (tool, path) = (find(tool).unwrap(), TreePath::new(*file));
            assert!(tool.settings.matches(&path) || tool.is_required(&path), "{} {file}", tool.name);
        }
        assert!(!find(tool).unwrap().settings.matches(&TreePath::new("src/main.c")), "{tool}");
    }
    let by_file = all().iter().filter(|tool| tool.on == On::Files).map(|tool| tool.name.as_str());
    let looked_at =
        ["actionlint", "bandit", "biome", "eslint", "hadolint", "markdownlint", "rubocop", "ruff", "shellcheck", "stylelint", "yamllint"];
    assert_eq!(by_file.collect::<Vec<_>>(), looked_at, "the others are run anew for every tree");
}

#[test]
fn a_file_that_becomes_another_is_not_linted_as_that_other() {
    let tool = find("hadolint").unwrap();
    let is_woken = |path: &&str| tool.wakes.matches(&TreePath::new(*path));
    let dockerfiles = ["Dockerfile", "a/Dockerfile.prod", "web.dockerfile", "web.Dockerfile", "Containerfile", "Containerfile.dev"];
    assert!(dockerfiles.iter().all(&is_woken));
    for path in [
        "Dockerfile.dockerignore",
        "web.Dockerfile.dockerignore",
        "Dockerfile.j2",
        "Dockerfile.tmpl",
        "Containerfile.j2",
        "a/Dockerfile.erb",
    ] {
        assert!(!is_woken(&path), "{path}");
    }
}

#[test]
fn an_end_that_complains_of_nothing_is_not_explained() {
    let mypy = find("mypy").unwrap();
    assert!(mypy.is_fine(2) && mypy.is_explained(2, 1) && mypy.is_explained(0, 0));
    assert!(!mypy.is_explained(2, 0), "it could not even begin");
    assert!(!mypy.is_fine(3) && !mypy.is_explained(3, 1));
    let clippy = find("clippy").unwrap();
    assert!(clippy.is_explained(101, 1) && !clippy.is_explained(101, 0));
}

#[test]
fn settings_in_every_language_that_eslint_takes_them_in_wake_it() {
    for end in ["js", "mjs", "cjs", "ts", "mts", "cts"] {
        assert!(matches!(woken("eslint", &tree(&["a.js", &format!("eslint.config.{end}")])), Wake::Wakes { .. }), "{end}");
    }
    assert!(matches!(woken("stylelint", &tree(&["a.css", "package.json"])), Wake::Lacks(_)));
    assert!(find("stylelint").unwrap().about.contains("`package.json`"), "what does not wake it is said where people look");
}

#[test]
fn every_family_of_ruffs_rules_has_the_kind_of_its_own() {
    let kind = |rule: &str| judged("ruff", rule, Severity::Major).0;
    let (bug, quality, style, convention) = (Kind::Bug, Kind::Quality, Kind::Style, Kind::Convention);
    for (rule, expected) in [
        ("AIR001", quality),
        ("ERA001", quality),
        ("FAST001", quality),
        ("YTT101", bug),
        ("ANN001", convention),
        ("ASYNC100", bug),
        ("S101", Kind::Security),
        ("BLE001", bug),
        ("FBT001", quality),
        ("B002", bug),
        ("A001", quality),
        ("COM812", style),
        ("C400", Kind::Performance),
        ("CPY001", convention),
        ("DTZ001", bug),
        ("T100", bug),
        ("DJ001", quality),
        ("EM101", quality),
        ("EXE001", quality),
        ("FIX001", quality),
        ("FA100", quality),
        ("INT001", bug),
        ("ISC001", style),
        ("ICN001", convention),
        ("LOG001", bug),
        ("G001", quality),
        ("INP001", convention),
        ("PIE790", quality),
        ("T201", quality),
        ("PYI001", convention),
        ("PT001", convention),
        ("Q000", style),
        ("RSE102", style),
        ("RET501", quality),
        ("SLF001", quality),
        ("SIM101", quality),
        ("SLOT000", Kind::Performance),
        ("TID251", convention),
        ("TD001", quality),
        ("TC001", quality),
        ("ARG001", bug),
        ("PTH100", quality),
        ("FLY002", style),
        ("I001", style),
        ("C901", Kind::Complexity),
        ("NPY001", quality),
        ("PD002", quality),
        ("N801", convention),
        ("PERF101", Kind::Performance),
        ("E101", style),
        ("E902", bug),
        ("W605", style),
        ("DOC102", convention),
        ("D100", convention),
        ("F401", bug),
        ("PGH001", quality),
        ("PLC0105", quality),
        ("PLE0100", bug),
        ("PLR0911", Kind::Complexity),
        ("PLR1711", quality),
        ("PLW0120", bug),
        ("UP001", style),
        ("FURB101", Kind::Performance),
        ("RUF001", quality),
        ("TRY002", quality),
        ("invalid-syntax", bug),
    ] {
        assert_eq!(kind(rule), expected, "{rule}");
    }
}

fn judged(tool: &str, rule: &str, severity: Severity) -> (Kind, Severity, String) {
    let mut finding = Finding {
        rule: rule.to_owned(),
        message: "m".to_owned(),
        path: TreePath::new("a"),
        span: None,
        kind: Kind::Quality,
        severity,
        fingerprint: None,
    };
    let tool = find(tool).unwrap();
    tool.adjust(&mut finding);
    (finding.kind, finding.severity, tool.link(rule).unwrap())
}

#[test]
fn rules_have_our_kinds_and_severities_and_a_page() {
    assert_eq!(judged("ruff", "F401", Severity::Major), (Kind::Bug, Severity::Minor, "https://docs.astral.sh/ruff/rules/F401".to_owned()));
    assert_eq!(judged("ruff", "S602", Severity::Major).0, Kind::Security);
    assert_eq!(judged("bandit", "B602", Severity::Critical).1, Severity::Critical);
    assert_eq!(judged("clippy", "clippy::len_zero", Severity::Minor).0, Kind::Style);
    assert_eq!(judged("clippy", "E0308", Severity::Major).2, "https://doc.rust-lang.org/error_codes/E0308.html");
    assert_eq!(judged("trivy", "CVE-2024-1", Severity::Major).2, "https://avd.aquasec.com/nvd/cve-2024-1");
    assert_eq!(
        judged("rubocop", "Style/StringLiterals", Severity::Info).2,
        "https://docs.rubocop.org/rubocop/cops_style.html#stylestringliterals"
    );
}

#[test]
fn a_version_that_is_too_old_is_not_taken() {
    let ruff = find("ruff").unwrap();
    assert!(ruff.takes(&Version::of("0.6.0").unwrap()) && ruff.takes(&Version::of("1.0").unwrap()));
    assert!(!ruff.takes(&Version::of("0.5.9").unwrap()));
}

#[test]
fn what_brings_a_tool_up_to_date_is_not_what_is_content_with_an_old_one() {
    let renewal = |name| find(name).unwrap().renewal();
    assert_eq!(renewal("ruff"), "pip install --upgrade ruff");
    assert_eq!(renewal("bandit"), "pip install --upgrade 'bandit[toml]'");
    assert_eq!(renewal("eslint"), "npm install --global eslint");
    assert_eq!((renewal("clippy").as_str(), renewal("trivy").as_str()), ("rustup update", "brew upgrade trivy"));
    for tool in all() {
        let command = tool.renewal();
        assert!(
            !["pip install ", "brew install ", "rustup component"].iter().any(|way| command.starts_with(way))
                || command.contains("--upgrade"),
            "{command}"
        );
    }
}
