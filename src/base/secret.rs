//! Plain secrets in memory: never printed, wiped when dropped.

use serde::{Deserialize, Deserializer};
use zeroize::Zeroize;

/// A secret value. `Debug` prints `[redacted]`, there is no `Display`, and the memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes charge of a plain value.
    pub fn new(value: T) -> Secret<T> {
        Secret(value)
    }

    /// The plain value. The call is the place a reviewer looks at.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> std::fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// One that is sent in. Why it cannot be read is said without what was sent, which may be the secret in another form.
impl<'de> Deserialize<'de> for Secret<String> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
        String::deserialize(deserializer).map(Secret).map_err(|_| serde::de::Error::custom("it is not a text"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".to_owned())), "[redacted]");
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_not_repeated() {
        assert_eq!(serde_json::from_str::<Secret<String>>("\"hunter2\"").unwrap().expose(), "hunter2");
        for sent in ["12345678", "[\"hunter2\"]", "true", "{\"hunter2\": 1}"] {
            let error = serde_json::from_str::<Secret<String>>(sent).unwrap_err().to_string();
            assert!(error.starts_with("it is not a text"), "{error}");
        }
    }
}
