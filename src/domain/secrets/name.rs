//! How secrets are called: as variables are, the same in any case of their letters.

use serde::{Deserialize, Serialize};

use super::record::Scope;
use crate::base::name::InvalidName;
use crate::base::text::clip;
use crate::words;

/// The longest name.
const NAME_BYTES: usize = 100;

/// The name of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretName(String);

impl SecretName {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is the same for all names that differ in case alone.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl std::fmt::Display for SecretName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

impl std::str::FromStr for SecretName {
    type Err = InvalidName;

    fn from_str(input: &str) -> Result<SecretName, InvalidName> {
        let is_good = (1..=NAME_BYTES).contains(&input.len())
            && input.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !input.starts_with(|c: char| c.is_ascii_digit());
        if is_good {
            return Ok(SecretName(input.to_owned()));
        }
        let why = "it has 1 to 100 letters, digits and `_`, and does not begin with a digit";
        Err(InvalidName { input: clip(input, 80).into_owned(), what: "name of a secret", why })
    }
}

words! {
    /// What would become of a name.
    pub enum NameState: "state of a name" {
        /// Nothing has it.
        Free = "free",
        /// The instance has a secret of that name, which this one would stand before.
        Overrides = "overrides",
        /// There is one already, which would be set anew.
        Taken = "taken",
        /// It cannot be a name.
        Invalid = "invalid",
    }
}

/// What would become of a name, and what is to be said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// What would become of it.
    pub state: NameState,
    /// A sentence for whoever types it.
    pub says: String,
}

impl Availability {
    pub(super) fn of(state: NameState, scope: Scope) -> Availability {
        let says = match (state, scope) {
            (NameState::Taken, _) => "There is one of this name; it gets this value.",
            (NameState::Overrides, _) => "The instance has one of this name; in this repository, this one takes its place.",
            (_, Scope::Instance) => "This name is free; a repository may set one of its own by it.",
            (_, Scope::Repository(_)) => "This name is free.",
        };
        Availability { state, says: says.to_owned() }
    }

    pub(super) fn invalid(invalid: &InvalidName) -> Availability {
        let says = format!("This cannot be a name: {}.", invalid.why);
        Availability { state: NameState::Invalid, says }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_a_variable_and_the_same_in_any_case() {
        let name = |text: &str| text.parse::<SecretName>();
        assert_eq!(name("Deploy_Key2").unwrap().folded(), name("DEPLOY_KEY2").unwrap().folded());
        assert_eq!(name("_x").unwrap().to_string(), "_x");
        for bad in ["", "2fa", "a-b", "a b", "ä", "a\n", "a/b", &"x".repeat(101)] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }
}
