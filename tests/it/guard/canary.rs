//! Canaries: secrets are planted wherever one can be handed in, a check prints them in every form it knows, and then they are looked for:
//! in every file of the data directory, in the log of the server, in every page and every answer of the API.

use plumbline::domain::accounts::{InstanceRole, Scope, TokenKind};
use serde_json::{Value, json};

use super::redaction::{contains, logged, search};
use crate::support::world::World;

/// The forms in which a planted value is looked for.
fn forms(value: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = value.as_bytes();
    let hex =
        |upper: bool| -> String { bytes.iter().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect() };
    let percent: String = bytes
        .iter()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(*byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    let json = Value::String(value.to_owned()).to_string();
    // Without its first and last digits, so that it is found whatever stands before and after.
    let base64 = |before: usize, url: bool| {
        let alphabet = if url {
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        } else {
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        };
        let all = [&b"\0\0"[..before], bytes].concat();
        let digits: Vec<u8> = all
            .chunks(3)
            .flat_map(|three| {
                let number = three.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
                (0..=three.len()).map(move |at| alphabet[(number >> (18 - 6 * at) & 63) as usize]).collect::<Vec<_>>()
            })
            .collect();
        digits[4..digits.len() - 4].to_vec()
    };
    vec![
        ("as it is", bytes.to_vec()),
        ("in hexadecimal", hex(false).into_bytes()),
        ("in hexadecimal, upper case", hex(true).into_bytes()),
        ("percent-encoded", percent.into_bytes()),
        ("as JSON", json.trim_matches('"').as_bytes().to_vec()),
        ("in base 64", base64(0, false)),
        ("in base 64, one later", base64(1, false)),
        ("in base 64 for URLs, two later", base64(2, true)),
    ]
}

fn absent(planted: &[(&str, String)], where_: &str, bytes: &[u8]) {
    for (what, value) in planted {
        for (form, needle) in forms(value) {
            assert!(!contains(bytes, &needle), "{what} stands {form} in {where_}");
        }
    }
}

#[tokio::test]
async fn no_planted_secret_is_found_anywhere() {
    let has_sandbox = crate::guard::sandbox::native().is_ok();
    let logged = logged();
    let mut world = World::new().await;
    let planted = vec![
        ("the instance's secret", "canary of the instance/\"1\" + \u{e9}".to_owned()),
        ("the repository's secret", "canary-of-the-repository\\2?x=1&y".to_owned()),
        ("a secret that was set anew", "canary, the first value 3".to_owned()),
        ("a secret that was removed", "canary that flew away 4".to_owned()),
        ("the passphrase of a key", "tulip bulb".to_owned()),
        ("a value that was refused", format!("canary 5 {}", "x".repeat(70 << 10))),
        ("a value of a form", "canary of a form 6".to_owned()),
    ];
    let value = |n: usize| planted[n].1.clone();
    let run = "for f in ~/a ~/b; do cat $f; echo; base64 -w0 $f; echo; printf x | cat - $f | base64 -w0; echo; \
               printf xx | cat - $f | base64 -w0 | tr '+/' '-_'; echo; od -An -v -tx1 $f | tr -d ' \\n'; echo; \
               od -An -v -tx1 $f | tr -d ' \\n' | tr a-f A-F; echo; \
               echo \"a.txt:1:1: error: says $(cat $f) [rule]\" >> said; done >&2; cat said";
    let mounts = "[{source: 'secrets:A', destination: '~/a'}, {source: 'secrets:B', destination: '~/b'}]";
    let manifest = format!("version: 1\nchecks:\n- name: house\n  run: |\n    {run}\n  output: gnu\n  mounts: {mounts}\n");
    let put = async |path: &str, n: usize| world.admin.json("PUT", path, json!({"value": value(n)})).await;
    put("/api/v1/secrets/A", 2).await.expect(201);
    put("/api/v1/secrets/A", 0).await.expect(200);
    let line = format!("{}\n", value(1));
    let repo = world.repo("app", [("a.txt", "one\n")]).await;
    put(&repo.path("/secrets/B"), 1).await.expect(201);
    put(&repo.path("/secrets/GONE"), 3).await.expect(201);
    world.admin.own("DELETE", &repo.path("/secrets/GONE")).await.expect(204);
    put(&repo.path("/secrets/LARGE"), 5).await.expect(400);
    let keyed = world.admin.with("idempotency-key", "once");
    keyed.json("PUT", &repo.path("/secrets/C"), json!({"value": value(0)})).await.expect(201);
    let key = json!({"private_key": include_str!("../../fixtures/keys/locked"), "passphrase": value(4)});
    world.admin.post(&repo.path("/keys"), key).await.expect(201);
    let form = format!("name=FORM&value={}", value(6).replace(' ', "+"));
    world.admin.form("/r/local/app/settings/secrets", &form).await.expect(303);
    let private = world
        .app
        .app()
        .read_now(|tx, _| {
            let key = plumbline::domain::secrets::all_keys(tx, None, 1)?.remove(0);
            plumbline::domain::secrets::open_key(&world.app.app().vault, &key)
        })
        .unwrap();
    // Of a key, one of its lines.
    let private = private.expose().lines().nth(3).unwrap().to_owned();
    let mut planted = planted.clone();
    planted.push(("a private key", private));

    let sha = repo.push([(".plumbline.yaml", &*manifest)]).await;
    let said = world.admin.get(&repo.commit(&sha, "/checks/house/log")).await.expect(200).text();
    assert!(!has_sandbox || said.contains("***"), "it was printed: {said}");
    drop(line);
    let service = world.app.anonymous().bearer(&world.app.token(
        TokenKind::Service,
        &[Scope::SecretsWrite, Scope::RepoRead, Scope::Admin],
        None,
        &[],
        None,
    ));
    let member = world.app.sign_in(world.app.user("ada", InstanceRole::Member)).await;
    let paths = [
        "/api/v1/secrets".to_owned(),
        "/api/v1/admin/vault".to_owned(),
        repo.path(""),
        repo.path("/secrets"),
        repo.path("/secrets?format=csv"),
        repo.path("/keys"),
        repo.path("/secret-names/A"),
        repo.commit(&sha, "/checks"),
        repo.commit(&sha, "/checks/house"),
        repo.commit(&sha, "/checks/house/log"),
        repo.commit(&sha, "/issues"),
        repo.commit(&sha, "/issues.sarif"),
        "/api/v1/search/issues?q=says".to_owned(),
        "/r/local/app/settings/secrets".to_owned(),
        "/admin/secrets".to_owned(),
        format!("/r/local/app/commits/{sha}"),
        format!("/r/local/app/commits/{sha}/checks/house"),
    ];
    for path in &paths {
        for (who, client) in [("an administrator", &world.admin), ("a program", &service), ("a member", &member)] {
            let answer = client.get(path).await;
            absent(&planted, &format!("{path} as {who}"), &answer.body);
            absent(&planted, &format!("{path} as {who} in a browser"), &client.page(path).await.body);
        }
        assert!(world.admin.page(path).await.status < 300, "{path}");
    }
    world.app.settle().await;
    let mut searched = 0;
    world.app.crash_and(|data| {
        search(data, &mut |path, bytes| {
            searched += bytes.len();
            absent(&planted, &path.display().to_string(), bytes);
        });
    });
    assert!(searched > 10_000, "{searched} bytes were searched");
    let logged = logged.bytes();
    assert!(contains(&logged, b"/checks/house/log"), "requests are logged at all");
    absent(&planted, "the log", &logged);
}

#[test]
fn the_forms_that_are_looked_for_are_those_that_encoders_write() {
    let found: Vec<String> = forms("a b/\"c").into_iter().map(|(_, form)| String::from_utf8(form).unwrap()).collect();
    assert_eq!(&found[..5], ["a b/\"c", "6120622f2263", "6120622F2263", "a%20b%2F%22c", "a b/\\\"c"]);
    // Base 64 of `marigold marigold` is bWFyaWdvbGQgbWFyaWdvbGQ=.
    assert_eq!(String::from_utf8(forms("marigold marigold").remove(5).1).unwrap(), "aWdvbGQgbWFyaWd");
}
