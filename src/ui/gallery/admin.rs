//! The pages of the administration.

use super::pages::{Pages, add};
use super::*;
use crate::app::health::Grade;
use crate::base::event::Changed;
use crate::base::work::Lane;
use crate::domain::audit::{Action, ActorKind, Line, LineActor, LineSubject, SubjectKind};
use crate::domain::github::setup::Installable;
use crate::domain::hooks::{DeliveryState, Source};
use crate::domain::repos::Withdrawal;
use crate::engine::queue::WorkState;
use crate::http::admin::audit::AuditQuery;
use crate::http::admin::deliveries::{DeliveryView, WholeDeliveryView};
use crate::http::admin::github::{GithubAdminView, InstallationView};
use crate::http::admin::health::{AdminHealthView, AuditHeadView, LaneView, LookedAtView};
use crate::http::admin::hidden::HiddenRepoView;
use crate::http::admin::repos::RepoUsageView;
use crate::http::admin::sessions::AnySessionView;
use crate::http::admin::settings::{ConfiguredView, SettingView, SettingsView};
use crate::http::admin::work::WorkView;
use crate::ui::admin::{AdminSettingsPage, AuditPage, HealthPage, ReposPage, SessionsPage, WorkPage};
use crate::ui::deliveries::{DeliveriesPage, DeliveryPage};
use crate::ui::github::{GithubPage, MakeForm};

pub(super) fn all(world: &World, out: &mut Pages) {
    health(world, out);
    lists(world, out);
    trail(world, out);
    deliveries(world, out);
    settings(world, out);
    github(world, out);
}

fn github(world: &World, out: &mut Pages) {
    let check = |name: &str, grade, says, advice: Option<&'static str>| LookedAtView {
        name: name.to_owned(),
        grade,
        says: world.say(says),
        advice: advice.map(|advice| world.say(advice)),
    };
    let unset = GithubAdminView {
        signed_before_until: None,
        url: "https://github.com".to_owned(),
        app_id: None,
        page: None,
        checks: vec![check(
            "public address",
            Grade::Weaker,
            "`http://127.0.0.1:7867` is not encrypted",
            Some("say with `public_url` how it is reached"),
        )],
        installations: None,
    };
    let make = MakeForm {
        owner: world.say("acme inc"),
        is_misnamed: true,
        installable: Installable::ByAnybody,
        may_be_public: true,
        door: "https://github.com/settings/apps/new?state=0a".to_owned(),
        manifest: world.say("{\"name\": \"Plumbline\"}"),
    };
    add(out, "admin-github-new", &GithubPage { frame: world.frame(), view: unset.clone(), make: Some(make.clone()), sent_again: None });
    let closed = MakeForm { is_misnamed: false, installable: Installable::ByOwner, may_be_public: false, ..make };
    add(out, "admin-github-new-private", &GithubPage { frame: world.frame(), view: unset.clone(), make: Some(closed), sent_again: None });
    let view = GithubAdminView {
        signed_before_until: Some(now() + Duration::from_secs(40_000)),
        app_id: Some(7),
        page: Some("https://github.com/apps/plumbline-acme".to_owned()),
        checks: vec![
            check("key", Grade::Good, "GitHub takes what is signed with it", None),
            check("permissions", Grade::Weaker, "the App lacks `checks: write`", Some("grant them in the App's settings on GitHub")),
        ],
        installations: Some(vec![
            InstallationView { id: 42, account: world.say("acme"), suspended: false },
            InstallationView { id: 43, account: world.say("globex"), suspended: true },
        ]),
        ..unset
    };
    let red = vec![
        check("public address", Grade::Good, "people and GitHub are sent to `https://plumbline.example.com`", None),
        check("key", Grade::Bad, "GitHub refuses it (401): a JSON web token could not be decoded", Some("look at the clock")),
        check("clock", Grade::Bad, "this machine's is 2 min 5 s behind GitHub's", Some("have it set by the network")),
    ];
    let unasked = GithubAdminView { installations: None, page: None, checks: red, ..view.clone() };
    let green = [
        ("public address", "people and GitHub are sent to `https://plumbline.example.com`"),
        ("webhook secret", "deliveries are held against 1 secret"),
        ("key", "GitHub takes what is signed with it"),
        ("clock", "this machine's and GitHub's say the same"),
        ("permissions", "the App has all that are used"),
        ("events", "GitHub delivers all that are used"),
        ("installations", "the App is let in by 2 accounts"),
        ("webhook address", "GitHub delivers to `https://plumbline.example.com/hooks/github`"),
        ("deliveries", "GitHub reaches this instance: its last, `push` at 2026-01-31T11:58:40Z, arrived"),
        ("missed deliveries", "asked for at 2026-01-31T11:59:02Z: there were none"),
    ];
    let green = green.map(|(name, says)| check(name, Grade::Good, says, None)).to_vec();
    let works = GithubAdminView { checks: green, ..view.clone() };
    add(out, "admin-github-green", &GithubPage { frame: world.frame(), view: works, make: None, sent_again: None });
    add(out, "admin-github-unasked", &GithubPage { frame: world.frame(), view: unasked, make: None, sent_again: None });
    let nobody = GithubAdminView { installations: Some(Vec::new()), ..view.clone() };
    add(out, "admin-github-nobody", &GithubPage { frame: world.frame(), view: nobody, make: None, sent_again: None });
    add(out, "admin-github", &GithubPage { frame: world.frame(), view, make: None, sent_again: Some(world.say("ping")) });
}

fn health(world: &World, out: &mut Pages) {
    let check = |name: &str, grade, says, advice: Option<&'static str>| LookedAtView {
        name: name.to_owned(),
        grade,
        says: world.say(says),
        advice: advice.map(|advice| world.say(advice)),
    };
    let lane = |lane, dead| LaneView { lane, ready: 3, leased: 1, dead, due_since: Some(before(90)) };
    let view = AdminHealthView {
        status: Grade::Weaker,
        version: "0.1.0",
        commit: None,
        schema: 1,
        started_at: before(86_400),
        store_bytes: Some(3 << 20),
        free_bytes: Some(9 << 30),
        lanes: vec![lane(Lane::Git, 0), lane(Lane::Checks, 2)],
        audit_head: Some(AuditHeadView { number: 1_204, hash: "ab".repeat(32) }),
        checks: vec![
            check("store", Grade::Good, "takes 3.0 MiB; 9.0 GiB are left on the disk", None),
            check("work", Grade::Weaker, "3 items waiting, 1 being carried out, 2 given up", Some("look at what was given up")),
            check("sandbox", Grade::Bad, "nothing here can run a process", Some("`apt-get install bubblewrap`")),
        ],
    };
    add(out, "admin", &HealthPage { frame: world.frame(), view });
}

fn lists(world: &World, out: &mut Pages) {
    let repo = RepoUsageView {
        id: world.id(),
        owner: "acme".to_owned(),
        name: "api".to_owned(),
        source: SourceKind::Git,
        remote: world.say("https://example.org/acme/api.git"),
        members: 4,
        created_at: before(900_000),
        synced_at: Some(before(40)),
        sync_error: None,
        used_bytes: BTreeMap::from([("mirror", 9 << 20), ("logs", 4_000), ("rows", 700_000)]),
        total_bytes: 10 << 20,
    };
    let failing = RepoUsageView { id: world.id(), sync_error: Some(world.say("the host cannot be found")), ..repo.clone() };
    let repos = vec![repo, failing];
    let hidden = vec![HiddenRepoView {
        id: world.id(),
        owner: "acme".to_owned(),
        name: "old".to_owned(),
        why: Withdrawal::InstallationRemoved,
        hidden_at: before(9_000),
        deleted_at: now(),
    }];
    add(out, "admin-repos", &ReposPage { frame: world.frame(), repos, hidden, next: Some("/admin/repos?cursor=00".to_owned()) });
    add(out, "admin-repos-none", &ReposPage { frame: world.frame(), repos: Vec::new(), hidden: Vec::new(), next: None });
    let session = |is_current, login: Option<&'static str>| AnySessionView {
        id: world.id(),
        user: world.id(),
        login: login.map(|login| world.say(login)),
        device: world.say("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        address: Some(world.say("192.0.2.17")),
        created_at: before(9_000),
        last_seen_at: before(60),
        expires_at: now(),
        is_current,
    };
    let sessions = vec![session(true, Some("ada")), session(false, None)];
    add(out, "admin-sessions", &SessionsPage { frame: world.frame(), sessions, next: None });
    let item = |state, holder: Option<&'static str>, error: Option<&'static str>| WorkView {
        id: world.id(),
        work: "sync_repository".to_owned(),
        repo: Some("acme/api".to_owned()),
        sha: Some(sha(1).to_string()),
        lane: Lane::Git,
        state,
        attempts: 8,
        attempt_limit: 8,
        error: error.map(|error| world.say(error)),
        enqueued_at: before(9_000),
        due_at: before(60),
        holder: holder.map(|holder| world.say(holder)),
        lease_ends_at: None,
    };
    let page = |state, items| WorkPage { frame: world.frame(), state, lane: None, counts: [3, 1, 2], items, next: None };
    let dead = item(WorkState::Dead, None, Some("`example.org` cannot be found: check its name and the name service"));
    add(out, "admin-work", &WorkPage { lane: Some(Lane::Git), ..page(WorkState::Dead, vec![dead]) });
    add(out, "admin-work-leased", &page(WorkState::Leased, vec![item(WorkState::Leased, Some("git-0"), None)]));
    add(out, "admin-work-none", &page(WorkState::Ready, Vec::new()));
}

fn deliveries(world: &World, out: &mut Pages) {
    let delivery = |state, outcome: Option<&'static str>| DeliveryView {
        id: world.id(),
        source: Source::Github,
        guid: world.say("72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        event: world.say("pull_request"),
        action: Some(world.say("synchronize")),
        repo: Some(world.say("acme/api")),
        installation: Some(300),
        bytes: 24_601,
        received_at: before(90),
        state,
        outcome: outcome.map(|outcome| world.say(outcome)),
        tries: u32::from(outcome.is_some()) * 2,
        interpreted_at: outcome.map(|_| before(89)),
    };
    let failed = || delivery(DeliveryState::Failed, Some("the payload is not that of `pull_request`: at `number`: missing"));
    let all = vec![
        delivery(DeliveryState::Received, None),
        delivery(DeliveryState::Processed, Some("the repository is fetched")),
        delivery(DeliveryState::Ignored, Some("it is kept; nothing here follows pull requests")),
        failed(),
    ];
    let page = |state, event, deliveries, next| DeliveriesPage { frame: world.frame(), state, event, deliveries, next };
    add(out, "admin-deliveries", &page(None, None, all, Some("/admin/deliveries?cursor=00".to_owned())));
    add(out, "admin-deliveries-none", &page(None, None, Vec::new(), None));
    let filtered = page(Some(DeliveryState::Failed), Some(world.say("pull_request")), Vec::new(), None);
    add(out, "admin-deliveries-filtered", &filtered);
    let payload = serde_json::json!({"action": world.say("synchronize"), "number": 7, "hook": {"secret": "[redacted]"}});
    let whole = |delivery, payload| DeliveryPage {
        frame: world.frame(),
        view: WholeDeliveryView { delivery, payload, sync_error: Some(world.say("GitHub answered 403: the installation is suspended")) },
    };
    add(out, "admin-delivery", &whole(failed(), Some(payload)));
    add(out, "admin-delivery-received", &whole(delivery(DeliveryState::Received, None), None));
}

fn trail(world: &World, out: &mut Pages) {
    let actor = |kind, name: Option<&'static str>| LineActor {
        kind,
        id: Some(world.say("usr_1")),
        name: name.map(|name| world.say(name)),
        user: None,
        address: Some(world.say("192.0.2.7")),
    };
    let entry = |number, actor, action, code: Option<&'static str>| Line {
        number,
        at: before(number * 60),
        actor,
        action,
        subject: Some(LineSubject { kind: SubjectKind::Token, id: Some(world.say("DELETE /api")), name: Some(world.say("laptop")) }),
        outcome: if code.is_some() { "refused" } else { "done" }.to_owned(),
        code: code.map(|code| world.say(code)),
        changes: Vec::new(),
        unrecorded: 0,
        prev: "00".repeat(32),
        hash: Some("ab".repeat(32)),
    };
    let mut changed = entry(3, actor(ActorKind::Token, Some("ci")), Action::SettingsChanged, None);
    changed.actor.user = Some(world.say("ada"));
    changed.changes = vec![Changed { field: world.say("private"), before: None, after: Some(world.say("true")) }];
    let mut refused = entry(2, actor(ActorKind::Anonymous, None), Action::Request, Some("forbidden"));
    refused.unrecorded = 12;
    let entries = vec![changed, refused, entry(1, actor(ActorKind::User, Some("ada")), Action::TokenCreated, None)];
    let query = AuditQuery { who: Some(world.say("ada")), what: Some("token_created".to_owned()), ..AuditQuery::default() };
    let page = |entries, fault: Option<String>, next: Option<String>| AuditPage {
        frame: world.frame(),
        query: query.clone(),
        fault,
        entries,
        next,
    };
    add(out, "admin-audit", &page(entries, None, Some("/admin/audit?cursor=00".to_owned())));
    add(out, "admin-audit-none", &page(Vec::new(), None, None));
    add(out, "admin-audit-refused", &page(Vec::new(), Some(world.say("`from`: `never` is not an instant")), None));
}

fn settings(world: &World, out: &mut Pages) {
    let configured = |key, value: Option<&'static str>, set_by: Option<&'static str>| ConfiguredView {
        key,
        value: value.map(|value| world.say(value)),
        set_by: set_by.map(|place| world.say(place)),
        about: "What it is for",
    };
    let view = SettingsView {
        default_tools: SettingView { value: vec![world.say("ruff")], default: Vec::new(), is_set: true, decided_by: None },
        poll_interval_s: SettingView { value: 300, default: 300, is_set: false, decided_by: Some(world.say("/etc/plumbline.toml")) },
        events_kept_days: SettingView { value: 90, default: 90, is_set: false, decided_by: None },
        audit_kept_days: SettingView { value: None, default: None, is_set: false, decided_by: None },
        status_context: SettingView { value: world.say("acme/health"), default: "plumbline".to_owned(), is_set: true, decided_by: None },
        add_repos: SettingView { value: "automatically".to_owned(), default: "by_hand".to_owned(), is_set: true, decided_by: None },
        add_repos_of: SettingView { value: vec!["acme".to_owned()], default: Vec::new(), is_set: true, decided_by: None },
        configuration: vec![
            configured("listen", Some("127.0.0.1:7867"), None),
            configured("public_url", None, Some("$PLUMBLINE_PUBLIC_URL")),
        ],
    };
    add(out, "admin-settings", &AdminSettingsPage { frame: world.frame(), view: view.clone(), entered: Vec::new(), fault: None });
    let entered = vec![("audit_kept_days".to_owned(), world.say("soon"))];
    let fault = Some(world.say("`audit_kept_days`: not a number from 30 to 36500"));
    add(out, "admin-settings-refused", &AdminSettingsPage { frame: world.frame(), view, entered, fault });
}
