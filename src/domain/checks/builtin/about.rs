//! What the built-in checks do, for people.

/// A built-in check's title and what it does, in a sentence; its name where nothing is said of it.
pub fn about(name: &'static str) -> (&'static str, &'static str) {
    match name {
        "hygiene" => (
            "Hygiene",
            "Finds what is wrong in any repository: conflict markers, JSON, YAML, TOML and XML that do not parse, paths that collide, links that lead nowhere.",
        ),
        "secrets" => ("Secrets", "Finds keys, tokens and passwords that let somebody in."),
        "duplication" => ("Duplication", "Finds code that stands in two places, token by token, in any language."),
        "complexity" => ("Complexity", "Finds functions that are hard to follow, by their cognitive complexity."),
        "todo" => ("Things to do", "Finds what comments leave to be done, and says since when."),
        "large" => (
            "Large files",
            "Finds files of a size to ask about: archives, bundles, compiled and generated files, and what a build leaves behind.",
        ),
        "licenses" => {
            ("Licenses", "Says whether the repository states its license, states one that exists, and states the same one everywhere.")
        }
        _ => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_said_of_every_built_in_check() {
        for builtin in super::super::all() {
            assert!(!about(builtin.name()).1.is_empty(), "{}", builtin.name());
        }
    }
}
