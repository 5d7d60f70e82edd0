//! A check that is given secrets: it reads them as files, and what it prints of them is nowhere to be seen.
//!
//! Skipped, and said so, where there is no sandbox; `PLUMBLINE_REQUIRE=sandbox` makes that a failure.

use plumbline::engine::sandbox::Tier;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::world::{Repo, World, text};

macro_rules! need {
    () => {
        if let Err(missing) = crate::guard::sandbox::native() {
            return crate::support::skipped("sandbox", missing);
        }
    };
}

const VALUE: &str = "marigold-and-narcissus";

async fn set(world: &World, path: &str, value: &str) {
    let answer = world.admin.json("PUT", path, json!({"value": value})).await;
    assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
}

/// A manifest with one check, which runs this and is given these secrets: name and place.
fn manifest(run: &str, mounts: &[(&str, &str)]) -> String {
    let mounts: Vec<String> = mounts.iter().map(|(name, place)| format!("{{source: 'secrets:{name}', destination: '{place}'}}")).collect();
    format!(
        "version: 1\nissues: {{fail_on: any}}\nchecks:\n- name: house\n  run: |\n    {run}\n  output: gnu\n  mounts: [{}]\n",
        mounts.join(", ")
    )
}

async fn log(world: &World, repo: &Repo<'_>, sha: &str) -> String {
    world.admin.get(&repo.commit(sha, "/checks/house/log")).await.expect(200).text()
}

#[tokio::test]
async fn a_check_reads_its_secrets_and_what_it_prints_of_them_is_masked() {
    need!();
    let world = World::new().await;
    set(&world, "/api/v1/secrets/SHARED", VALUE).await;
    let run = "[ \"$(cat ~/.netrc)\" = \"$(cat /run/secrets/lint)\" ] && stat -c '%a %n' ~/.netrc /run/secrets/lint >&2; \
               v=$(cat ~/.netrc); grep -l \"$v\" /proc/[0-9]*/environ >&2 || echo 'no environment has it' >&2; \
               echo \"plain $v\" >&2; printf %s \"$v\" | base64 >&2; printf %s \"$v\" | od -An -tx1 | tr -d ' \\n' >&2; \
               echo \"a.txt:1:1: error: it says $v here [said-$v]\"";
    let mounts = [("SHARED", "~/.netrc"), ("shared", "/run/secrets/lint")];
    let line = format!("key = {VALUE}\n");
    let repo = world.repo("app", [(".plumbline.yaml", &*manifest(run, &mounts)), ("a.txt", &line)]).await;
    assert_eq!(repo.checks(&repo.first).await, "failed: house succeeded");
    let said = log(&world, &repo, &repo.first).await;
    assert!(said.contains("400 /home/x/.netrc") && said.contains("400 /run/secrets/lint"), "{said}");
    assert!(said.contains("no environment has it") && said.contains("plain ***"), "{said}");
    let issue = repo.issues(&repo.first, "open").await.remove(0);
    assert_eq!(issue["message"], json!("it says *** here [said-***]"), "what is masked is no word of a rule");
    assert_eq!(issue["snippet"], json!("key = ***"), "the line was committed with the secret in it");
    for form in [VALUE, "bWFyaWdvbGQtYW5kLW5hcmNpc3N1", "6d617269676f6c64"] {
        assert!(!said.contains(form), "{form} in {said}");
    }
    let used = &world.admin.get("/api/v1/secrets").await.expect(200).value()["items"][0]["last_used"];
    assert_eq!((&used["repo"], &used["check"], &used["sha"]), (&json!("local/app"), &json!("house"), &json!(repo.first)));
    assert_eq!(repo.see("/secrets").await["items"][0]["last_used"], json!(null), "whose use it was is for administrators");
}

#[tokio::test]
async fn the_repositorys_own_secret_is_given_and_another_value_has_the_check_run_again() {
    need!();
    let world = World::new().await;
    let run = "wc -c < ~/token >&2; true";
    set(&world, "/api/v1/secrets/TOKEN", "123456").await;
    let repo = world.repo("app", [(".plumbline.yaml", &*manifest(run, &[("TOKEN", "~/token")])), ("a.txt", "one\n")]).await;
    assert!(log(&world, &repo, &repo.first).await.contains("\n6\n"));
    // The same tree, judged before: nothing runs.
    let same = repo.git.commit([("b.txt", "x\n")]);
    let again = repo.remove(&["b.txt"]).await;
    assert_ne!(same, again);
    assert!(!log(&world, &repo, &again).await.contains("\n6\n"), "{}", log(&world, &repo, &again).await);
    set(&world, &repo.path("/secrets/TOKEN"), "1234567").await;
    let own = repo.git.commit([("b.txt", "x\n")]);
    let own_again = repo.remove(&["b.txt"]).await;
    assert_ne!(own, own_again);
    assert!(log(&world, &repo, &own_again).await.contains("\n7\n"), "{}", log(&world, &repo, &own_again).await);
}

#[tokio::test]
async fn a_secret_that_cannot_be_given_is_told_in_a_sentence_and_stops_nothing_else() {
    need!();
    let mut world = World::new().await;
    set(&world, "/api/v1/secrets/TOKEN", VALUE).await;
    let check = |name: &str, secret: &str, place: &str| {
        format!("- {{name: {name}, run: 'true', output: gnu, mounts: [{{source: 'secrets:{secret}', destination: '{place}'}}]}}\n")
    };
    let checks = [
        check("unknown", "NONESUCH", "~/x"),
        check("elsewhere", "TOKEN", "/etc/passwd"),
        check("good", "TOKEN", "~/deep/er/x"),
        "- {name: nested, run: 'true', output: gnu, mounts: [{source: 'secrets:TOKEN', destination: '~/x'}, {source: 'secrets:TOKEN', destination: '~/x/y'}]}\n".to_owned(),
        "- {plugin: hygiene}\n".to_owned(),
    ];
    let manifest = format!("version: 1\nchecks:\n{}", checks.concat());
    let repo = world.repo("app", [(".plumbline.yaml", &*manifest), ("a.txt", "one\n")]).await;
    let said = async |sha: &str| {
        let set = repo.see(&format!("/commits/{sha}/checks")).await;
        let one = |check: &serde_json::Value| {
            let error = &check["error"];
            assert!(error.is_null() || text(&error["message"]).ends_with('.'), "{error}");
            format!("{} {} {}", text(&check["name"]), text(&check["state"]), error["code"].as_str().unwrap_or("-"))
        };
        set["checks"].as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    let expected = [
        "unknown errored secret_unknown",
        "elsewhere errored manifest_invalid",
        "good succeeded -",
        "nested errored manifest_invalid",
        "hygiene succeeded -",
    ];
    assert_eq!(said(&repo.first).await, expected);
    // Kept while the world changes around it.
    let git = repo.git;
    let second = git.commit([("b.txt", "x\n")]);
    world.app.crash_and(|data| std::fs::write(data.join("vault.key"), "spoilt\n").unwrap());
    world.follow();
    world.sync("app").await;
    let set = world.see("app", &format!("/commits/{second}/checks")).await;
    let good = set["checks"].as_array().unwrap().iter().find(|check| check["name"] == "good").unwrap();
    assert_eq!((&good["state"], &good["error"]["code"]), (&json!("errored"), &json!("secret_unreadable")));
    assert!(!text(&good["error"]["message"]).contains("vault.key"), "a path of the host's is not for everybody");
    let hygiene = set["checks"].as_array().unwrap().iter().find(|check| check["name"] == "hygiene").unwrap();
    assert_eq!(hygiene["state"], json!("succeeded"));
}

#[tokio::test]
async fn without_isolation_a_secret_is_given_in_the_home_directory_alone() {
    if !rustix::process::geteuid().is_root() && crate::guard::sandbox::native().is_err() {
        return;
    }
    let world = World::of(TestApp::with(|config| {
        config.min_tier = Tier::Trusted;
        config.search_path = "".into();
    }))
    .await;
    set(&world, "/api/v1/secrets/TOKEN", VALUE).await;
    let run = "wc -c < ~/x >&2; echo \"has $(cat ~/x)\" >&2; true";
    let repo = world.repo("app", [(".plumbline.yaml", &*manifest(run, &[("TOKEN", "~/x")])), ("a.txt", "one\n")]).await;
    let said = log(&world, &repo, &repo.first).await;
    assert!(said.contains("has ***"), "{said}");
}

#[tokio::test]
async fn a_secret_in_a_record_that_is_dropped_is_masked_however_it_was_written() {
    need!();
    let world = World::new().await;
    set(&world, "/api/v1/secrets/TOKEN", VALUE).await;
    let check = |name: &str, output: &str, run: &str| {
        format!(
            "- name: {name}\n  run: |\n    {run}\n  output: {output}\n  mounts: [{{source: 'secrets:TOKEN', destination: '~/token'}}]\n"
        )
    };
    let xml = "v=$(sed 's/-/\\&#45;/' ~/token); \
               printf '<checkstyle><file name=\"out/%s.py\"><error line=\"1\" message=\"m\" source=\"r\"/></file></checkstyle>' \"$v\"";
    let json = "v=$(sed 's/-/\\\\u002d/' ~/token); printf '{\"issues\": [{\"rule\": \"r\", \"message\": \"m\", \"path\": \"%s/%s.py\"}]}' LONG \"$v\"";
    // So long that what is quoted of it ends within the secret.
    let json = json.replace("LONG", &"x".repeat(105));
    let manifest = format!("version: 1\nchecks:\n{}{}", check("xml", "checkstyle", xml), check("json", "plumbline", &json));
    let repo = world.repo("app", [(".plumbline.yaml", &*manifest), ("a.txt", "one\n")]).await;
    assert_eq!(repo.checks(&repo.first).await, "succeeded: xml succeeded, json succeeded");
    for name in ["xml", "json"] {
        let log = world.admin.get(&repo.commit(&repo.first, &format!("/checks/{name}/log"))).await.expect(200).text();
        assert!(log.contains("dropped: ") && log.contains("is not in the commit's tree"), "{log}");
        let seen = repo.see(&format!("/commits/{}/checks/{name}", repo.first)).await.to_string();
        let page = world.admin.page(&format!("/r/local/app/commits/{}/checks/{name}", repo.first)).await.expect(200).text();
        for shown in [log, seen, page] {
            assert!(!shown.contains("marigold"), "{shown}");
        }
    }
}
