//! Stylesheet, scripts and icons: in the binary, under addresses that change with what they hold.
//!
//! All of them share one hash, as a folder: `/assets/<hash>/app/main.js`. So a module's `import "./live.js"` resolves to the same
//! version without any rewriting, a page and its files never come from two builds, and whatever is served there may be cached forever.
//! There are so few of them that changing one costs a browser some twenty kilobytes.

use std::borrow::Cow;
use std::sync::LazyLock;

use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

#[derive(RustEmbed)]
#[folder = "assets/style"]
#[prefix = "style/"]
struct Style;

#[derive(RustEmbed)]
#[folder = "assets/app"]
#[prefix = "app/"]
struct App;

#[derive(RustEmbed)]
#[folder = "assets/icons"]
#[prefix = "icons/"]
struct Icons;

/// What an asset's response says about caching: its address changes when it does.
pub const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// What pages may load and do: files of our own, and nothing inline. For the `Content-Security-Policy` header of every page.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";

/// One file of the browser UI.
#[derive(Debug, Clone)]
pub struct Asset {
    /// Its bytes.
    pub bytes: Cow<'static, [u8]>,
    /// Its media type.
    pub mime: &'static str,
    /// Its strong entity tag, in quotes.
    pub etag: String,
}

/// The version of all files: a constant of the build, computed when it is first asked for.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for name in names() {
        if let Some(bytes) = read(&name) {
            hash.update((name.len() as u64).to_be_bytes());
            hash.update(&name);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(&bytes);
        }
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
});

/// The address of a file: `url("app/main.js")`.
pub fn url(name: &str) -> String {
    format!("/assets/{}/{name}", *VERSION)
}

/// The file at `path`, which is what follows `/assets/` in an address. A version that is not this build's has no files.
pub fn find(path: &str) -> Option<Asset> {
    let (version, name) = path.split_once('/')?;
    if version != *VERSION {
        return None;
    }
    get(name)
}

/// The file of this name: `get("icons/favicon.svg")`.
pub fn get(name: &str) -> Option<Asset> {
    let mime = match name.rsplit_once('.')?.1 {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    };
    Some(Asset { bytes: read(name)?, mime, etag: format!("\"{}\"", *VERSION) })
}

/// The stylesheet without what only its readers need: comments, indentation, spaces that part nothing.
fn squeezed(css: &str) -> String {
    let mut kept = String::with_capacity(css.len());
    let mut rest = css;
    while let Some((before, comment)) = rest.split_once("/*") {
        kept.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    let mut out: String = kept.lines().map(str::trim).filter(|line| !line.is_empty()).flat_map(|line| [line, "\n"]).collect();
    for (long, short) in [(": ", ":"), ("; ", ";"), (", ", ","), (" {", "{"), ("{ ", "{"), (" }", "}"), (";}", "}"), (" > ", ">")] {
        out = out.replace(long, short);
    }
    out
}

/// The names of all files, ascending.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = Style::iter().chain(App::iter()).chain(Icons::iter()).map(Cow::into_owned).collect();
    names.sort();
    names
}

fn read(name: &str) -> Option<Cow<'static, [u8]>> {
    if let Some(style) = Style::get(name) {
        return Some(squeezed(&String::from_utf8_lossy(&style.data)).into_bytes().into());
    }
    App::get(name).or_else(|| Icons::get(name)).map(|file| file.data)
}

#[cfg(test)]
mod tests;
