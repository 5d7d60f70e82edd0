//! A repository of which it is known where its secrets are: code and configuration of a team, with true secrets here and there, and many
//! things that only look like secrets.
//!
//! The truth is a set of lines. Decoys are what scanners are known to stumble over: hashes, ids, placeholders, look-ups, lock files,
//! pictures in base 64, certificates, passwords of tests, examples of documentation.

use std::collections::BTreeSet;
use std::path::Path;

use super::support::Dice;
use super::token::{self, BASE62, BASE64, HEX, MAKERS, Stands};

/// What was made.
pub struct Corpus {
    /// Path, line from 1, and kind of each true secret.
    pub truth: BTreeSet<(String, u32, &'static str)>,
    pub files: usize,
    pub lines: usize,
    pub decoys: usize,
}

const WORDS: &[&str] = &[
    "reader", "total", "index", "value", "entry", "cursor", "limit", "state", "window", "packet", "offset", "handle", "order", "invoice",
    "user", "account", "session", "token", "key", "request", "response", "header", "payload", "region", "bucket",
];

/// A language: the extension, the beginning of a line of code, an assignment, and a call.
struct Language {
    folder: &'static str,
    extension: &'static str,
    assign: fn(&str, &str) -> String,
    call: fn(&str) -> String,
    filler: fn(&str, &str, usize) -> String,
}

const LANGUAGES: [Language; 12] = [
    Language {
        folder: "app",
        extension: "py",
        assign: |name, value| format!("{name} = \"{value}\""),
        call: |value| format!("client = connect(\"{value}\", timeout=30)"),
        filler: |a, b, n| format!("    {a}_{n} = {b}.get(\"{a}\", {n})  # the {b} of the {a}"),
    },
    Language {
        folder: "web",
        extension: "js",
        assign: |name, value| format!("const {name} = '{value}';"),
        call: |value| format!("  await client.connect('{value}');"),
        filler: |a, b, n| format!("  const {a}{n} = {b}.map((item) => item.{a} + {n});"),
    },
    Language {
        folder: "web/src",
        extension: "ts",
        assign: |name, value| format!("export const {name}: string = \"{value}\";"),
        call: |value| format!("  this.client = new Client(\"{value}\");"),
        filler: |a, b, n| format!("  private {a}{n}: Map<string, {b}> = new Map();"),
    },
    Language {
        folder: "cmd",
        extension: "go",
        assign: |name, value| format!("\t{name} := \"{value}\""),
        call: |value| format!("\tclient, err := dial(ctx, \"{value}\")"),
        filler: |a, b, n| format!("\tif {a}{n}, ok := {b}[\"{a}\"]; ok {{ return {a}{n} }}"),
    },
    Language {
        folder: "src/main/java",
        extension: "java",
        assign: |name, value| format!("    private static final String {name} = \"{value}\";"),
        call: |value| format!("        Client client = Client.of(\"{value}\");"),
        filler: |a, b, n| format!("        int {a}{n} = {b}.size() + {n};"),
    },
    Language {
        folder: "lib",
        extension: "rb",
        assign: |name, value| format!("  {name} = '{value}'"),
        call: |value| format!("  Client.new('{value}').start"),
        filler: |a, b, n| format!("  {a}_{n} = {b}.fetch(:{a}) {{ {n} }}"),
    },
    Language {
        folder: "public",
        extension: "php",
        assign: |name, value| format!("    '{name}' => '{value}',"),
        call: |value| format!("$client = new Client('{value}');"),
        filler: |a, b, n| format!("    ${a}{n} = ${b}['{a}'] ?? {n};"),
    },
    Language {
        folder: "crates",
        extension: "rs",
        assign: |name, value| format!("const {name}: &str = \"{value}\";"),
        call: |value| format!("    let client = Client::connect(\"{value}\")?;"),
        filler: |a, b, n| format!("    let {a}_{n} = {b}.checked_add({n}).unwrap_or_default();"),
    },
    Language {
        folder: "deploy",
        extension: "yaml",
        assign: |name, value| format!("  {name}: \"{value}\""),
        call: |value| format!("  endpoint: {value}"),
        filler: |a, b, n| format!("  {a}_{n}: {b}"),
    },
    Language {
        folder: "config",
        extension: "json",
        assign: |name, value| format!("  \"{name}\": \"{value}\","),
        call: |value| format!("  \"endpoint\": \"{value}\","),
        filler: |a, b, n| format!("  \"{a}_{n}\": \"{b}\","),
    },
    Language {
        folder: "env",
        extension: "env",
        assign: |name, value| format!("{name}={value}"),
        call: |value| format!("ENDPOINT={value}"),
        filler: |a, b, n| format!("{}_{n}={b}", a.to_uppercase()),
    },
    Language {
        folder: "conf",
        extension: "properties",
        assign: |name, value| format!("app.{name}={value}"),
        call: |value| format!("app.endpoint={value}"),
        filler: |a, b, n| format!("app.{a}.{n}={b}"),
    },
];

/// What looks like a secret in code and is none: a name and a value.
fn decoy(dice: &mut Dice) -> (&'static str, String) {
    let harmless = ["checksum", "commit_sha", "etag", "digest", "content_hash", "fingerprint", "request_id", "trace_id", "cache_key"];
    let opening = ["password", "api_key", "auth_token", "client_secret", "DB_PASSWORD", "accessToken", "SECRET_KEY"];
    match dice.roll(14) {
        0 => (dice.pick(&harmless), token::of(dice, HEX, 40)),
        1 => (dice.pick(&harmless), token::of(dice, HEX, 64)),
        2 => (dice.pick(&harmless), token::of(dice, HEX, 32)),
        3 => (dice.pick(&["id", "tenant_id", "client_id", "correlation_id"]), token::uuid(dice)),
        4 => (
            dice.pick(&opening),
            dice.pick(&["changeme", "your-password-here", "xxxxxxxxxxxxxxxxxxxxxxxx", "<your-token>", "REPLACE_ME_WITH_SECRET"]).to_owned(),
        ),
        5 => (
            dice.pick(&opening),
            dice.pick(&["${DB_PASSWORD}", "{{ vault_password }}", "%(password)s", "$(cat /run/secrets/db)", "#{ENV['TOKEN']}"]).to_owned(),
        ),
        6 => (
            dice.pick(&["token_type", "password_field", "secret_name", "key_path", "token_endpoint"]),
            dice.pick(&[
                "access_token",
                "user_password_input",
                "prod/database/credentials",
                "/etc/ssl/private/server.key",
                "https://login.acme.io/oauth2/token",
            ])
            .to_owned(),
        ),
        7 => ("password_hash", format!("$2b$12${}", token::of(dice, BASE62, 53))),
        8 => ("integrity", format!("sha512-{}==", token::of(dice, BASE64, 86))),
        9 => ("icon", format!("data:image/png;base64,{}", token::of(dice, BASE64, 400))),
        10 => (
            "database_url",
            dice.pick(&[
                "postgres://postgres:postgres@localhost:5432/app",
                "mysql://root:root@127.0.0.1/app",
                "redis://:${REDIS_PASSWORD}@cache:6379",
                "mongodb://user:password@mongo/app",
            ])
            .to_owned(),
        ),
        11 => ("aws_access_key_id", ["AKIA", "IOSFODNN7EXAMPLE"].concat()),
        12 => ("public_key", format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{}", token::of(dice, BASE64, 43))),
        _ => (
            dice.pick(&["label", "message", "placeholder"]),
            dice.pick(&["Enter your password", "The token has expired", "Forgot your password?", "API key is required"]).to_owned(),
        ),
    }
}

/// Lines of a test whose secrets open nothing.
fn test_line(dice: &mut Dice) -> String {
    let value = match dice.roll(5) {
        0 => dice.pick(&["hunter2", "secret", "test1234", "correct-horse", "letmein!"]).to_owned(),
        1 => token::password(dice),
        2 => token::of(dice, HEX, 32),
        3 => "1234567890abcdef1234567890abcdef".to_owned(),
        _ => format!("test-token-{}", dice.roll(1_000)),
    };
    format!("    user = login(password=\"{value}\", token=\"fake-{}\")", dice.roll(100))
}

struct File {
    path: String,
    lines: Vec<String>,
    secrets: Vec<(u32, &'static str)>,
}

impl File {
    fn secret(&mut self, line: String, kind: &'static str) {
        self.lines.push(line);
        self.secrets.push((u32::try_from(self.lines.len()).unwrap(), kind));
    }
}

/// One file of a language, with so many lines, perhaps a secret, and some decoys.
fn code(n: usize, length: usize, dice: &mut Dice, decoys: &mut usize) -> File {
    let language = &LANGUAGES[n % LANGUAGES.len()];
    let path = format!("{}/area{:02}/{}_{n}.{}", language.folder, n % 17, dice.pick(WORDS), language.extension);
    let mut file = File { path, lines: Vec::new(), secrets: Vec::new() };
    let secret_at = n.is_multiple_of(2).then(|| dice.roll(length));
    for line in 0..length {
        if secret_at == Some(line) {
            let (kind, stands, make) = MAKERS[(n / 2) % MAKERS.len()];
            let value = make(dice);
            let text = match stands {
                Stands::Named(names) => (language.assign)(dice.pick(names), &value),
                Stands::Anywhere if dice.roll(2) == 0 => (language.call)(&value),
                Stands::Anywhere => (language.assign)(dice.pick(&["credential", "setting", "endpoint", "value"]), &value),
            };
            file.secret(text, kind);
        } else if dice.roll(40) == 0 {
            let (name, value) = decoy(dice);
            file.lines.push((language.assign)(name, &value));
            *decoys += 1;
        } else {
            file.lines.push((language.filler)(dice.pick(WORDS), dice.pick(WORDS), dice.roll(1_000)));
        }
    }
    file
}

fn lock(dice: &mut Dice, length: usize) -> File {
    let mut lines = vec!["{".to_owned(), "  \"packages\": {".to_owned()];
    for n in 0..length / 3 {
        lines.push(format!("    \"node_modules/package-{n}\": {{ \"version\": \"1.{n}.0\","));
        lines.push(format!("      \"resolved\": \"https://registry.npmjs.org/package-{n}/-/package-{n}-1.{n}.0.tgz\","));
        lines.push(format!("      \"integrity\": \"sha512-{}==\" }},", token::of(dice, BASE64, 86)));
    }
    lines.push("} }".to_owned());
    File { path: format!("web{}/package-lock.json", dice.roll(1_000)), lines, secrets: Vec::new() }
}

fn keys(n: usize, dice: &mut Dice) -> File {
    let (label, first) = [
        ("RSA PRIVATE KEY", "MIIEpAIBAAKCAQEA"),
        ("PRIVATE KEY", "MIIEvQIBADANBgkq"),
        ("EC PRIVATE KEY", "MHcCAQEEI"),
        ("OPENSSH PRIVATE KEY", "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"),
    ][n % 4];
    let mut file = File { path: format!("deploy/keys/host{n}.pem"), lines: Vec::new(), secrets: Vec::new() };
    let text = token::pem(dice, label, first, 20);
    file.secret(text[0].clone(), "private key");
    file.lines.extend_from_slice(&text[1..]);
    file
}

fn service_account(n: usize, dice: &mut Dice) -> File {
    let key = token::pem(dice, "PRIVATE KEY", "MIIEvQIBADANBgkq", 24).join("\\n");
    let mut file = File {
        path: format!("config/gcp{n}.json"),
        lines: vec!["{".to_owned(), "  \"type\": \"service_account\",".to_owned()],
        secrets: Vec::new(),
    };
    file.lines.push(format!("  \"private_key_id\": \"{}\",", token::of(dice, HEX, 40)));
    file.secret(format!("  \"private_key\": \"{key}\\n\","), "service account");
    file.lines.push("  \"client_email\": \"app@acme.iam.gserviceaccount.com\"".to_owned());
    file.lines.push("}".to_owned());
    file
}

fn plain(path: String, lines: Vec<String>) -> File {
    File { path, lines, secrets: Vec::new() }
}

/// Writes a repository of so many files into a folder.
pub fn write(to: &Path, count: usize, seed: u64) -> Corpus {
    let mut dice = Dice(seed);
    let mut corpus = Corpus { truth: BTreeSet::new(), files: 0, lines: 0, decoys: 0 };
    for n in 0..count {
        let dice = &mut dice;
        let file = match n % 20 {
            0 => keys(n, dice),
            1 => service_account(n, dice),
            2 => lock(dice, 150),
            3 => plain(format!("certs/ca{n}.pem"), token::pem(dice, "CERTIFICATE", "MIIDdzCCAl+gAwIB", 20)),
            4 | 5 => plain(format!("tests/test_area{n}.py"), (0..100).map(|_| test_line(dice)).collect()),
            6 => {
                let mut lines = vec!["# Setup".to_owned(), "Set the variables, such as:".to_owned()];
                for _ in 0..60 {
                    let (name, value) = decoy(dice);
                    lines.push(format!("    export {name}={value}"));
                }
                plain(format!("docs/setup{n}.md"), lines)
            }
            _ => code(n, 120, dice, &mut corpus.decoys),
        };
        if file.secrets.is_empty() && !file.path.contains("area") || file.path.starts_with("tests/") {
            corpus.decoys += file.lines.len();
        }
        corpus.files += 1;
        corpus.lines += file.lines.len();
        corpus.truth.extend(file.secrets.iter().map(|(line, kind)| (file.path.clone(), *line, *kind)));
        let path = to.join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file.lines.join("\n") + "\n").unwrap();
    }
    corpus
}
