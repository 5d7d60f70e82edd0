//! Issues over REST.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::code::Code;
use super::error::ApiError;
use super::extract::{Asked, Format, Paging, Params, Permit, Query};
use super::faults::Faults;
use super::page::List;
use super::repos::repo_and_commit;
use crate::app::App;
use crate::base::id::IssueId;
use crate::base::name::{CommitSha, TreePath};
use crate::base::page::{Cursor, ListMark, Page};
use crate::base::time::Timestamp;
use crate::domain::checks;
use crate::domain::issues::finding::{Kind, Severity};
use crate::domain::issues::issue::IssueState;
use crate::domain::issues::list::{AtCommit, Filter, Listed, Listing, Sort};
use crate::domain::issues::{self, Issue};
use crate::domain::repos::Repository;
use crate::engine::store::ReadTx;

/// An issue, as it stands at a commit or, asked for by its id, where it was last seen.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IssueView {
    /// Its identity.
    pub id: IssueId,
    /// `owner/name`.
    pub repo: String,
    /// The plugin or tool that found it.
    pub source: String,
    /// The rule that speaks.
    pub rule: String,
    /// What sort of shortcoming.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The file.
    pub path: TreePath,
    /// The first line; null speaks of the whole file.
    pub line_start: Option<u32>,
    /// The last line.
    pub line_end: Option<u32>,
    /// The first column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column_start: Option<u32>,
    /// How it stands.
    pub state: IssueState,
    /// Whether it is there and was not in the base.
    pub is_new: bool,
    /// Where and when it was first seen.
    pub first_seen: SightingView,
    /// Who wrote the commit it was first seen in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Why it is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignored: Option<IgnoredView>,
    /// The line it stands at, trimmed; a secret in it is covered, by `••••••••` whatever its length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
}

/// A commit and an instant.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SightingView {
    /// The commit.
    pub sha: CommitSha,
    /// When it was seen.
    pub at: Timestamp,
}

/// Why an issue is ignored.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IgnoredView {
    /// `commit` or `repository`.
    pub scope: String,
    /// The reason that was given.
    pub reason: String,
    /// Whose decision it was.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Until when; null is for good.
    pub until: Option<Timestamp>,
}

/// One turn in the life of an issue.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TurnView {
    /// `first_seen`, `moved`, `fixed`, `reopened`, `ignored` or `unignored`.
    pub what: String,
    /// The commit it was seen at, where one is the cause.
    pub sha: Option<CommitSha>,
    /// When.
    pub at: Timestamp,
    /// What is to be added, such as the path it moved from.
    pub note: Option<String>,
}

/// How many of the found issues have each word: facet → word → count.
pub type FacetsView = BTreeMap<String, BTreeMap<String, u64>>;

/// An issue and its life.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IssueLifeView {
    /// The issue.
    #[serde(flatten)]
    pub issue: IssueView,
    /// Its life, oldest first.
    pub history: Vec<TurnView>,
}

/// A page of a commit's issues.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IssuesView {
    /// The issues.
    pub items: Vec<IssueView>,
    /// Where the next page begins; null at the end.
    #[schema(value_type = Option<String>)]
    pub next: Option<Cursor>,
    /// How many there are in all pages.
    pub total: u64,
    /// For each facet, how many issues have each of its words.
    pub facets: FacetsView,
}

/// How many words of `q` are looked for.
const MOST_WORDS: usize = 20;

/// Which issues of a commit are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct ListQuery {
    /// How they stand: new, open, fixed, ignored; several with commas. Those that are there unless said.
    pub state: Option<String>,
    /// Their kind; several with commas.
    pub kind: Option<String>,
    /// Their severity; several with commas.
    pub severity: Option<String>,
    /// What found them; several with commas.
    pub source: Option<String>,
    /// Their file, as a glob.
    pub path: Option<String>,
    /// Words in message, rule or path, all of them; 20 at most.
    pub q: Option<String>,
    /// `default` (new ones first), `severity`, `path` or `rule`.
    pub sort: Option<String>,
    /// How many at a time.
    pub limit: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// `json` or `csv`.
    pub format: Option<String>,
}

/// A query that was understood.
#[derive(Debug, Clone)]
pub struct Wanted {
    filter: Filter,
    sort: Sort,
    asked: Asked,
    /// The list of this filter and order, of any commit.
    list: ListMark,
}

impl ListQuery {
    /// `?limit=`, `?cursor=` and `?format=` of it.
    pub fn paging(&self) -> Paging {
        Paging { limit: self.limit.clone(), cursor: self.cursor.clone(), format: self.format.clone() }
    }

    /// The filter, the order and the page that it asks for; every part that is bad is named.
    pub fn wanted(&self) -> Result<Wanted, ApiError> {
        let mut faults = Faults::default();
        let filter = Filter {
            states: words("state", self.state.as_deref(), &mut faults),
            kinds: words("kind", self.kind.as_deref(), &mut faults),
            severities: words("severity", self.severity.as_deref(), &mut faults),
            sources: words::<String>("source", self.source.as_deref(), &mut faults),
            path: faults.take(self.glob()).flatten(),
            words: faults.take(self.words()).unwrap_or_default(),
        };
        let sort = faults.take(self.sort()).unwrap_or(Sort::Default);
        let asked = self.paging().read_with(&mut faults);
        faults.none_or_error()?;
        let parts = [&self.state, &self.kind, &self.severity, &self.source, &self.path, &self.q, &self.sort];
        let list = parts.into_iter().fold(ListMark::of("issues"), |list, part| list.by(part.as_deref().unwrap_or("")));
        Ok(Wanted { filter, sort, asked, list })
    }

    fn words(&self) -> Result<Vec<String>, ApiError> {
        let words: Vec<String> = self.q.as_deref().unwrap_or("").split_whitespace().take(MOST_WORDS + 1).map(str::to_owned).collect();
        if words.len() > MOST_WORDS {
            return Err(ApiError::field(Code::InvalidParameter, "q", format!("more than {MOST_WORDS} words")));
        }
        Ok(words)
    }

    fn glob(&self) -> Result<Option<globset::GlobMatcher>, ApiError> {
        let bad = |why: String| ApiError::field(Code::InvalidParameter, "path", why);
        match self.path.as_deref().filter(|path| !path.is_empty()) {
            Some(path) if path.len() > 500 => Err(bad("longer than 500 bytes".to_owned())),
            Some(path) => {
                let glob = globset::GlobBuilder::new(path).literal_separator(true).build();
                Ok(Some(glob.map_err(|error| bad(error.to_string()))?.compile_matcher()))
            }
            None => Ok(None),
        }
    }

    fn sort(&self) -> Result<Sort, ApiError> {
        match self.sort.as_deref().filter(|sort| !sort.is_empty()) {
            Some(sort) => sort.parse().map_err(|error| ApiError::field(Code::InvalidParameter, "sort", error)),
            None => Ok(Sort::Default),
        }
    }
}

fn words<T: std::str::FromStr<Err: std::fmt::Display>>(name: &str, text: Option<&str>, faults: &mut Faults) -> Vec<T> {
    let parts = text.unwrap_or("").split(',').map(str::trim).filter(|part| !part.is_empty());
    let read = |part: &str| part.parse().map_err(|error| ApiError::field(Code::InvalidParameter, name, error));
    parts.filter_map(|part| faults.take(read(part))).collect()
}

/// An issue as a commit has it.
pub fn listed_view(repo: &Repository, listed: Listed) -> IssueView {
    let Listed { standee, state, is_new, first_seen, author } = listed;
    let occurrence = standee.occurrence;
    IssueView {
        id: occurrence.issue,
        repo: repo.slug.to_string(),
        source: standee.source,
        rule: occurrence.rule,
        kind: occurrence.kind,
        severity: occurrence.severity,
        message: occurrence.message,
        path: standee.path,
        line_start: occurrence.span.map(|span| span.line_start),
        line_end: occurrence.span.map(|span| span.line_end),
        column_start: occurrence.span.and_then(|span| span.column_start),
        state,
        is_new,
        first_seen: SightingView { sha: first_seen.sha, at: first_seen.at },
        author,
        ignored: None,
        snippet: occurrence.excerpt,
    }
}

/// An issue where it was last seen.
pub fn issue_view(slug: &str, issue: &Issue) -> IssueView {
    IssueView {
        id: issue.id,
        repo: slug.to_owned(),
        source: issue.source.clone(),
        rule: issue.rule.clone(),
        kind: issue.kind,
        severity: issue.severity,
        message: issue.message.clone(),
        path: issue.path.clone(),
        line_start: issue.span.map(|span| span.line_start),
        line_end: issue.span.map(|span| span.line_end),
        column_start: issue.span.and_then(|span| span.column_start),
        state: issue.state,
        is_new: issue.is_new,
        first_seen: SightingView { sha: issue.first_seen.sha, at: issue.first_seen.at },
        author: issue.author.clone(),
        ignored: None,
        snippet: issue.excerpt.clone(),
    }
}

/// The issues of a commit as they are asked for.
pub async fn listing(app: &App, repo: &Repository, sha: CommitSha, wanted: Wanted) -> Result<IssuesView, ApiError> {
    let repo = repo.clone();
    app.read(move |tx, _| {
        let standing = issues::standing(tx, repo.id, sha)?.ok_or(issues::Error::NotAnalysed { sha })?;
        page(tx, &repo, &AtCommit::read(tx, &standing)?, &wanted)
    })
    .await
}

/// A page of issues that were read.
pub fn page(tx: &ReadTx, repo: &Repository, issues: &AtCommit, wanted: &Wanted) -> Result<IssuesView, ApiError> {
    let list = wanted.list.by(repo.id).by(issues.sha());
    let cursor = wanted.asked.cursor.clone().map(|cursor| cursor.unmarked(list)).transpose()?;
    let Listing { items, next, total, facets } = issues.list(tx, &wanted.filter, wanted.sort, cursor.as_ref(), wanted.asked.limit)?;
    let next = next.map(|next| next.marked(list));
    let items = items.into_iter().map(|listed| listed_view(repo, listed)).collect();
    Ok(IssuesView { items, next, total, facets: facets.into_iter().map(|(facet, counts)| (facet.to_owned(), counts)).collect() })
}

/// `GET …/commits/{sha}/issues`.
pub async fn list(State(app): State<App>, permit: Permit, params: Params, Query(query): Query<ListQuery>) -> Result<Response, ApiError> {
    let (repo, commit) = repo_and_commit(&app, &permit, &params).await?;
    let wanted = query.wanted()?;
    let format = wanted.asked.format;
    let view = listing(&app, &repo, commit.sha, wanted).await?;
    match format {
        Format::Json => Ok(Json(view).into_response()),
        Format::Csv => Ok(List::of(Page { items: view.items, next: view.next }, format)?.into_response()),
    }
}

/// `GET …/commits/{sha}/issues.sarif`.
pub async fn sarif(State(app): State<App>, permit: Permit, params: Params) -> Result<Response, ApiError> {
    let (repo, commit) = repo_and_commit(&app, &permit, &params).await?;
    let (standees, checks) = app
        .read(move |tx, _| -> Result<_, ApiError> {
            Ok((issues::list::all(tx, repo.id, commit.sha)?, checks::look(tx, repo.id, commit.sha)?))
        })
        .await?;
    let body = super::sarif::document(&standees, checks.as_ref());
    Ok(([(header::CONTENT_TYPE, "application/sarif+json")], body.to_string()).into_response())
}

/// `GET /api/v1/issues/{id}`.
pub async fn find(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<IssueLifeView>, ApiError> {
    let id: IssueId = params.get("id")?;
    let (_, view) = life(&app, &permit, id).await?;
    Ok(Json(view))
}

/// An issue with its life and its repository, if the caller may see that.
pub async fn life(app: &App, permit: &Permit, id: IssueId) -> Result<(Repository, IssueLifeView), ApiError> {
    let permit = permit.clone();
    app.read(move |tx, _| -> Result<_, ApiError> {
        let (repo, issue) = permit.issue(tx, id)?;
        let history = issue.turns.iter().map(|turn| TurnView {
            what: turn.kind.to_string(),
            sha: Some(turn.seen.sha),
            at: turn.seen.at,
            note: turn.from.as_ref().map(|from| format!("from {from}")),
        });
        let view = IssueLifeView { history: history.collect(), issue: issue_view(&repo.slug.to_string(), &issue) };
        Ok((repo, view))
    })
    .await
}
