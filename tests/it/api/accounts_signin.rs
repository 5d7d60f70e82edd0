//! Signing in with a password and a code: as it is meant, refused, slowed down, and what a stranger cannot tell.

use std::time::Duration;

use plumbline::app::{regenerate, rewrap};
use plumbline::base::event::Actor;
use plumbline::base::id::UserId;
use plumbline::domain::accounts::totp::TotpSecret;
use plumbline::domain::accounts::{self, InstanceRole, UserChange};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::{Answer, Client};
use crate::support::world::text;

const PASSWORD: &str = "seven grey herons wade";
const OTHER: &str = "nine brown owls listen";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

async fn ada(app: &TestApp) -> UserId {
    let user = app.user("ada", InstanceRole::Member);
    app.set_password(user, PASSWORD).await;
    user
}

async fn login(client: &Client, login: &str, password: &str) -> Answer {
    client.post("/api/v1/login", json!({"login": login, "password": password})).await
}

/// The secret that a set-up answered, read back from base 32.
fn secret_of(base32: &str) -> TotpSecret {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for c in base32.bytes() {
        let value = if c.is_ascii_uppercase() { c - b'A' } else { c - b'2' + 26 };
        bits = bits << 5 | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    TotpSecret::new(bytes)
}

/// Sets codes up for whoever this browser is of: the secret, and the recovery codes.
async fn set_up(app: &TestApp, browser: &Client) -> (TotpSecret, Vec<String>) {
    let begun = browser.post("/api/v1/me/totp", json!({"password": PASSWORD})).await.expect(201).value();
    let secret = secret_of(text(&begun["secret"]));
    let confirmed = browser.post("/api/v1/me/totp", json!({"code": secret.code_at(app.now())})).await.expect(200).value();
    let codes = confirmed["recovery_codes"].as_array().unwrap().iter().map(|code| text(code).to_owned()).collect();
    (secret, codes)
}

#[tokio::test]
async fn a_password_signs_in_with_a_session_of_its_own_each_time() {
    let app = TestApp::start();
    ada(&app).await;
    let answer = login(&app.anonymous().with("user-agent", FIREFOX), "ADA", PASSWORD).await.expect(200);
    let me = answer.value();
    assert_eq!((&me["user"]["login"], &me["password"], &me["totp"]), (&json!("ada"), &json!(true), &json!(false)));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("plumbline_session=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000"), "{cookie}");

    let browser = app.anonymous().with("user-agent", FIREFOX).with("cookie", &answer.cookies());
    let sessions = browser.get("/api/v1/me/sessions").await.expect(200).value();
    assert_eq!((&sessions["items"][0]["device"], &sessions["items"][0]["address"]), (&json!("Firefox on Linux"), &json!("127.0.0.1")));
    // Whoever signs in again has another session, and the one before is over.
    let again = login(&browser, "ada", PASSWORD).await.expect(200);
    assert_ne!(again.cookies(), answer.cookies());
    browser.get("/api/v1/me").await.expect(401);
    let browser = browser.with("cookie", &again.cookies());
    assert_eq!(browser.get("/api/v1/me/sessions").await.expect(200).value()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_cookie_that_somebody_put_there_is_not_the_one_that_a_sign_in_makes() {
    let app = TestApp::start();
    ada(&app).await;
    let planted = app.anonymous().with("cookie", "plumbline_session=planted; plumbline_browser=planted");
    let cookies = login(&planted, "ada", PASSWORD).await.expect(200).cookies();
    assert!(!cookies.contains("planted"), "{cookies}");
    planted.get("/api/v1/me").await.expect(401);
}

#[tokio::test]
async fn a_stranger_cannot_tell_who_has_an_account() {
    let app = TestApp::start();
    let user = ada(&app).await;
    app.user("grace", InstanceRole::Member);
    let disabled = app.user("gone", InstanceRole::Member);
    app.set_password(disabled, PASSWORD).await;
    let change = UserChange { role: None, is_disabled: Some(true) };
    app.app().write_now(&Actor::System, move |tx, now| accounts::change_user(tx, disabled, change, now)).unwrap();
    let (secret, _) = set_up(&app, &app.sign_in(user).await).await;
    let wrong_code = if secret.code_at(app.now()) == "000000" { "111111" } else { "000000" };

    let mut answers = Vec::new();
    for (n, (who, password, code)) in [
        ("nobody", PASSWORD, ""),
        ("ada", "not the password", ""),
        ("ada", "", ""),
        ("ada", &"x".repeat(5_000), ""),
        ("grace", PASSWORD, ""),
        ("gone", PASSWORD, ""),
        ("a\u{1b}[2J\u{0}\u{202e}da", PASSWORD, ""),
        ("", PASSWORD, ""),
        (&"x".repeat(5_000), PASSWORD, ""),
        ("ada", PASSWORD, wrong_code),
        ("ada", PASSWORD, "not a code"),
    ]
    .into_iter()
    .enumerate()
    {
        let from = app.anonymous().from(u8::try_from(n).unwrap() + 10);
        let body = json!({"login": who, "password": password, "totp": code});
        let answer = from.post("/api/v1/login", body).await.expect(401);
        let mut value = answer.value();
        value["request_id"] = Value::Null;
        let mut names: Vec<String> = answer.headers.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        answers.push((value, names));
        assert_eq!(answer.header("set-cookie"), None);
    }
    assert_eq!(answers[0].0["code"], json!("sign_in_refused"));
    for other in &answers[1..] {
        assert_eq!(other, &answers[0]);
    }
    app.anonymous().from(9).post("/api/v1/login", json!({"login": "ada"})).await.expect(400).refused("invalid_body");
    app.anonymous().from(9).post("/api/v1/login", json!({"login": "ada", "password": 1, "x": 2})).await.expect(400);
}

/// An appliance behind a proxy that says where requests come from.
fn behind_a_proxy() -> TestApp {
    TestApp::with(|config| config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()])
}

/// Somebody elsewhere.
fn at(app: &TestApp, n: u8) -> Client {
    app.anonymous().with("x-forwarded-for", &format!("192.0.2.{n}"))
}

#[tokio::test]
async fn guessing_is_slowed_down_and_the_owner_gets_in() {
    let app = behind_a_proxy();
    ada(&app).await;
    // A browser that ada has signed in with, at the address that the guesser comes from as well.
    let known = at(&app, 1).with("cookie", &login(&at(&app, 1), "ada", PASSWORD).await.expect(200).cookies());
    for _ in 0..5 {
        login(&at(&app, 1), "ada", "not the password").await.expect(401);
    }
    let slow = login(&at(&app, 1), "Ada", "not the password").await.expect(429);
    slow.refused("rate_limited");
    assert_eq!((slow.header("retry-after"), &slow.value()["details"]["retry_after_s"]), (Some("1"), &json!(1)));
    // Nor does the right password get past the wait, or the wait would tell which is right.
    login(&at(&app, 1), "ada", PASSWORD).await.expect(429);
    login(&known, "ada", PASSWORD).await.expect(200);
    login(&at(&app, 2), "ada", PASSWORD).await.expect(200);
    // Somebody who is not there is waited for as well.
    for _ in 0..5 {
        login(&at(&app, 3), "nobody", "not the password").await.expect(401);
    }
    login(&at(&app, 3), "nobody", "not the password").await.expect(429);

    app.advance(Duration::from_secs(1));
    login(&at(&app, 1), "ada", "not the password").await.expect(401);
    assert_eq!(login(&at(&app, 1), "ada", PASSWORD).await.expect(429).header("retry-after"), Some("2"));
    app.advance(Duration::from_secs(2));
    login(&at(&app, 1), "ada", PASSWORD).await.expect(200);
    login(&at(&app, 1), "ada", "not the password").await.expect(401);

    let page = at(&app, 3).with("accept", "text/html");
    page.form("/sign-in", "login=nobody&password=a").await.expect(422);
    let slow = page.form("/sign-in", "login=nobody&password=a").await.expect(429);
    assert!(slow.header("retry-after").is_some() && slow.text().contains("Too many wrong tries"), "{}", slow.text());
}

#[tokio::test]
async fn many_logins_from_one_address_are_slowed_down_too() {
    let app = behind_a_proxy();
    let mut tried = 0;
    while login(&at(&app, 1), &format!("user{tried}"), "not the password").await.status == 401 {
        tried += 1;
        assert!(tried < 100, "nobody stops it");
    }
    assert_eq!(tried, 20);
    login(&at(&app, 2), "user1", "not the password").await.expect(401);
}

#[tokio::test]
async fn whoever_is_behind_a_proxy_that_is_not_named_does_not_wait_for_all_others() {
    let app = TestApp::start();
    ada(&app).await;
    for n in 0..60 {
        login(&at(&app, n), &format!("user{n}"), "not the password").await.expect(401);
    }
    login(&at(&app, 61), "ada", PASSWORD).await.expect(200);
    let health = app.admin().await.get("/api/v1/admin/health").await.expect(200).value();
    let proxy = health["checks"].as_array().unwrap().iter().find(|check| check["name"] == "proxy").unwrap().clone();
    assert_eq!(proxy["grade"], json!("weaker"));
    assert!(text(&proxy["advice"]).contains("trusted_proxies"), "{proxy}");
}

#[tokio::test]
async fn signing_in_with_a_code_is_no_guess_for_those_at_the_same_address() {
    let app = behind_a_proxy();
    let user = ada(&app).await;
    let (secret, _) = set_up(&app, &app.sign_in(user).await).await;
    for _ in 0..30 {
        app.advance(Duration::from_secs(30));
        login(&at(&app, 1), "ada", PASSWORD).await.expect(401).refused("totp_required");
        let body = json!({"login": "ada", "password": PASSWORD, "totp": secret.code_at(app.now())});
        at(&app, 1).post("/api/v1/login", body).await.expect(200);
    }
    login(&at(&app, 1), "nobody", "not the password").await.expect(401);
}

#[tokio::test]
async fn the_pages_form_signs_in_and_says_what_is_wrong_once() {
    let app = TestApp::start();
    let page = app.anonymous().page("/sign-in").await.expect(200).text();
    assert!(page.contains("Nobody has a password here yet") && !page.contains("name=\"password\""));
    ada(&app).await;
    let browser = app.anonymous().with("accept", "text/html");
    for path in ["/sign-in", "/account"] {
        let page = browser.page(path).await.text();
        assert!(page.contains("autocomplete=\"current-password\"") && page.contains("action=\"/sign-in\""), "{path}");
    }
    let refused = browser.form("/sign-in", "login=%3Cb%3E&password=wrong&totp=").await.expect(422).text();
    assert!(refused.contains("The login, the password or the code is not right.") && refused.contains("value=\"&lt;b&gt;\""), "{refused}");
    assert!(!refused.contains("value=\"wrong\""));
    let come = browser.form("/sign-in", "login=ada&password=seven+grey+herons+wade").await.expect(303);
    assert_eq!(come.header("location"), Some("/"));
    browser.with("cookie", &come.cookies()).page("/account").await.expect(200);
}

#[tokio::test]
async fn a_code_is_asked_for_and_each_is_taken_once() {
    let app = TestApp::start();
    let user = ada(&app).await;
    let browser = app.sign_in(user).await;
    let (secret, recovery) = set_up(&app, &browser).await;
    assert_eq!(recovery.len(), 10);
    assert_eq!(browser.get("/api/v1/me").await.expect(200).value()["totp"], json!(true));
    login(&app.anonymous(), "ada", PASSWORD).await.expect(401).refused("totp_required");
    let with = async |code: &str| app.anonymous().post("/api/v1/login", json!({"login": "ada", "password": PASSWORD, "totp": code})).await;
    // The code that confirmed the set-up is used up.
    with(&secret.code_at(app.now())).await.expect(401).refused("sign_in_refused");
    app.advance(Duration::from_secs(30));
    let code = secret.code_at(app.now());
    with(&format!(" {} {} ", &code[..3], &code[3..])).await.expect(200);
    with(&code).await.expect(401).refused("sign_in_refused");
    // One of half a minute before is taken, if it is newer than the last.
    app.advance(Duration::from_secs(60));
    with(&secret.code_at(app.now() - Duration::from_secs(30))).await.expect(200);
    with(&secret.code_at(app.now() - Duration::from_secs(60))).await.expect(401);
    with(&secret.code_at(app.now() + Duration::from_secs(60))).await.expect(401);

    with(&recovery[0].to_uppercase()).await.expect(200);
    with(&recovery[0]).await.expect(401).refused("sign_in_refused");
    with(&recovery[1]).await.expect(200);
    assert_eq!(browser.get("/api/v1/me").await.expect(200).value()["recovery_codes_left"], json!(8));
    assert!(browser.page("/account").await.text().contains("8 recovery codes"));

    // Without a code it is not taken away, and with one it is.
    browser.json("DELETE", "/api/v1/me/totp", json!({"code": "000000"})).await.expect(409).refused("totp_invalid");
    browser.post("/api/v1/me/totp", json!({"password": PASSWORD})).await.expect(409).refused("already_exists");
    browser.json("DELETE", "/api/v1/me/totp", json!({"code": recovery[2]})).await.expect(204);
    login(&app.anonymous(), "ada", PASSWORD).await.expect(200);
    browser.json("DELETE", "/api/v1/me/totp", json!({"code": recovery[3]})).await.expect(404);
}

#[tokio::test]
async fn codes_are_checked_through_an_exchange_of_the_vaults_key_and_a_lost_one_leaves_the_recovery_codes() {
    let mut app = TestApp::start();
    let user = ada(&app).await;
    let (secret, recovery) = set_up(&app, &app.sign_in(user).await).await;
    let file = app.data_dir().join("vault.key");
    let old = std::fs::read_to_string(&file).unwrap();
    let rotated = rewrap::rotate(app.app(), &Actor::Host).await.unwrap();
    app.settle().await;
    let new = std::fs::read_to_string(&file).unwrap();
    let of_old = old.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
    assert!(!new.contains(of_old) && !rotated.to_string().is_empty(), "the old key is gone");
    app.crash();
    let with = async |app: &TestApp, code: &str| {
        app.anonymous().post("/api/v1/login", json!({"login": "ada", "password": PASSWORD, "totp": code})).await
    };
    app.advance(Duration::from_secs(30));
    with(&app, &secret.code_at(app.now())).await.expect(200);

    // The file is lost: nothing is said that a stranger could use, and the way back is named.
    app.crash_and(|data| std::fs::remove_file(data.join("vault.key")).unwrap());
    app.advance(Duration::from_secs(30));
    let told = with(&app, &secret.code_at(app.now())).await.expect(503).refused("vault_unavailable");
    assert!(told.contains("use a recovery code"), "{told}");
    with(&app, &recovery[0]).await.expect(200);
    let made = regenerate::regenerate(app.app(), &Actor::Host, true).await.unwrap();
    assert_eq!((made.vault_key.is_some(), made.to_drop), (true, vec![user]));
    app.settle().await;
    with(&app, &secret.code_at(app.now())).await.expect(503);
    // An administrator takes the codes away, and new ones are set up.
    let admin = app.admin().await;
    admin.own("DELETE", &format!("/api/v1/admin/users/{user}/totp")).await.expect(204);
    set_up(&app, &app.sign_in(user).await).await;
    let made = regenerate::regenerate(app.app(), &Actor::Host, true).await.unwrap();
    assert_eq!((made.vault_key, made.to_drop), (None, Vec::new()));
}

#[tokio::test]
async fn a_set_up_that_was_not_confirmed_asks_nobody_for_a_code_and_its_secret_is_not_in_the_store() {
    let app = TestApp::start();
    let user = ada(&app).await;
    let browser = app.sign_in(user).await;
    browser.post("/api/v1/me/totp", json!({"password": "not the password"})).await.expect(403).refused("password_wrong");
    browser.post("/api/v1/me/totp", json!({"code": "123456"})).await.expect(404);
    let begun = browser.post("/api/v1/me/totp", json!({"password": PASSWORD})).await.expect(201);
    assert_eq!(begun.header("cache-control"), Some("no-store"));
    let begun = begun.value();
    assert!(text(&begun["uri"]).starts_with("otpauth://totp/Plumbline%20127.0.0.1%3A") && text(&begun["qr_svg"]).starts_with("<svg "));
    browser.post("/api/v1/me/totp", json!({"code": "12345"})).await.expect(409).refused("totp_invalid");
    login(&app.anonymous(), "ada", PASSWORD).await.expect(200);
    let secret = secret_of(text(&begun["secret"]));
    // The page shows it again until it is confirmed.
    let page = browser.with("accept", "text/html").form("/account/totp/confirm", "code=123").await.expect(422).text();
    assert!(page.contains(text(&begun["secret"])) && page.contains("<svg xmlns"), "{page}");
    let page = browser.with("accept", "text/html").form("/account/totp/confirm", &format!("code={}", secret.code_at(app.now()))).await;
    let page = page.expect(200).text();
    let codes: Vec<&str> = page.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap()).collect();
    assert_eq!(codes.len(), 10, "{page}");

    // None of it is anywhere in what a thief of the disk would have.
    let code = codes[0].to_owned();
    let plain = [secret.expose(), PASSWORD.as_bytes(), code.as_bytes(), secret.base32().as_bytes()].map(<[u8]>::to_vec);
    let mut folders = vec![app.data_dir().to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let bytes = std::fs::read(&entry).unwrap_or_default();
            files += 1;
            for plain in &plain {
                assert!(!bytes.windows(plain.len()).any(|window| window == plain), "{}", entry.display());
            }
        }
    }
    assert!(files >= 2, "the store and the key are there");
}

#[tokio::test]
async fn ones_password_is_changed_by_whoever_knows_it_and_signs_the_others_out() {
    let app = TestApp::start();
    let user = ada(&app).await;
    let (one, other) = (app.sign_in(user).await, app.sign_in(user).await);
    let put = async |body: Value| one.json("PUT", "/api/v1/me/password", body).await;
    put(json!({"password": OTHER})).await.expect(403).refused("password_wrong");
    put(json!({"password": OTHER, "current": "not the password"})).await.expect(403).refused("password_wrong");
    for bad in ["short", "password1234", "x ada x ada x", "a tab\tin between", &"long ".repeat(300)] {
        let refused = put(json!({"password": bad, "current": PASSWORD})).await.expect(400);
        refused.refused("invalid_body");
        assert_eq!(refused.value()["details"]["fields"][0]["field"], json!("password"), "{bad}");
    }
    other.get("/api/v1/me").await.expect(200);
    put(json!({"password": OTHER, "current": PASSWORD})).await.expect(204);
    one.get("/api/v1/me").await.expect(200);
    other.get("/api/v1/me").await.expect(401);
    login(&app.anonymous(), "ada", PASSWORD).await.expect(401);
    login(&app.anonymous(), "ada", OTHER).await.expect(200);
    // A token does not: whoever found it would stay.
    let token = app.token(accounts::TokenKind::Personal, &[accounts::Scope::Admin], Some(user), &[], None);
    let program = app.anonymous().bearer(&token);
    program.json("PUT", "/api/v1/me/password", json!({"password": PASSWORD, "current": OTHER})).await.expect(403).refused("forbidden");
    program.post("/api/v1/me/totp", json!({"password": OTHER})).await.expect(403).refused("forbidden");
}

#[tokio::test]
async fn a_cookie_that_turns_up_in_another_browser_ends_its_session() {
    let app = TestApp::start();
    ada(&app).await;
    let firefox = app.anonymous().with("user-agent", FIREFOX);
    let browser = firefox.with("cookie", &login(&firefox, "ada", PASSWORD).await.expect(200).cookies());
    browser.get("/api/v1/me").await.expect(200);
    browser.with("user-agent", &FIREFOX.replace("140", "152")).get("/api/v1/me").await.expect(200);
    browser.with("user-agent", CHROME).get("/api/v1/me").await.expect(401).refused("unauthenticated");
    browser.get("/api/v1/me").await.expect(401);
    assert!(browser.page("/account").await.expect(401).text().contains("Your session has ended"));
}

#[tokio::test]
async fn a_session_ends_when_it_was_not_used_for_long_and_when_it_is_old() {
    let day = Duration::from_secs(24 * 3_600);
    let app = TestApp::with(|config| config.sessions.idle = 2 * Duration::from_secs(24 * 3_600));
    let user = ada(&app).await;
    let idle = app.sign_in(user).await;
    app.advance(2 * day - Duration::from_secs(1));
    idle.get("/api/v1/me").await.expect(200);
    app.advance(2 * day);
    idle.get("/api/v1/me").await.expect(401);
    let used = app.sign_in(user).await;
    for _ in 0..29 {
        app.advance(day);
        used.get("/api/v1/me").await.expect(200);
    }
    app.advance(day);
    used.get("/api/v1/me").await.expect(401);
}

#[tokio::test]
async fn all_sessions_are_signed_out_or_all_but_the_one_that_asks() {
    let app = TestApp::start();
    let user = ada(&app).await;
    let (one, two, three) = (app.sign_in(user).await, app.sign_in(user).await, app.sign_in(user).await);
    let foreign = app.sign_in(app.user("eve", InstanceRole::Member)).await;
    one.own("DELETE", "/api/v1/me/sessions?keep=others").await.expect(400).refused("invalid_parameter");
    one.own("DELETE", "/api/v1/me/sessions?keep=current").await.expect(204);
    one.get("/api/v1/me").await.expect(200);
    for other in [two, three] {
        other.get("/api/v1/me").await.expect(401);
    }
    one.own("DELETE", "/api/v1/me/sessions").await.expect(204);
    one.get("/api/v1/me").await.expect(401);
    foreign.get("/api/v1/me").await.expect(200);
}

#[tokio::test]
async fn nobody_sends_a_password_over_plain_http_from_another_machine() {
    let app = TestApp::start();
    ada(&app).await;
    let far = app.anonymous().with("host", "plumbline.example.org");
    login(&far, "ada", PASSWORD).await.expect(403).refused("insecure_transport");
    let page = far.with("accept", "text/html").form("/sign-in", "login=ada&password=seven+grey+herons+wade").await.expect(200);
    assert!(page.text().contains("Signing in does not work over plain http") && page.header("set-cookie").is_none());

    let secure = TestApp::with(|config| config.public_url = Some("https://plumbline.example.org".to_owned()));
    ada(&secure).await;
    let cookies = login(&secure.anonymous().with("host", "plumbline.example.org"), "ada", PASSWORD).await.expect(200);
    let set: Vec<&String> = cookies.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value).collect();
    assert!(set[0].starts_with("__Host-plumbline=") && set[1].starts_with("__Host-plumbline-browser="), "{set:?}");
    for cookie in set {
        assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Lax; Max-Age=") && cookie.ends_with("; Secure"), "{cookie}");
    }
}
