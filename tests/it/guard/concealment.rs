//! A secret that stands in a repository is told of and shown nowhere but in the file itself.

use std::os::unix::fs::PermissionsExt;

use super::redaction::{contains, search};
use crate::support::app::TestApp;
use crate::support::world::{Repo, World, text};

/// A token in GitLab's form, put together so that none stands here.
pub fn token() -> String {
    ["glpat-", "Zk3vQ9x", "TbW7mLr2", "HnYc5"].concat()
}

/// A private key's lines, as long and as random as those of a real one.
pub fn key() -> Vec<String> {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = 7_u64;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(letters[usize::try_from(state >> 58).unwrap()])
    };
    (0..12).map(|line| if line == 0 { "MIIEpA".chars() } else { "".chars() }.chain((0..58).map(|_| letter())).collect()).collect()
}

/// Files in which a secret stands on, before and behind lines that other findings are about.
pub fn files() -> [(&'static str, String); 4] {
    let pem = format!("-----BEGIN {0}-----\n{1}\n-----END {0}-----", "RSA PRIVATE KEY", key().join("\n"));
    let conflict = "<<<<<<< HEAD\none\n=======\ntwo\n>>>>>>> topic\n";
    [
        ("config/app.json", format!("{{\"url\": \"https://git.acme.dev\", \"auth\": \"{}\",}}\n", token())),
        ("src/a.py", format!("\u{feff}TOKEN = 'caf\u{e9}', '{}'\n{conflict}TOKEN = '{}'\n", token(), token())),
        ("src/b.py", format!("KEY = \"\"\"{pem}\"\"\"\n{conflict}KEY = \"\"\"{pem}\"\"\"\n")),
        // Minified, and more than is counted in one line.
        ("src/c.json", format!("{{\"a\": \"{}\", \"auth\": \"{}\",}}\n", "x".repeat(70 << 10), token())),
    ]
}

/// What must not be seen.
pub fn needles() -> Vec<String> {
    key().into_iter().chain([token(), token()[6..].to_owned(), token()[..14].to_owned()]).collect()
}

#[track_caller]
fn assert_concealed(what: &str, shown: &[u8]) {
    for needle in needles() {
        assert!(!contains(shown, needle.as_bytes()), "{what} shows `{needle}`: {}", String::from_utf8_lossy(shown));
    }
}

async fn get(world: &World, path: &str) -> String {
    let is_page = !path.starts_with("/api/");
    let answer = if is_page { world.admin.page(path).await } else { world.admin.get(path).await };
    let shown = answer.expect(200).text();
    assert_concealed(path, shown.as_bytes());
    shown
}

async fn look_everywhere(world: &World, repo: &Repo<'_>, sha: &str) {
    for rest in ["/issues?limit=100", "/issues?limit=100&format=csv", "/issues?state=fixed", "/issues.sarif", "/checks"] {
        get(world, &repo.commit(sha, rest)).await;
    }
    for check in ["hygiene", "secrets"] {
        get(world, &repo.commit(sha, &format!("/checks/{check}/log"))).await;
    }
    for query in ["", "rule:gitlab-token", "auth"] {
        get(world, &format!("/api/v1/search/issues?q={query}&limit=100")).await;
        get(world, &format!("/issues?q={query}")).await;
    }
    get(world, &format!("/r/local/app/commits/{sha}")).await;
    for state in ["open", "fixed"] {
        for issue in repo.issues(sha, state).await {
            get(world, &format!("/api/v1/issues/{}", text(&issue["id"]))).await;
            get(world, &format!("/issues/{}", text(&issue["id"]))).await;
        }
    }
}

#[tokio::test]
async fn a_secret_of_a_repository_is_shown_by_no_answer_no_page_no_log_and_no_file_of_ours() {
    let mut world = World::new().await;
    let files = files();
    let given = files.each_ref().map(|(path, content)| (*path, content.as_str()));
    {
        let repo = world.repo("app", given).await;
        let rules: Vec<String> = repo.places(&repo.first, "open").await;
        for found in ["config/app.json:1 gitlab-token", "config/app.json:1 invalid-json", "src/a.py:2 conflict-marker"] {
            assert!(rules.iter().any(|rule| rule == found), "{found}: {rules:#?}");
        }
        assert!(rules.iter().filter(|rule| rule.ends_with(" private-key")).count() == 2, "{rules:#?}");
        look_everywhere(&world, &repo, &repo.first).await;

        // What is around a secret is shown, and is found.
        let json = get(&world, &repo.commit(&repo.first, "/issues?path=config/app.json")).await;
        assert!(json.contains(r#"\"auth\": \"••••••••\""#), "{json}");
        assert!(repo.found("acme").await >= 1);
        assert_eq!(repo.found(&token()[6..]).await, 0);
        let page = get(&world, &format!("/r/local/app/commits/{}", repo.first)).await;
        assert!(page.contains("TOKEN = &#39;café&#39;, &#39;••••••••&#39;") || page.contains("TOKEN = 'café', '••••••••'"), "{page}");
        // The file is what it is, for those who may read it.
        let file = world.admin.page(&format!("/r/local/app/commits/{}/files/src/a.py", repo.first)).await.expect(200).text();
        assert!(file.contains(&token()));

        let clean = repo.push([("config/app.json", "{}\n"), ("src/a.py", "1\n"), ("src/b.py", "1\n"), ("src/c.json", "{}\n")]).await;
        assert!(repo.issues(&clean, "fixed").await.len() > 4);
        look_everywhere(&world, &repo, &clean).await;
        get(&world, &format!("/api/v1/repos/local/app/compare/{}...{clean}", repo.first)).await;
        get(&world, &format!("/r/local/app/compare/{}...{clean}", repo.first)).await;
    }
    let data = world.app.data_dir().to_owned();
    world.app.crash();
    let mut searched = 0;
    search(&data, &mut |path, bytes| {
        if !path.starts_with(data.join("mirrors")) {
            searched += bytes.len();
            assert_concealed(&path.display().to_string(), bytes);
        }
    });
    assert!(searched > 10_000, "{searched} bytes were searched");
}

#[tokio::test]
async fn a_secret_that_a_tool_repeats_in_what_it_says_is_left_out_of_the_message() {
    if let Err(missing) = super::sandbox::native() {
        return crate::support::skipped("sandbox", missing);
    }
    let world = World::new().await;
    let manifest = "version: 1\nchecks:\n- {name: house, run: 'sed \"s/^/a.py:1: error: found /\" a.py', output: gnu}\n";
    let repo = world.repo("app", [(".plumbline.yaml", manifest), ("a.py", &format!("T = '{}'\n", token()))]).await;
    let issues = repo.issues(&repo.first, "open").await;
    let said: Vec<_> = issues.iter().map(|issue| (text(&issue["message"]), text(&issue["snippet"]))).collect();
    assert_eq!(said, [("found T = '***'", "T = '••••••••'")]);
}

/// A tool that finds what only it knows, and says the line alone.
fn false_gitleaks(dir: &std::path::Path) {
    let script = r#"#!/bin/sh
if [ "$1" = version ]; then echo 8.20.0; exit 0; fi
while [ "$1" != --report-path ]; do shift; done
{ printf '{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"gitleaks"}},"results":['
  if grep -q sesame a.py; then printf '{"ruleId":"house","message":{"text":"found"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a.py"},"region":{"startLine":1,"startColumn":9,"endLine":1,"endColumn":12}}}]}'; fi
  printf ']}]}'; } >"$2"
"#;
    let path = dir.join("gitleaks");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn what_a_tool_finds_to_be_a_secret_is_concealed_on_its_whole_line_whoever_speaks_of_it() {
    if let Err(missing) = super::sandbox::native() {
        return crate::support::skipped("sandbox", missing);
    }
    let bin = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    crate::flow::programs::false_ruff(bin.path(), "0.9.1");
    false_gitleaks(bin.path());
    let path = bin.path().to_owned();
    let world = World::of(TestApp::with(move |config| config.search_path = path.clone().into())).await;
    let manifest = |checks: &str| format!("version: 1\nchecks: [{checks}]\n");
    let both = manifest("{plugin: ruff}, {plugin: gitleaks}");
    let line = "bad = 'open-77-sesame'\n";
    let repo = world.repo("app", [(".plumbline.yaml", &manifest("{plugin: ruff}")), ("a.py", line)]).await;
    let snippet = |issue: &serde_json::Value| issue["snippet"].as_str().map(str::to_owned);
    assert_eq!(snippet(&repo.issues(&repo.first, "open").await[0]).unwrap(), line.trim(), "nobody knows it for a secret");

    // What was kept from before, what is judged anew beside what is kept, and both anew.
    let asked = repo.push([(".plumbline.yaml", &both)]).await;
    let other = repo.push([("a.py", &format!("{line}more\n"))]).await;
    for sha in [&asked, &other] {
        let issues = repo.issues(sha, "open").await;
        let mut shown: Vec<(&str, Option<String>)> = issues.iter().map(|issue| (text(&issue["source"]), snippet(issue))).collect();
        shown.sort();
        assert_eq!(shown, [("gitleaks", Some("••••••••".to_owned())), ("ruff", None)], "{sha}");
        let page = world.admin.page(&format!("/r/local/app/commits/{sha}")).await.expect(200).text();
        assert!(!page.contains("sesame") && page.contains("••••••••"), "{page}");
        for issue in issues {
            let page = world.admin.page(&format!("/issues/{}", text(&issue["id"]))).await.expect(200).text();
            assert!(!page.contains("sesame"), "{page}");
        }
    }
    assert_eq!(repo.found("sesame").await, 0);
}
