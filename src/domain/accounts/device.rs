//! What a browser calls itself, in a few words.
//!
//! The whole of it is long, says little to people, and is whatever its sender likes; so it is read once, when a session begins, and two
//! words out of our own lists are kept. That also tells a cookie that was carried to another browser: the session was begun by Firefox
//! on Linux, and here comes Chrome on Windows. Versions are not kept, so an update is no other browser.

/// Browsers by a part of what they say; the first that fits, since many say that they are others as well.
const BROWSERS: &[(&str, &str)] = &[
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Safari/", "Safari"),
];
/// Systems by a part of what browsers on them say.
const SYSTEMS: &[(&str, &str)] = &[
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
    ("FreeBSD", "FreeBSD"),
];
/// Programs that people sign in with as well.
const PROGRAMS: &[(&str, &str)] = &[("curl/", "curl"), ("Wget/", "wget"), ("python-requests/", "Python"), ("PlumblineCLI/", "plumbline")];

/// The browser and its system: `Firefox on Linux`; `a browser` where it does not say.
pub fn describe(agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| known.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name);
    match (first(PROGRAMS).or_else(|| first(BROWSERS)), first(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "a browser".to_owned(),
    }
}

/// Whether a session that `begun` began can be the one that now calls itself `agent`. What did not say what it was may be anything.
pub fn is_same(begun: &str, agent: &str) -> bool {
    !begun.contains(" on ") || begun == describe(agent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
    const EDGE: &str =
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0";
    const PHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";

    #[test]
    fn a_browser_is_named_by_what_it_is_and_not_by_what_it_is_like() {
        let named = [FIREFOX, CHROME, EDGE, PHONE, "curl/8.5.0", "", "\u{1b}[2J<script>"].map(describe);
        assert_eq!(
            named,
            ["Firefox on Linux", "Chrome on Windows", "Edge on Windows", "Safari on iPhone", "curl", "a browser", "a browser"]
        );
    }

    #[test]
    fn another_browser_is_told_and_an_update_is_none() {
        let begun = describe(FIREFOX);
        assert!(is_same(&begun, &FIREFOX.replace("140", "152")));
        assert!(!is_same(&begun, CHROME) && !is_same(&begun, ""));
        assert!(is_same(&describe("curl/8.5.0"), CHROME) && is_same("a browser", CHROME));
    }
}
