//! Signing in through GitHub and linking an account there: as it is meant, and every way in which somebody could come in by it who should
//! not.

use std::time::Duration;

use plumbline::base::event::Actor;
use plumbline::base::id::UserId;
use plumbline::domain::accounts::{self, InstanceRole, UserChange};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::{Answer, Client};
use crate::support::github::{Door, GitHub};
use crate::support::world::text;

const PASSWORD: &str = "seven grey herons wade";

/// An appliance that people sign in to through a GitHub.
struct Side {
    github: GitHub,
    app: TestApp,
}

impl Side {
    fn new() -> Side {
        let github = GitHub::start();
        let app = TestApp::with(|config| github.configure_sign_in(config));
        Side { github, app }
    }

    /// A browser that has set out: with its cookie, and where it was sent.
    async fn set_out(&self, browser: &Client) -> (Client, String) {
        let answer = browser.get("/auth/github").await.expect(303);
        let location = answer.header("location").unwrap().to_owned();
        (browser.with("cookie", &joined(browser, &answer)), location)
    }

    /// The answer to a browser whose person says yes on GitHub.
    async fn answer(&self, browser: &Client, person: u64) -> Answer {
        let (browser, location) = self.set_out(browser).await;
        browser.get(&self.github.says_yes(person, &location)).await
    }

    /// The answer to a browser that is signed in and whose person says yes on GitHub, having shown that it is them.
    async fn link(&self, browser: &Client, person: u64, proof: Value) -> Answer {
        let sent = browser.post("/api/v1/me/github", proof).await;
        if sent.status != 200 {
            return sent;
        }
        let location = text(&sent.value()["location"]).to_owned();
        let browser = browser.with("cookie", &joined(browser, &sent));
        browser.get(&self.github.says_yes(person, &location)).await
    }

    /// A browser that somebody has signed in with.
    async fn sign_in(&self, person: u64) -> Client {
        let answer = self.answer(&self.app.anonymous(), person).await.expect(303);
        self.app.anonymous().with("cookie", &answer.cookies())
    }

    /// A person with a password, and their browser.
    async fn local(&self, login: &str) -> (UserId, Client) {
        let user = self.app.user(login, InstanceRole::Member);
        self.app.set_password(user, PASSWORD).await;
        (user, self.app.sign_in(user).await)
    }

    async fn trail(&self, admin: &Client) -> Vec<String> {
        let all = admin.get("/api/v1/admin/audit?limit=200").await.expect(200).value();
        let line = |one: &Value| {
            let name = one["subject"]["name"].as_str().unwrap_or("");
            let by = one["changes"].as_array().into_iter().flatten().find(|change| change["field"] == "by");
            let by = by.map(|change| format!(" by {}", text(&change["after"]))).unwrap_or_default();
            let code = one["code"].as_str().map(|code| format!(" {code}")).unwrap_or_default();
            format!("{} {name}{by}{code}", text(&one["action"]))
        };
        all["items"].as_array().unwrap().iter().map(line).collect()
    }
}

/// A browser's cookies with those of an answer.
fn joined(browser: &Client, answer: &Answer) -> String {
    match browser.header("cookie") {
        Some(before) => format!("{before}; {}", answer.cookies()),
        None => answer.cookies(),
    }
}

fn code(answer: &Answer) -> String {
    text(&answer.value()["code"]).to_owned()
}

#[tokio::test]
async fn a_member_signs_in_and_is_given_an_account() {
    let side = Side::new();
    let octocat = side.github.member("octocat");
    let page = side.app.anonymous().page("/sign-in").await.expect(200).text();
    assert!(page.contains("href=\"/auth/github\"") && page.contains("Sign in with GitHub"), "{page}");

    let browser = side.app.anonymous().with("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
    let sent = browser.get("/auth/github?next=/account").await.expect(303);
    let cookie = sent.header("set-cookie").unwrap();
    assert!(cookie.starts_with("plumbline_github=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=600"), "{cookie}");
    assert_eq!(sent.header("cache-control"), Some("no-store"));
    let back = side.github.says_yes(octocat, sent.header("location").unwrap());
    let answer = browser.with("cookie", &sent.cookies()).get(&back).await.expect(303);
    assert_eq!((answer.header("location"), answer.header("cache-control")), (Some("/account"), Some("no-store")));

    let browser = browser.with("cookie", &answer.cookies());
    let me = browser.get("/api/v1/me").await.expect(200).value();
    let user = &me["user"];
    assert_eq!((&user["login"], &user["name"], &user["role"]), (&json!("octocat"), &json!("octocat of GitHub"), &json!("member")));
    assert_eq!((&user["sources"], &me["github"], &me["password"]), (&json!(["github"]), &json!("octocat"), &json!(false)));
    assert_eq!(user["avatar_url"], format!("https://avatars.example/u/{octocat}?v=4"));
    let sessions = browser.get("/api/v1/me/sessions").await.expect(200).value();
    assert_eq!(sessions["items"][0]["device"], "Firefox on Linux");
    let admin = side.app.admin().await;
    assert!(side.trail(&admin).await.contains(&"signed_in octocat by github".to_owned()));

    // Whoever comes again is the same, whatever they are called there by now.
    side.github.renames(octocat, "octopus");
    let again = side.sign_in(octocat).await.get("/api/v1/me").await.expect(200).value();
    assert_eq!((&again["user"]["id"], &again["user"]["login"], &again["github"]), (&user["id"], &json!("octocat"), &json!("octopus")));
}

#[tokio::test]
async fn nothing_that_signs_in_at_github_is_kept() {
    let side = Side::new();
    let octocat = side.github.member("octocat");
    side.sign_in(octocat).await;
    let mut waiting = vec![side.app.data_dir().to_owned()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if let Ok(bytes) = std::fs::read(&path) {
            assert!(!bytes.windows(4).any(|four| four == b"ghu_"), "a token of GitHub's is in {path:?}");
        }
    }
}

#[tokio::test]
async fn a_login_that_is_taken_here_is_not_taken_over() {
    let side = Side::new();
    let (ada, _) = side.local("ada").await;
    let other = side.github.member("Ada");
    let me = side.sign_in(other).await.get("/api/v1/me").await.expect(200).value();
    assert_eq!(me["user"]["login"], "Ada-2");
    assert_ne!(me["user"]["id"], ada.to_string());
}

#[tokio::test]
async fn whoever_is_no_member_has_no_account_and_is_told_so_on_a_page() {
    let side = Side::new();
    let stranger = side.github.person("mallory");
    let invited = side.github.person("invited");
    side.github.belongs(invited, "acme", Some("pending"));
    side.github.belongs(stranger, "evilcorp", Some("active"));
    side.github.repo("acme/app");
    side.github.gives(stranger, "acme/app", Some("write"));
    for person in [stranger, invited] {
        let answer = side.answer(&side.app.anonymous(), person).await.expect(403);
        assert_eq!(code(&answer), "not_let_in");
        assert_eq!(answer.header("set-cookie"), None);
    }
    let page = side.answer(&side.app.anonymous().with("accept", "text/html"), stranger).await.expect(403).text();
    assert!(page.contains("You are not let in here") && page.contains("mallory") && page.contains("href=\"/sign-in\""), "{page}");
    let admin = side.app.admin().await;
    let users = admin.get("/api/v1/admin/users").await.expect(200).value();
    assert_eq!(users["items"].as_array().unwrap().len(), 1, "{users}");
    assert!(side.trail(&admin).await.iter().any(|line| line.ends_with("not_let_in")));
    side.app.settle().await;
}

#[tokio::test]
async fn the_organizations_that_are_named_are_those_that_are_let_in() {
    let github = GitHub::start();
    github.install("other");
    let app = TestApp::with(|config| {
        github.configure_sign_in(config);
        config.github.orgs = vec!["Acme".to_owned()];
    });
    let side = Side { github, app };
    let other = side.github.person("other-one");
    side.github.belongs(other, "other", Some("active"));
    side.answer(&side.app.anonymous(), other).await.expect(403);
    let ours = side.github.person("ours");
    side.github.belongs(ours, "Acme", Some("active"));
    side.answer(&side.app.anonymous(), ours).await.expect(303);
}

#[tokio::test]
async fn outside_collaborators_come_in_where_they_are_let() {
    let github = GitHub::start();
    let app = TestApp::with(|config| {
        github.configure_sign_in(config);
        config.github.outside_collaborators = true;
    });
    let side = Side { github, app };
    let outside = side.github.person("contractor");
    side.github.gives(outside, "acme/app", Some("write"));
    side.answer(&side.app.anonymous(), outside).await.expect(303);
    let stranger = side.github.person("stranger");
    side.github.gives(stranger, "elsewhere/app", Some("admin"));
    side.answer(&side.app.anonymous(), stranger).await.expect(403);
}

#[tokio::test]
async fn an_answer_counts_in_the_browser_that_asked_with_its_state_once_and_for_ten_minutes() {
    let side = Side::new();
    let octocat = side.github.member("octocat");
    let stranger = side.app.anonymous();
    let (browser, location) = side.set_out(&stranger).await;
    let (other, _) = side.set_out(&stranger).await;
    let back = side.github.says_yes(octocat, &location);
    let (path, _) = back.split_once("&state=").unwrap();

    for (who, path) in [
        ("no cookie", stranger.get(&back).await),
        ("another browser", other.get(&back).await),
        ("an empty cookie", stranger.with("cookie", "plumbline_github=").get(&back).await),
        ("no state", browser.get(path).await),
        ("another state", browser.get(&format!("{path}&state=abc")).await),
        ("an empty state", browser.get(&format!("{path}&state=")).await),
        ("no code", browser.get("/auth/github/callback").await),
    ] {
        assert_eq!((path.status, code(&path)), (400, "state_invalid".to_owned()), "{who}");
        assert_eq!(path.header("set-cookie"), None, "{who}");
    }
    // None of that has spent it.
    let answer = browser.get(&back).await.expect(303);
    assert!(answer.cookies().contains("plumbline_session="), "{}", answer.cookies());
    assert_eq!(code(&browser.get(&back).await.expect(400)), "state_invalid");

    let (browser, location) = side.set_out(&stranger).await;
    let back = side.github.says_yes(octocat, &location);
    side.app.advance(Duration::from_secs(600));
    assert_eq!(code(&browser.get(&back).await.expect(400)), "state_invalid");
    let page = browser.page(&back).await.expect(400).text();
    assert!(page.contains("Begin anew") && page.contains("href=\"/auth/github\""), "{page}");
}

#[tokio::test]
async fn a_code_of_another_browser_is_worth_nothing_since_the_verifier_is_not_there() {
    let side = Side::new();
    let (victim, attacker) = (side.github.member("victim"), side.app.anonymous());
    let (_, location) = side.set_out(&side.app.anonymous()).await;
    let stolen = side.github.says_yes(victim, &location);
    let stolen = stolen.split("code=").nth(1).unwrap().split('&').next().unwrap();
    // The attacker's own browser, with its own state and the code of the other.
    let (browser, location) = side.set_out(&attacker).await;
    let state = location.split("state=").nth(1).unwrap().split('&').next().unwrap();
    let answer = browser.get(&format!("/auth/github/callback?code={stolen}&state={state}")).await.expect(403);
    assert_eq!((code(&answer), answer.header("set-cookie")), ("github_denied".to_owned(), None));
}

#[tokio::test]
async fn nobody_can_have_another_browser_sign_in_as_themselves() {
    let side = Side::new();
    let attacker = side.github.member("mallory");
    let (_, location) = side.set_out(&side.app.anonymous()).await;
    let forged = side.github.says_yes(attacker, &location);
    // The victim's browser is led to the attacker's answer: without a trip of its own, and on one.
    let victim = side.app.anonymous().with("sec-fetch-site", "cross-site");
    assert_eq!(victim.get(&forged).await.expect(400).header("set-cookie"), None);
    let (abroad, _) = side.set_out(&victim).await;
    assert_eq!(abroad.get(&forged).await.expect(400).header("set-cookie"), None);
    // Nor is an account linked that way to somebody who is signed in.
    let (user, ada) = side.local("ada").await;
    assert_eq!(ada.with("sec-fetch-site", "cross-site").get(&forged).await.expect(400).header("set-cookie"), None);
    let linked = side.app.app().read_now(|tx, _| accounts::github_identity_of(tx, user)).unwrap();
    assert_eq!(linked, None);
}

#[tokio::test]
async fn an_answer_that_names_another_issuer_is_refused() {
    let side = Side::new();
    let octocat = side.github.member("octocat");
    let (browser, location) = side.set_out(&side.app.anonymous()).await;
    let back = side.github.says_yes(octocat, &location);
    let foreign = browser.get(&format!("{back}&iss=https%3A%2F%2Fevil.example")).await.expect(400);
    assert_eq!(code(&foreign), "state_invalid");
    let own = side.github.url().replace(':', "%3A").replace('/', "%2F");
    browser.get(&format!("{back}&iss={own}%2Flogin%2Foauth")).await.expect(303);
}

#[tokio::test]
async fn whoever_says_no_at_github_is_told_how_to_go_on() {
    let side = Side::new();
    let (browser, location) = side.set_out(&side.app.anonymous()).await;
    let page = browser.page(&side.github.says_no(&location)).await.expect(403).text();
    assert!(page.contains("GitHub did not say who you are") && page.contains("href=\"/sign-in\""), "{page}");
}

#[tokio::test]
async fn a_github_that_fails_is_said_to_be_away_and_tells_nobody_why() {
    let side = Side::new();
    let octocat = side.github.member("octocat");
    let ways: [(&str, &dyn Fn()); 4] = [
        ("a page", &|| side.github.next(Door::SignIn).answers_html(200)),
        ("a failure", &|| side.github.next(Door::SignIn).answers(502)),
        ("another place", &|| side.github.next(Door::SignIn).redirects("http://127.0.0.1:1/")),
        ("a failure of the interface", &|| side.github.next(Door::Interface).answers(500)),
    ];
    for (what, fail) in ways {
        let (browser, location) = side.set_out(&side.app.anonymous()).await;
        let back = side.github.says_yes(octocat, &location);
        fail();
        let answer = browser.get(&back).await;
        assert_eq!((answer.status, code(&answer)), (503, "github_unavailable".to_owned()), "{what}");
        assert!(!answer.text().contains("127.0.0.1") && answer.header("retry-after").is_some(), "{what}: {}", answer.text());
    }
    assert!(side.sign_in(octocat).await.get("/api/v1/me").await.expect(200).value()["user"].is_object());
}

#[tokio::test]
async fn a_wrong_secret_of_ours_is_ours_to_mend() {
    let github = GitHub::start();
    let app = TestApp::with(|config| {
        github.configure_sign_in(config);
        config.github.client_secret =
            Some(plumbline::domain::github::Given::Text(plumbline::base::secret::Secret::new("another".to_owned())));
    });
    let side = Side { github, app };
    let octocat = side.github.member("octocat");
    let answer = side.answer(&side.app.anonymous(), octocat).await.expect(503);
    assert!(!answer.text().contains("another"));
}

#[tokio::test]
async fn where_to_go_afterwards_is_a_path_of_our_own() {
    let side = Side::new();
    let octocat = side.github.member("octocat");
    for (next, led) in
        [("//evil.example", "/"), ("https%3A%2F%2Fevil.example", "/"), ("/%5Cevil.example", "/"), ("/r/acme/app%3Fa=b", "/r/acme/app?a=b")]
    {
        let sent = side.app.anonymous().get(&format!("/auth/github?next={next}")).await.expect(303);
        let back = side.github.says_yes(octocat, sent.header("location").unwrap());
        let answer = side.app.anonymous().with("cookie", &sent.cookies()).get(&back).await.expect(303);
        assert_eq!(answer.header("location"), Some(led), "{next}");
    }
}

#[tokio::test]
async fn a_browser_at_another_address_of_ours_is_sent_to_the_proper_one_first() {
    let side = Side::new();
    let proper = side.app.app().public_url();
    let answer = side.app.anonymous().with("host", "localhost:1").get("/auth/github?next=/r/a%26b").await.expect(303);
    assert_eq!(answer.header("location"), Some(&*format!("{proper}/auth/github?here=1&next=/r/a%26b")));
    assert_eq!(answer.header("set-cookie"), None);
}

#[tokio::test]
async fn over_plain_http_from_elsewhere_there_is_no_door() {
    let github = GitHub::start();
    let app = TestApp::with(|config| {
        github.configure_sign_in(config);
        config.public_url = Some("http://plumbline.example".to_owned());
    });
    let answer = app.anonymous().with("host", "plumbline.example").get("/auth/github").await.expect(403);
    assert_eq!(code(&answer), "insecure_transport");
}

#[tokio::test]
async fn a_cookie_over_https_is_bound_to_the_host() {
    let github = GitHub::start();
    let app = TestApp::with(|config| {
        github.configure_sign_in(config);
        config.public_url = Some("https://plumbline.example".to_owned());
    });
    let answer = app.anonymous().with("host", "plumbline.example").get("/auth/github").await.expect(303);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-plumbline-github=") && cookie.ends_with("; Secure"), "{cookie}");
    let location = answer.header("location").unwrap();
    assert!(location.contains("redirect_uri=https%3A%2F%2Fplumbline.example%2Fauth%2Fgithub%2Fcallback&"), "{location}");
}

#[tokio::test]
async fn without_a_client_there_is_neither_a_button_nor_a_way() {
    let app = TestApp::start();
    assert!(!app.anonymous().page("/sign-in").await.expect(200).text().contains("GitHub"));
    assert_eq!(code(&app.anonymous().get("/auth/github").await.expect(404)), "not_found");
    app.anonymous().get("/auth/github/callback?code=a&state=b").await.expect(404);
}

#[tokio::test]
async fn whoever_is_signed_in_links_their_account_and_signs_in_by_it_later() {
    let side = Side::new();
    let (user, ada) = side.local("ada").await;
    let octocat = side.github.member("octocat");
    let page = ada.page("/account").await.expect(200).text();
    assert!(page.contains("action=\"/account/github/link\""), "{page}");
    let sent = ada.form("/account/github/link", "password=seven+grey+herons+wade").await.expect(303);
    assert!(sent.header("location").unwrap().starts_with(&side.github.url()), "a form leads on to GitHub");
    assert_eq!(code(&side.link(&ada, octocat, json!({})).await.expect(403)), "password_wrong", "a browser left alone is not enough");
    assert_eq!(
        ada.get("/auth/github?next=/account").await.expect(303).header("location"),
        Some("/account"),
        "who is signed in need not go"
    );
    let answer = side.link(&ada, octocat, json!({"password": PASSWORD})).await.expect(303);
    assert!(!answer.cookies().contains("plumbline_session="), "the session goes on as it was: {}", answer.cookies());
    let me = ada.get("/api/v1/me").await.expect(200).value();
    assert_eq!(
        (&me["user"]["sources"], &me["github"], &me["user"]["name"]),
        (&json!(["local", "github"]), &json!("octocat"), &json!("ada"))
    );
    let by_github = side.sign_in(octocat).await.get("/api/v1/me").await.expect(200).value();
    assert_eq!(by_github["user"]["id"], user.to_string());
    let admin = side.app.admin().await;
    assert!(side.trail(&admin).await.contains(&"github_linked ada".to_owned()));

    // It is hers, and nobody else's.
    let (_, grace) = side.local("grace").await;
    assert_eq!(code(&side.link(&grace, octocat, json!({"password": PASSWORD})).await.expect(409)), "identity_taken");
    let another = side.github.member("another");
    assert_eq!(code(&side.link(&ada, another, json!({"password": PASSWORD})).await.expect(409)), "identity_taken");
}

#[tokio::test]
async fn another_site_cannot_have_an_account_linked() {
    let side = Side::new();
    let (_, ada) = side.local("ada").await;
    let from = ada.with("sec-fetch-site", "cross-site");
    for path in ["/api/v1/me/github", "/account/github/link"] {
        assert_eq!(code(&from.send("POST", path, Some(b"password=seven+grey+herons+wade")).await.expect(403)), "cross_site");
    }
    // Whoever has signed out meanwhile, or is somebody else by now, has nothing linked.
    let octocat = side.github.member("octocat");
    let sent = ada.post("/api/v1/me/github", json!({"password": PASSWORD})).await.expect(200);
    let (abroad, location) = (ada.with("cookie", &joined(&ada, &sent)), text(&sent.value()["location"]).to_owned());
    ada.own("POST", "/api/v1/logout").await.expect(204);
    assert_eq!(code(&abroad.get(&side.github.says_yes(octocat, &location)).await.expect(400)), "state_invalid");
}

#[tokio::test]
async fn whoever_has_no_password_shows_who_they_are_by_having_signed_in_of_late() {
    let side = Side::new();
    let plain = side.app.user("plain", InstanceRole::Member);
    let browser = side.app.sign_in(plain).await;
    side.app.advance(Duration::from_secs(3_601));
    let asked = [
        browser.post("/api/v1/me/github", json!({})).await,
        browser.json("PUT", "/api/v1/me/password", json!({"password": PASSWORD})).await,
        browser.post("/api/v1/me/totp", json!({})).await,
    ];
    for answer in asked {
        let sentence = answer.expect(403).refused("sign_in_again");
        assert!(sentence.contains("sign in once more"), "a browser that was left alone is given no way in: {sentence}");
    }
    let browser = side.app.sign_in(plain).await;
    browser.json("PUT", "/api/v1/me/password", json!({"password": PASSWORD})).await.expect(204);
}

#[tokio::test]
async fn a_link_is_taken_away_with_the_password_and_never_the_last_way_in() {
    let side = Side::new();
    let (_, ada) = side.local("ada").await;
    let octocat = side.github.member("octocat");
    side.link(&ada, octocat, json!({"password": PASSWORD})).await.expect(303);
    assert_eq!(code(&ada.json("DELETE", "/api/v1/me/github", json!({})).await.expect(403)), "password_wrong");
    ada.json("DELETE", "/api/v1/me/github", json!({"password": PASSWORD})).await.expect(204);
    let me = ada.get("/api/v1/me").await.expect(200).value();
    assert_eq!((&me["user"]["sources"], &me["github"], &me["user"]["avatar_url"]), (&json!(["local"]), &Value::Null, &Value::Null));
    assert_eq!(ada.json("DELETE", "/api/v1/me/github", json!({"password": PASSWORD})).await.status, 404);
    // Now it is free for somebody to come by.
    let me = side.sign_in(octocat).await.get("/api/v1/me").await.expect(200).value();
    assert_eq!(me["user"]["login"], "octocat");

    // Who has no password keeps it, and so does who came by it, password or not.
    let plain = side.app.user("plain", InstanceRole::Member);
    let browser = side.app.sign_in(plain).await;
    let second = side.github.member("second");
    side.link(&browser, second, json!({})).await.expect(303);
    assert_eq!(code(&browser.json("DELETE", "/api/v1/me/github", json!({})).await.expect(409)), "last_way_in");
    let third = side.github.member("third");
    let browser = side.sign_in(third).await;
    browser.json("PUT", "/api/v1/me/password", json!({"password": PASSWORD})).await.expect(204);
    assert_eq!(code(&browser.json("DELETE", "/api/v1/me/github", json!({"password": PASSWORD})).await.expect(409)), "last_way_in");
    let page = browser.form("/account/github/unlink", "password=seven+grey+herons+wade").await.expect(422).text();
    assert!(page.contains("cannot be without"), "{page}");
}

#[tokio::test]
async fn an_account_that_was_closed_stays_closed() {
    let side = Side::new();
    let octocat = side.github.member("octocat");
    let browser = side.sign_in(octocat).await;
    let id: UserId = text(&browser.get("/api/v1/me").await.expect(200).value()["user"]["id"]).parse().unwrap();
    let close = UserChange { role: None, is_disabled: Some(true) };
    side.app.app().write_now(&Actor::System, move |tx, now| accounts::change_user(tx, id, close, now)).unwrap();
    browser.get("/api/v1/me").await.expect(401);
    assert_eq!(code(&side.answer(&side.app.anonymous(), octocat).await.expect(403)), "user_disabled");
}

#[tokio::test]
async fn whoever_sets_out_again_and_again_is_slowed_down() {
    let side = Side::new();
    let other = side.app.anonymous().from(9);
    let mut answers = Vec::new();
    for _ in 0..60 {
        answers.push(other.get("/auth/github").await.status);
    }
    assert!(answers.contains(&303) && answers.ends_with(&[429]), "{answers:?}");
    side.app.anonymous().from(10).get("/auth/github").await.expect(303);
}

#[tokio::test]
async fn verified_addresses_name_the_authors_of_commits() {
    let side = Side::new();
    let octocat = side.github.member("octocat");
    let me = side.sign_in(octocat).await.get("/api/v1/me").await.expect(200).value();
    let whose = |address: &'static str| {
        let found = side.app.app().read_now(move |tx, _| accounts::user_of_email(tx, address)).unwrap();
        found.map(|user| user.login)
    };
    assert_eq!(me["user"]["login"], "octocat");
    assert_eq!(whose("Octocat@ACME.example").as_deref(), Some("octocat"));
    assert_eq!(whose("octocat@unverified.example"), None);
    let number: &'static str = format!("{octocat}+whoever@users.noreply.github.com").leak();
    assert_eq!(whose(number).as_deref(), Some("octocat"));
    assert_eq!(whose("octocat@users.noreply.github.com"), None);
}
