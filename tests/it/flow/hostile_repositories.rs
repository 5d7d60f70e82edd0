//! Bad input through the door: each repository gets a clear error, at the place where somebody looks, and nothing else stops.

use plumbline::base::event::Actor;
use plumbline::base::name::RepoSlug;
use plumbline::domain::repos::{self, BadgeKey, NewRepository, RepoSource};
use plumbline::engine::store::Scan;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::raw::{FILE, LINK, RawRepo, TREE};
use crate::support::repo::TestRepo;
use crate::support::world::{World, text};

/// Adds a repository that is in order; it is checked whatever else there is.
async fn goes_on(world: &World) {
    let repo = world.repo("good", [("a.json", "{\n")]).await;
    assert_eq!(repo.checks(&repo.first).await, "succeeded: hygiene succeeded, duplication succeeded");
    assert_eq!(repo.places(&repo.first, "open").await, ["a.json:1 invalid-json"]);
}

/// What its page says of the last fetch.
async fn sync_error(world: &World, name: &str) -> String {
    let repo = world.see(name, "").await;
    assert_eq!(repo["synced_at"], Value::Null);
    let page = world.admin.page(&format!("/r/local/{name}")).await.expect(200).text();
    assert!(page.contains("</html>"));
    text(&repo["sync_error"]).to_owned()
}

/// Why the checks of a commit could not tell: `code: message`.
async fn check_error(world: &World, name: &str, sha: &str) -> String {
    let set = world.see(name, &format!("/commits/{sha}/checks")).await;
    assert_eq!(set["state"], json!("errored"), "{set}");
    format!("{}: {}", text(&set["error"]["code"]), text(&set["error"]["message"]))
}

#[tokio::test]
async fn an_empty_repository_is_in_order_and_is_checked_once_it_has_a_commit() {
    let world = World::new().await;
    let git = TestRepo::bare();
    world.add("app", git.path()).await;
    let repo = world.see("app", "").await;
    assert_eq!((&repo["sync_error"], &repo["default_branch"], &repo["gate"]), (&Value::Null, &Value::Null, &Value::Null));
    assert_eq!(world.see("app", "/commits").await["items"], json!([]));
    assert_eq!(world.see("app", "/branches").await["items"], json!([]));
    world.admin.page("/r/local/app").await.expect(200);

    let sha = git.commit([("a.rb", "puts 1\n")]);
    world.sync("app").await;
    assert!(world.verdict("app", &sha).await.starts_with("success: 0 open issues"));
}

#[tokio::test]
async fn a_head_that_names_no_branch_with_a_commit_leaves_the_branch_that_is_most_likely_meant() {
    let world = World::new().await;
    let git = RawRepo::new();
    let sha = git.push(&[(FILE, b"a.json", git.blob("{\n"))]);
    std::fs::write(git.path().join("HEAD"), "ref: refs/heads/unborn\n").unwrap();
    world.add("app", git.path()).await;
    assert_eq!(world.see("app", "").await["default_branch"], "main");
    assert_eq!(world.see("app", "/branches/main").await["head"]["sha"], json!(sha));
    assert_eq!(world.see("app", &format!("/commits/{sha}/checks")).await["state"], "succeeded");
    world.admin.page("/r/local/app").await.expect(200);
    goes_on(&world).await;
}

#[tokio::test]
async fn a_repository_with_commits_and_no_branch_is_said_to_have_no_branch() {
    let world = World::new().await;
    let git = RawRepo::new();
    let commit = git.commit(git.tree(&[(FILE, b"a.json", git.blob("{\n"))]), &[]);
    std::fs::create_dir_all(git.path().join("refs/tags")).unwrap();
    std::fs::write(git.path().join("refs/tags/v1"), format!("{commit}\n")).unwrap();
    std::fs::write(git.path().join("HEAD"), format!("{commit}\n")).unwrap();
    world.add("app", git.path()).await;
    assert_eq!(world.see("app", "").await["sync_error"], Value::Null);
    for page in ["/r/local/app", "/"] {
        let page = world.admin.page(page).await.expect(200).text();
        assert!(page.contains("no branch") && !page.contains("no commit yet"), "{page}");
    }
}

#[tokio::test]
async fn a_path_that_is_no_repository_says_what_to_give() {
    let world = World::new().await;
    let folder = world.app.scratch("no-repository");
    std::fs::write(folder.join("file"), "").unwrap();
    world.add("app", &folder).await;
    let error = sync_error(&world, "app").await;
    assert!(error.contains("is not a git repository: give the directory that holds `.git`"), "{error}");

    let missing = world.admin.post("/api/v1/repos", json!({"path": folder.join("nowhere"), "name": "b"})).await.expect(422);
    assert!(missing.refused("source_refused").contains("there is no folder"));
    goes_on(&world).await;
}

#[tokio::test]
async fn a_repository_of_somebody_else_is_not_read() {
    let world = World::new().await;
    let git = TestRepo::new();
    git.commit([("a.rb", "puts 1\n")]);
    let paths = [git.path().to_owned(), git.path().join(".git")];
    if paths.iter().any(|path| std::os::unix::fs::chown(path, Some(65_534), None).is_err()) {
        eprintln!("SKIPPED: only root can give a directory to somebody else");
        return;
    }
    world.add("app", git.path()).await;
    let error = sync_error(&world, "app").await;
    assert!(error.contains("belongs to user 65534") && error.contains("chown"), "{error}");
    goes_on(&world).await;
}

#[tokio::test]
async fn names_in_a_tree_that_would_lead_elsewhere_are_left_out_and_the_log_says_so() {
    let world = World::new().await;
    for (name, entry) in [("dots", &b".."[..]), ("git", b".git"), ("alias", b".GIT"), ("short", b"git~1"), ("slash", b"a/b"), ("dot", b".")]
    {
        let git = RawRepo::new();
        let below = git.tree(&[(FILE, b"config", git.blob("x\n")), (FILE, b"a.json", git.blob("{\n"))]);
        let sha = git.push(&[(TREE, entry, below), (FILE, b"z.json", git.blob("{\n"))]);
        world.add(name, git.path()).await;
        assert_eq!(world.see(name, &format!("/commits/{sha}")).await["issues"]["open"], json!(1), "{name}");
        let log = world.admin.get(&format!("/api/v1/repos/local/{name}/commits/{sha}/checks/hygiene/log")).await.expect(200).text();
        assert!(log.contains(&format!("`{}` is left out: ", String::from_utf8_lossy(entry))), "{name}: {log}");
        let tree = world.see(name, &format!("/commits/{sha}/tree")).await;
        assert_eq!(tree["entries"].as_array().unwrap().len(), 1, "{name}: {tree}");
        let path = String::from_utf8_lossy(entry).replace('/', "%2F").replace('.', "%2E");
        world
            .admin
            .get(&format!("/api/v1/repos/local/{name}/commits/{sha}/files/{path}/config"))
            .await
            .expect(404)
            .refused("file_not_found");
    }
    goes_on(&world).await;
}

#[tokio::test]
async fn a_tree_deeper_than_is_followed_is_judged_as_far_as_that_and_the_log_says_where_it_ends() {
    let world = World::new().await;
    let git = RawRepo::new();
    let broken = git.blob("{\n");
    let mut tree = git.tree(&[(FILE, b"a.json", broken)]);
    for _ in 0..300 {
        tree = git.tree(&[(TREE, b"d", tree)]);
    }
    let sha = git.push(&[(FILE, b"a.json", broken), (TREE, b"d", tree)]);
    world.add("app", git.path()).await;
    let issues = world.see("app", &format!("/commits/{sha}/issues")).await;
    assert_eq!(issues["items"][0]["path"], json!("a.json"), "{issues}");
    let log = world.admin.get(&format!("/api/v1/repos/local/app/commits/{sha}/checks/hygiene/log")).await.expect(200).text();
    assert!(log.contains("d/d` is left out: it is a directory below 128 others, the most that are followed"), "{log}");
    let check = world.see("app", &format!("/commits/{sha}/checks/hygiene")).await;
    assert_eq!(check["state"], json!("succeeded"));
}

#[tokio::test]
async fn a_file_larger_than_is_loaded_is_listed_and_not_shown_and_the_rest_is_checked() {
    let world = World::of(TestApp::with(|config| config.git.object_bytes = 6 << 20)).await;
    let git = RawRepo::new();
    let large = git.blob(vec![0; (6 << 20) + 1]);
    let sha = git.push(&[(FILE, b"a.json", git.blob("{\n")), (FILE, b"disk.img", large)]);
    world.add("app", git.path()).await;
    let issues = world.see("app", &format!("/commits/{sha}/issues")).await;
    let found: Vec<(&str, &str)> =
        issues["items"].as_array().unwrap().iter().map(|issue| (text(&issue["path"]), text(&issue["rule"]))).collect();
    assert_eq!(found, [("a.json", "invalid-json"), ("disk.img", "large-binary")]);
    let file = world.see("app", &format!("/commits/{sha}/files/disk.img")).await;
    assert_eq!((&file["size_bytes"], &file["text"], &file["not_shown"]), (&json!((6 << 20) + 1), &Value::Null, &json!("too_large")));
    let page = world.admin.page(&format!("/r/local/app/commits/{sha}/files/disk.img")).await.expect(200).text();
    assert!(page.contains("The file is larger than the"), "{page}");
    goes_on(&world).await;
}

#[tokio::test]
async fn a_name_that_is_not_utf_8_is_shown_and_asked_for_by_its_bytes() {
    let world = World::new().await;
    let git = RawRepo::new();
    let sha = git.push(&[(FILE, b"caf\xe9.json", git.blob("{\n")), (FILE, b"ok.txt", git.blob("ok\n"))]);
    world.add("app", git.path()).await;
    let issues = world.see("app", &format!("/commits/{sha}/issues")).await;
    assert_eq!(issues["items"][0]["path"], json!("caf%E9.json"), "{issues}");
    let file = world.see("app", &format!("/commits/{sha}/files/caf%E9.json")).await;
    assert_eq!((&file["text"], &file["path"]), (&json!("{\n"), &json!("caf%E9.json")));
    assert_eq!(file["issues"].as_array().unwrap().len(), 1);
    let tree = world.see("app", &format!("/commits/{sha}/tree")).await;
    assert_eq!(tree["entries"][0]["path"], json!("caf%E9.json"), "{tree}");
    let page = world.admin.page(&format!("/r/local/app/commits/{sha}/files/caf%E9.json")).await.expect(200).text();
    assert!(page.contains("invalid-json") || page.contains("JSON"), "{page}");
    let sarif = world.see("app", &format!("/commits/{sha}/issues.sarif")).await;
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(place, &json!("caf%E9.json"));
}

#[tokio::test]
async fn pages_show_a_name_with_percent_signs_as_it_is_and_lead_to_the_file() {
    let world = World::new().await;
    let git = RawRepo::new();
    let broken = git.blob("{\n");
    let sha = git.push(&[(FILE, b"100%.json", broken), (FILE, b"a%20b.json", broken), (FILE, b"caf\xe9.json", broken)]);
    world.add("app", git.path()).await;
    let commit = format!("/r/local/app/commits/{sha}");
    for page in [commit.clone(), format!("{commit}/tree"), "/issues".to_owned()] {
        let page = world.admin.page(&page).await.expect(200).text();
        for (name, address) in [("100%.json", "100%25.json"), ("a%20b.json", "a%2520b.json"), ("caf\\xe9.json", "caf%E9.json")] {
            assert!(page.contains(&format!(">{name}")) && page.contains(&format!("{commit}/files/{address}")), "{name}: {page}");
        }
    }
    let page = world.admin.page(&format!("{commit}/files/a%2520b.json")).await.expect(200).text();
    assert!(page.contains("<h1>a%20b.json</h1>"), "{page}");
}

#[tokio::test]
async fn links_that_lead_out_or_in_circles_are_findings_and_are_never_followed() {
    let world = World::new().await;
    let git = RawRepo::new();
    let entries = [("a", "b"), ("b", "a"), ("out", "/etc/passwd"), ("up", "../../../etc/passwd")];
    let entries: Vec<_> = entries.iter().map(|(name, to)| (LINK, name.as_bytes(), git.blob(to))).collect();
    let sha = git.push(&entries);
    world.add("app", git.path()).await;
    let issues = world.see("app", &format!("/commits/{sha}/issues")).await;
    let rules: Vec<&str> = issues["items"].as_array().unwrap().iter().map(|issue| text(&issue["rule"])).collect();
    assert!(!rules.is_empty() && rules.iter().all(|rule| *rule == "dangling-symlink"), "{issues}");
    let file = world.see("app", &format!("/commits/{sha}/files/out")).await;
    assert_eq!((&file["text"], &file["not_shown"]), (&json!("/etc/passwd"), &json!("symlink")));
    let page = world.admin.page(&format!("/r/local/app/commits/{sha}/files/up")).await.expect(200).text();
    assert!(!page.contains("root:"), "a link is shown, not followed");
}

#[tokio::test]
async fn a_tree_of_a_hundred_thousand_files_is_checked() {
    let world = World::new().await;
    let git = RawRepo::new();
    let empty = git.blob("");
    let names: Vec<String> = (0..100_000).map(|n| format!("f{n:06}")).collect();
    let mut entries: Vec<_> = names.iter().map(|name| (FILE, name.as_bytes(), empty)).collect();
    entries.insert(0, (FILE, b"a.json", git.blob("{\n")));
    let sha = git.push(&entries);
    world.add("app", git.path()).await;
    assert_eq!(world.see("app", &format!("/commits/{sha}/checks")).await["state"], json!("succeeded"));
    assert_eq!(world.see("app", &format!("/commits/{sha}")).await["issues"]["open"], json!(1));
    assert_eq!(world.see("app", &format!("/commits/{sha}/tree")).await["entries"].as_array().unwrap().len(), 100_001);
}

#[tokio::test]
async fn a_tree_with_more_files_than_are_taken_says_how_many_are() {
    let world = World::new().await;
    let git = RawRepo::new();
    // A tree that holds one tree many times over is small in git and large when it is walked.
    let mut tree = git.tree(&[(FILE, b"f", git.blob(""))]);
    for _ in 0..18 {
        tree = git.tree(&[(TREE, b"a", tree), (TREE, b"b", tree)]);
    }
    let commit = git.commit(tree, &[]);
    git.point("main", commit);
    world.add("app", git.path()).await;
    let error = check_error(&world, "app", &commit.to_string()).await;
    assert!(error.starts_with("fetch_failed: ") && error.contains("more than 200000"), "{error}");
    goes_on(&world).await;
}

#[tokio::test]
async fn an_object_that_is_not_what_its_name_says_is_not_taken() {
    let world = World::new().await;
    let (lying, truncated, missing) = (RawRepo::new(), RawRepo::new(), RawRepo::new());
    let other = lying.blob("something else\n");
    let blob = lying.blob("{}\n");
    lying.push(&[(FILE, b"a.json", blob)]);
    std::fs::remove_file(lying.loose(blob)).unwrap();
    std::fs::copy(lying.loose(other), lying.loose(blob)).unwrap();

    let blob = truncated.blob("a longer text that is compressed, and then cut in two\n".repeat(100));
    truncated.push(&[(FILE, b"a.txt", blob)]);
    let bytes = std::fs::read(truncated.loose(blob)).unwrap();
    std::fs::remove_file(truncated.loose(blob)).unwrap();
    std::fs::write(truncated.loose(blob), &bytes[..bytes.len() / 2]).unwrap();

    let blob = missing.blob("{}\n");
    missing.push(&[(FILE, b"a.json", blob)]);
    std::fs::remove_file(missing.loose(blob)).unwrap();

    for (name, git) in [("lying", &lying), ("truncated", &truncated), ("missing", &missing)] {
        world.add(name, git.path()).await;
        let error = sync_error(&world, name).await;
        assert!(error.contains("damaged"), "{name}: {error}");
    }
    goes_on(&world).await;
}

/// One such commit on any branch used to freeze all the others at their old heads.
#[tokio::test]
async fn a_commit_with_a_huge_message_is_taken_with_the_beginning_of_it() {
    let world = World::new().await;
    let git = RawRepo::new();
    let tree = git.tree(&[(FILE, b"a.json", git.blob("{\n"))]);
    let huge = git.commit_saying(tree, &[], &format!("the summary\n\n{}", "more words\n".repeat(500_000)));
    let head = git.commit(tree, &[huge]);
    git.point("main", head);
    git.point("topic", huge);
    world.add("app", git.path()).await;
    assert_eq!(world.see("app", "").await["sync_error"], Value::Null);
    assert_eq!(world.see("app", &format!("/commits/{head}/checks")).await["state"], "succeeded");
    let commit = world.see("app", &format!("/commits/{huge}")).await;
    let message = text(&commit["message"]);
    assert!(message.starts_with("the summary") && message.len() <= 64 << 10, "{} bytes", message.len());
    assert_eq!(world.see("app", "/commits").await["items"].as_array().unwrap().len(), 2);
    world.admin.page(&format!("/r/local/app/commits/{huge}")).await.expect(200);
}

#[tokio::test]
async fn a_branch_that_is_damaged_stays_where_it_was_and_the_others_go_on() {
    let world = World::new().await;
    let git = RawRepo::new();
    let root = git.commit(git.tree(&[(FILE, b"a.json", git.blob("{}\n"))]), &[]);
    git.point("main", root);
    git.point("topic", root);
    world.add("app", git.path()).await;

    let lost = git.blob("it gets lost\n");
    let broken = git.commit(git.tree(&[(FILE, b"lost", lost)]), &[root]);
    std::fs::remove_file(git.loose(lost)).unwrap();
    git.point("topic", broken);
    git.point("young", broken);
    let next = git.commit(git.tree(&[(FILE, b"a.json", git.blob("{\n"))]), &[root]);
    git.point("main", next);
    world.sync("app").await;

    let repo = world.see("app", "").await;
    assert_eq!(repo["sync_error"], Value::Null);
    assert_eq!(world.see("app", "/branches/main").await["head"]["sha"], json!(next.to_string()));
    assert_eq!(world.see("app", "/branches/topic").await["head"]["sha"], json!(root.to_string()));
    assert_eq!(world.see("app", "/branches").await["items"].as_array().unwrap().len(), 2);
    assert_eq!(world.see("app", &format!("/commits/{next}")).await["issues"]["open"], json!(1));
    let rows: Vec<repos::Repository> = world.app.app().read_now(|tx, _| tx.find(&Scan::all(), 2)).unwrap();
    assert!(rows[0].skipped.is_some(), "what is left out is remembered, and told in the log when it changes");

    git.blob("it gets lost\n");
    world.sync("app").await;
    for branch in ["topic", "young"] {
        assert_eq!(world.see("app", &format!("/branches/{branch}")).await["head"]["sha"], json!(broken.to_string()), "{branch}");
    }
    let rows: Vec<repos::Repository> = world.app.app().read_now(|tx, _| tx.find(&Scan::all(), 2)).unwrap();
    assert_eq!(rows[0].skipped, None);
}

#[tokio::test]
async fn a_manifest_that_would_eat_memory_is_refused_with_its_place() {
    let world = World::new().await;
    let mut bomb = "version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let before = n - 1;
        bomb += &format!("a{n}: &a{n} [*a{before}, *a{before}, *a{before}, *a{before}, *a{before}, *a{before}, *a{before}, *a{before}]\n");
    }
    let large = format!("version: 1\n# {}\n", "x".repeat(10 << 20));
    let deep = format!("version: 1\nchecks: {}{}\n", "[".repeat(10_000), "]".repeat(10_000));
    for (name, manifest) in [("bomb", bomb), ("large", large), ("deep", deep), ("binary", "version: \u{0}\n".to_owned())] {
        let git = TestRepo::new();
        let sha = git.commit([(".plumbline.yaml", manifest)]);
        world.add(name, git.path()).await;
        let error = check_error(&world, name, &sha).await;
        assert!(error.starts_with("manifest_invalid: `.plumbline.yaml` line ") && error.len() < 600, "{name}: {error}");
        world.admin.page(&format!("/r/local/{name}/commits/{sha}")).await.expect(200);
    }
    goes_on(&world).await;
}

#[tokio::test]
async fn an_address_that_leads_into_the_network_by_now_is_refused_when_it_is_fetched() {
    let world = World::new().await;
    let slug = |name: &str| RepoSlug::local(name).unwrap();
    for (name, url, why) in [
        ("loop", "http://127.0.0.1:1/app.git", "a loopback address"),
        ("private", "https://10.1.2.3/app.git", "a private address"),
        ("metadata", "http://169.254.169.254/latest", "a link-local address"),
        ("mapped", "http://[::ffff:127.0.0.1]/app.git", "a loopback address"),
    ] {
        // As it stands once its name has come to point elsewhere than when it was added.
        let (slug, remote, badge_key) = (slug(name), url.to_owned(), BadgeKey::random());
        let new = NewRepository { slug, source: RepoSource::Git, remote, is_trusted: false, badge_key, owner: None };
        world.app.app().write_now(&Actor::System, move |tx, now| repos::add(tx, new.clone(), now)).unwrap();
        world.app.settle().await;
        let error = sync_error(&world, name).await;
        assert!(error.contains(why) && error.contains("allowed in the configuration"), "{name}: {error}");
    }
    goes_on(&world).await;
}
