use super::json::{Object, unbase64};
use super::*;

/// The public key and the token of RFC 7515, appendix A.3, whose claims are no workload's.
const RFC_KEY: &str = r#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "a3",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
const RFC_CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const RFC_SIGNATURE: &str = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

#[test]
fn base_64_has_one_spelling() {
    assert_eq!(unbase64("aGk").as_deref(), Some(&b"hi"[..]));
    assert_eq!(unbase64("_-8").as_deref(), Some(&b"\xff\xef"[..]));
    assert_eq!(unbase64("").as_deref(), Some(&b""[..]));
    for wrong in ["a", "aGl", "aGk=", "aGk+", "aG k", "aGkA0", "é"] {
        assert_eq!(unbase64(wrong), None, "{wrong}");
    }
}

#[test]
fn an_object_says_nothing_twice_at_any_depth() {
    let is_read = |text: &str| Object::read(text.as_bytes()).is_some();
    assert!(is_read(r#"{"a": [1, -2, 2.5, null, true, {"a": "b"}], "b": {"a": 1}}"#));
    for wrong in [r#"{"a": 1, "a": 1}"#, r#"{"a": 1, "\u0061": 2}"#, r#"{"b": [{"a": 1, "a": 2}]}"#, "[]", "1", "", "{", "{}x"] {
        assert!(!is_read(wrong), "{wrong}");
    }
}

#[test]
fn the_key_of_the_rfc_verifies_what_it_has_signed_there() {
    let keys = Keys::read(RFC_KEY.as_bytes()).unwrap();
    let message = format!("eyJhbGciOiJFUzI1NiJ9.{RFC_CLAIMS}");
    let signature = unbase64(RFC_SIGNATURE).unwrap();
    let key = keys.get("a3").unwrap();
    assert!(key.verifies(message.as_bytes(), &signature));
    assert!(!key.verifies(format!("{message}A").as_bytes(), &signature));
    // It names no key, and that ends it before anything is verified.
    let shown = Shown::read(&format!("{message}.{RFC_SIGNATURE}"));
    assert!(matches!(shown, Err(Fault::Malformed { part: "header", .. })), "{shown:?}");
}

#[test]
fn each_issuer_speaks_of_the_repositories_of_its_own_forge() {
    for (issuer, forge) in [
        ("https://token.actions.githubusercontent.com", "github.com"),
        ("https://token.actions.githubusercontent.com/acme", "github.com"),
        ("https://token.actions.acme.ghe.com", "acme.ghe.com"),
        ("https://git.acme.example/_services/token", "git.acme.example"),
        ("https://token.actions.evil.example", "token.actions.evil.example"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
    ] {
        assert_eq!(forge_of(issuer), forge, "{issuer}");
    }
}

#[test]
fn rubbish_is_neither_a_token_nor_a_list_of_keys() {
    for rubbish in ["", ".", "..", "a.b", "a.b.c", "e30.e30.e30", "plb_pat_x", "a.b.c.d", "\u{0}.\u{0}.\u{0}"] {
        assert!(Shown::read(rubbish).is_err(), "{rubbish}");
    }
    for rubbish in ["", "{}", "[]", "{\"keys\": 1}", "{\"keys\": []}", "{\"keys\": [1, null, {}, {\"kid\": \"a\"}]}"] {
        assert_eq!(Keys::read(rubbish.as_bytes()), None, "{rubbish}");
    }
    assert!(looks_like_one("e30.e30.") && !looks_like_one("plb_pat_x") && !looks_like_one("a.b.c d"));
}
