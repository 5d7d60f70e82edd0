//! What people write never runs: three hundred ways to have a page run something, wherever a text of others is shown, in a real browser.
//!
//! A page holds many of them at once. After each it is asked whether any ran, and whether any became an element, an attribute or an
//! address that could: what the policy of the pages stopped would be seen as well, as a complaint on the browser's console.
//!
//! Skipped, and said so, where there is no browser; `PLUMBLINE_REQUIRE=browser` makes that a failure.

use std::time::Duration;

use plumbline::base::event::Actor;
use plumbline::base::id::{RepoId, UserId};
use plumbline::base::name::CommitSha;
use plumbline::base::work::{Lane, Work};
use plumbline::domain::accounts::{self, InstanceRole, NewToken, Plain, Scope, TokenKind, User};
use plumbline::domain::audit::{self, Action, ActorKind, Deed, Outcome, Subject, SubjectKind, Who};
use plumbline::domain::checks::CheckSet;
use plumbline::domain::repos::Repository;
use plumbline::engine::queue::{self, Verdict};

use crate::support::browser::Browser;
use crate::support::repo::TestRepo;
use crate::support::skipped;
use crate::support::world::{World, text};

/// What each way would do if it worked.
const ACT: &str = "window.hit=1";

/// Ways in, for every context in which a text may stand.
const WAYS: [&str; 25] = [
    "<script>ACT</script>",
    "\"><script>ACT</script>",
    "'><script>ACT</script>",
    "</title><script>ACT</script>",
    "</textarea><script>ACT</script>",
    "</script><script>ACT</script>",
    "--><script>ACT</script>",
    "]]><script>ACT</script>",
    "<img src=x onerror=ACT>",
    "\"><img src=x onerror=\"ACT\">",
    "<svg onload=ACT>",
    "<svg><script>ACT</script></svg>",
    "<svg><animate onbegin=ACT attributeName=x dur=1s>",
    "<math><mtext></style><img src=x onerror=ACT>",
    "<iframe srcdoc='<script>parent.ACT</script>'></iframe>",
    "<iframe src='javascript:ACT'></iframe>",
    "<a href=javascript:ACT>x</a>",
    "javascript:ACT//",
    "\" autofocus onfocus=\"ACT\" x=\"",
    "' autofocus onfocus='ACT' x='",
    "<details open ontoggle=ACT>",
    "<input onfocus=ACT autofocus>",
    "<object data='javascript:ACT'></object><embed src='javascript:ACT'>",
    "<meta http-equiv=refresh content='0;url=javascript:ACT'><base href='//evil.example/'>",
    "<form action=javascript:ACT><button formaction=javascript:ACT autofocus>`${ACT}`{{constructor.constructor('ACT')()}}",
];

/// Ways to say the same so that somebody who looks for it does not see it.
const GUISES: [fn(&str) -> String; 12] = [
    str::to_owned,
    |way| {
        way.chars()
            .enumerate()
            .map(|(n, c)| if n % 2 == 0 { c.to_ascii_uppercase() } else { c })
            .collect::<String>()
            .replace("WINDOW.HIT", "window.hit")
    },
    |way| way.replace('<', "&lt;").replace('>', "&gt;"),
    |way| way.replace('<', "&#60;").replace('"', "&#34;"),
    |way| way.replace('<', "%3C").replace('>', "%3E"),
    |way| way.replace('<', "\\u003c").replace('"', "\\\""),
    |way| way.replace(" on", "\ton").replace("<img ", "<img\t"),
    |way| way.replace('<', "<\u{200b}<"),
    |way| format!("`{way}` **{way}** [x]({way})"),
    |way| way.replace('<', "\u{ff1c}<").replace('"', "\u{201d}\""),
    |way| format!("<!--><![CDATA[{way}"),
    |way| way.replace("javascript:", "java\tscript:").replace('\'', "\\'"),
];

fn payloads() -> Vec<String> {
    WAYS.iter().flat_map(|way| GUISES.iter().map(|guise| guise(&way.replace("ACT", ACT)))).collect()
}

/// Goes to a page, and fails if anything on it is not ours.
fn harmless(browser: &Browser, page: &str) {
    browser.open(page);
    let found = browser.run(
        "const bad = [];
         if (window.hit) bad.push('it ran');
         for (const element of document.querySelectorAll('*')) {
           const name = element.localName;
           if (['iframe', 'object', 'embed', 'base', 'style', 'animate', 'math', 'video', 'frame'].includes(name)) bad.push(name);
           if (name === 'script' && !element.getAttribute('src')?.startsWith('/assets/')) bad.push('script');
           if (name === 'meta' && element.httpEquiv) bad.push('meta');
           if (name === 'img' && !/^(\\/badges\\/|data:)/.test(element.getAttribute('src') ?? '')) bad.push('img');
           for (const {name: key, value} of element.attributes) {
             if (key.startsWith('on') || key === 'srcdoc' || key === 'style') bad.push(`${name} ${key}`);
             if (['href', 'src', 'action', 'formaction', 'xlink:href'].includes(key) && !/^(https?:|mailto:|[\\/#?]|data:image\\/svg|$)/.test(value)) bad.push(`${name} ${key}=${value}`);
           }
         }
         return [bad, document.body.innerText.length]",
    );
    assert_eq!(found[0], serde_json::json!([]), "{page}");
    assert!(found[1].as_u64().unwrap() > 20, "{page} shows something");
}

/// A payload as the name of a file.
fn file_name(payload: &str) -> String {
    format!("{}.json", payload.replace('/', "\u{2215}").chars().take(120).collect::<String>())
}

/// A repository whose files, lines and comments are all of them, and another that says them.
fn repositories(payloads: &[String]) -> (TestRepo, TestRepo) {
    let files = TestRepo::bare();
    let mut all: Vec<(String, String)> = payloads.iter().map(|payload| (file_name(payload), "{\n".to_owned())).collect();
    let lines = payloads.join("\n");
    for file in ["all.txt", "all.html", "all.svg", "all.md", "all.js", "all.css", "all.xml"] {
        all.push((file.to_owned(), lines.clone()));
    }
    let comments: String = payloads.iter().map(|payload| format!("# TODO: {payload}\n")).collect();
    all.push(("todo.py".to_owned(), comments));
    all.push((".plumbline.yaml".to_owned(), "version: 1\nchecks: [{plugin: hygiene}, {plugin: todo}]\n".to_owned()));
    files.commit(all);

    let said = TestRepo::new();
    for (n, some) in payloads.chunks(10).enumerate() {
        said.speak(&some[1].replace(['<', '>', '\n'], "'"), &format!("{}\n\n{}", some[0], some.join("\n")));
        said.commit([("n.txt", n.to_string())]);
    }
    let head = std::fs::read_to_string(said.path().join(".git/refs/heads/main")).unwrap();
    let is_name =
        |payload: &&String| payload.len() < 200 && !payload.contains([' ', '\t', '~', '^', ':', '?', '*', '[', '\\', '/', '{', '.']);
    for payload in payloads.iter().filter(is_name).chain([&"<img src=x onerror=hit=1>".replace(' ', "\u{a0}")]) {
        std::fs::write(said.path().join(".git/refs/heads").join(payload), &head).unwrap();
    }
    (files, said)
}

/// Gives the appliance people, tokens, entries, logs and failures of these names.
fn plant(world: &World, payloads: &[String], repo: RepoId, sha: CommitSha) -> UserId {
    let app = world.app.app();
    let user = world.app.user("mallory", InstanceRole::Admin);
    let (all, kept) = (payloads.to_vec(), payloads.to_vec());
    app.write_now(&Actor::System, move |tx, now| {
        let mallory = accounts::get_user(tx, user)?;
        tx.put(&User { name: all.join(" "), ..mallory })?;
        for pair in all.chunks(3) {
            let name = pair.join(" ");
            let new = NewToken {
                kind: TokenKind::Personal,
                name,
                scopes: vec![Scope::RepoRead],
                user: Some(user),
                repos: Vec::new(),
                expires_at: None,
            };
            accounts::create_token(tx, new, Plain::token(TokenKind::Personal).hashed(), now)?;
        }
        Ok::<_, accounts::Error>(())
    })
    .unwrap();
    for some in kept.chunks(50) {
        let some = some.to_vec();
        app.write_now(&Actor::System, move |tx, now| {
            for payload in &some {
                let named = || Some(payload.clone());
                let actor = Who { kind: ActorKind::Token, id: named(), name: named(), user: named(), address: named() };
                let subject = Some(Subject { kind: SubjectKind::Route, id: named(), name: named() });
                let change = plumbline::base::event::Changed { field: payload.clone(), before: named(), after: named() };
                let outcome = Outcome::Refused { code: payload.clone() };
                audit::record(tx, Deed { actor, action: Action::Request, subject, outcome, changes: vec![change], unrecorded: 1 }, now)?;
            }
            Ok::<_, plumbline::engine::store::Error>(())
        })
        .unwrap();
    }
    let log: String = kept
        .iter()
        .map(|payload| format!("\u{1b}[31m{payload}\u{1b}[0m\u{1b}]8;;javascript:{ACT}\u{7}{payload}\u{1b}]8;;\u{7}\n"))
        .collect();
    let log = app.blobs.put(log.as_bytes()).unwrap();
    let description = kept.join(" ");
    let error = kept.iter().filter(|payload| payload.len() < 40).cloned().collect::<Vec<_>>().join(" ");
    app.write_now(&Actor::System, move |tx, now| -> queue::Result<()> {
        let mut set = tx.get::<CheckSet>(&(repo, sha))?.expect("it was checked");
        set.checks[0].log = Some(log);
        tx.put(&set)?;
        let repository = tx.get::<Repository>(&repo)?.expect("it was added");
        tx.put(&Repository { description: Some(description.clone()), ..repository })?;
        queue::push(tx, Work::Sweep, now, now)?;
        let claim = queue::claim(tx, Lane::Upkeep, "test", now)?.expect("it was pushed");
        queue::fail(tx, &claim, Verdict::GiveUp, &error, now).map(drop)
    })
    .unwrap();
    world.app.expect_dead(1);
    user
}

/// Invites people by such notes and gives a repository keys of such names, as far as those are taken; answers how many keys there are.
async fn invite_and_key(world: &World, payloads: &[String]) -> usize {
    let notes: Vec<String> = payloads.iter().filter(|payload| accounts::parse_note(payload).is_ok()).step_by(6).cloned().collect();
    assert!(notes.len() > 20, "{} notes", notes.len());
    let invite = move |tx: &mut plumbline::engine::store::WriteTx, now| {
        for note in &notes {
            accounts::invite(tx, InstanceRole::Member, note, Plain::session().hashed(), None, now)?;
        }
        Ok::<_, accounts::Error>(())
    };
    world.app.app().write_now(&Actor::System, invite).unwrap();
    let mut keys = 0;
    for payload in payloads.iter().step_by(12) {
        let key = serde_json::json!({"generate": "ed25519", "name": payload});
        keys += usize::from(world.admin.post("/api/v1/repos/local/files/keys", key).await.status == 201);
    }
    keys
}

#[tokio::test]
async fn nothing_that_people_write_runs_in_a_browser() {
    let browser = match Browser::start() {
        Ok(browser) => browser,
        Err(missing) => return skipped("browser", missing),
    };
    let payloads = payloads();
    assert_eq!(payloads.len(), 300);
    let world = World::new().await;
    let (files, said) = repositories(&payloads);
    world.add("files", files.path()).await;
    world.add("said", said.path()).await;
    let head = |main: &str, repo: &TestRepo| std::fs::read_to_string(repo.path().join(main)).unwrap().trim().to_owned();
    let (sha, said_sha) = (head("refs/heads/main", &files), head(".git/refs/heads/main", &said));
    let repo: RepoId = text(&world.see("files", "").await["id"]).parse().unwrap();
    let user = plant(&world, &payloads, repo, sha.parse().unwrap());
    world.app.advance(Duration::from_secs(1));

    let start = world.app.app().public_url();
    browser.open(&format!("{start}/link/{}", world.app.link(user)));
    browser.click("main button");
    browser.until("location.pathname === '/'");
    let see = |path: &str| harmless(&browser, &format!("{start}{path}"));
    // Without any of them the look itself would find what it looks for.
    browser.run("document.body.insertAdjacentHTML('beforeend', '<img src=y onerror=1><iframe></iframe>')");
    assert_eq!(browser.run("return document.querySelectorAll('iframe, [onerror]').length"), 2);
    assert!(!browser.complaints().is_empty(), "what the policy stops is complained of");

    let named = invite_and_key(&world, &payloads).await;
    assert!(named > 10, "{named} keys have such names");
    for path in [
        "/",
        "/account",
        "/plugins",
        "/admin",
        "/admin/repos",
        "/admin/sessions",
        "/admin/work",
        "/admin/settings",
        "/admin/users",
        "/admin/users?q=mallory",
        "/admin/tokens",
        "/admin/secrets",
        "/r/local/files/settings/secrets",
    ] {
        see(path);
    }
    for repo in ["files", "said"] {
        for part in ["", "/branches", "/commits", "/settings", "/manifest", "/compare"] {
            see(&format!("/r/local/{repo}{part}"));
        }
    }
    see(&format!("/r/local/files/commits/{sha}"));
    see(&format!("/r/local/files/commits/{sha}/tree"));
    see(&format!("/r/local/files/commits/{sha}/checks/hygiene"));
    browser.until("document.querySelector('pre.log').innerText.length > 1000");
    for file in ["all.txt", "all.html", "all.svg", "all.md", "all.js", "all.css", "all.xml", "todo.py"] {
        see(&format!("/r/local/files/commits/{sha}/files/{file}"));
    }
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    for payload in payloads.iter().step_by(25) {
        see(&format!("/r/local/files/commits/{sha}/files/{}", encoded(&file_name(payload))));
    }
    see(&format!("/r/local/said/commits/{said_sha}"));
    let commits = world.see("said", "/commits?limit=30").await;
    for commit in commits["items"].as_array().unwrap().iter().step_by(3) {
        see(&format!("/r/local/said/commits/{}", text(&commit["sha"])));
    }
    let branches = world.see("said", "/branches?limit=200").await;
    for branch in branches["items"].as_array().unwrap().iter().step_by(8) {
        see(&format!("/r/local/said?branch={}", encoded(text(&branch["name"]))));
    }
    for query in ["", "?q=rule:todo", "?q=source:hygiene"] {
        see(&format!("/issues{query}"));
    }
    let issues = world.see("files", &format!("/commits/{sha}/issues?limit=200")).await;
    for issue in issues["items"].as_array().unwrap().iter().step_by(20) {
        see(&format!("/issues/{}", text(&issue["id"])));
    }
    let mut page = "/admin/audit".to_owned();
    for _ in 0..6 {
        see(&page);
        page = text(&browser.run("return document.querySelector('a[rel=next]').getAttribute('href')")).to_owned();
    }
    // What was asked comes back: in fields, in errors, in addresses of further pages.
    for payload in payloads.iter().step_by(15) {
        let asked = encoded(payload);
        for path in [
            "/issues?q=",
            "/?q=",
            "/admin/audit?who=",
            "/admin/audit?from=",
            "/admin/users?q=",
            "/r/local/files?branch=",
            "/r/local/files/compare/main...",
            "/sign-in?reason=",
        ] {
            see(&format!("{path}{asked}"));
        }
        see(&format!("/{asked}"));
    }
    let stopped: Vec<String> =
        browser.complaints().into_iter().filter(|said| said.contains("Content Security") || said.contains("Refused")).collect();
    assert_eq!(stopped, Vec::<String>::new(), "something tried");
    world.app.settle().await;
}
