//! Words that travel: the closed sets of names (states, kinds, severities, scopes) that stand in JSON, in pages, in filters and on the
//! command line.
//!
//! One macro gives such an enum its text form, parsing, serde and the list for the `OpenAPI` document, so that no two places can spell a
//! word differently. In postcard a word is its variant's number: variants are only ever appended.

/// A word that is not one of those expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not a {what}; expected one of: {expected}")]
pub struct UnknownWord {
    /// What was given.
    pub input: String,
    /// What kind of word was looked for.
    pub what: &'static str,
    /// The words there are, separated by commas.
    pub expected: String,
}

/// Declares an enum of words.
///
/// ```
/// plumbline::words! {
///     /// How loud.
///     pub enum Volume: "volume" {
///         /// Hardly heard.
///         Quiet = "quiet",
///         /// Heard next door.
///         Loud = "loud",
///     }
/// }
/// assert_eq!("loud".parse::<Volume>().unwrap(), Volume::Loud);
/// assert_eq!(Volume::Quiet.to_string(), "quiet");
/// assert!("deafening".parse::<Volume>().unwrap_err().to_string().contains("quiet, loud"));
/// ```
#[macro_export]
macro_rules! words {
    ($(#[$meta:meta])* $vis:vis enum $name:ident: $what:literal {
        $($(#[$variant_meta:meta])* $variant:ident = $word:literal),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        $vis enum $name {
            $($(#[$variant_meta])* #[serde(rename = $word)] $variant),+
        }

        impl $name {
            /// Every word of the set, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word as it travels.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::base::word::UnknownWord;

            fn from_str(input: &str) -> std::result::Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|word| word.as_str() == input).ok_or_else(|| $crate::base::word::UnknownWord {
                    input: $crate::base::text::clip(input, 80).into_owned(),
                    what: $what,
                    expected: Self::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}
