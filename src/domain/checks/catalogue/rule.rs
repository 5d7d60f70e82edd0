//! What a tool's rules mean, and where they are explained: patterns of their names, of which the first that matches counts.

use crate::domain::issues::finding::{Kind, Severity};

/// A name in which `*` stands for anything, and `#` at its end for one digit and more: `S#` is `S101` and not `SIM101`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(pub String);

impl Pattern {
    /// Whether a rule's name is of this form.
    pub fn matches(&self, rule: &str) -> bool {
        if let Some(head) = self.0.strip_suffix('#') {
            let digits = rule.strip_prefix(head);
            return digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
        }
        let Some((head, tail)) = self.0.split_once('*') else { return self.0 == rule };
        let Some(mut rest) = rule.strip_prefix(head) else { return false };
        let mut parts: Vec<&str> = tail.split('*').collect();
        let last = parts.pop().unwrap_or_default();
        for part in parts {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

/// What rules of these names mean in our words; `None` leaves what the tool said.
#[derive(Debug)]
pub struct Meaning {
    /// The names.
    pub rules: Vec<Pattern>,
    /// What sort of shortcoming.
    pub kind: Option<Kind>,
    /// How much it matters.
    pub severity: Option<Severity>,
}

impl Meaning {
    /// Whether it speaks of this rule.
    pub fn is_of(&self, rule: &str) -> bool {
        self.rules.iter().any(|pattern| pattern.matches(rule))
    }
}

/// Where rules of these names are explained.
#[derive(Debug)]
pub struct Link {
    /// The names.
    pub rules: Vec<Pattern>,
    /// An address with the rule's name in it, in one of the forms of [`FORMS`].
    pub address: String,
}

/// How a form stands in an address, and how a rule's name is written in it.
type Form = (&'static str, fn(&str) -> String);

/// The forms of a rule's name that an address may have.
pub const FORMS: [Form; 7] = [
    ("{rule}", str::to_owned),
    ("{rule:lower}", |rule| rule.to_lowercase()),
    ("{rule:snake}", |rule| rule.replace('-', "_")),
    // The last part of `lint/suspicious/noDebugger` and `clippy::len_zero`.
    ("{name}", |rule| name(rule).to_owned()),
    ("{name:kebab}", |rule| kebab(name(rule))),
    // `style` and `stylestringliterals` of `Style/StringLiterals`.
    ("{department}", |rule| rule.rsplit_once('/').map_or(rule, |(department, _)| department).to_lowercase().replace('/', "")),
    ("{anchor}", |rule| rule.to_lowercase().replace('/', "")),
];

impl Link {
    /// Whether it speaks of this rule.
    pub fn is_of(&self, rule: &str) -> bool {
        self.rules.iter().any(|pattern| pattern.matches(rule))
    }

    /// The address for this rule.
    pub fn to(&self, rule: &str) -> String {
        let mut address = self.address.clone();
        for (form, write) in FORMS {
            if address.contains(form) {
                address = address.replace(form, &encoded(&write(rule)));
            }
        }
        address
    }
}

fn name(rule: &str) -> &str {
    rule.rsplit(['/', ':']).next().unwrap_or(rule)
}

fn kebab(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// A name of strangers as part of an address.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        let matches = |pattern: &str, rule: &str| Pattern(pattern.to_owned()).matches(rule);
        assert!(
            matches("*", "")
                && matches("S*", "S101")
                && matches("a", "a")
                && matches("*-no-*", "color-no-invalid")
                && matches("a*b*c", "axxbxxc")
        );
        assert!(!matches("S", "S101") && !matches("S*", "E1") && !matches("*/*", "a") && !matches("a*a", "a") && !matches("", "a"));
    }

    #[test]
    fn a_number_stands_for_digits_alone() {
        let matches = |pattern: &str, rule: &str| Pattern(pattern.to_owned()).matches(rule);
        assert!(matches("S#", "S101") && matches("E9#", "E902") && matches("C90#", "C901"));
        assert!(
            !matches("S#", "SIM101") && !matches("S#", "S") && !matches("S#", "S10x") && !matches("E9#", "E9") && !matches("S#", "xS1")
        );
    }

    #[test]
    fn an_address_holds_the_name_in_its_form_and_nothing_else_of_it() {
        let to = |address: &str, rule: &str| Link { rules: Vec::new(), address: address.to_owned() }.to(rule);
        assert_eq!(to("x/{name:kebab}", "lint/suspicious/noDoubleEquals"), "x/no-double-equals");
        assert_eq!(to("x#{name}", "clippy::len_zero"), "x#len_zero");
        assert_eq!(to("cops_{department}.html#{anchor}", "Style/StringLiterals"), "cops_style.html#stylestringliterals");
        assert_eq!(to("x/{rule}", "a b?\"<"), "x/a%20b%3F%22%3C");
    }
}
