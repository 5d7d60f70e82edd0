//! Checks that are images: Cocov's plugin contract, from a manifest to issues.
//!
//! Skipped, and said so, where no daemon runs images; `PLUMBLINE_REQUIRE=oci` makes that a failure. The image does what the variable
//! `SCRIPT` says.

use serde_json::json;

use crate::support::app::TestApp;
use crate::support::registry::{USER, registry};
use crate::support::world::{Repo, World, text};
use crate::support::{daemon, skipped};

macro_rules! need {
    () => {
        match daemon::socket() {
            Ok(socket) => World::of(TestApp::with(move |config| config.oci_socket = Some(socket.clone()))).await,
            Err(missing) => return skipped("oci", &missing),
        }
    };
}

/// A manifest whose one check is an image that does this.
fn manifest(image: &str, script: &str) -> String {
    let check = json!({"name": "lint", "plugin": format!("docker://{image}"), "env": {"SCRIPT": script, "COCOV_WORKDIR": "/elsewhere"}});
    json!({"version": 1, "checks": [check]}).to_string()
}

const ONE: &str = "localhost/plumbline-test/one:v1";

async fn log(world: &World, repo: &Repo<'_>, sha: &str) -> String {
    world.admin.get(&repo.commit(sha, "/checks/lint/log")).await.expect(200).text()
}

#[tokio::test]
async fn an_image_that_was_made_for_cocov_finds_issues_here() {
    let world = need!();
    // Each line with TABOO is a record, as Cocov's plugins write them: one by its path from the folder, one by its whole path.
    let script = "cd $COCOV_WORKDIR; env | grep ^COCOV_ | grep -v SCRIPT | sort; echo heard >&2; \
        printf '{\"uid\":\"u1\",\"file\":\"a.rb\",\"line_start\":2,\"line_end\":2,\"message\":\"taboo\",\"kind\":\"style\"}\\0' > $COCOV_OUTPUT_FILE; \
        printf '{\"uid\":\"u2\",\"file\":\"%s/b.rb\",\"line_start\":1,\"line_end\":1,\"message\":\"taboo\",\"kind\":\"bug\"}\\0' $PWD >> $COCOV_OUTPUT_FILE";
    let files = [(".plumbline.yaml", manifest(ONE, script)), ("a.rb", "1\n2\n".to_owned()), ("b.rb", "1\n".to_owned())];
    let repo = world.repo("app", files.each_ref().map(|(path, content)| (*path, content.as_str()))).await;
    assert_eq!(repo.checks(&repo.first).await, "succeeded: lint succeeded", "{}", log(&world, &repo, &repo.first).await);
    assert_eq!(repo.places(&repo.first, "open").await, ["a.rb:2 style", "b.rb:1 bug"]);
    let said = log(&world, &repo, &repo.first).await;
    for line in [
        "COCOV_WORKDIR=/work/tree",
        "COCOV_REPO_NAME=app",
        "COCOV_OUTPUT_FILE=/tmp/cocov-output",
        "heard",
        "for the first time in this repository",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(said.contains(&format!("COCOV_COMMIT_SHA={}", repo.first)) && said.contains("COCOV_JOB_IDENTIFIER="), "{said}");
    let seen = repo.see(&format!("/commits/{}/checks/lint", repo.first)).await;
    assert_eq!((&seen["execution"]["tier"], &seen["exit_code"]), (&json!("oci"), &json!(0)));
    assert!(text(&seen["execution"]["version"]).starts_with("sha256:"), "{seen:#}");
    assert!(said.contains(text(&seen["execution"]["version"])), "the log names the digest: {said}");
    assert!(seen["execution"]["weaker_limits"].to_string().contains("room for files"), "{seen:#}");
}

#[tokio::test]
async fn whatever_an_image_does_is_told_in_a_sentence() {
    let world = need!();
    let cases = [
        (ONE, "echo broken >&2; : > $COCOV_OUTPUT_FILE; exit 1", "plugin_crashed", "ended with 1: broken"),
        (ONE, "true", "output_invalid", "there is no such file"),
        (ONE, "echo no record > $COCOV_OUTPUT_FILE", "output_invalid", "the image wrote"),
        ("localhost/plumbline-test/nonesuch:v1", "true", "image_unavailable", "`localhost/plumbline-test/nonesuch:v1` cannot be had"),
        ("acme/Lint:v1", "true", "manifest_invalid", "names no image"),
        ("localhost/plumbline/pinned/x:v1", "true", "manifest_invalid", "given by us alone"),
        ("169.254.169.254/x", "true", "image_unavailable", "`outbound.allow_hosts`"),
        ("127.0.0.1:1/x", "true", "image_unavailable", "`outbound.allow_hosts`"),
    ];
    let repo = world.repo("app", [("a.rb", "1\n")]).await;
    for (image, script, code, says) in cases {
        let sha = repo.push([(".plumbline.yaml", &*manifest(image, script))]).await;
        let seen = repo.see(&format!("/commits/{sha}/checks/lint")).await;
        assert_eq!((&seen["state"], &seen["error"]["code"]), (&json!("errored"), &json!(code)), "{seen:#}");
        let message = text(&seen["error"]["message"]);
        assert!(message.contains(says) && message.ends_with('.'), "{message}");
    }
}

#[tokio::test]
async fn a_name_that_was_run_means_the_same_image_ever_after() {
    let world = need!();
    let (name, script) = ("localhost/plumbline-test/shifting:v1", "echo it is $IMAGE; : > $COCOV_OUTPUT_FILE");
    daemon::tag(ONE, "localhost/plumbline-test/shifting", "v1");
    let repo = world.repo("app", [(".plumbline.yaml", &*manifest(name, script)), ("a.rb", "1\n")]).await;
    assert!(log(&world, &repo, &repo.first).await.contains("it is one"));
    daemon::tag("localhost/plumbline-test/two:v1", "localhost/plumbline-test/shifting", "v1");
    let next = repo.push([("a.rb", "2\n")]).await;
    let said = log(&world, &repo, &next).await;
    assert!(said.contains("it is one") && !said.contains("first time"), "{said}");
}

#[tokio::test]
async fn what_a_name_means_in_one_repository_is_nothing_to_another() {
    let world = need!();
    let (name, script) = ("localhost/plumbline-test/roaming:v1", "echo it is $IMAGE; : > $COCOV_OUTPUT_FILE");
    daemon::tag(ONE, "localhost/plumbline-test/roaming", "v1");
    let first = world.repo("first", [(".plumbline.yaml", &*manifest(name, script)), ("a.rb", "1\n")]).await;
    assert!(log(&world, &first, &first.first).await.contains("it is one"));
    daemon::tag("localhost/plumbline-test/two:v1", "localhost/plumbline-test/roaming", "v1");
    let second = world.repo("second", [(".plumbline.yaml", &*manifest(name, script)), ("a.rb", "1\n")]).await;
    let said = log(&world, &second, &second.first).await;
    assert!(said.contains("it is two") && said.contains("first time"), "{said}");
}

#[tokio::test]
async fn an_image_that_is_not_for_everybody_is_fetched_with_the_secret_that_the_manifest_names() {
    let Some(registry) = registry() else { return skipped("oci", "`OCI_REGISTRY` names no address") };
    let socket = match daemon::socket() {
        Ok(socket) => socket,
        Err(missing) => return skipped("oci", &missing),
    };
    let allowed = vec![registry.address.clone()];
    let app = TestApp::with(move |config| (config.oci_socket, config.allow_hosts) = (Some(socket.clone()), allowed.clone()));
    let world = World::of(app).await;
    registry.push("private/lint", "v1", "mine");
    let image = format!("docker://{}/private/lint:v1", registry.address);
    let plain = json!({"version": 1, "checks": [{"name": "lint", "plugin": image}]}).to_string();
    let named = json!({"version": 1, "checks": [{"name": "lint", "plugin": image, "credentials": "secrets:REGISTRY"}]}).to_string();
    let repo = world.repo("app", [(".plumbline.yaml", &*plain), ("a.rb", "1\n")]).await;
    let failure = async |sha: &str| {
        let seen = repo.see(&format!("/commits/{sha}/checks/lint")).await;
        (text(&seen["error"]["code"]).to_owned(), text(&seen["error"]["message"]).to_owned())
    };
    let (code, message) = failure(&repo.first).await;
    assert!(code == "image_unavailable" && !message.contains("allow_hosts"), "{message}");
    let next = repo.push([(".plumbline.yaml", &*named)]).await;
    assert_eq!(failure(&next).await.0, "secret_unknown");
    let set = async |value: &str| world.admin.json("PUT", &repo.path("/secrets/REGISTRY"), json!({"value": value})).await;
    set("no colon").await.expect(201);
    let next = repo.push([("a.rb", "2\n")]).await;
    let (code, message) = failure(&next).await;
    assert!(code == "manifest_invalid" && message.contains("`user:password`"), "{message}");
    set(&format!("{}:{}", USER.0, USER.1)).await.expect(200);
    let next = repo.push([("a.rb", "3\n")]).await;
    // It is there now, and has nothing that could be started.
    let (code, message) = failure(&next).await;
    assert_ne!(code, "image_unavailable", "{message}");
    assert!(log(&world, &repo, &next).await.contains("(fetched)"), "{}", log(&world, &repo, &next).await);
    assert!(!log(&world, &repo, &next).await.contains(USER.1));
}

#[tokio::test]
async fn without_a_daemon_the_sentence_names_the_key() {
    let world = World::new().await;
    let repo = world.repo("app", [(".plumbline.yaml", &*manifest(ONE, "true"))]).await;
    let seen = repo.see(&format!("/commits/{}/checks/lint", repo.first)).await;
    assert_eq!(seen["error"]["code"], json!("sandbox_unavailable"));
    assert!(text(&seen["error"]["message"]).contains("`sandbox.oci_socket`"), "{seen:#}");
}
