//! A browser that a test drives: headless Chromium by way of chromedriver, over the few words of the `WebDriver` protocol that are needed.
//!
//! Waiting is the browser's: a script looks for a condition at each frame and answers when it holds, or at the end of [`PATIENCE`].

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a condition is waited for, in milliseconds.
pub const PATIENCE: u64 = 20_000;
/// The names that Chromium goes by.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A browser with a profile of its own, which goes with it.
pub struct Browser {
    driver: Child,
    /// Kept, so that the driver can go on writing to it.
    _said: BufReader<ChildStdout>,
    port: u16,
    session: String,
    _profile: TempDir,
}

fn program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

impl Browser {
    /// A browser, or which program it takes that is not here.
    pub fn start() -> Result<Browser, &'static str> {
        let driver = program("chromedriver").ok_or("chromedriver is not installed")?;
        let browser = BROWSERS.iter().find_map(|name| program(name)).ok_or("chromium is not installed")?;
        #[expect(clippy::disallowed_methods, reason = "a browser is a process")]
        let mut driver = Command::new(driver).arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut said = BufReader::new(driver.stdout.take().unwrap());
        let port = port_of(&mut said);
        let profile = tempfile::tempdir().unwrap();
        let mut arguments: Vec<String> = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-background-networking \
             --disable-component-update --disable-sync --no-first-run --window-size=1280,900"
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let mut opened = Browser { driver, _said: said, port, session: String::new(), _profile: profile };
        let options = json!({ "binary": browser, "args": arguments });
        let wanted = json!({
            "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "script": PATIENCE + 10_000 }
        });
        let answer = opened.ask("POST", "/session", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        opened.session = format!("/session/{}", answer["sessionId"].as_str().unwrap());
        Ok(opened)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let value = self.try_ask(method, path, body);
        assert!(value["error"].is_null(), "{method} {path}: {} {}", value["error"], value["message"]);
        value
    }

    fn try_ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if line.trim().is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer).unwrap();
        let mut answer: Value = serde_json::from_slice(&answer).unwrap();
        answer["value"].take()
    }

    fn tell(&self, what: &str, body: &Value) -> Value {
        self.ask("POST", &format!("{}{what}", self.session), body)
    }

    /// Goes to an address and waits for the page.
    pub fn open(&self, address: &str) {
        self.tell("/url", &json!({ "url": address }));
    }

    /// What a script returns.
    pub fn run(&self, script: &str) -> Value {
        self.tell("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Waits until an expression of the page holds, and answers its value. A page that is left in the meantime is looked at anew.
    pub fn until(&self, condition: &str) -> Value {
        let script = format!(
            "const done = arguments[0], end = performance.now() + {PATIENCE};
             const look = () => {{
               let value = null;
               try {{ value = document.readyState === 'complete' && ({condition}); }} catch {{}}
               if (value || performance.now() > end) done(value || null); else setTimeout(look, 20);
             }};
             look();"
        );
        let began = Instant::now();
        let value = loop {
            let value = self.try_ask("POST", &format!("{}/execute/async", self.session), &json!({ "script": script, "args": [] }));
            // A page that is left takes its script along, which the driver calls a timeout however soon it comes.
            if value["error"] != "script timeout" || began.elapsed() > Duration::from_millis(PATIENCE) {
                break value;
            }
        };
        assert!(value["error"].is_null(), "{condition}: {} {}", value["error"], value["message"]);
        assert!(!value.is_null(), "waited in vain for `{condition}`; the page:\n{}", self.text("body"));
        value
    }

    /// What an element shows.
    pub fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({})?.innerText ?? ''", json!(selector));
        self.run(&script).as_str().unwrap_or_default().to_owned()
    }

    /// Clicks on the first element, and waits for a page that this may lead to.
    pub fn click(&self, selector: &str) {
        let found = self.tell("/element", &json!({ "using": "css selector", "value": selector }));
        let id = found.as_object().unwrap().values().next().unwrap().as_str().unwrap();
        self.tell(&format!("/element/{id}/click"), &json!({}));
    }

    /// Presses keys one after the other, wherever the focus is.
    pub fn press(&self, keys: &str) {
        let strokes: Vec<Value> =
            keys.chars().flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key }))).collect();
        self.tell("/actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": strokes }] }));
    }

    /// Makes the window this wide, and people like it dark or light.
    pub fn look(&self, width: u64, scheme: &str) {
        let command = |name: &str, parameters: Value| self.tell("/goog/cdp/execute", &json!({ "cmd": name, "params": parameters }));
        command("Emulation.setDeviceMetricsOverride", json!({ "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": false }));
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        command("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// What the window shows, as a PNG.
    pub fn picture(&self) -> Vec<u8> {
        let shot = self.ask("GET", &format!("{}/screenshot", self.session), &Value::Null);
        let digits = shot.as_str().unwrap().bytes().filter_map(|byte| match byte {
            b'A'..=b'Z' => Some(byte - b'A'),
            b'a'..=b'z' => Some(byte - b'a' + 26),
            b'0'..=b'9' => Some(byte - b'0' + 52),
            b'+' => Some(62),
            b'/' => Some(63),
            _ => None,
        });
        let digits: Vec<u8> = digits.collect();
        let bytes = digits.chunks(4).flat_map(|four| {
            let bits = (0..4).fold(0_u32, |bits, at| bits << 6 | u32::from(four.get(at).copied().unwrap_or(0)));
            bits.to_be_bytes().into_iter().skip(1).take(four.len() - 1)
        });
        bytes.collect()
    }

    /// What the console said since it was last asked, as errors and warnings: scripts, what could not be loaded, breaches of the policy.
    pub fn complaints(&self) -> Vec<String> {
        let entries = self.tell("/se/log", &json!({ "type": "browser" }));
        let entries = entries.as_array().unwrap().iter();
        entries.filter(|entry| entry["level"] != "INFO" && entry["level"] != "DEBUG").map(|entry| entry["message"].to_string()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.ask("DELETE", &self.session, &Value::Null);
        }
        // The driver takes its browser with it.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The port that the driver has chosen: it says so when it is ready.
fn port_of(said: &mut impl BufRead) -> u16 {
    let mut line = String::new();
    while said.read_line(&mut line).unwrap() > 0 {
        if let Some((_, port)) = line.trim().trim_end_matches('.').rsplit_once("started successfully on port ") {
            return port.parse().unwrap();
        }
        line.clear();
    }
    panic!("chromedriver ended before it was ready");
}
