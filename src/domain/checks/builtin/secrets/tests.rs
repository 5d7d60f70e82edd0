use proptest::prelude::*;

use crate::domain::checks::builtin;
use crate::domain::checks::builtin::tests::all_of;
use crate::engine::git::memory::MemoryTree;

use super::*;

mod hostile;
mod quiet;

/// `SplitMix64`: secrets are rolled where they are needed, so that none stands in this repository.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }

    fn of(&mut self, alphabet: Alphabet, length: usize) -> String {
        let letters: Vec<char> = (b'!'..=b'z').filter(|byte| alphabet.has(*byte) && *byte != b'=').map(char::from).collect();
        (0..length).map(|_| letters[self.roll(letters.len())]).collect()
    }

    fn token(&mut self, format: &format::Format) -> String {
        let mut token = format.prefix.to_owned();
        for piece in format.body {
            match piece {
                Piece::Text(text) => token.push_str(text),
                Piece::Run(alphabet, least, most) => {
                    let length = least + self.roll((most - least).min(20) + 1);
                    token.push_str(&self.of(*alphabet, length));
                }
            }
        }
        let begin = match format.proof {
            Proof::Dice => return token,
            Proof::Checksum => format.prefix.len(),
            Proof::WholeChecksum => 0,
        };
        token.truncate(token.len() - checksum::DIGITS);
        let checksum = checksum::of(&token.as_bytes()[begin..]);
        token + std::str::from_utf8(&checksum).unwrap()
    }

    fn pem(&mut self, label: &str, first: &str) -> String {
        let lines: Vec<String> = (0..12).map(|_| self.of(Alphabet::Base64, 64)).collect();
        format!("-----BEGIN {label}-----\n{first}{}\n-----END {label}-----", lines.join("\n"))
    }
}

/// A password as a generator makes it.
fn password(seed: u64) -> String {
    let mut dice = Dice(seed);
    format!("{}#{}9k{}Z", dice.of(Alphabet::Base62, 4), dice.of(Alphabet::Base62, 4), dice.of(Alphabet::Base62, 3))
}

fn key(seed: u64) -> String {
    Dice(seed).of(Alphabet::Base62, 32)
}

fn findings(path: &str, content: &str) -> Vec<Finding> {
    all_of(&Secrets, &MemoryTree::new([(path, FileKind::Regular, content)]))
}

/// The rules that speak of one file, and the text that each covers.
fn said(path: &str, content: &str) -> Vec<(String, String)> {
    findings(path, content).iter().map(|finding| (finding.rule.clone(), covered(content, finding.span.unwrap()))).collect()
}

fn rules(path: &str, content: &str) -> Vec<String> {
    said(path, content).into_iter().map(|(rule, _)| rule).collect()
}

/// The texts that whoever quotes a file must not show, each by its span and by its bytes.
fn kept_back(path: &str, content: &str) -> Vec<(String, String)> {
    let hidden = hidden(&TreePath::new(path), content.as_bytes());
    hidden.into_iter().map(|hidden| (covered(content, hidden.span), content[hidden.bytes].to_owned())).collect()
}

#[test]
fn whoever_quotes_a_file_is_told_every_place_even_those_that_the_check_has_no_room_to_tell() {
    let mut dice = Dice(41);
    let lines: Vec<String> = (0..builtin::MAX_PER_FILE * 2).map(|_| format!("é = '{}'", dice.token(&FORMATS[0]))).collect();
    let places = kept_back("src/a.py", &lines.join("\n"));
    assert_eq!(places.len(), lines.len());
    for ((by_span, by_bytes), line) in places.iter().zip(&lines) {
        assert_eq!(by_span, by_bytes);
        assert_eq!(*line, format!("é = '{by_span}'"));
    }
    let many = lines.join("\n").repeat(MOST / lines.len() + 2);
    let places = hidden(&TreePath::new("src/a.py"), many.as_bytes());
    assert_eq!(places.last().unwrap().bytes.end, many.len(), "where there are too many the rest is taken for one");
    assert!(kept_back("Cargo.lock", &format!("token = \"{}\"", key(42))).is_empty() && kept_back("a.py", "x").is_empty());
}

#[test]
fn columns_are_those_of_the_characters_that_are_shown() {
    let token = Dice(5).token(&FORMATS[0]);
    let column = |before: &[u8]| {
        let content = [before, b"'", token.as_bytes(), b"'"].concat();
        let span = hidden(&TreePath::new("src/a.py"), &content)[0].span;
        assert_eq!(span.column_end.unwrap() - span.column_start.unwrap() + 1, u32::try_from(token.len()).unwrap());
        (span.line_start, span.column_start.unwrap())
    };
    assert_eq!(column(b""), (1, 2));
    assert_eq!(column(b"\xef\xbb\xbf"), (1, 2), "a byte order mark is not part of the line");
    assert_eq!(column("\u{e9}\u{65e5}\u{1f600}\n\u{1f600}\u{e9}".as_bytes()), (2, 4));
    assert_eq!(column(b"\xe9\xa9"), (1, 3), "as one replacement character");
    assert_eq!(column(b"\x80\x80\xe6\x97"), (1, 5));
}

/// The text that a span covers.
fn covered(content: &str, span: Span) -> String {
    let lines: Vec<&str> = content.split('\n').collect();
    let mut text = String::new();
    for number in span.line_start..=span.line_end {
        let line: Vec<char> = lines[number as usize - 1].chars().collect();
        let from = if number == span.line_start { span.column_start.unwrap() as usize - 1 } else { 0 };
        let to = if number == span.line_end { span.column_end.unwrap() as usize } else { line.len() };
        text.extend(&line[from..to]);
        text.push_str(if number == span.line_end { "" } else { "\n" });
    }
    text
}

#[test]
fn a_token_of_every_known_form_is_found_and_covered_exactly() {
    for (n, format) in FORMATS.iter().enumerate() {
        let token = Dice(n as u64).token(format);
        let content = format!("// é\nlet client = connect(\"{token}\");\n");
        let secret = if format.prefix.ends_with('=') { &token[format.prefix.len()..] } else { &token[..] };
        assert_eq!(said("src/app.rs", &content), [(format.rule.to_owned(), secret.to_owned())], "{}", format.prefix);
    }
}

#[test]
fn nothing_that_is_said_holds_a_secret() {
    let mut dice = Dice(7);
    let (pass, token) = (password(1).replace('#', "-"), key(2));
    let mut secrets: Vec<String> = FORMATS.iter().map(|format| dice.token(format)).collect();
    let mut content: String = secrets.iter().map(|secret| format!("f(\"{secret}\");\n")).collect();
    content.push_str(&format!("db_password = \"{pass}\"\napi_key = '{token}'\nurl = \"mysql://app:{pass}@db.acme.io/x\"\n"));
    secrets.extend([pass, token]);
    let tree = MemoryTree::new(content.lines().enumerate().map(|(n, line)| (format!("src/{n}.py"), FileKind::Regular, line.to_owned())));
    let said = all_of(&Secrets, &tree);
    assert_eq!(said.len(), secrets.len() + 1);
    for finding in said {
        let tail = |secret: &String| secret[secret.len() - 8..].to_owned();
        assert!(secrets.iter().all(|secret| !finding.message.contains(&tail(secret))), "{}", finding.message);
        assert!(finding.fingerprint.is_none() && finding.kind == Kind::Security);
    }
}

#[test]
fn an_id_that_happens_to_have_no_digit_is_found_and_a_word_is_none() {
    let beginning = ["AK", "IA"].concat();
    assert_eq!(rules("src/app.rs", &format!("f(\"{beginning}QXWZKVJHBQGFTPNX\")")), ["aws-access-key"]);
    assert_eq!(rules("src/app.rs", &format!("f(\"{beginning}CONFIGURATIONSET\")")), Vec::<String>::new());
}

#[test]
fn a_wrong_checksum_is_no_token() {
    let format = FORMATS.iter().find(|format| format.prefix == "ghp_").unwrap();
    let mut token = Dice(3).token(format);
    let last = token.pop().unwrap();
    token.push(if last == 'x' { 'y' } else { 'x' });
    assert_eq!(rules("src/app.rs", &format!("f(\"{token}\")")), Vec::<String>::new());
}

#[test]
fn a_right_checksum_is_spoken_of_anywhere() {
    let token = Dice(4).token(&FORMATS[0]);
    for path in [
        "src/app.rs",
        "tests/login.rs",
        "docs/setup.md",
        "tests/fixtures/a.json",
        "web/app.min.js",
        "web/app.js.map",
        "node_modules/a/index.js",
        "vendor/a.go",
        "Cargo.lock",
        "package-lock.json",
        "dist/app.js",
        "api.pb.go",
    ] {
        assert_eq!(rules(path, &token), ["github-token"], "{path}");
        assert_eq!(kept_back(path, &token).len(), 1, "{path}");
    }
}

#[test]
fn what_a_build_made_is_asked_for_forms_that_nothing_else_has() {
    let of = |prefix: &str| Dice(44).token(FORMATS.iter().find(|format| format.prefix == prefix).unwrap());
    for path in ["dist/app.min.js", "web/dist/app.js", "external/client.py", "deps/client.c"] {
        assert_eq!(rules(path, &format!("f(\"{}\")", of("sk_live_"))), ["stripe-key"], "{path}");
        assert_eq!(rules(path, &format!("f(\"{}\")", of("EAAA"))), Vec::<String>::new(), "{path}: base 64 holds such by chance");
        assert_eq!(rules(path, &format!("apiKey = \"{}\"", key(45))), Vec::<String>::new(), "{path}");
    }
    for path in ["vendor/client.py", "node_modules/a/dist/a.js", "web/app.min.js", "Cargo.lock", "tests/fixtures/dist/a.js"] {
        assert_eq!(rules(path, &format!("f(\"{}\")", of("sk_live_"))), Vec::<String>::new(), "{path}");
    }
}

#[test]
fn a_package_that_is_called_example_is_as_open_as_any() {
    let assigned = format!("private static final String PASSWORD = \"{}\";", password(46));
    for path in ["src/main/java/com/example/demo/Config.java", "com/example/Config.java", "lib/src/main/kotlin/org/example/Config.kt"] {
        assert_eq!(rules(path, &assigned), ["hardcoded-password"], "{path}");
    }
    for path in ["examples/src/main/java/com/acme/Config.java", "src/test/java/com/example/ConfigTest.java", "Config.example.java"] {
        assert_eq!(rules(path, &assigned), Vec::<String>::new(), "{path}");
    }
}

#[test]
fn a_value_is_found_behind_its_name_in_many_languages() {
    let (p, k) = (password(5), key(6));
    let cases = [
        ("a.py", format!("DB_PASSWORD = \"{p}\"")),
        ("a.py", format!("client = Client(api_key='{k}')")),
        ("a.py", format!("os.environ.get(\"API_TOKEN\", \"{k}\")")),
        ("a.py", format!("config[\"password\"] = b\"{p}\"")),
        ("a.js", format!("const apiKey = `{k}`;")),
        ("a.js", format!("export default {{ clientSecret: '{k}' }};")),
        ("a.ts", format!("private readonly token: string = \"{k}\";")),
        ("a.go", format!("apiKey := \"{k}\"")),
        ("a.go", format!("var authToken string = \"{k}\"")),
        ("a.go", format!("cfg := Config{{Password: \"{p}\"}}")),
        ("a.rs", format!("const API_KEY: &str = \"{k}\";")),
        ("a.rs", format!("let password = String::from(\"{p}\");")),
        ("A.java", format!("private static final String PASSWORD = \"{p}\";")),
        ("A.java", format!("builder.setPassword(\"{p}\")")),
        ("A.cs", format!("\"Server=db;User Id=sa;Password={p};\"")),
        ("a.c", format!("#define API_KEY \"{k}\"")),
        ("a.c", format!("static char password[] = \"{p}\";")),
        ("a.rb", format!(":password => '{p}'")),
        ("a.php", format!("define('DB_PASSWORD', '{p}');")),
        ("a.php", format!("'secret' => '{k}',")),
        ("a.kt", format!("val accessToken: String = \"{k}\"")),
        ("a.json", format!("{{\"token\": \"{k}\"}}")),
        ("a.json", format!("{{\"name\": \"API_TOKEN\", \"value\": \"{k}\"}}")),
        ("a.yaml", format!("password: {p}")),
        ("a.yaml", format!("env:\n  - name: DB_PASSWORD\n    value: \"{p}\"")),
        (".env", format!("export SECRET_KEY={k}")),
        ("a.ini", format!("password = {p}")),
        ("a.properties", format!("spring.datasource.password={p}")),
        ("a.sh", format!("curl --token {k} http://x")),
        ("Dockerfile", format!("ENV API_TOKEN={k}")),
        ("a.xml", format!("<password>{p}</password>")),
        ("web.config", format!("<add key=\"ApiKey\" value=\"{k}\" />")),
        (".netrc", format!("machine x.io login me password {p}")),
        (".npmrc", format!("//registry.acme.io/:_authToken={k}")),
        ("a.tf", format!("  master_password = \"{p}\"")),
    ];
    for (path, content) in cases {
        let said = said(path, &content);
        assert_eq!(said.len(), 1, "{path}: {content}");
        assert!(said[0].1 == p || said[0].1 == k, "{path}: {content} covers {}", said[0].1);
    }
}

#[test]
fn a_header_gives_its_credentials_away() {
    let k = key(8);
    for content in [format!("curl -H \"Authorization: Bearer {k}\" x"), format!("headers = {{\"Authorization\": \"token {k}\"}}")] {
        assert_eq!(said("a.py", &content), [("authorization-header".to_owned(), k.clone())], "{content}");
    }
}

#[test]
fn a_password_in_a_url_is_covered_alone() {
    let p = password(9);
    for url in
        ["postgres://app:{}@db.acme.io:5432/app", "https://ci:{}@git.acme.io/x.git", "redis://:{}@cache:6379", "amqp://svc:{}@10.0.0.7"]
    {
        let content = format!("url = \"{}\"", url.replace("{}", &p.replace('#', "-")));
        assert_eq!(said("a.py", &content), [("password-in-url".to_owned(), p.replace('#', "-"))], "{url}");
    }
}

#[test]
fn a_private_key_is_found_in_every_form() {
    let mut dice = Dice(10);
    let pem = dice.pem("RSA PRIVATE KEY", "MIIE");
    assert_eq!(said("deploy.pem", &format!("\n{pem}\n")), [("private-key".to_owned(), pem.clone())]);
    let openssh = dice.pem("OPENSSH PRIVATE KEY", "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU");
    let escaped = format!("key = \"{}\\n\"", pem.replace('\n', "\\n"));
    let joined = pem.lines().map(|line| format!("  \"{line}\\n\" +\n")).collect::<String>();
    let pgp = dice.pem("PGP PRIVATE KEY BLOCK", "lQdG");
    let putty = format!(
        "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 2\n{}\n{}\nPrivate-MAC: 00\n",
        dice.of(Alphabet::Base64, 64),
        dice.of(Alphabet::Base64, 64)
    );
    for (path, content) in [("id_rsa", &openssh), ("a.json", &escaped), ("A.java", &joined), ("a.asc", &pgp), ("a.ppk", &putty)] {
        let found = findings(path, content);
        assert_eq!(
            found.iter().map(|finding| (finding.rule.as_str(), finding.severity)).collect::<Vec<_>>(),
            [("private-key", Severity::Critical)],
            "{path}"
        );
    }
}

#[test]
fn a_key_under_a_passphrase_matters_less() {
    let mut dice = Dice(11);
    let legacy = dice.pem("RSA PRIVATE KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n");
    let locked = dice.pem("OPENSSH PRIVATE KEY", "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHI");
    for content in [dice.pem("ENCRYPTED PRIVATE KEY", "MIIF"), legacy, locked] {
        let found = findings("deploy.key", &content);
        assert_eq!(found.iter().map(|finding| finding.severity).collect::<Vec<_>>(), [Severity::Minor], "{content}");
    }
}

#[test]
fn the_key_of_a_service_account_is_named_as_one() {
    let pem = Dice(12).pem("PRIVATE KEY", "MIIE").replace('\n', "\\n");
    let content = format!("{{\n  \"type\": \"service_account\",\n  \"private_key\": \"{pem}\\n\"\n}}\n");
    assert_eq!(rules("gcp.json", &content), ["google-service-account"]);
}

#[test]
fn the_secret_of_an_access_key_is_found_by_its_name_and_by_its_neighbor() {
    let mut dice = Dice(13);
    let (id, secret) = (format!("{}{}", "AK", "IA") + &dice.of(Alphabet::Base32, 16), dice.of(Alphabet::Base64, 40));
    assert_eq!(rules("a.py", &format!("aws_secret_access_key = '{secret}'")), ["aws-secret-key"]);
    assert_eq!(rules("a.csv", &format!("deploy,{id},{secret}\n")), ["aws-access-key", "aws-secret-key"]);
}

#[test]
fn tokens_that_take_a_look_around_are_found() {
    let mut dice = Dice(14);
    let telegram = format!("7{}:AA{}", dice.of(Alphabet::Digit, 8), dice.of(Alphabet::Url, 33));
    let mailchimp = format!("{}-us12", dice.of(Alphabet::Hex, 32));
    let discord = format!("MT{}.G{}.{}", dice.of(Alphabet::Base62, 24), dice.of(Alphabet::Base62, 5), dice.of(Alphabet::Base62, 38));
    let slack = format!(
        "https://hooks.slack.com/services/T{}/B{}/{}",
        dice.of(Alphabet::Upper, 9),
        dice.of(Alphabet::Upper, 9),
        dice.of(Alphabet::Base62, 24)
    );
    for (content, rule) in [
        (format!("start(\"{telegram}\")"), "telegram-token"),
        (format!("mail('{mailchimp}')"), "mailchimp-key"),
        (format!("token = \"{discord}\""), "discord-token"),
        (format!("post(\"{slack}\")"), "webhook-url"),
    ] {
        assert_eq!(rules("a.py", &content), [rule], "{content}");
    }
}

/// A signed token with these claims.
fn jwt(claims: &str) -> String {
    let part = |text: &str| {
        let letters: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']).collect();
        text.as_bytes()
            .chunks(3)
            .flat_map(|bytes| {
                let bits = bytes.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - bytes.len()));
                (0..=bytes.len()).map(|n| letters[(bits >> (18 - 6 * n) & 63) as usize]).collect::<Vec<_>>()
            })
            .collect::<String>()
    };
    format!("{}.{}.{}", part("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"), part(claims), Dice(15).of(Alphabet::Url, 43))
}

#[test]
fn a_signed_web_token_is_found_unless_it_is_an_example_or_public() {
    assert_eq!(rules("a.js", &format!("auth('{}')", jwt("{\"sub\":\"81723\",\"exp\":1999999999}"))), ["jwt"]);
    for claims in ["{\"sub\":\"1234567890\",\"name\":\"John Doe\"}", "{\"role\":\"anon\"}", "{}", "[]", "{\"iss\":\"https://example.com\"}"]
    {
        assert_eq!(rules("a.js", &format!("auth('{}')", jwt(claims))), Vec::<String>::new(), "{claims}");
    }
}
