//! Runs of a forge's automation: whose tokens are believed, for what, and every way in which one may not be what it seems.

use std::time::Duration;

use plumbline::app::issuers::Error;
use plumbline::base::event::Actor;
use plumbline::base::id::RepoId;
use plumbline::base::time::Timestamp;
use plumbline::domain::accounts::{self, Caller, InstanceRole, Permission, RepoRole, Resource, Scope, TokenKind};
use serde_json::{Value, json};

use super::redaction::{contains, logged, search};
use crate::support::issuer::{AUDIENCE, Draft, Issuer, Published, Signed, base64, fetched_from};
use crate::support::world::{World, text};

const REFUSED: &str = "the token is not one of ours, has expired or was revoked";

/// An appliance with one repository that is `acme/app` on the issuer's forge, and one that is another.
async fn world(issuer: &Issuer) -> (World, RepoId, RepoId) {
    let world = World::of(issuer.app()).await;
    world.repo("app", [("a.rb", "puts 1\n")]).await;
    world.repo("other", [("a.rb", "puts 2\n")]).await;
    let mut ids = Vec::new();
    for (name, place) in [("app", "Acme/App.git"), ("other", "acme/other")] {
        let id: RepoId = text(&world.see(name, "").await["id"]).parse().unwrap();
        issuer.adopt(&world.app, id, place);
        ids.push(id);
    }
    (world, ids[0], ids[1])
}

/// Why a token is refused: the reason in the log, and over the wire no reason at all.
async fn refusal(world: &World, token: &str) -> String {
    let answer = world.app.anonymous().bearer(token).get("/api/v1/me").await;
    assert_eq!((answer.status, answer.refused("unauthenticated").as_str()), (401, REFUSED));
    match world.app.app().workload_of(token).await {
        Err(Error::Refused(fault)) => fault.to_string(),
        Err(other) => panic!("{other}"),
        Ok(caller) => panic!("it is believed: {caller:?}"),
    }
}

#[tokio::test]
async fn a_run_says_who_it_is_and_may_hand_in_reports_of_its_own_repository_alone() {
    let issuer = Issuer::new();
    let (world, app, other) = world(&issuer).await;
    let now = world.app.now();
    let rsa = Draft { header: json!({"alg": "RS256", "kid": "rsa"}), signed: Signed::Rsa, ..issuer.draft(now) };
    for token in [issuer.token(now), issuer.sign(&rsa)] {
        let client = world.app.anonymous().bearer(&token);
        let me = client.get("/api/v1/me").await.expect(200).value();
        let said = &me["workload"];
        assert_eq!((&me["kind"], &me["user"], &me["token"], &me["admin"]), (&json!("workload"), &json!(null), &json!(null), &json!(false)));
        assert_eq!(
            (&said["issuer"], &said["repository"], &said["repos"]),
            (&json!(issuer.url()), &json!("acme/app"), &json!(["local/app"]))
        );
        assert_eq!((&said["ref"], &said["event"]), (&json!("refs/heads/main"), &json!("push")));
        assert_eq!(said["sha"], "1234567890123456789012345678901234567890");
        assert_eq!((&said["run_id"], &said["run_attempt"]), (&json!("9001"), &json!(2)));
        assert_eq!(
            (said["expires_at"].as_str().unwrap(), &said["workflow"]),
            ("2026-01-31T12:05:00Z", &json!("acme/app/.github/workflows/ci.yaml@refs/heads/main"))
        );
        for path in ["/api/v1/repos/local/app", "/api/v1/repos/local/other"] {
            assert_eq!(client.get(path).await.status, 404, "{path}");
        }
        for path in ["/api/v1/repos", "/api/v1/events", "/api/v1/me/tokens", "/api/v1/admin/users"] {
            assert_eq!(client.get(path).await.status, 403, "{path}");
        }
        let caller = world.app.app().workload_of(&token).await.unwrap();
        assert!(may(&world, &caller, app) && !may(&world, &caller, other));
    }
    // Both documents, once.
    assert_eq!(issuer.asked(), 2);
}

fn may(world: &World, caller: &Caller, repo: RepoId) -> bool {
    world
        .app
        .app()
        .read_now(|tx, _| Ok::<_, accounts::Error>(caller.may(tx, Permission::ReportsWrite, Resource::Repository(repo)).is_ok()))
        .unwrap()
}

#[tokio::test]
async fn reports_are_handed_in_by_whoever_writes_and_by_upload_tokens_and_runs_of_the_repository() {
    let issuer = Issuer::new();
    let (world, repo, other) = world(&issuer).await;
    let app = &world.app;
    let of_token = |kind, scopes: &[Scope], user, repos: &[RepoId]| {
        let secret = accounts::recognise(&app.token(kind, scopes, user, repos, None)).unwrap();
        app.app().read_now(|tx, now| accounts::caller_of_token(tx, secret, now)).unwrap().unwrap().0
    };
    let person = |name: &str, role: Option<RepoRole>| {
        let user = app.user(name, InstanceRole::Member);
        if let Some(role) = role {
            app.app().write_now(&Actor::System, move |tx, _| accounts::grant(tx, repo, user, role)).unwrap();
        }
        user
    };
    let (writer, reader) = (person("writer", Some(RepoRole::Write)), person("reader", Some(RepoRole::Triage)));
    let every = [Scope::ReportsWrite];
    let callers = [
        ("host", Caller::Host, true, true),
        ("anonymous", Caller::Anonymous, false, false),
        ("its run", app.app().workload_of(&issuer.token(app.now())).await.unwrap(), true, false),
        ("its upload token", of_token(TokenKind::Upload, &every, None, &[repo]), true, false),
        ("its upload token without the scope", of_token(TokenKind::Upload, &[], None, &[repo]), false, false),
        ("a service with the scope", of_token(TokenKind::Service, &every, None, &[]), true, true),
        ("a service with the scope, for it", of_token(TokenKind::Service, &every, None, &[repo]), true, false),
        ("a service with another scope", of_token(TokenKind::Service, &[Scope::RepoWrite], None, &[]), false, false),
        ("a writer's, with the scope", of_token(TokenKind::Personal, &every, Some(writer), &[]), true, false),
        ("a writer's, with another scope", of_token(TokenKind::Personal, &[Scope::RepoWrite], Some(writer), &[]), false, false),
        ("who only sorts issues, with the scope", of_token(TokenKind::Personal, &every, Some(reader), &[]), false, false),
        ("a webhook key", of_token(TokenKind::WebhookKey, &[Scope::DeploymentsWrite], None, &[]), false, false),
        ("a worker", of_token(TokenKind::Worker, &[], None, &[]), false, false),
    ];
    for (name, caller, own, foreign) in &callers {
        assert_eq!((may(&world, caller, repo), may(&world, caller, other)), (*own, *foreign), "{name}");
    }
}

#[tokio::test]
async fn a_run_that_is_refused_something_stands_in_the_trail_by_its_repository_and_number() {
    let issuer = Issuer::new();
    let (world, ..) = world(&issuer).await;
    let client = world.app.anonymous().bearer(&issuer.token(world.app.now()));
    client.get("/api/v1/admin/users").await.expect(403);
    let place = format!("{}/acme/app", issuer.server.host());
    let entries = world.admin.get(&format!("/api/v1/admin/audit?who={place}")).await.expect(200).value();
    let actor = &entries["items"][0]["actor"];
    assert_eq!((&actor["kind"], &actor["name"], &actor["id"]), (&json!("workload"), &json!(place), &json!("9001/2")));
    assert_eq!(actor["address"], "127.0.0.1");
    world.admin.get("/admin/audit").await.expect(200);
}

/// What is done to a good draft.
type Forgery = (&'static str, fn(&Issuer, &mut Draft), &'static str);

fn claim(draft: &mut Draft, name: &str, value: Value) {
    draft.claims[name] = value;
}

fn drop_claim(draft: &mut Draft, name: &str) {
    draft.claims.as_object_mut().unwrap().remove(name);
}

const NOON: i64 = 1_769_860_800;

/// Every draft is signed as it says; what it says is wrong in one way.
#[rustfmt::skip]
const FORGERIES: &[Forgery] = &[
    ("no algorithm", |_, d| { d.header = json!({"alg": "none", "kid": "ec-0"}); d.signed = Signed::By(Vec::new()); }, "RS256 or ES256"),
    ("no algorithm, with capitals", |_, d| { d.header["alg"] = json!("nOnE"); d.signed = Signed::By(Vec::new()); }, "RS256 or ES256"),
    ("no algorithm but a signature", |_, d| d.header["alg"] = json!("none"), "RS256 or ES256"),
    ("an algorithm that is left out", |_, d| { d.header.as_object_mut().unwrap().remove("alg"); }, "RS256 or ES256"),
    ("an algorithm in small letters", |_, d| d.header["alg"] = json!("es256"), "RS256 or ES256"),
    ("an algorithm that is a list", |_, d| d.header["alg"] = json!(["ES256"]), "RS256 or ES256"),
    ("the public key taken for a password", |i, d| {
        d.header = json!({"alg": "HS256", "kid": "rsa"});
        d.signed = Signed::Hmac(i.public(0, "ec-0").to_string().into_bytes());
    }, "RS256 or ES256"),
    ("a password, said to be ES256", |_, d| d.signed = Signed::Hmac(b"secret".to_vec()), "signature"),
    ("a stronger hash", |_, d| d.header["alg"] = json!("RS512"), "RS256 or ES256"),
    ("another padding", |_, d| d.header["alg"] = json!("PS256"), "RS256 or ES256"),
    ("another curve", |_, d| d.header["alg"] = json!("EdDSA"), "RS256 or ES256"),
    ("an elliptic key for RSA", |_, d| d.header["alg"] = json!("RS256"), "not one for the algorithm"),
    ("an RSA key for the curve", |_, d| d.header["kid"] = json!("rsa"), "not one for the algorithm"),
    ("a key that nobody has", |_, d| d.header["kid"] = json!("ec-9"), "no key by the id"),
    ("a key's id that is a path", |_, d| d.header["kid"] = json!("../../../../dev/null"), "no key by the id"),
    ("a key's id that is a URL", |_, d| d.header["kid"] = json!("https://evil.example/keys#ec-0"), "no key by the id"),
    ("a key's id that is a query", |_, d| d.header["kid"] = json!("ec-0' UNION SELECT 'x"), "no key by the id"),
    ("a key's id with an end in it", |_, d| d.header["kid"] = json!("ec-0\u{0}"), "no key by the id"),
    ("a key's id with a blank", |_, d| d.header["kid"] = json!("ec-0 "), "no key by the id"),
    ("a key's id in capitals", |_, d| d.header["kid"] = json!("EC-0"), "no key by the id"),
    ("a key's id that is empty", |_, d| d.header["kid"] = json!(""), "without the id of a key"),
    ("a key's id that is a number", |_, d| d.header["kid"] = json!(0), "without the id of a key"),
    ("a key's id without end", |_, d| d.header["kid"] = json!("e".repeat(300)), "without the id of a key"),
    ("no key's id", |_, d| { d.header.as_object_mut().unwrap().remove("kid"); }, "without the id of a key"),
    ("a key of its own in the header", |i, d| { d.header["jwk"] = i.public(1, "ec-0"); d.signed = Signed::Ec(1); }, "signature"),
    ("keys elsewhere, by jku", |i, d| { d.header["jku"] = json!(format!("{}/keys", i.url())); d.signed = Signed::Ec(1); }, "signature"),
    ("a certificate elsewhere, by x5u", |i, d| { d.header["x5u"] = json!(i.url()); d.signed = Signed::Ec(1); }, "signature"),
    ("a certificate along, by x5c", |_, d| { d.header["x5c"] = json!(["MIIB"]); d.signed = Signed::Ec(1); }, "signature"),
    ("an extension that must be understood", |_, d| { d.header["crit"] = json!(["b64"]); d.header["b64"] = json!(false); }, "extensions"),
    ("no extension that must be understood", |_, d| d.header["crit"] = json!([]), "extensions"),
    ("something else than a token", |_, d| d.header["typ"] = json!("at+jwt"), "of something else"),
    ("a key that is not published", |_, d| d.signed = Signed::Ec(1), "signature"),
    ("a signature of zeros", |_, d| d.signed = Signed::By(vec![0; 64]), "signature"),
    ("a signature of nothing", |_, d| d.signed = Signed::By(Vec::new()), "signature"),
    ("a signature that is too short", |_, d| d.signed = Signed::By(vec![7; 63]), "signature"),
    ("another issuer", |_, d| claim(d, "iss", json!("https://token.actions.githubusercontent.com")), "issuer is not one"),
    ("an issuer with a slash", |i, d| claim(d, "iss", json!(format!("{}/", i.url()))), "issuer is not one"),
    ("an issuer that begins alike", |i, d| claim(d, "iss", json!(format!("{}.evil.example", i.url()))), "issuer is not one"),
    ("an issuer with a user", |i, d| claim(d, "iss", json!(i.url().replace("http://", "http://evil@"))), "issuer is not one"),
    ("an issuer in capitals", |i, d| claim(d, "iss", json!(i.url().to_uppercase())), "issuer is not one"),
    ("an issuer that is a list", |i, d| claim(d, "iss", json!([i.url()])), "issuer is not one"),
    ("no issuer", |_, d| drop_claim(d, "iss"), "issuer is not one"),
    ("another audience", |_, d| claim(d, "aud", json!("https://github.com/acme")), "audience"),
    ("an audience that begins alike", |_, d| claim(d, "aud", json!(format!("{AUDIENCE}.evil.example"))), "audience"),
    ("an audience with a slash", |_, d| claim(d, "aud", json!(format!("{AUDIENCE}/"))), "audience"),
    ("an audience over plain http", |_, d| claim(d, "aud", json!("http://plumbline.example")), "audience"),
    ("an audience in capitals", |_, d| claim(d, "aud", json!(AUDIENCE.to_uppercase())), "audience"),
    ("an audience with letters that look alike", |_, d| claim(d, "aud", json!("https://рlumbline.example")), "audience"),
    ("an audience of two", |_, d| claim(d, "aud", json!([AUDIENCE, "https://evil.example"])), "audience"),
    ("an audience of none", |_, d| claim(d, "aud", json!([])), "audience"),
    ("an audience in an object", |_, d| claim(d, "aud", json!({AUDIENCE: true})), "audience"),
    ("an empty audience", |_, d| claim(d, "aud", json!("")), "audience"),
    ("no audience", |_, d| drop_claim(d, "aud"), "audience"),
    ("one that has expired", |_, d| claim(d, "exp", json!(NOON - 60)), "expired"),
    ("one that expired long ago", |_, d| { claim(d, "exp", json!(1)); claim(d, "iat", json!(0)); }, "expired"),
    ("one without an end", |_, d| drop_claim(d, "exp"), "`exp` is missing"),
    ("one whose end is a text", |_, d| claim(d, "exp", json!("2026-12-31")), "`exp` is not a whole number"),
    ("one whose end is half a second", |_, d| claim(d, "exp", json!(1_769_861_100.5)), "`exp` is not a whole number"),
    ("one whose end is before all time", |_, d| claim(d, "exp", json!(-1)), "`exp` is not a whole number"),
    ("one whose end is beyond all time", |_, d| claim(d, "exp", json!(u64::MAX)), "`exp` is not a whole number"),
    ("one that lives for years", |_, d| claim(d, "exp", json!(NOON + 86_401)), "more than a day"),
    ("one that is not good yet", |_, d| claim(d, "nbf", json!(NOON + 61)), "not good yet"),
    ("one from the future", |_, d| claim(d, "iat", json!(NOON + 61)), "from the future"),
    ("one that was never made", |_, d| drop_claim(d, "iat"), "`iat` is missing"),
    ("one whose beginning is a flag", |_, d| claim(d, "nbf", json!(true)), "`nbf` is not a whole number"),
    ("no subject", |_, d| drop_claim(d, "sub"), "`sub` is missing"),
    ("an empty subject", |_, d| claim(d, "sub", json!("")), "`sub` is empty"),
    ("a subject with two lines", |_, d| claim(d, "sub", json!("repo:acme/app\nrepo:b")), "not one line"),
    ("no repository", |_, d| drop_claim(d, "repository"), "`repository` is missing"),
    ("a repository without an owner", |_, d| claim(d, "repository", json!("app")), "not an owner and a name"),
    ("a repository within another", |_, d| claim(d, "repository", json!("acme/app/x")), "not an owner and a name"),
    ("a repository that climbs", |_, d| { claim(d, "repository", json!("acme/..")); }, "not an owner and a name"),
    ("a repository with an escape", |_, d| claim(d, "repository", json!("acme/%61pp")), "not an owner and a name"),
    ("a repository with letters that look alike", |_, d| claim(d, "repository", json!("acme/аpp")), "not an owner and a name"),
    ("a repository of another owner", |_, d| { claim(d, "repository", json!("evil/app")); claim(d, "repository_owner", json!("evil")); }, "no repository here"),
    ("an owner who is not the repository's", |_, d| claim(d, "repository_owner", json!("evil")), "not the owner"),
    ("a repository that was renamed", |_, d| claim(d, "repository", json!("acme/app-2")), "no repository here"),
    ("a repository with a tail", |_, d| claim(d, "repository", json!("acme/app.git")), "no repository here"),
    ("no number of the repository", |_, d| drop_claim(d, "repository_id"), "`repository_id` is missing"),
    ("no number of the owner", |_, d| drop_claim(d, "repository_owner_id"), "`repository_owner_id` is missing"),
    ("a number that is none", |_, d| claim(d, "repository_id", json!("12x")), "`repository_id` is not a number"),
    ("a number with a sign", |_, d| claim(d, "repository_id", json!("+123")), "`repository_id` is not a number"),
    ("a number below zero", |_, d| claim(d, "repository_owner_id", json!(-45)), "`repository_owner_id` is not a number"),
    ("a number beyond all", |_, d| claim(d, "run_id", json!("99999999999999999999999")), "`run_id` is not a number"),
    ("a commit that is none", |_, d| claim(d, "sha", json!("main")), "`sha` is not a commit"),
    ("a ref that steers a terminal", |_, d| claim(d, "ref", json!("refs/heads/\u{1b}[2J")), "not one line"),
    ("one that is huge", |_, d| claim(d, "note", json!("x".repeat(20_000))), "more than"),
];

#[tokio::test]
async fn no_forged_token_is_believed_and_no_answer_says_why() {
    assert!(FORGERIES.len() >= 40);
    let mut issuer = Issuer::new();
    issuer.make_key();
    let (world, ..) = world(&issuer).await;
    let now = world.app.now();
    assert_eq!(now, Timestamp::from_seconds(NOON));
    let good = issuer.token(now);
    assert!(world.app.app().workload_of(&good).await.is_ok());
    for (name, forge, why) in FORGERIES {
        let mut draft = issuer.draft(now);
        forge(&issuer, &mut draft);
        let told = refusal(&world, &issuer.sign(&draft)).await;
        assert!(told.contains(why), "{name}: {told}");
        assert!(!told.contains("evil@") && !told.contains('\u{1b}'), "{name}: {told}");
    }
    assert!(world.app.app().workload_of(&good).await.is_ok());
    // Ids that nobody has were looked up, and no more often than may be.
    assert!(issuer.asked() <= 4, "asked {} times", issuer.asked());
}

#[tokio::test]
async fn no_text_that_is_not_quite_a_token_is_believed() {
    let issuer = Issuer::new();
    let (world, ..) = world(&issuer).await;
    let now = world.app.now();
    let good = issuer.token(now);
    let parts: Vec<&str> = good.split('.').collect();
    let (header, claims) = (issuer.draft(now).header.to_string(), issuer.draft(now).claims.to_string());
    let signed = |header: &str, claims: &str| issuer.sign_texts(header, claims, &Signed::Ec(0));
    let twice = |name: &str, value: &str| signed(&header, &claims.replacen('{', &format!("{{\"{name}\":{value},"), 1));
    let last = parts[2].chars().last().unwrap();
    // The last digit of sixty-four bytes in base 64 has four bits that say nothing: they may not be set.
    let alike = ('A'..='Z').chain('a'..='z').chain('0'..='9').find(|digit| base64_value(*digit) == base64_value(last) ^ 1).unwrap();
    let texts = [
        ("a part more", format!("{good}.{}", parts[2])),
        ("a part less", format!("{}.{}", parts[0], parts[1])),
        ("an empty part at the end", format!("{good}.")),
        ("three empty parts", "..".to_owned()),
        ("no header", format!(".{}.{}", parts[1], parts[2])),
        ("no claims", format!("{}..{}", parts[0], parts[2])),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("padding", format!("{good}=")),
        ("padding in the middle", format!("{}=.{}.{}", parts[0], parts[1], parts[2])),
        ("the other alphabet", format!("{}.{}.{}+/", parts[0], parts[1], &parts[2][..84])),
        ("bits that say nothing", format!("{}{alike}", &good[..good.len() - 1])),
        ("a digit too many", format!("{good}A")),
        ("a digit too few", good[..good.len() - 1].to_owned()),
        ("something behind it", format!("{good},{good}")),
        ("a blank within", format!("{}. {}.{}", parts[0], parts[1], parts[2])),
        ("encryption", format!("{good}.{}.{}", parts[1], parts[2])),
        ("another's claims", format!("{}.{}.{}", parts[0], base64(claims.replace("acme/app", "acme/b").as_bytes()), parts[2])),
        ("a header that is a list", signed("[]", &claims)),
        ("claims that are a text", signed(&header, "\"claims\"")),
        ("claims with something behind", signed(&header, &format!("{claims}{{}}"))),
        ("claims that are not JSON", signed(&header, &claims.replace('"', "'"))),
        ("claims that are not UTF-8", format!("{}.{}.{}", parts[0], base64(b"{\"iss\":\"\xff\"}"), parts[2])),
        ("claims as deep as a well", signed(&header, &format!("{}{}", "[".repeat(4_000), "]".repeat(4_000)))),
        ("two issuers", twice("iss", "\"https://evil.example\"")),
        ("two audiences", twice("aud", "\"https://evil.example\"")),
        ("two repositories", twice("repository", "\"acme/other\"")),
        ("two repositories, one of them escaped", twice("\\u0072epository", "\"acme/other\"")),
        ("twice the same within", signed(&header, &claims.replacen('{', "{\"x\":{\"a\":1,\"a\":1},", 1))),
        ("two algorithms", signed(&header.replacen('{', "{\"alg\":\"none\",", 1), &claims)),
    ];
    assert!(world.app.app().workload_of(&good).await.is_ok());
    for (name, text) in texts {
        let answer = world.app.anonymous().bearer(&text).get("/api/v1/me").await;
        assert_eq!((answer.status, answer.refused("unauthenticated").as_str()), (401, REFUSED), "{name}");
        assert!(matches!(world.app.app().workload_of(&text).await, Err(Error::Refused(_))), "{name}");
    }
}

fn base64_value(digit: char) -> usize {
    (0..64).find(|value| base64(&[(value << 2) as u8]).starts_with(digit)).unwrap()
}

#[tokio::test]
async fn every_bit_of_a_token_is_signed() {
    let issuer = Issuer::new();
    let (world, ..) = world(&issuer).await;
    let good = issuer.token(world.app.now());
    for at in (0..good.len()).step_by(7) {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let text = String::from_utf8(bytes).unwrap();
        assert!(world.app.app().workload_of(&text).await.is_err(), "at {at}");
    }
}

#[tokio::test]
async fn clocks_may_be_a_minute_apart_and_no_more() {
    let issuer = Issuer::new();
    let (world, ..) = world(&issuer).await;
    let mut draft = issuer.draft(world.app.now());
    for (name, good, bad) in [("iat", NOON + 60, NOON + 61), ("nbf", NOON + 60, NOON + 61), ("exp", NOON - 59, NOON - 60)] {
        let (before, mut check) = (draft.claims[name].clone(), Vec::new());
        for at in [good, bad] {
            claim(&mut draft, name, json!(at));
            check.push(world.app.app().workload_of(&issuer.sign(&draft)).await.is_ok());
        }
        assert_eq!(check, [true, false], "{name}");
        claim(&mut draft, name, before);
    }
    // And it ends while it is used.
    let client = world.app.anonymous().bearer(&issuer.token(world.app.now()));
    world.app.advance(Duration::from_secs(359));
    client.get("/api/v1/me").await.expect(200);
    world.app.advance(Duration::from_secs(1));
    client.get("/api/v1/me").await.expect(401);
}

#[tokio::test]
async fn a_new_key_is_believed_once_it_is_published_and_an_old_one_no_more_once_it_is_not() {
    let mut issuer = Issuer::new();
    let later = issuer.make_key();
    let (world, ..) = world(&issuer).await;
    let by = |issuer: &Issuer, key: usize, id: &str| {
        let mut draft = issuer.draft(world.app.now());
        (draft.header["kid"], draft.signed) = (json!(id), Signed::Ec(key));
        issuer.sign(&draft)
    };
    let app = world.app.app();
    assert!(app.workload_of(&by(&issuer, 0, "ec-0")).await.is_ok());
    assert!(matches!(app.workload_of(&by(&issuer, later, "ec-1")).await, Err(Error::Refused(_))));
    let public = issuer.public(later, "ec-1");
    issuer.publish(|published| published.keys = vec![public]);
    // Within the minute nobody is asked again, whatever is made up.
    for n in 0..20 {
        assert!(app.workload_of(&by(&issuer, later, &format!("ec-{}", n + 1))).await.is_err());
    }
    assert_eq!(issuer.asked(), 2);
    world.app.advance(Duration::from_secs(60));
    assert!(app.workload_of(&by(&issuer, later, "ec-1")).await.is_ok());
    assert!(matches!(app.workload_of(&by(&issuer, 0, "ec-0")).await, Err(Error::Refused(_))), "a key that was taken back");
    assert_eq!(issuer.asked(), 4);
    // Without a new id they are asked for again in an hour.
    world.app.advance(Duration::from_secs(3_599));
    assert!(app.workload_of(&by(&issuer, later, "ec-1")).await.is_ok());
    assert_eq!(issuer.asked(), 4);
    world.app.advance(Duration::from_secs(1));
    assert!(app.workload_of(&by(&issuer, later, "ec-1")).await.is_ok());
    assert_eq!(issuer.asked(), 6);
}

#[tokio::test]
async fn an_issuer_that_is_down_turns_nobody_away_for_a_day_and_is_told_of_after() {
    let issuer = Issuer::new();
    let (world, ..) = world(&issuer).await;
    let down = || issuer.publish(|published| published.broken = Some((502, b"<html>".to_vec())));
    let me = async || world.app.anonymous().bearer(&issuer.token(world.app.now())).get("/api/v1/me").await;
    down();
    let answer = me().await;
    assert_eq!((answer.status, answer.code().as_str(), answer.header("retry-after")), (503, "issuer_unavailable", Some("60")));
    let asked = issuer.asked();
    for _ in 0..20 {
        me().await.expect(503);
    }
    assert_eq!(issuer.asked(), asked, "it is asked once a minute");
    issuer.publish(|published| published.broken = None);
    world.app.advance(Duration::from_secs(60));
    me().await.expect(200);
    down();
    for hours in 0..23 {
        world.app.advance(Duration::from_secs(3_600));
        assert_eq!(me().await.status, 200, "after {hours} hours");
    }
    world.app.advance(Duration::from_secs(3_600));
    me().await.expect(503);
    issuer.publish(|published| published.broken = None);
    world.app.advance(Duration::from_secs(60));
    me().await.expect(200);
}

/// What an issuer may answer that it should not.
type Wrong<'a> = (&'static str, &'a dyn Fn(&mut Published));

#[tokio::test]
async fn an_issuer_is_believed_of_itself_and_of_keys_at_home_alone() {
    let issuer = Issuer::new();
    let elsewhere = Issuer::new();
    let (world, ..) = world(&issuer).await;
    let token = || issuer.token(world.app.now());
    let (home, other) = (issuer.url(), elsewhere.url());
    let faults: [Wrong<'_>; 12] = [
        ("another issuer", &|p| p.issuer = Some(other.clone())),
        ("itself with a slash", &|p| p.issuer = Some(format!("{home}/"))),
        ("keys on another host", &|p| p.jwks_uri = Some(format!("{other}/keys"))),
        ("keys on a host that begins alike", &|p| p.jwks_uri = Some(format!("{home}.evil.example/keys"))),
        ("keys behind a user", &|p| p.jwks_uri = Some(format!("{home}@evil.example/keys"))),
        ("keys in a file", &|p| p.jwks_uri = Some("file:///etc/passwd".to_owned())),
        ("a list of no keys", &|p| p.keys.clear()),
        ("a key that two have the id of", &|p| p.keys = vec![p.keys[1].clone(), p.keys[1].clone()]),
        ("keys for encryption", &|p| p.keys.iter_mut().for_each(|key| key["use"] = json!("enc"))),
        ("keys of another kind", &|p| p.keys.iter_mut().for_each(|key| key["kty"] = json!("oct"))),
        ("too much", &|p| p.broken = Some((200, vec![b' '; 100_000]))),
        ("somewhere else", &|p| p.broken = Some((302, Vec::new()))),
    ];
    let mut good = Vec::new();
    issuer.publish(|published| good = published.keys.clone());
    for (name, fault) in faults {
        issuer.publish(|published| fault(published));
        world.app.advance(Duration::from_secs(60));
        let answer = world.app.anonymous().bearer(&token()).get("/api/v1/me").await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "issuer_unavailable"), "{name}");
        issuer.publish(|published| *published = Published { keys: good.clone(), ..Published::default() });
    }
    assert_eq!(elsewhere.asked(), 0, "whoever is named instead is not asked");
    world.app.advance(Duration::from_secs(60));
    world.app.anonymous().bearer(&token()).get("/api/v1/me").await.expect(200);
}

#[tokio::test]
async fn no_token_of_a_workload_is_kept_or_logged() {
    let logged = logged();
    let issuer = Issuer::new();
    let (mut world, ..) = world(&issuer).await;
    let good = issuer.token(world.app.now());
    let mut draft = issuer.draft(world.app.now());
    claim(&mut draft, "aud", json!("https://elsewhere.example"));
    let bad = issuer.sign(&draft);
    world.app.anonymous().bearer(&good).get("/api/v1/me").await.expect(200);
    world.app.anonymous().bearer(&good).get("/api/v1/admin/users").await.expect(403);
    world.app.anonymous().bearer(&bad).get("/api/v1/me").await.expect(401);
    let needles: Vec<&str> = [&good, &bad].into_iter().flat_map(|token| token.split('.').skip(1)).collect();
    let absent = |place: &str, bytes: &[u8]| {
        for needle in &needles {
            assert!(!contains(bytes, needle.as_bytes()), "a token stands in {place}");
        }
    };
    world.app.crash_and(|data| search(data, &mut |path, bytes| absent(&path.display().to_string(), bytes)));
    absent("the log", &logged.bytes());
    assert!(contains(&logged.bytes(), b"its audience is another one"), "why it was refused is logged");
}

#[tokio::test]
async fn many_who_come_at_once_have_the_issuer_asked_once() {
    let issuer = Issuer::new();
    let (world, ..) = world(&issuer).await;
    let token = issuer.token(world.app.now());
    let ask = || async { world.app.anonymous().bearer(&token).get("/api/v1/me").await.expect(200) };
    futures_util::future::join_all((0..16).map(|_| ask())).await;
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn the_address_of_the_instance_is_an_audience_once_it_is_configured() {
    let issuer = Issuer::new();
    for (public_url, audience, good) in [
        (Some("https://plumbline.example"), None, true),
        (Some("https://other.example"), None, false),
        (Some("https://other.example"), Some(AUDIENCE), true),
        (None, None, false),
    ] {
        let app = issuer.app_with(|config| {
            config.public_url = public_url.map(str::to_owned);
            config.oidc_audience = audience.map(str::to_owned);
        });
        let world = World::of(app).await;
        world.repo("app", [("a.rb", "puts 1\n")]).await;
        let id: RepoId = text(&world.see("app", "").await["id"]).parse().unwrap();
        issuer.adopt(&world.app, id, "acme/app");
        let is_good = world.app.app().workload_of(&issuer.token(world.app.now())).await.is_ok();
        assert_eq!(is_good, good, "{public_url:?} {audience:?}");
        // Where nothing is configured, the address that is listened on is no audience: many an instance has the same.
        let mut own = issuer.draft(world.app.now());
        claim(&mut own, "aud", json!(world.app.app().public_url()));
        assert_eq!(world.app.app().workload_of(&issuer.sign(&own)).await.is_ok(), public_url.is_some(), "{public_url:?}");
    }
}

#[tokio::test]
async fn a_run_is_of_the_repositories_that_are_fetched_from_its_place_and_of_no_other() {
    let issuer = Issuer::new();
    let (world, app, _) = world(&issuer).await;
    let host = issuer.server.host();
    let token = issuer.token(world.app.now());
    let remotes = [
        (format!("https://{host}/acme/app"), true),
        (format!("https://{host}/acme/app.git"), true),
        (format!("https://{host}/acme/app/"), true),
        (format!("HTTPS://{host}/ACME/App.git"), true),
        (format!("http://{host}/acme/app"), false),
        (format!("https://evil.example/{host}/acme/app"), false),
        (format!("https://{host}.evil.example/acme/app"), false),
        (format!("https://evil@{host}/acme/app"), false),
        (format!("https://{host}/acme/app/wiki"), false),
        (format!("https://{host}/acme/app?x"), false),
        (format!("https://{host}/acme/app-2"), false),
        (format!("https://{host}/acme"), false),
        (format!("/srv/{host}/acme/app"), false),
    ];
    for (remote, is_it) in remotes {
        fetched_from(&world.app, app, &remote);
        assert_eq!(world.app.app().workload_of(&token).await.is_ok(), is_it, "{remote}");
    }
}
