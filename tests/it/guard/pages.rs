//! Pages are behind the same permits as the API: who comes how far, as one table; and what is in a repository never becomes markup.

use std::fmt::Write as _;

use plumbline::base::event::Actor;
use plumbline::domain::accounts::{self, InstanceRole, RepoRole};

use crate::support::repo::TestRepo;
use crate::support::world::{World, text};

#[tokio::test]
async fn every_page_lets_in_whom_it_should() {
    let world = World::new().await;
    let repo = world.repo("app", [("lib/a.json", "{\n")]).await;
    let issue = text(&repo.issues(&repo.first, "open").await[0]["id"]).to_owned();
    let id = text(&repo.see("").await["id"]).parse().unwrap();
    let member = world.app.sign_in(world.app.user("member", InstanceRole::Member)).await;
    let reader = world.app.user("reader", InstanceRole::Member);
    world.app.app().write_now(&Actor::System, move |tx, _| accounts::grant(tx, id, reader, RepoRole::Read)).unwrap();
    let reader = world.app.sign_in(reader).await;
    let anonymous = world.app.anonymous();
    let pages = [
        ("GET", "/"),
        ("GET", "/sign-in"),
        ("GET", "/link/nonsense"),
        ("GET", "/api/docs"),
        ("GET", "/favicon.ico"),
        ("GET", "/account"),
        ("POST", "/account/password"),
        ("POST", "/account/totp"),
        ("POST", "/account/totp/confirm"),
        ("POST", "/account/totp/remove"),
        ("POST", "/account/tokens"),
        ("POST", "/account/tokens/tok_00000000000000000000000000/rotate"),
        ("GET", "/admin/users"),
        ("POST", "/admin/users/usr_00000000000000000000000000"),
        ("POST", "/admin/invitations"),
        ("POST", "/admin/invitations/lnk_00000000000000000000000000/revoke"),
        ("GET", "/admin/tokens"),
        ("POST", "/admin/tokens/tok_00000000000000000000000000"),
        ("POST", "/account/sessions/ses_00000000000000000000000000/end"),
        ("POST", "/account/tokens/tok_00000000000000000000000000/revoke"),
        ("GET", "/admin"),
        ("GET", "/admin/repos"),
        ("GET", "/admin/github"),
        ("GET", "/admin/github/made"),
        ("GET", "/admin/sessions"),
        ("POST", "/admin/sessions/ses_00000000000000000000000000/end"),
        ("GET", "/admin/work"),
        ("POST", "/admin/work/wrk_00000000000000000000000000/retry"),
        ("POST", "/admin/work/wrk_00000000000000000000000000/discard"),
        ("GET", "/admin/audit"),
        ("GET", "/admin/audit?from=never"),
        ("GET", "/admin/settings"),
        ("POST", "/admin/settings"),
        ("GET", "/issues"),
        ("GET", "/issues/{issue}"),
        ("GET", "/plugins"),
        ("GET", "/r/local/app"),
        ("GET", "/r/local/nope"),
        ("POST", "/r/local/app/sync"),
        ("GET", "/r/local/app/branches"),
        ("GET", "/r/local/app/compare"),
        ("GET", "/r/local/app/compare/main...main"),
        ("GET", "/r/local/app/settings"),
        ("POST", "/r/local/app/settings"),
        ("POST", "/r/local/app/settings/badge-key"),
        ("POST", "/r/local/app/settings/upload-token"),
        ("POST", "/r/local/app/settings/members"),
        ("POST", "/r/local/app/settings/members/remove"),
        ("GET", "/r/local/app/manifest"),
        ("POST", "/r/local/app/manifest"),
        ("GET", "/r/local/app/commits"),
        ("GET", "/r/local/app/commits/{sha}"),
        ("GET", "/r/local/app/commits/{sha}/checks/hygiene"),
        ("POST", "/r/local/app/commits/{sha}/checks"),
        ("POST", "/r/local/app/commits/{sha}/checks/cancel"),
        ("GET", "/r/local/app/commits/{sha}/tree"),
        ("GET", "/r/local/app/commits/{sha}/tree/lib"),
        ("GET", "/r/local/app/commits/{sha}/files/lib/a.json"),
        ("GET", "/r/local/app/commits/{sha}/files/lib/nope"),
    ];
    let mut table = format!("{:66} anonymous  member  reader  admin\n", "");
    for (method, page) in pages {
        let path = page.replace("{issue}", &issue).replace("{sha}", &repo.first);
        let mut cells = Vec::new();
        for client in [&anonymous, &member, &reader, &world.admin] {
            let browser = client.with("accept", "text/html");
            let answer = match (method, page) {
                ("POST", "/r/local/app/settings") => browser.form(&path, "description=An+app&private=true").await,
                ("POST", "/r/local/app/settings/members") => browser.form(&path, "login=nobody&role=read").await,
                ("POST", "/r/local/app/settings/members/remove") => browser.form(&path, "login=nobody").await,
                ("POST", "/account/password") => browser.form(&path, "password=short").await,
                ("POST", page) if page.starts_with("/account/totp") => browser.form(&path, "code=000000").await,
                ("POST", "/account/tokens") => browser.form(&path, "name=&scope=repo%3Aread").await,
                ("POST", "/admin/invitations") => browser.form(&path, "note=somebody").await,
                ("POST", page) if page.starts_with("/admin/") => browser.form(&path, "act=sign_out").await,
                ("POST", "/admin/settings") => browser.form(&path, "events_kept_days=90").await,
                ("POST", "/r/local/app/manifest") => browser.form(&path, "manifest=version%3A+1").await,
                _ => browser.own(method, &path).await,
            };
            assert!(answer.status < 500, "{method} {path}: {}", answer.text());
            cells.push(answer.status);
        }
        writeln!(table, "{method:5} {page:60} {:>9} {:>7} {:>7} {:>6}", cells[0], cells[1], cells[2], cells[3]).unwrap();
    }
    world.app.settle().await;
    insta::assert_snapshot!("pages_and_callers", table);
}

#[tokio::test]
async fn what_is_in_a_repository_is_text_on_every_page() {
    let world = World::new().await;
    let name = "<img src=x onerror=alert(1)>\".json";
    let git = TestRepo::new();
    let sha = git.commit([(name, "{ <script>alert(1)</script>\n"), (".plumbline.yaml", "version: 1\n")]);
    git.switch("<b>branch");
    git.switch("main");
    world.add("app", git.path()).await;
    let path = "%3Cimg%20src=x%20onerror=alert(1)%3E%22.json";
    let issue = world.see("app", &format!("/commits/{sha}/issues")).await["items"][0].clone();
    assert_eq!(text(&issue["path"]), name);
    for page in [
        "/".to_owned(),
        "/r/local/app".to_owned(),
        format!("/r/local/app/commits/{sha}"),
        format!("/r/local/app/commits/{sha}/checks/hygiene"),
        "/r/local/app/manifest".to_owned(),
        format!("/r/local/app/commits/{sha}/tree"),
        format!("/r/local/app/commits/{sha}/files/{path}"),
        "/issues?q=%3Cscript%3Ealert(1)%3C/script%3E".to_owned(),
        "/issues".to_owned(),
        format!("/issues/{}", text(&issue["id"])),
        "/r/local/%3Cscript%3E".to_owned(),
    ] {
        let html = world.admin.page(&page).await.text();
        for markup in ["<script>alert", "<img src=x", "<b>branch"] {
            assert!(!html.contains(markup), "{page} holds {markup}");
        }
        assert!(html.contains("</html>"), "{page}");
    }
}

#[tokio::test]
async fn a_thousand_branches_come_in_pages_and_the_default_one_is_first_everywhere() {
    let git = TestRepo::new();
    let head = git.commit([("a.rb", "puts 1\n")]);
    let refs = git.path().join(".git/refs/heads/a");
    std::fs::create_dir_all(&refs).unwrap();
    for n in 0..1_000 {
        std::fs::write(refs.join(format!("{n:04}")), format!("{head}\n")).unwrap();
    }
    let world = World::new().await;
    world.add("app", git.path()).await;
    let mut path = "/r/local/app/branches".to_owned();
    let mut names = std::collections::BTreeSet::new();
    loop {
        let page = world.admin.page(&path).await.expect(200).text();
        let rows = page.split("<ol class=\"rows branches\"").nth(1).unwrap();
        let found: Vec<&str> =
            rows.split("class=\"what\" href=\"/r/local/app?branch=").skip(1).map(|row| row.split('"').next().unwrap()).collect();
        assert!(found.len() <= 100, "{path}");
        for name in found {
            assert!(names.insert(name.to_owned()), "{name} is there twice");
        }
        match page.split("href=\"/r/local/app/branches?cursor=").nth(1) {
            Some(next) => path = format!("/r/local/app/branches?cursor={}", next.split('"').next().unwrap()),
            None => break,
        }
    }
    assert_eq!(names.len(), 1_001);
    let overview = world.admin.page("/r/local/app").await.expect(200).text();
    let listed = overview.split("heads\">").nth(1).unwrap().split("</ol>").next().unwrap();
    assert!(listed.find("branch=main").unwrap() < listed.find("branch=a/0000").unwrap(), "{listed}");
    assert!(listed.matches("<li>").count() < 20 && overview.contains("href=\"/r/local/app/branches\""));
    let menu = overview.split("id=\"branch-list\"").nth(1).unwrap().split("</div>").next().unwrap();
    assert!(menu.matches("<a ").count() <= 201 && menu.find("branch=main").unwrap() < menu.find("branch=a/0000").unwrap());
    let commit = world.admin.page(&format!("/r/local/app/commits/{head}")).await.expect(200).text();
    assert!(commit.contains("as the head of") && commit.contains("and <a href=\"/r/local/app/branches\">others</a>"), "{commit}");
}
