//! Pages are behind the same permits as the API: who comes how far, as one table; and what is in a repository never becomes markup.

use std::fmt::Write as _;

use plumbline::base::event::Actor;
use plumbline::domain::accounts::{self, InstanceRole, Permission, RepoRole};
use plumbline::ui::routes;

use crate::support::client::Client;
use crate::support::deliveries;
use crate::support::repo::TestRepo;
use crate::support::world::{World, text};

#[tokio::test]
async fn every_page_lets_in_whom_it_should() {
    let world = World::new().await;
    let repo = world.repo("app", [("lib/a.json", "{\n")]).await;
    let issue = text(&repo.issues(&repo.first, "open").await[0]["id"]).to_owned();
    let id = text(&repo.see("").await["id"]).parse().unwrap();
    deliveries::pull(&world.app, id, 3, "A patch");
    let member = world.app.sign_in(world.app.user("member", InstanceRole::Member)).await;
    let reader = world.app.user("reader", InstanceRole::Member);
    world.app.app().write_now(&Actor::System, move |tx, _| accounts::grant(tx, id, reader, RepoRole::Read)).unwrap();
    let reader = world.app.sign_in(reader).await;
    let anonymous = world.app.anonymous();
    let fill = |path: &str| {
        let id = match path {
            _ if path.starts_with("/issues/") => issue.as_str(),
            _ if path.contains("/users/") => "usr_00000000000000000000000000",
            _ if path.contains("/invitations/") => "lnk_00000000000000000000000000",
            _ if path.contains("/sessions/") => "ses_00000000000000000000000000",
            _ if path.contains("/work/") => "wrk_00000000000000000000000000",
            _ if path.contains("/keys/") => "key_00000000000000000000000000",
            _ => "tok_00000000000000000000000000",
        };
        let below = if path.contains("/tree/") { "lib" } else { "lib/a.json" };
        let path =
            path.replace("/assets/{*path}", "/assets/nope").replace("{*path}", below).replace("{owner}", "local").replace("{name}", "app");
        let path = path.replace("{sha}", &repo.first).replace("{basehead}", "main...main").replace("{check}", "hygiene");
        path.replace("{secret}", "nonsense").replace("{number}", "3").replace("{id}", id)
    };
    // What ends the sessions of those who ask is asked last.
    let (last, others): (Vec<_>, Vec<_>) = routes::table().into_iter().partition(|page| page.path == "/sign-out");
    let mut table = format!("{:85} anonymous  member  reader  admin\n", "");
    for page in others.into_iter().chain(last) {
        let path = fill(page.path);
        assert!(!path.contains('{'), "{path}");
        let mut cells = Vec::new();
        for client in [&anonymous, &member, &reader, &world.admin] {
            let browser = client.with("accept", "text/html");
            let answer = match (page.method, form(page.path)) {
                ("GET", _) => browser.page(&path).await,
                (_, Some(form)) => browser.form(&path, form).await,
                (method, None) => browser.own(method, &path).await,
            };
            assert!(answer.status < 500, "{} {path}: {}", page.method, answer.text());
            let is_open = page.permission == Permission::Public;
            assert!(is_open || client_is(client, &anonymous) == (answer.status == 401), "{} {path}: {}", page.method, answer.status);
            cells.push(answer.status);
        }
        let line = format!("{:5} {:58} {:17}", page.method, page.path, page.permission.as_str());
        writeln!(table, "{line} {:>9} {:>7} {:>7} {:>6}", cells[0], cells[1], cells[2], cells[3]).unwrap();
    }
    world.app.settle().await;
    insta::assert_snapshot!("pages_and_callers", table);
}

fn client_is(one: &Client, other: &Client) -> bool {
    std::ptr::eq(one, other)
}

/// What a form sends that is well formed and changes nothing, so that it is the permit that answers.
fn form(path: &str) -> Option<&'static str> {
    Some(match path {
        "/sign-in" => "login=nobody&password=wrong",
        "/account/password" => "password=short",
        "/account/tokens" => "name=&scope=repo%3Aread",
        "/admin/users/{id}" | "/admin/tokens/{id}" => "act=sign_out",
        "/admin/invitations" => "note=somebody",
        "/admin/tokens" => "kind=service&name=&scope=repo%3Aread",
        "/admin/settings" => "events_kept_days=90",
        "/admin/secrets" | "/r/{owner}/{name}/settings/secrets" => "name=TOKEN&value=short",
        "/admin/secrets/remove" | "/r/{owner}/{name}/settings/secrets/remove" => "name=TOKEN",
        "/repos" => "source=%2Fnowhere%2Fat%2Fall",
        "/r/{owner}/{name}/settings" => "description=An+app&private=true",
        "/r/{owner}/{name}/settings/members" => "login=nobody&role=read",
        "/r/{owner}/{name}/settings/members/remove" => "login=nobody",
        "/r/{owner}/{name}/settings/keys" => "private_key=none",
        "/r/{owner}/{name}/manifest" => "manifest=version%3A+1",
        _ if path.starts_with("/account/totp") => "code=000000",
        _ => return None,
    })
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
