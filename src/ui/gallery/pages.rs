//! The pages of the gallery, each by the name of its file.

use super::*;

pub fn all(world: &World) -> Vec<(String, String)> {
    let mut out = Vec::new();
    homes(world, &mut out);
    adding(world, &mut out);
    repositories(world, &mut out);
    commits(world, &mut out);
    checks::all(world, &mut out);
    pulls::all(world, &mut out);
    files(world, &mut out);
    issues(world, &mut out);
    people::doors(world, &mut out);
    admin::all(world, &mut out);
    out
}

pub(super) type Pages = Vec<(String, String)>;

const POLLED: Duration = Duration::from_secs(300);

pub(super) fn add(out: &mut Pages, name: &str, page: &impl Template) {
    out.push((name.to_owned(), page.render().unwrap_or_else(|error| panic!("{name}: {error}"))));
}

fn homes(world: &World, out: &mut Pages) {
    let mut rows = vec![
        RepoRow {
            repo: world.repo("acme", "api", 14, Some(Verdict::Failure)),
            head: world.commits().into_iter().next(),
            trend: world.trend(&[22, 21, 21, 19, 19, 17, 16, 15, 12, 14]),
        },
        RepoRow {
            repo: world.repo("acme", "billing", 0, Some(Verdict::Success)),
            head: Some(world.commit(2, "x", 5, Some(Verdict::Success), [0; 3])),
            trend: world.trend(&[4, 3, 3, 1, 0, 0]),
        },
        RepoRow {
            repo: world.repo("acme", "infrastructure-as-code-monorepo", 1204, Some(Verdict::Error)),
            head: Some(world.commit(3, "x", 300, Some(Verdict::Error), [0; 3])),
            trend: world.trend(&[900, 1000, 1180, 1190, 1204]),
        },
        RepoRow { repo: world.repo("local", "dotfiles", 0, None), head: None, trend: Vec::new() },
        RepoRow {
            repo: world.repo("local", "web", 3, Some(Verdict::Success)),
            head: Some(world.commit(4, "x", 1, Some(Verdict::Success), [3, 0, 0])),
            trend: world.trend(&[3, 3]),
        },
    ];
    rows[1].repo.coverage_percent = Some(87.41);
    rows[1].repo.private = true;
    rows[2].repo.sync_error = Some(world.say("the remote did not answer within 30 s"));
    rows[3].repo.issues_open = None;
    rows[4].head.as_mut().unwrap().check_set = Some(CheckState::Running);
    let running = vec![
        RunningRow { repo: slug(), sha: sha(4), started_at: Some(before(75)), done: 2, total: 5 },
        RunningRow { repo: slug(), sha: sha(5), started_at: None, done: 0, total: 0 },
    ];
    let page = |repos, query: String, running, add| HomePage { frame: world.frame(), query, repos, next: None, running, add };
    let mut full = page(rows, String::new(), running, Some(AddForm::default()));
    full.next = Some(Cursor::new(vec![1, 2]));
    add(out, "home", &full);
    full.frame.is_unisolated = true;
    add(out, "home-trusted", &full);
    let form = AddForm { takes_paths: true, may_set_up: true, ..AddForm::default() };
    add(out, "home-empty", &page(Vec::new(), String::new(), Vec::new(), Some(form)));
    add(out, "home-empty-member", &page(Vec::new(), String::new(), Vec::new(), None));
    add(out, "home-nothing-found", &page(Vec::new(), world.say("frontend"), Vec::new(), None));
}

fn adding(world: &World, out: &mut Pages) {
    let repo = |name: &str, description: Option<&'static str>| GithubRepoView {
        id: 1,
        owner: "acme".to_owned(),
        name: name.to_owned(),
        description: description.map(|text| world.say(text)),
        private: name == "billing",
        archived: name == "old-site",
        added: name == "api",
    };
    let items = vec![
        repo("api", Some("What the apps talk to")),
        repo("billing", Some("Invoices, and all that has to be right about them; in three languages, with the rules of seven countries")),
        repo("infrastructure-as-code-monorepo", None),
        repo("old-site", Some("The site before the site")),
    ];
    let found = |items, next| Page { items, next };
    let offer = |query: &'static str, found, is_quick| {
        let query = if query.is_empty() { String::new() } else { world.say(query) };
        Offer { query, cursor: None, found, is_quick, added: None, fault: None }
    };
    let form = AddForm { takes_paths: true, takes_github: true, ..AddForm::default() };
    let page = |github, form: &AddForm| AddPage { frame: world.frame(), github, form: form.clone() };
    let mut full = offer("", Ok(found(items, Some(Cursor::new(vec![1, 2])))), true);
    full.added = Some(slug());
    add(out, "add", &page(OnGithub::Offered(full), &form));
    add(out, "add-nothing-found", &page(OnGithub::Offered(offer("frontend", Ok(found(Vec::new(), None)), true)), &form));
    let goes_on = offer("", Ok(found(Vec::new(), Some(Cursor::new(vec![1, 2])))), false);
    add(out, "add-none-yet", &page(OnGithub::Offered(goes_on), &AddForm::default()));
    let mut away = offer("", Err(world.say("GitHub is left alone until 2026-09-01T08:00:30Z, since it did not answer.")), true);
    away.cursor = Some(world.say("AQI"));
    away.fault = Some(world.say("The repository `acme/api` is there already."));
    add(out, "add-away", &page(OnGithub::Offered(away), &form));
    let refused = AddForm {
        entered: world.say("/srv/git/nothing"),
        error: Some(
            world.say("There is no folder `/srv/git/nothing` on the server's machine; give its whole path, such as `/srv/git/app`."),
        ),
        takes_github: false,
        ..form.clone()
    };
    add(out, "add-refused", &page(OnGithub::NotSetUp, &refused));
    add(out, "add-not-asked", &page(OnGithub::NotAsked, &form));
    add(out, "add-unknown", &page(OnGithub::Unknown { may_link: true }, &AddForm::default()));
}

fn repositories(world: &World, out: &mut Pages) {
    let commits = world.commits();
    let rule = |rule, severity, open| RuleRow { source: world.say("hygiene"), rule: world.say(rule), severity, open };
    let branch = |name: &str, seed: u8, open| BranchView {
        name: name.parse().unwrap(),
        head: world.commit(seed, "x", u64::from(seed) * 9, Some(Verdict::Success), [1; 3]),
        is_default: name == "main",
        issues_open: open,
        coverage_percent: None,
    };
    let page = || RepoPage {
        frame: world.frame(),
        place: world.place(),
        repo: world.repo("acme", "api", 14, Some(Verdict::Failure)),
        head: Some(commits[0].clone()),
        sentence: Some(world.say("2 new issues in this commit, 0 are allowed")),
        trend: world.trend(&[22, 21, 24, 24, 21, 19, 19, 20, 18, 17, 17, 16, 15, 15, 12, 14]),
        coverage: Vec::new(),
        commits: commits.clone(),
        branches: vec![
            branch("main", 1, Some(14)),
            branch("release/2.4", 2, Some(31)),
            branch("fix/a-very-long-branch-name-that-somebody-typed-in-a-hurry", 3, None),
        ],
        rules: vec![
            rule("mixed_line_endings", Severity::Minor, 7),
            rule("large_binary", Severity::Info, 4),
            rule("invalid_json", Severity::Critical, 2),
            rule("conflict_marker", Severity::Blocker, 1),
        ],
        has_more_branches: true,
        is_fetching: false,
        is_trend_cut: false,
        poll_interval: POLLED,
    };
    add(out, "repo", &page());
    let values: Vec<Point> = world.trend(&[81, 82, 84, 83, 86, 87]);
    add(out, "repo-fetching", &RepoPage { is_fetching: true, coverage: values, ..page() });
    let empty = || RepoPage {
        head: None,
        sentence: None,
        trend: Vec::new(),
        commits: Vec::new(),
        branches: Vec::new(),
        rules: Vec::new(),
        place: Place { branch: None, branches: Vec::new(), files_at: None, ..world.place() },
        ..page()
    };
    add(out, "repo-empty", &empty());
    add(out, "repo-first-fetch", &RepoPage { is_fetching: true, ..empty() });
    let mut failed = page();
    failed.repo.sync_error = Some(world.say("cannot fetch `https://git.example.org/acme/api.git`: the server answered 401. Check the address and the credentials in the repository's settings."));
    failed.rules.clear();
    failed.trend.truncate(1);
    add(out, "repo-failed", &failed);
    add(
        out,
        "commits",
        &CommitsPage {
            frame: world.frame(),
            place: world.place(),
            commits: commits.clone(),
            next: Some(Cursor::new(vec![7])),
            poll_interval: POLLED,
        },
    );
    let branches = page().branches;
    let listed = |branches, next| BranchesPage { frame: world.frame(), place: world.place(), branches, next, poll_interval: POLLED };
    add(out, "branches", &listed(branches, Some(Cursor::new(vec![7]))));
    add(out, "branches-empty", &listed(Vec::new(), None));
    settings(world, out);
    super::secrets::all(world, out);
    compared(world, out);
    let none = CommitsPage { frame: world.frame(), place: world.place(), commits: Vec::new(), next: None, poll_interval: POLLED };
    add(out, "commits-empty", &none);
}

fn tool_choice(name: &'static str) -> crate::ui::settings::ToolChoice {
    crate::ui::settings::ToolChoice {
        name,
        title: name,
        is_on: name == "ruff",
        is_everywhere: name == "shellcheck",
        is_here: name != "yamllint",
    }
}

fn settings(world: &World, out: &mut Pages) {
    let markdown = "[![gate](https://plumbline.example.org/badges/acme/api/gate.svg?key=0123456789abcdef0123456789abcdef)](https://plumbline.example.org/r/acme/api)";
    let page = |is_private, refused| SettingsPage {
        frame: world.frame(),
        place: world.place(),
        repo: RepoView { private: is_private, ..world.repo("acme", "api", 14, Some(Verdict::Failure)) },
        badges: vec![("gate", world.say(markdown)), ("issues", world.say(markdown))],
        tools: ["ruff", "shellcheck", "yamllint"].map(tool_choice).to_vec(),
        members: Some(Members {
            rows: vec![
                MemberView {
                    login: world.say("ada"),
                    name: world.say("Ada Lovelace"),
                    role: RepoRole::Admin,
                    source: MembershipSource::Local,
                    disabled: false,
                },
                MemberView {
                    login: world.say("grace"),
                    name: world.say("grace"),
                    role: RepoRole::Triage,
                    source: MembershipSource::Github,
                    disabled: true,
                },
            ],
            is_cut: is_private,
            are_given_here: is_private,
            refused: is_private.then(|| (world.say("nobody"), world.say("Nobody signs in as `nobody`."))),
        }),
        upload_token: is_private.then(|| world.say("plb_upl_0123456789")),
        usage: UsageView {
            used_bytes: BTreeMap::from([("mirror", 48 << 20), ("logs", 91_000), ("rows", 7 << 20)]),
            total_bytes: (55 << 20) + 91_000,
            quota_bytes: (!is_private).then_some(1 << 30),
        },
        refused,
    };
    add(out, "settings", &page(true, None));
    add(
        out,
        "settings-refused",
        &page(false, Some((world.say("The public API"), world.say("A description has at most 350 characters; this one has 412.")))),
    );
}

fn compared(world: &World, out: &mut Pages) {
    let page = |found| ComparePage {
        frame: world.frame(),
        place: world.place(),
        base: world.say("main"),
        head: world.say("fix/a-very-long-branch-name-that-somebody-typed-in-a-hurry"),
        found,
    };
    let mut new = world.list(world.rows(true));
    (new.total, new.next) = (1_204, Some(Cursor::new(vec![1])));
    let difference = |new, fixed| {
        let commits = world.commits();
        Some(Compared::Difference(Box::new(Difference { base: commits[1].clone(), head: commits[0].clone(), new, fixed })))
    };
    add(out, "compare", &page(difference(new, world.list(world.rows(false).split_off(2)))));
    add(out, "compare-same", &page(difference(IssueList::default(), IssueList::default())));
    add(
        out,
        "compare-unlooked",
        &page(Some(Compared::Unlooked {
            sha: sha(1),
            why: world.say("the commit `9fceb02` has no finished checks to compare; run its checks, and ask again once they have ended"),
        })),
    );
    add(out, "compare-form", &ComparePage { base: String::new(), head: String::new(), ..page(None) });
}

fn commits(world: &World, out: &mut Pages) {
    let mut rows = world.rows(true);
    let new: Vec<IssueRow> = rows
        .drain(..2)
        .map(|mut row| {
            row.issue.is_new = true;
            row
        })
        .collect();
    let fixed: Vec<IssueRow> = rows
        .drain(2..)
        .map(|mut row| {
            row.issue.state = IssueState::Fixed;
            row
        })
        .collect();
    let mut ignored = world.rows(false).swap_remove(2);
    ignored.issue.state = IssueState::Ignored;
    ignored.issue.ignored = Some(IgnoredView {
        scope: "repository".into(),
        reason: world.say("Windows checks it out that way"),
        by: world.say("grace"),
        at: before(9_000),
        until: None,
    });
    let (old, ignored) = (rows, vec![ignored]);
    let checks = || {
        vec![
            world.check("hygiene", CheckState::Succeeded, Some(5), Some(85)),
            world.check("secrets", CheckState::Succeeded, Some(0), Some(1_240)),
            world.check("clippy", CheckState::Failed, None, Some(41_200)),
        ]
    };
    let page = || CommitPage {
        came_late: false,
        frame: world.frame(),
        place: world.at_commit(),
        repo: world.repo("acme", "api", 14, Some(Verdict::Failure)),
        commit: world.commits().swap_remove(0),
        status: Some(world.status(Verdict::Failure, "2 new issues in this commit, 0 are allowed")),
        set: Some(world.set(CheckState::Failed, checks())),
        fetched_at: Some(before(7_000)),
        pulls: vec![(7, world.say("Read the configuration once"))],
        manifest: Manifest::Found(world.say(".plumbline.yaml")),
        base: Base::Commit(sha(2)),
        filter: IssueFilter::default(),
        facets: BTreeMap::from([("source".to_owned(), BTreeMap::from([(world.say("hygiene"), 5), (world.say("clippy"), 12)]))]),
        new: world.list(new.clone()),
        open: world.list(old.clone()),
        fixed: world.list(fixed.clone()),
        ignored: world.list(ignored.clone()),
    };
    add(out, "commit", &page());
    let filter = IssueFilter { severity: "major".into(), path: world.say("src/**"), state: "new".into(), ..IssueFilter::default() };
    let mut filtered = CommitPage { filter: filter.clone(), ..page() };
    filtered.new.next = Some(Cursor::new(vec![3]));
    add(out, "commit-filtered", &filtered);
    let nothing = |page: CommitPage| CommitPage {
        new: IssueList::default(),
        open: IssueList::default(),
        fixed: IssueList::default(),
        ignored: IssueList::default(),
        ..page
    };
    add(out, "commit-late", &CommitPage { came_late: true, ..page() });
    add(out, "commit-nothing-fits", &nothing(CommitPage { filter, ..page() }));
    let holds = CommitPage {
        status: Some(world.status(Verdict::Success, "No new issues; nothing is gated without a manifest")),
        set: Some(world.set(CheckState::Succeeded, checks()[..2].to_vec())),
        manifest: Manifest::Missing,
        new: IssueList::default(),
        ..page()
    };
    add(out, "commit-holds", &holds);
    let mut refused = world.status(Verdict::Success, "Nothing was found");
    refused.contexts[0].refused = Some(world.say("GitHub refuses it (422): No commit found for SHA: 3f9e2b1"));
    let clean = CommitPage { status: Some(refused), base: Base::Baseline, ..page() };
    add(out, "commit-clean", &nothing(clean));
    let mut baseline = CommitPage {
        status: Some(world.status(Verdict::Success, "14 issues are the baseline")),
        base: Base::Baseline,
        new: IssueList::default(),
        fixed: IssueList::default(),
        ..page()
    };
    baseline.open = world.list((0..6).flat_map(|_| world.rows(false)).collect());
    baseline.open.total = 1204;
    baseline.open.next = Some(Cursor::new(vec![9]));
    baseline.set = Some(world.set(CheckState::Succeeded, checks()[..1].to_vec()));
    add(out, "commit-baseline", &baseline);
    let mut running = page();
    let mut waits = world.check("eslint", CheckState::Waiting, None, None);
    waits.waits_for = Some("approval".into());
    running.set = Some(world.set(
        CheckState::Running,
        vec![
            checks()[0].clone(),
            world.check("clippy", CheckState::Running, None, None),
            world.check("brakeman", CheckState::Waiting, None, None),
            waits,
        ],
    ));
    running.status = Some(world.status(Verdict::Pending, "Checks are running"));
    running.commit.issues = None;
    running.base = Base::Unknown;
    add(out, "commit-running", &nothing(running));
    let mut waiting = page();
    waiting.set = Some(world.set(CheckState::Waiting, Vec::new()));
    waiting.status = Some(world.status(Verdict::Pending, "Waiting"));
    (waiting.commit.issues, waiting.base, waiting.manifest) = (None, Base::Unknown, Manifest::Unread);
    add(out, "commit-waiting", &nothing(waiting));
    let mut canceled = page();
    canceled.set =
        Some(world.set(CheckState::Canceled, vec![checks()[0].clone(), world.check("clippy", CheckState::Canceled, None, Some(3_000))]));
    canceled.status = Some(world.status(Verdict::Error, "The checks were canceled"));
    canceled.commit.issues = None;
    add(out, "commit-canceled", &nothing(canceled));
    let mut errored = page();
    let mut lost = world.check("clippy", CheckState::Errored, None, Some(12_000));
    lost.error = Some(CheckErrorView {
        code: "limit_memory".into(),
        message: world.say("`clippy` used more than the 2.0 GiB it may; raise `limits.memory` in the manifest or split the check"),
    });
    errored.set = Some(
        world.set(CheckState::Errored, vec![checks()[0].clone(), lost, world.check("slow", CheckState::TimedOut, None, Some(600_000))]),
    );
    errored.set.as_mut().unwrap().error =
        Some(CheckErrorView { code: "sandbox_unavailable".into(), message: world.say("no sandbox is available on this host") });
    errored.status = Some(world.status(Verdict::Error, "We cannot tell: `clippy` ran out of memory"));
    add(out, "commit-errored", &errored);
    let fault = ManifestFault {
        path: TreePath::new(".plumbline.yaml"),
        message: world.say("unknown key `chekcs`; did you mean `checks`?"),
        line: Some(4),
        column: Some(3),
        text: Some(world.say("  chekcs: [hygiene, secrets]")),
    };
    let mut invalid = page();
    invalid.manifest = Manifest::Invalid(fault);
    invalid.set = Some(world.set(CheckState::Errored, Vec::new()));
    invalid.status = Some(world.status(Verdict::Error, "The manifest cannot be read"));
    (invalid.commit.issues, invalid.base) = (None, Base::Unknown);
    add(out, "commit-manifest-invalid", &nothing(invalid));
    let mut unasked = page();
    (unasked.set, unasked.status, unasked.commit.issues, unasked.manifest, unasked.base) =
        (None, None, None, Manifest::Unread, Base::Unknown);
    unasked.commit.gate = None;
    add(out, "commit-not-checked", &nothing(unasked));
}

fn files(world: &World, out: &mut Pages) {
    let path = TreePath::new(if world.is_hostile() { format!("src/{HOSTILE}.rs") } else { "src/report/upload.rs".to_owned() });
    let file = |content, issues| FilePage {
        frame: world.frame(),
        place: world.at_commit(),
        sha: sha(1),
        path: path.clone(),
        size: 3_412,
        content,
        issues,
    };
    let mut all = world.issues();
    all[1].is_new = true;
    add(out, "file", &file(Content::Text(world.source()), all));
    add(out, "file-empty", &file(Content::Text(Source::default()), Vec::new()));
    add(out, "file-binary", &file(Content::Binary, world.issues().split_off(3)));
    add(out, "file-too-large", &file(Content::TooLarge(1 << 20), Vec::new()));
    add(out, "file-symlink", &file(Content::Symlink(world.say("../../etc/passwd")), Vec::new()));
    add(out, "file-submodule", &file(Content::Submodule, Vec::new()));
    add(out, "file-absent", &file(Content::Absent, Vec::new()));
    let entry = |name: &str, kind, size, issues| {
        let name = if world.is_hostile() { format!("src/report/{name}{HOSTILE}") } else { format!("src/report/{name}") };
        TreeEntry { path: TreePath::new(name), kind, size, issues }
    };
    let entries = vec![
        entry("format", EntryKind::Directory, None, Some(3)),
        entry("vendor", EntryKind::Submodule, None, Some(0)),
        entry("caf\u{e9}.txt", EntryKind::File, Some(12), Some(0)),
        entry("latest", EntryKind::Symlink, None, Some(0)),
        entry("merge.rs", EntryKind::File, Some(18_232), Some(0)),
        entry("upload.rs", EntryKind::File, Some(3_412), Some(2)),
    ];
    let tree = |path: Option<&str>, entries, left_out| TreePage {
        frame: world.frame(),
        place: world.at_commit(),
        sha: sha(1),
        path: path.map(TreePath::new),
        entries,
        left_out,
    };
    add(out, "tree", &tree(Some("src/report"), entries.clone(), 1_200));
    add(out, "tree-root", &tree(None, entries, 0));
    add(out, "tree-absent", &tree(Some("src/nothing"), Vec::new(), 0));
    add(out, "tree-empty", &tree(None, Vec::new(), 0));
}

fn issues(world: &World, out: &mut Pages) {
    let facet = |words: &[(&'static str, u64)]| words.iter().map(|(word, count)| (world.say(word), *count)).collect::<BTreeMap<_, _>>();
    let facets = BTreeMap::from([
        ("state".to_owned(), facet(&[("open", 1204), ("fixed", 31), ("ignored", 2)])),
        ("severity".to_owned(), facet(&[("blocker", 1), ("critical", 2), ("major", 40), ("minor", 1000), ("info", 161)])),
        (
            "rule".to_owned(),
            facet(&[
                ("mixed_line_endings", 700),
                ("large_binary", 120),
                ("invalid_json", 2),
                ("a", 1),
                ("b", 1),
                ("c", 1),
                ("d", 1),
                ("e", 1),
                ("f", 1),
            ]),
        ),
        ("repo".to_owned(), facet(&[("acme/api", 14), ("acme/infrastructure-as-code-monorepo", 1190)])),
    ]);
    let page = |query: String, found| IssuesPage { frame: world.frame(), query, found };
    let mut rows = world.rows(true);
    rows[0].issue.is_new = true;
    rows[3].issue.state = IssueState::Fixed;
    rows[4].at = None;
    add(
        out,
        "issues",
        &page(world.say("severity:major report"), Found::Results(Results { rows, total: 1_204, facets, next: Some(Cursor::new(vec![4])) })),
    );
    add(out, "issues-empty", &page(String::new(), Found::Results(Results::default())));
    add(out, "issues-none", &page(world.say("nothing like it"), Found::Results(Results::default())));
    add(
        out,
        "issues-bad-query",
        &page(
            world.say("path:src (major OR"),
            Found::Fault(QueryFault {
                message: world.say("the parenthesis that opens here is never closed; close it with `)`"),
                position: 9,
            }),
        ),
    );
    add(out, "issues-rebuilding", &page(String::new(), Found::Rebuilding(Rebuilding { percent: Some(32) })));
    add(out, "issues-rebuilding-unknown", &page(String::new(), Found::Rebuilding(Rebuilding { percent: None })));
    let turn = |what: &str, seed: Option<u8>, hours: u64, note: Option<&'static str>| TurnView {
        what: what.to_owned(),
        sha: seed.map(sha),
        at: before(hours * 3_600),
        note: note.map(|note| world.say(note)),
    };
    let issue = |row, alike: Vec<IssueRow>| {
        IssuePage {
        frame: world.frame(),
        place: world.place(),
        row,
        history: vec![
            turn("first_seen", Some(9), 700, None),
            turn("moved", Some(8), 420, Some("from `src/read.rs:40`")),
            turn("fixed", Some(5), 300, None),
            turn("reopened", Some(3), 49, None),
            turn("ignored", None, 20, Some("grace: the caller checks it")),
        ],
        explanation: Some(world.say("An error that is dropped leaves no trace: what follows works on something else than it thinks. Pass it on with `?`, or write down why it may be lost.")),
        alike_total: if alike.is_empty() { 0 } else { 40 },
        alike,
    }
    };
    add(out, "issue", &issue(world.rows(true).swap_remove(1), world.rows(false)));
    let mut lone = world.rows(false).swap_remove(2);
    lone.issue.state = IssueState::Ignored;
    lone.issue.ignored = Some(IgnoredView {
        scope: "commit".into(),
        reason: world.say("Windows checks it out that way"),
        by: world.say("grace"),
        at: before(9_000),
        until: Some(before(0)),
    });
    add(out, "issue-ignored", &issue(lone, Vec::new()));
    let mut fixed = world.rows(true).swap_remove(0);
    fixed.issue.state = IssueState::Fixed;
    add(out, "issue-fixed", &issue(fixed, Vec::new()));
}

pub(super) fn document(world: &World) -> serde_json::Value {
    let say = |text| world.say(text);
    json!({
        "info": {"title": say("Plumbline"), "version": say("0.1.0"), "description": say("Code health for a team. Everything a page shows is here, through the same verbs.")},
        "tags": [{"name": "repositories", "description": say("Repositories, branches and commits")}, {"name": "checks"}],
        "paths": {
            "/api/v1/repos": {
                "get": {"tags": ["repositories"], "summary": say("Lists the repositories that the caller may see"), "x-permission": "repo:read",
                    "parameters": [{"name": "q", "in": "query", "schema": {"type": "string"}, "description": say("Part of a name")}, {"name": "limit", "in": "query", "schema": {"type": "integer"}}],
                    "responses": {"200": {"description": say("A page of them"), "content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/RepoView"}}}}}}},
                "post": {"tags": ["repositories"], "summary": say("Adds a repository"), "x-permission": "admin", "responses": {"201": {"description": say("Added")}}}
            },
            "/api/v1/repos/{owner}/{name}/commits/{sha}/checks": {
                "delete": {"tags": ["checks"], "summary": say("Cancels the checks of a commit"), "parameters": [{"name": "owner", "in": "path", "required": true, "schema": {"type": "string"}}], "responses": {"202": {"description": say("They will stop")}}}
            }
        },
        "components": {"schemas": {
            "RepoView": {"type": "object", "description": say("A repository."), "required": ["id"], "properties": {
                "id": {"type": "string", "description": say("Its id.")}, "gate": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Verdict"}]}}},
            "Verdict": {"type": "string", "enum": ["pending", "success", "failure", "error"], "description": say("How the gate stands.")}
        }}
    })
}
