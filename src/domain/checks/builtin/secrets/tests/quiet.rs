//! What looks like a secret and is none.

use super::*;

fn quiet(path: &str, content: &str) {
    assert_eq!(said(path, content), Vec::new(), "{path}: {content}");
}

#[test]
fn placeholders_and_lookups_are_no_secrets() {
    for content in [
        "password = \"changeme\"",
        "api_key = \"YOUR_API_KEY_GOES_HERE_123\"",
        "token = \"xxxxxxxxxxxxxxxxxxxxxxxx\"",
        "password = os.environ[\"DB_PASSWORD\"]",
        "api_key = \"${API_KEY_FROM_VAULT_9}\"",
        "secret = \"{{ vault.secret_9Xk }}\"",
        "token = \"<insert 1 token>\"",
        "token = \"1234567890abcdef1234567890abcdef\"",
        "password = get_password(user, \"prompt\")",
        "password_hash = \"5f4dcc3b5aa765d61d8327deb882cf99\"",
        "password = \"$2b$12$KIXQ9c8Zp3rT7yU1wE5vLOa\"",
        "client_secret = \"550e8400-e29b-41d4-a716-446655440000\"",
        "token_url = \"https://login.acme.io/oauth2/v2.0/t0ken\"",
        "tokenizer = \"cl100k_base_v2_2023_q8Zt3LmN0vXc7\"",
        "if password == other.password1: pass",
        "error = {\"password\": \"Password must have 8 characters\"}",
        "access_key = \"user_access_key_column_name_2\"",
        "secret_name = \"prod/db/q8Zt3LmN0vXc7RbY\"",
    ] {
        quiet("src/a.py", content);
    }
    quiet("a.yaml", "password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n");
    quiet("a.yaml", "password: ENC[AES256_GCM,data:q8Zt3LmN0v,iv:Xc7RbY]");
    quiet("a.yaml", "secretKeyRef:\n  name: db-credentials\n  key: password");
    quiet(".env", "API_KEY=\nSECRET=$OTHER_SECRET_9\n");
}

#[test]
fn what_documentation_shows_is_no_secret() {
    let id = ["AK", "IAIOSFODNN7EXAMPLE"].concat();
    quiet("README.md", &format!("aws_access_key_id = {id}\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"));
    quiet("src/a.py", &format!("id = \"{id}\""));
    quiet("src/a.rb", &["key = 'sk_te", "st_4eC39HqLyjWDarjtT1zdp7dc'"].concat());
    quiet("docs/setup.md", &format!("password: {}", password(20)));
    quiet("docs/setup.md", &format!("postgres://app:{}@db.acme.io/app", password(21)));
}

#[test]
fn a_key_in_a_test_folder_is_not_reported() {
    let pem = Dice(22).pem("RSA PRIVATE KEY", "MIIE");
    for path in ["tests/server.pem", "src/tls_test.go", "src/test/resources/key.pem", "spec/support/key.rb", "fixtures/id_rsa"] {
        quiet(path, &pem);
    }
    let assigned = format!("password = \"{}\"", password(23));
    for path in ["tests/login.py", "test_login.py", "src/login.test.ts", "LoginTest.java", "examples/a.py", ".env.example"] {
        quiet(path, &assigned);
    }
}

#[test]
fn code_that_handles_keys_holds_none() {
    for content in [
        "if (text.startsWith(\"-----BEGIN RSA PRIVATE KEY-----\")) {}",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ...\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\n<your key here>\n-----END RSA PRIVATE KEY-----",
        "format!(\"-----BEGIN PRIVATE KEY-----\\n{}\\n-----END PRIVATE KEY-----\", body)",
    ] {
        quiet("src/a.rs", content);
    }
    let public = Dice(24).pem("PUBLIC KEY", "MIIB");
    quiet("a.pem", &public);
    quiet("a.crt", &public.replace("PUBLIC KEY", "CERTIFICATE"));
}

#[test]
fn urls_without_a_real_password_are_fine() {
    for url in [
        "postgres://postgres:postgres@localhost/app",
        "postgres://user:password@db.acme.io/app",
        "mysql://root:root@db/app",
        "https://user:${TOKEN}@git.acme.io",
        "https://user:{}@git.acme.io",
        "http://localhost:3000/@scope/package",
        "https://medium.com/@name",
        "git+ssh://git@github.com/acme/app.git",
        "redis://:secret@cache",
        "https://acme.io:8080/a:b@c",
        "amqp://guest:guest@rabbit",
        "mongodb://app:s3cret1@localhost",
    ] {
        quiet("src/a.py", &format!("url = \"{url}\""));
    }
}

#[test]
fn what_tools_write_is_left_alone() {
    let (k, hex) = (key(25), Dice(26).of(Alphabet::Hex, 64));
    quiet("package-lock.json", &format!("\"token\": \"{k}\""));
    quiet("Cargo.lock", &format!("secret = \"{k}\""));
    quiet("app.min.js", &format!("var apiKey=\"{k}\""));
    quiet("vendor/a.py", &format!("api_key = \"{k}\""));
    quiet("a.html", &format!("<script integrity=\"sha384-{}\"></script>", Dice(27).of(Alphabet::Base64, 64)));
    quiet("a.py", &format!("checksum = \"{hex}\"\nsha256 = '{hex}'\ncommit = \"{}\"\n", &hex[..40]));
    quiet("a.css", &format!("url(data:image/png;base64,{})", Dice(28).of(Alphabet::Base64, 4_000)));
    quiet("bundle.js", &format!("{}apiKey=\"{k}\"", "var a=1;".repeat(2_000)));
    quiet("a.bin.txt", &format!("\0api_key = \"{k}\""));
}
