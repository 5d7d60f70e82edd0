//! What must be shown: the App's statement, held against its key, and tokens of installations.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use plumbline::base::time::Timestamp;
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::Value;

use super::{APP_ID, KEY, State};

/// Whether a header shows that it is the App, by the rules that GitHub has for its statement.
pub(super) fn is_app(header: &str, now: Timestamp) -> bool {
    let read = || -> Option<bool> {
        let text = header.strip_prefix("Bearer ")?;
        let (said, signature) = text.rsplit_once('.')?;
        let digits: String = KEY.lines().filter(|line| !line.starts_with("-----")).collect();
        let pair = RsaKeyPair::from_der(&STANDARD.decode(digits).ok()?).ok()?;
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref().to_vec());
        public.verify(said.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
        let (head, claims) = said.split_once('.')?;
        let part = |text: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
        let (head, claims) = (part(head)?, part(claims)?);
        let app_id = APP_ID.to_string();
        let (from, to) = (claims["iat"].as_i64()?, claims["exp"].as_i64()?);
        let now = now.as_millis() / 1_000;
        Some(head["alg"] == "RS256" && claims["iss"].as_str() == Some(&app_id) && from <= now && now < to && to - from <= 600)
    };
    read().unwrap_or(false)
}

impl State {
    /// The installation of a token, if it is good.
    pub(super) fn installation_of(&self, token: &str) -> Option<u64> {
        self.tokens.get(token).filter(|token| self.now < token.expires_at).map(|token| token.installation)
    }

    /// The installation that a header of the interface shows.
    pub(super) fn shown(&self, header: &str) -> Option<u64> {
        self.installation_of(header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("token "))?)
    }

    /// The installation that git shows.
    pub(super) fn shown_by_git(&self, header: &str) -> Option<u64> {
        let plain = String::from_utf8(STANDARD.decode(header.strip_prefix("Basic ")?).ok()?).ok()?;
        self.installation_of(plain.strip_prefix("x-access-token:")?)
    }
}
