//! The pages as a person has them: the real program, in a real browser, from the first sign-in to the verdict.
//!
//! Skipped, and said so, where there is no browser; `PLUMBLINE_REQUIRE=browser` makes that a failure.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::TempDir;

use plumbline::base::work::Lane;
use plumbline::domain::accounts::InstanceRole;
use plumbline::ui::{ansi, assets};

use crate::support::browser::Browser;
use crate::support::repo::TestRepo;
use crate::support::skipped;
use crate::support::steps::{self, Held};
use crate::support::world::World;

mod approval;
mod github;
mod secrets;

/// Enough files that a check is under way for long enough to be seen.
const FILES: usize = 3_000;
const ESCAPE: &str = "\u{e00c}";
const ENTER: &str = "\u{e007}";

/// The program as somebody starts it, over an empty directory.
struct Served {
    child: Child,
    out: BufReader<ChildStdout>,
    _data: TempDir,
}

impl Served {
    #[expect(clippy::disallowed_methods, reason = "this test is about the program as it is started")]
    fn start(repo: &TestRepo) -> Served {
        let data = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_plumbline"))
            .args(["serve", "--listen", "127.0.0.1:0", "--repo"])
            .arg(repo.path())
            .arg("--data")
            .arg(data.path())
            .env("PLUMBLINE_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Served { child, out, _data: data }
    }

    /// The next line of its greeting that has this in it.
    fn says(&mut self, what: &str) -> String {
        let mut line = String::new();
        while self.out.read_line(&mut line).unwrap() > 0 {
            if line.contains(what) {
                return line.trim().to_owned();
            }
            line.clear();
        }
        panic!("the program ended without a word of `{what}`");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A repository whose head has one thing wrong, and a branch with very many files that nobody has checked.
fn repository() -> (TestRepo, String, String) {
    let repo = TestRepo::new();
    let manifest = "version: 1\nchecks:\n  - plugin: hygiene\n";
    let head = repo.commit([(".plumbline.yaml", manifest), ("config/limits.json", "{\n  \"wind\": 8\n  \"depth\": 5\n}\n")]);
    repo.switch("many");
    let mut files: Vec<(String, String)> = (0..FILES).map(|n| (format!("data/{}/{n}.json", n % 40), format!("{{\"n\": {n}}}\n"))).collect();
    files.push(("data/last.json".to_owned(), "{\"n\": ]\n".to_owned()));
    let many = repo.commit(files);
    repo.switch("main");
    (repo, head, many)
}

/// A browser; `None`, told, where there is none and none is required.
fn browser() -> Option<Browser> {
    match Browser::start() {
        Ok(browser) => Some(browser),
        Err(missing) => {
            skipped("browser", missing);
            None
        }
    }
}

#[test]
fn somebody_signs_in_and_sees_a_check_come_to_its_verdict() {
    let Some(browser) = browser() else { return };
    let (repo, head, many) = repository();
    let mut served = Served::start(&repo);
    let link = served.says("/link/").rsplit(' ').next().unwrap().to_owned();
    let page = served.says("/commits/");
    assert!(page.ends_with(&head), "{page}");

    // The link shows a button; the button signs in.
    browser.open(&link);
    browser.click("main button");
    browser.until("location.pathname === '/' && document.querySelector('.repos')");
    browser.open(&link);
    assert!(browser.text("h1").contains("link"), "a link that was used says so: {}", browser.text("h1"));
    let gone = browser.complaints();
    assert!(gone.iter().all(|complaint| complaint.contains("410")), "{gone:?}");

    browser.open(&page);
    browser.until("document.querySelector('h1').innerText.startsWith('1 open issue')");
    assert!(browser.text(".line").contains("Gate: holds"), "{}", browser.text(".line"));
    assert!(browser.text(".issues").contains("limits.json") || browser.text(".group").contains("limits.json"));

    // A check that is started elsewhere comes to its verdict on the page that is open.
    browser.open(&page.replace(&head, &many));
    assert!(browser.text("main").contains("No checks were asked for"), "{}", browser.text("main"));
    browser.until("'live' in document.documentElement.dataset");
    browser.run("window.stayed = true; fetch(document.querySelector('.commit-head form').action, {method: 'POST'})");
    browser.until("/^1 new issue/.test(document.querySelector('h1').innerText) && window.stayed");
    assert!(browser.text(".line").contains("Gate: fails"), "{}", browser.text(".line"));
    browser.click("summary.step .unfold");
    browser.until("document.querySelector('details[open] .log')?.innerText.includes('hygiene version')");

    // One that is started here leads to the same page, which finishes by itself.
    browser.run("window.stayed = true");
    browser.click(".commit-head button");
    browser.until("!window.stayed && /^1 new issue/.test(document.querySelector('h1').innerText)");

    keyboard(&browser);
    narrow_and_dark(&browser, &page);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[tokio::test]
async fn a_log_that_is_unfolded_grows_and_the_check_turns_while_the_page_stays() {
    let Some(browser) = browser() else { return };
    let world = World::new().await;
    // One alone: of two that go side by side, either may be the one that comes to its second file.
    let one = "version: 1\nissues: {fail_on: new}\nchecks: [{name: first, plugin: hygiene}]\n";
    let repo = world.repo("app", [(".plumbline.yaml", one), ("README.md", "# App\n")]).await;
    let sha = repo.git.commit([("limits.json", "{\n  \"wind\": 8\n  \"depth\": 5\n}\n"), ("a.rb", "puts 1\n")]);
    world.admin.own("POST", &repo.path("/sync")).await.expect(202);
    let app = world.app.app();
    assert!(steps::perform(app, Lane::Git, |_| {}).join().unwrap());

    browser.open(&format!("{}/link/{}", app.public_url(), world.app.link(world.app.user("ada", InstanceRole::Admin))));
    browser.click("main button");
    browser.until("location.pathname === '/'");
    // The check stands still at its second file, as if it took long.
    let held = Held::before(app, Lane::Checks, "plugin", 2);
    browser.open(&format!("{}/r/local/app/commits/{sha}", app.public_url()));
    browser.until("'live' in document.documentElement.dataset && document.querySelectorAll('li.check').length === 1");
    browser.run("window.stayed = true");
    assert!(browser.text("li.check").contains("running"), "{}", browser.text("li.check"));
    browser.click("li.check summary .unfold");
    browser.until("/^hygiene version 2 at /.test(document.querySelector('li.check .log').innerText)");
    picture(&browser, "live-running.png");
    assert!(!browser.text("li.check .log").contains("judged"), "it has not judged all its files");

    held.go_on();
    browser.until("/files? judged/.test(document.querySelector('li.check details[open] .log').innerText) && window.stayed");
    browser.until("/^1 new issue/.test(document.querySelector('h1').innerText) && window.stayed");
    let ended = browser.text("li.check summary");
    assert!(ended.contains("1 issue") && !ended.contains("running"), "{ended}");
    assert!(
        browser.text("li.check .log").starts_with("hygiene version 2 at "),
        "the log stays unfolded: {}",
        browser.text("li.check .log")
    );
    assert!(browser.text(".line").contains("Gate: fails"), "{}", browser.text(".line"));
    picture(&browser, "live-ended.png");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    world.app.settle().await;
}

#[tokio::test]
async fn a_log_looks_the_same_from_the_server_and_in_the_browser_wherever_it_is_cut() {
    let Some(browser) = browser() else { return };
    let world = World::new().await;
    browser.open(&format!("{}/sign-in", world.app.app().public_url()));
    browser.run(&format!("import('{}').then((ansi) => {{ window.Painter = ansi.Painter; }})", assets::url("app/ansi.js")));
    browser.until("window.Painter");
    let mut logs = vec![
        "\u{1b}[1m\u{1b}[92m   Checking\u{1b}[0m app\r\nwarning\rdone\r".to_owned(),
        "\u{1b}[38;5;9mx\u{1b}[48;5;1my\u{1b}[38;2;1;31;1mz\u{1b}[m\u{1b}[;31;;1mq".to_owned(),
        "\u{1b}]0;title\u{7}<b>\u{1b}]8;;http://x\u{1b}\\&\u{1b}]0;open\n\u{1b}P1$r\u{1b}\\".to_owned(),
        "\u{202e}\u{0}\u{9b}2J\u{feff}\u{2028}\u{7f}é😀\u{1b}é\u{1b}\u{1b}[31m\u{1b}".to_owned(),
        format!("\u{1b}]{}\u{7}\u{1b}[{}m", "x".repeat(2_049), "1".repeat(65)),
    ];
    // Many more, of pieces that matter; the same ones every time.
    let pieces = ["\u{1b}", "[", "]", "31", ";", "1", "m", "J", "\u{7}", "\\", "\r", "\n", "<", "a", "(", "38;5;", "é", "0", "\u{9c}", "P"];
    let mut seed = 7_u32;
    for _ in 0..400 {
        logs.push(
            (0..24)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    pieces[(seed >> 16) as usize % pieces.len()]
                })
                .collect(),
        );
    }
    let painted = browser.run(&format!(
        "const whole = (painter, parts) => {{
           const pre = document.createElement('pre');
           parts.forEach((part) => pre.append(painter.paint(part)));
           pre.append(painter.paint('', true));
           return pre;
         }};
         const looks = (pre) => [...pre.childNodes].flatMap((node) => [...node.textContent].map((sign) => sign + (node.className ?? ''))).join();
         return {}.map((log) => {{
           const pre = whole(new window.Painter(), [log]);
           const signs = [...log];
           const cut = signs.length > 100 ? [1, 60, 2000] : signs.keys().toArray();
           const other = cut.find((at) => looks(whole(new window.Painter(), [signs.slice(0, at).join(''), signs.slice(at).join('')])) !== looks(pre));
           return [pre.innerHTML, other ?? null];
         }})",
        serde_json::to_string(&logs).unwrap()
    ));
    // A browser does not write out what need not be.
    let plain = |html: &str| html.replace("&quot;", "\"").replace("&#39;", "'");
    for (log, painted) in logs.iter().zip(painted.as_array().unwrap()) {
        let html = painted[0].as_str().unwrap();
        assert_eq!(html, plain(&ansi::paint(log).0), "{log:?}");
        assert!(painted[1].is_null(), "{log:?} looks otherwise when it is cut at {}", painted[1]);
    }
}

#[tokio::test]
async fn the_page_of_a_check_shows_its_log_as_it_grows_and_then_how_it_ended() {
    let Some(browser) = browser() else { return };
    let world = World::new().await;
    let manifest = "version: 1\nchecks: [{plugin: hygiene}]\n";
    let repo = world.repo("app", [(".plumbline.yaml", manifest), ("README.md", "# App\n")]).await;
    let sha = repo.git.commit([("limits.json", "{\n  \"wind\": 8\n  \"depth\": 5\n}\n"), ("a.rb", "puts 1\n")]);
    world.admin.own("POST", &repo.path("/sync")).await.expect(202);
    let app = world.app.app();
    assert!(steps::perform(app, Lane::Git, |_| {}).join().unwrap());
    browser.open(&format!("{}/link/{}", app.public_url(), world.app.link(world.app.user("ada", InstanceRole::Admin))));
    browser.click("main button");
    browser.until("location.pathname === '/'");

    // Before it has begun there is no such check yet, and its page waits for it.
    browser.open(&format!("{}/r/local/app/commits/{sha}/checks/hygiene", app.public_url()));
    browser.until("'live' in document.documentElement.dataset && document.querySelector('h1').innerText === 'hygiene waits for its turn'");
    browser.run("window.stayed = true");
    let held = Held::before(app, Lane::Checks, "plugin", 2);
    browser.until("document.querySelector('h1').innerText === 'hygiene is running'");
    browser.until("/^hygiene version 2 at /.test(document.querySelector('pre.log').innerText)");
    picture(&browser, "check-running.png");
    held.go_on();
    browser.until("document.querySelector('h1').innerText === 'hygiene found 1 issue' && window.stayed");
    browser.until("/files? judged/.test(document.querySelector('pre.log').innerText)");
    assert!(browser.text(".line").contains("Ended: succeeded"), "{}", browser.text(".line"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
    world.app.settle().await;
}

/// Keeps what the window shows, where `TEST_PICTURES` names a folder. It is no `PLUMBLINE_` key: the program refuses those it does not know.
fn picture(browser: &Browser, name: &str) {
    if let Some(folder) = std::env::var_os("TEST_PICTURES") {
        std::fs::write(std::path::Path::new(&folder).join(name), browser.picture()).unwrap();
    }
}

/// Keeps how the page looks wide and light, and narrow and dark, and holds that nothing of it is cut off.
fn look(browser: &Browser, name: &str) {
    browser.look(390, "dark");
    let sideways = "return document.documentElement.scrollWidth > document.documentElement.clientWidth";
    assert_eq!(browser.run(sideways), serde_json::json!(false), "nothing scrolls sideways");
    picture(browser, &format!("{name}-narrow.png"));
    browser.look(1_280, "light");
    picture(browser, &format!("{name}.png"));
}

fn keyboard(browser: &Browser) {
    browser.press("gh");
    browser.until("location.pathname === '/'");
    browser.press("?");
    browser.until("document.getElementById('keys').matches(':popover-open')");
    browser.press(ESCAPE);
    browser.until("!document.getElementById('keys').matches(':popover-open')");
    browser.press("j");
    browser.until("document.querySelector('.at-row')");
    browser.press(ENTER);
    browser.until("location.pathname.startsWith('/r/local/')");
    browser.press("gi");
    browser.until("location.pathname === '/issues' && document.querySelector('.results')");
    // The list follows what is typed, and the address with it.
    browser.press("/path:data/last.json");
    browser.until("document.querySelector('h1').innerText === '1 issue' && location.search.includes('last')");
    assert_eq!(browser.run("return document.activeElement.id"), "find");
}

fn narrow_and_dark(browser: &Browser, page: &str) {
    let ground = "return getComputedStyle(document.body).backgroundColor";
    browser.open(page);
    let light = browser.run(ground);
    let (start, _) = page.split_once("/r/").unwrap();
    let repo = page.split_once("/commits/").unwrap().0;
    let pages = [
        format!("{start}/"),
        format!("{start}/issues"),
        format!("{start}/plugins"),
        format!("{start}/account"),
        format!("{start}/api/docs"),
        repo.to_owned(),
    ];
    let administration = ["", "/repos", "/sessions", "/work", "/audit", "/settings"].map(|part| format!("{start}/admin{part}"));
    let around = ["branches", "settings", "manifest", "compare", "compare/main...many"].map(|part| format!("{repo}/{part}"));
    let below = [
        format!("{repo}/commits"),
        page.to_owned(),
        format!("{page}/checks/hygiene"),
        format!("{page}/tree"),
        format!("{page}/files/config/limits.json"),
    ];
    browser.look(390, "dark");
    for address in pages.iter().chain(&administration).chain(&around).chain(&below) {
        browser.open(address);
        let widths = browser.run("return [document.documentElement.scrollWidth, innerWidth]");
        assert!(widths[0].as_u64() <= widths[1].as_u64(), "{address} scrolls sideways: {widths}");
        assert_ne!(browser.run(ground), light, "{address} is not dark");
    }
}
