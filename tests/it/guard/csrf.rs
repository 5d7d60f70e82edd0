//! Who may send what changes something: every way in which a browser, or what poses as one, can say where a request comes from.
//!
//! One table: a line for each pair of `Origin` and `Sec-Fetch-Site`, a column for each credential and method. `ok` came past the rule;
//! `--` was refused as `cross_site`.

use std::fmt::Write as _;

use plumbline::domain::accounts::{InstanceRole, Scope, TokenKind};
use plumbline::http::routes;

use crate::support::app::TestApp;

/// What a request may say of its origin; `{own}` is ours.
const ORIGINS: [Option<&str>; 6] =
    [None, Some("http://{own}"), Some("https://evil.example.org"), Some("null"), Some("http://{own}.evil.example.org"), Some("")];
/// What a browser says of the site it comes from.
const SITES: [Option<&str>; 5] = [None, Some("same-origin"), Some("same-site"), Some("cross-site"), Some("none")];
/// The methods; the path takes two of them, and it does not matter which.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

#[tokio::test]
async fn what_changes_something_comes_from_our_own_pages_or_carries_a_token() {
    let app = TestApp::start();
    let user = app.user("ada", InstanceRole::Member);
    let signed_in = app.sign_in(user).await;
    let token = app.token(TokenKind::Personal, &[Scope::Admin], Some(user), &[], None);
    let own = app.anonymous().address.to_string();
    let callers = [
        ("none", app.anonymous()),
        ("cookie", signed_in.clone()),
        ("bad cookie", app.anonymous().with("cookie", "plumbline_session=nonsense")),
        ("token", app.anonymous().bearer(&token)),
        ("token and cookie", signed_in.bearer(&token)),
        ("basic and cookie", signed_in.with("authorization", "Basic YTpi")),
    ];
    let mut table = format!("{:47}", "");
    for (name, _) in &callers {
        write!(table, "{name:<25}").unwrap();
    }
    writeln!(table, "\n{:22}{:25}{}", "Origin", "Sec-Fetch-Site", "get hea pos put pat del  ".repeat(callers.len())).unwrap();
    for origin in ORIGINS {
        for site in SITES {
            write!(table, "{:22}{:25}", origin.unwrap_or("-").replace(".example.org", ""), site.unwrap_or("-")).unwrap();
            for (_, caller) in &callers {
                for method in METHODS {
                    let mut client = caller.clone();
                    if let Some(origin) = origin {
                        client = client.with("origin", &origin.replace("{own}", &own));
                    }
                    if let Some(site) = site {
                        client = client.with("sec-fetch-site", site);
                    }
                    let answer = client.send(method, "/api/v1/me", None).await;
                    let is_refused = answer.status == 403 && answer.code() == "cross_site";
                    write!(table, "{:4}", if is_refused { "--" } else { "ok" }).unwrap();
                }
                table.push(' ');
            }
            table.push('\n');
        }
    }
    let table: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    insta::assert_snapshot!("origins_and_callers", table);
}

#[tokio::test]
async fn no_route_takes_a_change_from_another_site() {
    let app = TestApp::start();
    let browser = app.sign_in(app.user("root", InstanceRole::Admin)).await;
    let api = routes::table().into_iter().map(|route| (route.method.to_string(), route.path.to_owned()));
    // The pages' own table, line by line.
    let pages =
        include_str!("../../../src/ui/routes.rs").lines().filter_map(|line| line.trim().strip_prefix("takes(\"")?.split('"').next());
    let all: Vec<(String, String)> = api.chain(pages.map(|path| ("POST".to_owned(), path.to_owned()))).collect();
    let unsafe_ones = all.iter().filter(|(method, _)| !matches!(method.as_str(), "GET" | "HEAD"));
    let mut asked = 0;
    for (method, path) in unsafe_ones {
        let path: String = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>().join("/");
        for (origin, site) in [("https://evil.example.org", "cross-site"), ("https://evil.example.org", "same-site"), ("null", "none")] {
            let answer = browser.with("origin", origin).with("sec-fetch-site", site).send(method, &path, Some(b"{}")).await;
            assert_eq!(answer.status, 403, "{method} {path} from {origin}, {site}");
            asked += 1;
        }
    }
    assert!(asked > 3 * 60, "{asked} were asked");
    browser.get("/api/v1/me").await.expect(200);
}

#[tokio::test]
async fn another_site_signs_nobody_in_or_out_and_spends_no_link() {
    let app = TestApp::start();
    let user = app.user("ada", InstanceRole::Member);
    app.set_password(user, "seven grey herons wade").await;
    let browser = app.sign_in(user).await;
    let link = format!("/link/{}", app.link(user));
    let body = br#"{"login": "ada", "password": "seven grey herons wade"}"#;
    let foreign =
        |client: &crate::support::client::Client| client.with("origin", "https://evil.example.org").with("sec-fetch-site", "cross-site");
    let json = foreign(&app.anonymous()).with("content-type", "application/json");
    json.send("POST", "/api/v1/login", Some(body)).await.expect(403).refused("cross_site");
    let form = foreign(&app.anonymous()).with("content-type", "application/x-www-form-urlencoded");
    form.send("POST", "/sign-in", Some(b"login=ada&password=seven+grey+herons+wade")).await.expect(403);
    foreign(&browser).send("POST", "/sign-out", None).await.expect(403);
    foreign(&browser).send("POST", &link, None).await.expect(403);
    browser.get("/api/v1/me").await.expect(200);
    app.anonymous().own("POST", &link).await.expect(303);
}
