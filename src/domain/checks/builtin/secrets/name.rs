//! What the name of a variable, field or setting promises of its value.

/// What a name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// A password, which somebody may have thought of.
    Password,
    /// A token or key, which a machine made.
    Key,
    /// The value of an `Authorization` header, which names its scheme first.
    Authorization,
}

/// Words at the end of a name that say nothing of what it is.
const TRAILING: [&str; 19] = [
    "value",
    "string",
    "str",
    "b64",
    "base64",
    "prod",
    "production",
    "dev",
    "staging",
    "live",
    "old",
    "new",
    "current",
    "hex",
    "plain",
    "plaintext",
    "raw",
    "main",
    "env",
];

/// Words that make a name one of something public, derived, counted or wrong.
const HARMLESS: [&str; 36] = [
    "public",
    "pub",
    "hash",
    "hashed",
    "digest",
    "checksum",
    "sha",
    "sha1",
    "sha256",
    "md5",
    "integrity",
    "etag",
    "encrypted",
    "sealed",
    "max",
    "min",
    "num",
    "count",
    "primary",
    "foreign",
    "cache",
    "sort",
    "partition",
    "page",
    "next",
    "continuation",
    "cursor",
    "sync",
    "invalid",
    "wrong",
    "bad",
    "fake",
    "dummy",
    "mock",
    "example",
    "sample",
];

/// Words before `key` that make it one that opens something.
const OPENING: [&str; 48] = [
    "api",
    "access",
    "secret",
    "private",
    "auth",
    "authentication",
    "encryption",
    "encrypt",
    "crypto",
    "signing",
    "signature",
    "sign",
    "account",
    "master",
    "shared",
    "app",
    "application",
    "client",
    "service",
    "consumer",
    "storage",
    "server",
    "admin",
    "jwt",
    "hmac",
    "aes",
    "session",
    "webhook",
    "subscription",
    "integration",
    "stripe",
    "openai",
    "anthropic",
    "aws",
    "google",
    "gcp",
    "azure",
    "sendgrid",
    "mailgun",
    "twilio",
    "algolia",
    "datadog",
    "github",
    "gitlab",
    "slack",
    "rapidapi",
    "cipher",
    "license",
];

/// Ends of words written together.
const ENDS: [(&str, Promise); 19] = [
    ("pgpass", Promise::Password),
    ("dbpass", Promise::Password),
    ("userpass", Promise::Password),
    ("password", Promise::Password),
    ("passwd", Promise::Password),
    ("passphrase", Promise::Password),
    ("pwd", Promise::Password),
    ("secret", Promise::Key),
    ("token", Promise::Key),
    ("credential", Promise::Key),
    ("credentials", Promise::Key),
    ("apikey", Promise::Key),
    ("secretkey", Promise::Key),
    ("accesskey", Promise::Key),
    ("privatekey", Promise::Key),
    ("authkey", Promise::Key),
    ("masterkey", Promise::Key),
    ("signingkey", Promise::Key),
    ("authorization", Promise::Authorization),
];

/// The words of a name, in lower case: `dbPassword2`, `DB_PASSWORD` and `db-password` have the same.
pub fn words(name: &[u8]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before = 0_u8;
    for (at, byte) in name.iter().copied().enumerate() {
        let after = name.get(at + 1).copied().unwrap_or(0);
        let begins = byte.is_ascii_uppercase()
            && (before.is_ascii_lowercase() || before.is_ascii_digit() || before.is_ascii_uppercase() && after.is_ascii_lowercase());
        if (begins || !byte.is_ascii_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if byte.is_ascii_alphanumeric() {
            word.push(char::from(byte.to_ascii_lowercase()));
        }
        before = byte;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// What a name of these words promises, if it is anything to be kept secret.
pub fn promise(words: &[String]) -> Option<Promise> {
    if words.iter().any(|word| HARMLESS.contains(&word.as_str())) {
        return None;
    }
    let telling = |word: &&String| !TRAILING.contains(&word.as_str()) && !word.bytes().all(|byte| byte.is_ascii_digit());
    let mut back = words.iter().rev().skip_while(|word| !telling(word));
    let last = back.next()?.trim_end_matches(|c: char| c.is_ascii_digit());
    let before = back.next();
    match last {
        "key" => before.is_some_and(|word| OPENING.contains(&word.as_str())).then_some(Promise::Key),
        "pass" => Some(Promise::Password),
        "pw" => before.is_some().then_some(Promise::Password),
        "bearer" => Some(Promise::Key),
        _ => ENDS.iter().find(|(end, _)| last.ends_with(end)).map(|(_, promise)| *promise),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Option<Promise> {
        promise(&words(name.as_bytes()))
    }

    #[test]
    fn a_name_is_read_however_it_is_spelled() {
        for name in ["dbPassword", "DB_PASSWORD", "db-password", "spring.datasource.password", "PGPASS", "mypassword2", "DBPassword_prod"] {
            assert_eq!(of(name), Some(Promise::Password), "{name}");
        }
        for name in
            ["apiKey", "API_KEY", "STRIPE_KEY", "clientSecret", "authToken", "access_token", "awsSecretAccessKey", "secret_key_base64"]
        {
            assert_eq!(of(name), Some(Promise::Key), "{name}");
        }
    }

    #[test]
    fn a_name_of_something_else_promises_nothing() {
        for name in [
            "password_file",
            "token_url",
            "key",
            "primaryKey",
            "publicKey",
            "tokenCount",
            "next_page_token",
            "passwordHash",
            "hashed_password",
            "keyboard",
            "secretName",
            "max_tokens",
        ] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
