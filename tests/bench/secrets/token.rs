//! Secrets as their issuers make them, rolled anew for each run of the dice: none of them was ever good for anything.

use super::support::Dice;

pub const HEX: &str = "0123456789abcdef";
pub const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
pub const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
pub const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
pub const URL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
pub const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const DIGITS: &str = "0123456789";
const SIGNS: &str = "!#%+=?_-*";

/// So many characters of an alphabet.
pub fn of(dice: &mut Dice, alphabet: &str, length: usize) -> String {
    (0..length).map(|_| char::from(alphabet.as_bytes()[dice.roll(alphabet.len())])).collect()
}

/// The CRC-32 of a text, in six digits of base 62.
fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = [0_u8; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62.as_bytes()[(rest % 62) as usize];
        rest /= 62;
    }
    String::from_utf8(digits.to_vec()).unwrap()
}

/// Bytes in base 64 for URLs, without padding.
pub fn base64url(bytes: &[u8]) -> String {
    let letter = |bits: u32| char::from(URL.as_bytes()[(bits & 63) as usize]);
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        text.extend((0..=three.len()).map(|n| letter(bits >> (18 - 6 * n))));
    }
    text
}

/// A password as a manager makes it.
pub fn password(dice: &mut Dice) -> String {
    loop {
        let length = 12 + dice.roll(12);
        let mut text = of(dice, BASE62, length);
        for _ in 0..2 {
            let (at, sign) = (1 + dice.roll(text.len() - 1), of(dice, SIGNS, 1));
            text.insert_str(at, &sign);
        }
        let has = |is: fn(&char) -> bool| text.chars().any(|c| is(&c));
        if has(char::is_ascii_digit) && has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase) {
            return text;
        }
    }
}

pub fn uuid(dice: &mut Dice) -> String {
    [8, 4, 4, 4, 12].map(|length| of(dice, HEX, length)).join("-")
}

pub fn jwt(dice: &mut Dice) -> String {
    let claims = format!("{{\"sub\":\"{}\",\"scope\":\"write\",\"exp\":1{}}}", of(dice, DIGITS, 9), of(dice, DIGITS, 9));
    format!("{}.{}.{}", base64url(br#"{"alg":"HS256","typ":"JWT"}"#), base64url(claims.as_bytes()), of(dice, URL, 43))
}

pub fn pem(dice: &mut Dice, label: &str, first: &str, lines: usize) -> Vec<String> {
    let mut text = vec![format!("-----{} {label}-----", "BEGIN"), format!("{first}{}", of(dice, BASE64, 64 - first.len()))];
    text.extend((0..lines).map(|_| of(dice, BASE64, 64)));
    text.push(format!("-----{} {label}-----", "END"));
    text
}

/// Where a secret of this kind stands in code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// Behind any name: it is known by its form.
    Anywhere,
    /// Behind one of the names that are given with it.
    Named(&'static [&'static str]),
}

/// A kind of secret and how it is made.
pub type Maker = (&'static str, Stands, fn(&mut Dice) -> String);

macro_rules! github {
    ($dice:ident, $prefix:literal) => {{
        let body = of($dice, BASE62, 30);
        format!(concat!($prefix, "{}{}"), body, checksum(&body))
    }};
}

/// Every kind of secret that fits in a string.
pub const MAKERS: &[Maker] = &[
    ("GitHub personal", Stands::Anywhere, |d| github!(d, "ghp_")),
    ("GitHub OAuth", Stands::Anywhere, |d| github!(d, "gho_")),
    ("GitHub user", Stands::Anywhere, |d| github!(d, "ghu_")),
    ("GitHub server", Stands::Anywhere, |d| github!(d, "ghs_")),
    ("GitHub refresh", Stands::Anywhere, |d| github!(d, "ghr_")),
    ("GitHub fine-grained", Stands::Anywhere, |d| format!("github_pat_{}_{}", of(d, BASE62, 22), of(d, BASE62, 59))),
    ("npm", Stands::Anywhere, |d| github!(d, "npm_")),
    ("Plumbline", Stands::Anywhere, |d| {
        let text = format!("plb_svc_{}", of(d, BASE62, 43));
        format!("{text}{}", checksum(&text))
    }),
    ("PyPI", Stands::Anywhere, |d| format!("pypi-AgEIcHlwaS5vcmc{}", of(d, URL, 120))),
    ("AWS id", Stands::Anywhere, |d| format!("{}{}", "AKIA", of(d, BASE32, 16))),
    ("AWS secret", Stands::Named(&["aws_secret_access_key", "AWS_SECRET_ACCESS_KEY"]), |d| of(d, BASE64, 40)),
    ("Google API", Stands::Anywhere, |d| format!("AIza{}", of(d, URL, 35))),
    ("Slack bot", Stands::Anywhere, |d| format!("xoxb-{}-{}-{}", of(d, DIGITS, 12), of(d, DIGITS, 13), of(d, BASE62, 24))),
    ("Slack webhook", Stands::Anywhere, |d| {
        format!("https://hooks.slack.com/services/T{}/B{}/{}", of(d, UPPER, 10), of(d, UPPER, 10), of(d, BASE62, 24))
    }),
    ("Stripe", Stands::Anywhere, |d| format!("{}{}", "sk_live_", of(d, BASE62, 99))),
    ("Twilio id", Stands::Anywhere, |d| format!("SK{}", of(d, HEX, 32))),
    ("Twilio token", Stands::Named(&["twilio_auth_token", "TWILIO_AUTH_TOKEN"]), |d| of(d, HEX, 32)),
    ("SendGrid", Stands::Anywhere, |d| format!("SG.{}.{}", of(d, URL, 22), of(d, URL, 43))),
    ("GitLab", Stands::Anywhere, |d| format!("glpat-{}", of(d, URL, 20))),
    ("Azure storage", Stands::Anywhere, |d| {
        format!("DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={}==;EndpointSuffix=core.windows.net", of(d, BASE64, 86))
    }),
    ("JWT", Stands::Anywhere, jwt),
    ("OpenAI", Stands::Anywhere, |d| format!("sk-proj-{}T3BlbkFJ{}", of(d, URL, 74), of(d, URL, 74))),
    ("Anthropic", Stands::Anywhere, |d| format!("sk-ant-api03-{}AA", of(d, URL, 93))),
    ("Telegram", Stands::Anywhere, |d| format!("6{}:AA{}", of(d, DIGITS, 9), of(d, URL, 33))),
    ("Discord", Stands::Named(&["discord_token", "bot_token"]), |d| {
        format!("MT{}.G{}.{}", of(d, BASE62, 24), of(d, BASE62, 5), of(d, URL, 38))
    }),
    ("DigitalOcean", Stands::Anywhere, |d| format!("dop_v1_{}", of(d, HEX, 64))),
    ("Shopify", Stands::Anywhere, |d| format!("shpat_{}", of(d, HEX, 32))),
    ("Heroku", Stands::Named(&["heroku_api_key", "HEROKU_API_KEY"]), uuid),
    ("Square", Stands::Anywhere, |d| format!("sq0atp-{}", of(d, URL, 22))),
    ("Mailgun", Stands::Anywhere, |d| format!("key-{}", of(d, HEX, 32))),
    ("database URL", Stands::Anywhere, |d| format!("postgres://app:{}@db.acme-prod.io:5432/app", of(d, BASE62, 16))),
    ("basic auth URL", Stands::Anywhere, |d| format!("https://deploy:{}@registry.acme-prod.io/v2/", of(d, BASE62, 20))),
    ("age", Stands::Anywhere, |d| format!("AGE-SECRET-KEY-1{}", of(d, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58))),
    ("password", Stands::Named(&["db_password", "DB_PASSWORD", "password", "smtp_password", "adminPassword"]), password),
    ("token", Stands::Named(&["auth_token", "accessToken", "API_TOKEN"]), |d| of(d, BASE62, 40)),
    ("hex key", Stands::Named(&["api_key", "apiKey", "DATADOG_API_KEY"]), |d| of(d, HEX, 32)),
    ("client secret", Stands::Named(&["client_secret", "clientSecret", "SECRET_KEY"]), |d| of(d, URL, 36)),
];
