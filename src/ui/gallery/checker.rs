//! What every page must keep to: tags that balance, ids that are unique, nothing inline, nothing from elsewhere.

use std::collections::HashSet;

const VOID: [&str; 6] = ["meta", "link", "input", "img", "br", "hr"];

/// Elements of SVG that close themselves in their tag.
fn closes_itself(tag: &str) -> bool {
    tag.ends_with('/')
}

/// Fails the test with the page's name where the page does not keep to it.
pub fn check(name: &str, html: &str) {
    let mut open: Vec<String> = Vec::new();
    let mut ids = HashSet::new();
    let mut targets = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = end_of_tag(rest).unwrap_or_else(|| panic!("{name}: a tag does not end: {}", &rest[..rest.len().min(80)]));
        let (tag, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        if tag.starts_with('!') {
            continue;
        }
        if let Some(closing) = tag.strip_prefix('/') {
            let opened = open.pop();
            assert_eq!(
                opened.as_deref(),
                Some(closing),
                "{name}: </{closing}> closes the wrong element, before: {}",
                &rest[..rest.len().min(120)]
            );
            continue;
        }
        let element: String = tag.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
        assert!(!element.is_empty(), "{name}: `<{tag}>` is no tag");
        for (key, value) in attributes(name, &tag[element.len()..]) {
            assert!(key != "style" && !key.starts_with("on"), "{name}: <{element}> has an inline {key}");
            match key {
                "id" => assert!(ids.insert(value.to_owned()), "{name}: the id {value} is not unique"),
                "href" | "src" | "action" => {
                    // A link may lead elsewhere where it says that it does, and takes nothing along.
                    if element == "a" && value.starts_with("https://") && tag.contains("rel=\"noreferrer\"") {
                        continue;
                    }
                    // One form does: a browser brings GitHub what the App is to be.
                    if element == "form"
                        && name.starts_with("admin-github-new")
                        && value.starts_with("https://github.com/settings/apps/new?")
                    {
                        continue;
                    }
                    assert!(value.starts_with('/') || value.starts_with('#'), "{name}: <{element} {key}=\"{value}\"> leaves the server");
                    assert!(!value.starts_with("//"), "{name}: <{element} {key}=\"{value}\"> leaves the server");
                }
                "for" | "aria-labelledby" | "aria-describedby" | "popovertarget" | "data-filter" => targets.push(value.to_owned()),
                _ => {}
            }
        }
        assert!(element != "style" && element != "iframe", "{name}: <{element}>");
        assert!(element != "script" || tag.contains(" src="), "{name}: an inline script");
        if !VOID.contains(&element.as_str()) && !closes_itself(tag) {
            open.push(element);
        }
    }
    assert!(open.is_empty(), "{name}: never closed: {open:?}");
    for target in targets {
        assert!(ids.contains(&target), "{name}: nothing has the id {target}");
    }
}

fn end_of_tag(text: &str) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, c)| match c {
        '"' => {
            quoted = !quoted;
            None
        }
        '>' if !quoted => Some(at),
        _ => None,
    })
}

fn attributes<'a>(name: &str, text: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut found = Vec::new();
    let mut rest = text.trim_end_matches('/').trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let key = &rest[..end];
        assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == ':'), "{name}: `{key}` is no attribute, in {text}");
        match rest[end..].strip_prefix("=\"") {
            Some(value) => {
                let close = value.find('"').unwrap_or_else(|| panic!("{name}: {key} has no end"));
                found.push((key, &value[..close]));
                rest = value[close + 1..].trim_start();
            }
            None => {
                assert!(!rest[end..].starts_with('='), "{name}: {key} is not quoted");
                found.push((key, ""));
                rest = rest[end..].trim_start();
            }
        }
    }
    found
}
