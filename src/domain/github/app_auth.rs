//! Showing GitHub that it is our App that asks: a statement signed with the App's key (RFC 7519, RS256), good for some minutes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use zeroize::Zeroizing;

use super::{Error, Result};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;

/// How far a statement is dated back, in seconds: GitHub's clock may be behind ours.
const BEFORE: i64 = 60;
/// For how long a statement is good, in seconds; GitHub takes none that is good for more than ten minutes.
const GOOD_FOR: i64 = 480;

/// States that the App asks, signed with its key.
pub(super) fn statement(app_id: u64, key: &Secret<String>, now: Timestamp) -> Result<Secret<String>> {
    let pair = pair(key)?;
    let seconds = now.as_millis() / 1_000;
    let claims = format!(r#"{{"iat":{},"exp":{},"iss":"{app_id}"}}"#, seconds - BEFORE, seconds + GOOD_FOR);
    let mut text = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#), URL_SAFE_NO_PAD.encode(claims));
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_| Error::BadKey { why: "nothing can be signed with it" })?;
    text.push('.');
    text.push_str(&URL_SAFE_NO_PAD.encode(signature));
    Ok(Secret::new(text))
}

/// Looks whether a text is a key that an App can sign with.
pub fn check_key(key: &Secret<String>) -> Result<()> {
    pair(key).map(drop)
}

/// The key of a text: PKCS#1, as GitHub hands it out, or PKCS#8.
fn pair(key: &Secret<String>) -> Result<RsaKeyPair> {
    let bad = |why| Error::BadKey { why };
    let no_key = || bad("it is no private key in PEM, as GitHub hands it out");
    let mut lines = key.expose().lines().map(str::trim).skip_while(|line| !line.starts_with("-----BEGIN "));
    let first = lines.next().ok_or_else(no_key)?;
    let digits: Zeroizing<String> = Zeroizing::new(lines.take_while(|line| !line.starts_with("-----END ")).collect());
    let der = Zeroizing::new(STANDARD.decode(digits.as_bytes()).map_err(|_| no_key())?);
    match first {
        "-----BEGIN RSA PRIVATE KEY-----" => RsaKeyPair::from_der(&der),
        "-----BEGIN PRIVATE KEY-----" => RsaKeyPair::from_pkcs8(&der),
        _ => return Err(no_key()),
    }
    .map_err(|_| bad("it is no RSA key of 2,048 bits or more"))
}

#[cfg(test)]
mod tests {
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    const KEY: &str = include_str!("../../../tests/fixtures/github/app.pem");

    #[test]
    fn a_statement_is_signed_with_the_key_and_good_for_some_minutes() {
        let key = Secret::new(KEY.to_owned());
        let now = Timestamp::from_seconds(1_700_000_000);
        let text = statement(7, &key, now).unwrap();
        let (said, signature) = text.expose().rsplit_once('.').unwrap();
        let public = pair(&key).unwrap();
        let public: Vec<u8> = public.public().as_ref().to_vec();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public).verify(said.as_bytes(), &signature).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(said.split_once('.').unwrap().1).unwrap()).unwrap();
        assert_eq!(claims, serde_json::json!({"iat": 1_699_999_940, "exp": 1_700_000_480, "iss": "7"}));
    }

    #[test]
    fn what_is_no_key_is_told_without_what_it_is() {
        for bad in
            ["", "hunter2", "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----\n"]
        {
            let error = check_key(&Secret::new(bad.to_owned())).unwrap_err().to_string();
            assert!(error.starts_with("the App's private key cannot be used: ") && !error.contains("hunter2"), "{error}");
        }
    }
}
