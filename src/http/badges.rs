//! Badges: a word and a figure as SVG, for READMEs.
//!
//! They are open to everybody, so they say nothing of a private repository: to whoever has neither its badge key nor a right to see it,
//! it is `unknown`, and so is one that is not there.
//!
//! A README is mostly read through somebody's cache of images, GitHub's among them. Such a cache may keep a badge and must ask each time
//! whether it is still right; the `ETag` makes that cheap. What a session may see and a stranger may not is kept by no shared cache.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::error::ApiError;
use super::extract::{Params, Permit, Query};
use crate::app::App;
use crate::base::event::Verdict;
use crate::base::name::RepoSlug;
use crate::base::text::{clip, thousands};
use crate::domain::accounts::{self, Permission, Resource};
use crate::domain::repos::{self, Repository};
use crate::domain::{checks, issues};
use crate::engine::store::ReadTx;

/// How a badge is to look.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct BadgeQuery {
    /// The branch; the default one unless said.
    pub branch: Option<String>,
    /// The word on the left.
    pub label: Option<String>,
    /// `flat` or `plastic`.
    pub style: Option<String>,
    /// The repository's badge key; without it, the badges of a private repository say `unknown`.
    pub key: Option<String>,
}

/// What a badge says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Badge {
    label: String,
    figure: String,
    colour: &'static str,
}

const GOOD: &str = "#1f7a4d";
const BAD: &str = "#b3261e";
const UNSURE: &str = "#8a5a00";
const UNKNOWN: &str = "#666e7b";

/// `GET /badges/{owner}/{name}/{badge}`.
pub async fn show(State(app): State<App>, permit: Permit, params: Params, Query(query): Query<BadgeQuery>) -> Result<Response, ApiError> {
    let named = params.text("badge");
    let Some(what) = named.strip_suffix(".svg").filter(|what| matches!(*what, "issues" | "gate" | "coverage" | "deploys")) else {
        return Err(ApiError::new(super::code::Code::NotFound, "there are badges issues.svg, gate.svg, coverage.svg and deploys.svg"));
    };
    let (what, slug, branch) = (what.to_owned(), params.slug(), query.branch.clone());
    let label = query.label.as_deref().filter(|label| !label.is_empty()).map_or_else(|| what.clone(), |label| clip(label, 60).into_owned());
    let key = query.key.clone().unwrap_or_default();
    let (figure, access) = app
        .read(move |tx, _| -> Result<_, ApiError> {
            let Some((repo, access)) = open(tx, &permit, slug.ok().as_ref(), &key)? else { return Ok((None, Access::Open)) };
            Ok((figure(tx, &repo, &what, branch.as_deref())?, access))
        })
        .await?;
    let (figure, colour) = figure.unwrap_or(("unknown".to_owned(), UNKNOWN));
    let svg = render(&Badge { label, figure, colour }, query.style.as_deref() == Some("plastic"));
    let caching = match access {
        Access::Open => "no-cache, max-age=0",
        Access::Personal => "private, no-cache",
    };
    let headers = [(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, caching)];
    Ok((headers, svg).into_response())
}

/// By what somebody sees a badge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// It is everybody's, or the address has its key.
    Open,
    /// It is theirs to see.
    Personal,
}

/// The repository whose badge is asked for, if it may be shown.
fn open(tx: &ReadTx, permit: &Permit, slug: Option<&RepoSlug>, key: &str) -> Result<Option<(Repository, Access)>, ApiError> {
    let Some(slug) = slug else { return Ok(None) };
    let repo = match repos::find(tx, slug) {
        Ok(repo) => repo,
        // Pages elsewhere show a badge by the name that the repository had when they were written.
        Err(repos::Error::NotFound { .. }) => match repos::formerly(tx, slug)? {
            Some(repo) => repo,
            None => return Ok(None),
        },
        Err(error) => return Err(error.into()),
    };
    if !repo.is_private || repo.badge_key.is(key) {
        return Ok(Some((repo, Access::Open)));
    }
    match permit.caller.may(tx, Permission::RepoRead, Resource::Repository(repo.id)) {
        Ok(()) => Ok(Some((repo, Access::Personal))),
        Err(accounts::Error::Refused(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What a badge says of a branch, and in which colour; `None` where that is not known.
fn figure(tx: &ReadTx, repo: &Repository, what: &str, branch: Option<&str>) -> Result<Option<(String, &'static str)>, ApiError> {
    let branch = match branch.filter(|branch| !branch.is_empty()) {
        None => repos::default_branch(tx, repo)?,
        Some(name) => match name.parse().map(|name| repos::branch(tx, repo, &name)) {
            Ok(Ok(branch)) => Some(branch),
            Err(_) | Ok(Err(repos::Error::BranchNotFound { .. })) => None,
            Ok(Err(error)) => return Err(error.into()),
        },
    };
    let Some(branch) = branch else { return Ok(None) };
    Ok(match what {
        "issues" => issues::latest(tx, repo.id, branch.head)?.map(|standing| {
            let open = standing.counts.open;
            (format!("{} open", thousands(open)), if open == 0 { GOOD } else { UNSURE })
        }),
        "gate" => checks::look(tx, repo.id, branch.head)?.map(|set| match set.verdict {
            Verdict::Success => ("holds".to_owned(), GOOD),
            Verdict::Failure => ("fails".to_owned(), BAD),
            Verdict::Error => ("cannot tell".to_owned(), UNSURE),
            Verdict::Pending => ("running".to_owned(), UNKNOWN),
        }),
        // Coverage and deployments are not measured yet.
        _ => None,
    })
}

/// About how wide a text is in 11 px of a common sans serif.
fn width(text: &str) -> usize {
    let tenths: usize = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | '.' | ',' | ':' | '\'' | '!' | '|' => 35,
            'f' | 'r' | 't' | ' ' | '-' | '(' | ')' => 43,
            'm' | 'w' | 'M' | 'W' | '%' | '@' => 95,
            'A'..='Z' => 76,
            c if c.is_ascii() => 65,
            _ => 110,
        })
        .sum();
    tenths.div_ceil(10) + 10
}

fn escape(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .collect::<String>()
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

fn render(badge: &Badge, plastic: bool) -> String {
    let (left, right) = (width(&badge.label), width(&badge.figure));
    let (label, figure, colour, total) = (escape(&badge.label), escape(&badge.figure), badge.colour, left + right);
    let (middle_left, middle_right) = (left / 2, left + right / 2);
    let shine = if plastic {
        format!(
            "<linearGradient id=\"s\" x2=\"0\" y2=\"100%\"><stop offset=\"0\" stop-color=\"#fff\" stop-opacity=\".35\"/><stop offset=\"1\" stop-opacity=\".25\"/></linearGradient><rect width=\"{total}\" height=\"20\" rx=\"4\" fill=\"url(#s)\"/>"
        )
    } else {
        String::new()
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{total}\" height=\"20\" role=\"img\" aria-label=\"{label}: {figure}\">\
         <title>{label}: {figure}</title>\
         <clipPath id=\"c\"><rect width=\"{total}\" height=\"20\" rx=\"4\"/></clipPath>\
         <g clip-path=\"url(#c)\"><rect width=\"{left}\" height=\"20\" fill=\"#1d2127\"/>\
         <rect x=\"{left}\" width=\"{right}\" height=\"20\" fill=\"{colour}\"/></g>{shine}\
         <g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">\
         <text x=\"{middle_left}\" y=\"14\">{label}</text><text x=\"{middle_right}\" y=\"14\">{figure}</text></g></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badge_is_well_formed_whatever_its_label_says() {
        let svg = render(&Badge { label: "<b>\"&\u{7}".to_owned(), figure: "1,204 open".to_owned(), colour: BAD }, true);
        let mut reader = quick_xml::Reader::from_str(&svg);
        while reader.read_event().unwrap() != quick_xml::events::Event::Eof {}
        assert!(svg.contains("&lt;b&gt;&quot;&amp;: 1,204 open"));
    }
}
