//! The form that makes a token, on one's own page and on that of all tokens.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::base::time::Timestamp;
use crate::domain::accounts::TokenKind;
use crate::http::accounts::NewTokenBody;
use crate::http::parts::Parts;

/// The longest that a token may live by the form, in days.
const MOST_DAYS: u64 = 3_650;

/// What the form sends: its scopes are boxes that share a name.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct TokenForm(Vec<(String, String)>);

impl TokenForm {
    fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim())
    }

    /// The kind that was chosen; `None` if it is none.
    pub fn kind(&self) -> Option<TokenKind> {
        self.value("kind").parse().ok()
    }

    /// What was entered, as the API takes it.
    pub fn parts(&self, now: Timestamp) -> Parts<NewTokenBody> {
        let scopes: Vec<&String> = self.0.iter().filter(|(key, _)| key == "scope").map(|(_, value)| value).collect();
        let repos: Vec<&str> = self.value("repos").split([',', ' ']).filter(|part| !part.is_empty()).collect();
        // What is no number of days is handed on as it is, and refused as an instant: a token without an end was not asked for.
        let expires_at = match self.value("days") {
            "" => None,
            days => Some(match days.parse::<u64>().ok().filter(|days| (1..=MOST_DAYS).contains(days)) {
                Some(days) => (now + Duration::from_secs(days * 24 * 3_600)).to_string(),
                None => days.to_owned(),
            }),
        };
        let repos = (!self.value("repos").is_empty()).then_some(repos);
        Parts::of(json!({"name": self.value("name"), "scopes": scopes, "repos": repos, "expires_at": expires_at}))
    }
}
