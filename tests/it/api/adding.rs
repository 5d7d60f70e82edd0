//! Adding repositories: by whom, from where, and under which names.

use std::path::Path;

use plumbline::domain::accounts::InstanceRole;
use plumbline::domain::accounts::{Scope, TokenKind};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::client::{Answer, Client};
use crate::support::host::Host;
use crate::support::repo::TestRepo;
use crate::support::world::{World, text};

async fn add_path(client: &Client, path: &Path, name: &str) -> Answer {
    client.post("/api/v1/repos", json!({"path": path, "name": name})).await
}

#[tokio::test]
async fn a_path_is_taken_beneath_the_roots_alone() {
    let app = TestApp::with(|config| {
        let root = config.data_dir.parent().unwrap().join("root");
        std::fs::create_dir_all(&root).unwrap();
        config.local_roots = vec![root];
    });
    let admin = app.admin().await;
    let (inside, outside, deep) = (app.scratch("root/inside"), app.scratch("outside"), app.scratch("root/a/b"));
    assert!(add_path(&admin, &outside, "a").await.refused("source_refused").contains("is not beneath a folder of `repos.local_roots`"));
    std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
    assert!(
        add_path(&admin, &inside.join("link"), "b").await.refused("source_refused").contains("is not beneath"),
        "a link is seen through"
    );
    assert!(add_path(&admin, &inside.join("../../outside"), "c").await.refused("source_refused").contains("is not beneath"));
    let beside = app.scratch("root-beside");
    assert!(add_path(&admin, &beside, "e").await.refused("source_refused").contains("is not beneath"), "a name that begins like a root");
    for (name, path) in [("inside", inside.as_path()), ("deep", &deep), ("root", inside.parent().unwrap())] {
        add_path(&admin, path, name).await.expect(201);
    }
    app.settle().await;
}

#[tokio::test]
async fn nothing_is_added_from_our_own_data_nor_from_around_it_nor_by_a_link_into_it() {
    let app = TestApp::start();
    let admin = app.admin().await;
    app.app().allow_root("/".into());
    let data = app.data_dir().to_owned();
    let (inside, around) = (data.join("repos"), data.parent().unwrap().to_owned());
    let beside = app.scratch("beside");
    let link = beside.join("link");
    std::os::unix::fs::symlink(&inside, &link).unwrap();
    // A mirror of ours, which is a repository: by a folder whose `.git` names it, and by one whose `.git` is a link to it.
    let git = TestRepo::new();
    git.commit([("a.rb", "puts 1\n")]);
    admin.post("/api/v1/repos", json!({"path": git.path(), "name": "first"})).await.expect(201);
    app.settle().await;
    let mirror = std::fs::read_dir(&inside).unwrap().next().unwrap().unwrap().path();
    let (named, linked) = (app.scratch("named"), app.scratch("linked"));
    std::fs::write(named.join(".git"), format!("gitdir: {}\n", mirror.display())).unwrap();
    std::os::unix::fs::symlink(&mirror, linked.join(".git")).unwrap();
    let root = Path::new("/").to_owned();
    for path in [&data, &inside, &mirror, &around, &root, &link, &link.join("."), &beside.join("../data"), &named, &linked] {
        let why = add_path(&admin, path, "x").await.refused("source_refused");
        assert!(why.contains("the appliance's own data"), "{}: {why}", path.display());
    }
    let file = admin.post("/api/v1/repos", json!({"url": format!("file://{}", inside.display()), "name": "g"})).await;
    assert!(file.refused("source_refused").contains("the appliance's own data"));
    add_path(&admin, &beside, "beside").await.expect(201);
    app.settle().await;
}

#[tokio::test]
async fn a_path_that_is_not_there_is_told_in_words_for_people() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let file = app.scratch("files").join("app.txt");
    std::fs::write(&file, "x").unwrap();
    let gone = app.scratch("files").join("gone");
    let why = add_path(&admin, &gone, "a").await.refused("source_refused");
    assert_eq!(
        why,
        format!("`path`: there is no folder `{}` on the server's machine; give its whole path, such as `/srv/git/app`", gone.display())
    );
    assert!(add_path(&admin, &file.join("below"), "b").await.refused("source_refused").contains("there is no folder"));
    assert!(add_path(&admin, &file, "c").await.refused("source_refused").contains("is not a folder"));
    let page = admin.form("/repos", &format!("repo={}", gone.display())).await.expect(422).text();
    assert!(page.contains("There is no folder <code>") && !page.contains("os error"), "{page}");
}

#[tokio::test]
async fn what_the_guard_refuses_an_administrator_may_add_and_its_host_and_port_alone_are_let_through() {
    let world = World::new().await;
    let member = world.app.sign_in(world.app.user("ada", InstanceRole::Member)).await;
    let program = world.app.anonymous().bearer(&world.app.token(TokenKind::Service, &[Scope::RepoWrite], None, &[], None));
    let (other, here) = (Host::empty(), Host::empty());
    let astray = Host::redirecting(&format!("{}/info/refs", other.url()));
    let add = async |client: &Client, url: &str, name: &str| client.post("/api/v1/repos", json!({"url": url, "name": name})).await;
    for inside in [here.url(), "http://10.0.0.7/app.git".to_owned(), "http://[::1]:9/app.git".to_owned()] {
        for client in [&member, &program] {
            let why = add(client, &inside, "inside").await.expect(403).refused("forbidden");
            assert!(!why.contains("10.0.0.7") && why.contains("administrator"), "{why}");
        }
    }
    for (name, host, why) in
        [("reached", &here, "there is no repository at this address"), ("astray", &astray, "redirects to elsewhere are not followed")]
    {
        add(&world.admin, &host.url(), name).await.expect(201);
        world.app.settle().await;
        let error = text(&world.see(name, "").await["sync_error"]).to_owned();
        assert!(error.contains(why), "{name}: {error}");
    }
    assert!(here.asked() > 0 && astray.asked() > 0);
    assert_eq!(other.asked(), 0, "the guard opens for a repository's own port alone");
}

#[tokio::test]
async fn whoever_is_no_administrator_learns_of_no_name_whether_the_appliance_can_resolve_it() {
    let world = World::new().await;
    let member = world.app.sign_in(world.app.user("ada", InstanceRole::Member)).await;
    let program = world.app.anonymous().bearer(&world.app.token(TokenKind::Service, &[Scope::RepoWrite], None, &[], None));
    // A name that every resolver has within, and one that none has: `.invalid` is kept for that.
    for client in [&member, &program] {
        let add = async |url: &str| {
            let answer = client.post("/api/v1/repos", json!({"url": url, "name": "x"})).await.expect(403);
            (answer.refused("forbidden"), answer.value()["details"].clone())
        };
        assert_eq!(add("http://localhost/app.git").await, add("http://gitlab.invalid/app.git").await);
    }
    // An administrator may name a host that is not there yet.
    world.admin.post("/api/v1/repos", json!({"url": "http://gitlab.invalid/app.git", "name": "later"})).await.expect(201);
    world.admin.json("DELETE", "/api/v1/repos/local/later", json!({"confirm": "local/later"})).await.expect(204);
    world.app.settle().await;
}

#[tokio::test]
async fn a_name_that_is_taken_tells_nothing_of_what_has_it() {
    let world = World::new().await;
    world.repo("hidden", [("a.rb", "puts 1\n")]).await;
    let member = world.app.sign_in(world.app.user("ada", InstanceRole::Member)).await;
    // An address of the public internet that is never asked, since nothing is added.
    let body = |name: &str| json!({"url": "https://1.1.1.1/hidden.git", "name": name});
    let hidden = member.post("/api/v1/repos", body("hidden")).await.expect(409).refused("already_exists");
    assert_eq!(hidden, "the name `local/hidden` is not free; give another");
    member.get("/api/v1/repos/local/hidden").await.expect(404).refused("repo_not_found");
    let seen = world.admin.post("/api/v1/repos", body("hidden")).await.expect(409).refused("already_exists");
    assert_eq!(seen, hidden, "whoever may see it is told the same");
}
