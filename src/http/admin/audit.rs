//! The trail over REST: a page of it, and all of it as lines.

use std::convert::Infallible;
use std::str::FromStr;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt as _, stream};

use crate::app::App;
use crate::base::page::{Cursor, Limit, ListMark, Page};
use crate::base::time::Timestamp;
use crate::domain::audit::{self, Filter, Line, checkpoint_line};
use crate::engine::store::ReadTx;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Asked, Paging, Permit, Query};
use crate::http::faults::Faults;
use crate::http::page::List;

/// How many entries an export reads at a time.
const STEP: usize = 200;

/// What of the trail is asked for.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct AuditQuery {
    /// A login, an id or an address: of whoever did it, or of the person that a token acts as.
    pub who: Option<String>,
    /// What was done, such as `token_created`; `request` for what was refused.
    pub what: Option<String>,
    /// `done` or `refused`.
    pub outcome: Option<String>,
    /// From when on.
    pub from: Option<String>,
    /// Until when, that instant included.
    pub to: Option<String>,
    /// How many at a time: 25; more than 200 is taken as 200.
    pub limit: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// `json`, or `csv` for the same rows as a table.
    pub format: Option<String>,
}

/// A part of a query that may be there; blank is not there.
fn part<T: FromStr<Err: std::fmt::Display>>(faults: &mut Faults, name: &str, text: Option<&str>) -> Option<T> {
    let text = text.map(str::trim).filter(|text| !text.is_empty())?;
    faults.take(text.parse().map_err(|error| ApiError::field(Code::InvalidParameter, name, error)))
}

/// A day as well as an instant: a day is its beginning, or its end.
fn instant(faults: &mut Faults, name: &str, text: Option<&str>, of_day: &str) -> Option<Timestamp> {
    let text = text.map(str::trim)?;
    let is_day = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let whole = if is_day { format!("{text}T{of_day}Z") } else { text.to_owned() };
    part(faults, name, Some(&whole))
}

impl AuditQuery {
    /// All of it; every part that is bad is named.
    pub fn read(&self) -> Result<(Filter, Asked), ApiError> {
        let mut faults = Faults::default();
        let paging = Paging { limit: self.limit.clone(), cursor: self.cursor.clone(), format: self.format.clone() };
        let asked = paging.read_with(&mut faults);
        let is_refused = match self.outcome.as_deref() {
            None | Some("") => None,
            Some("done") => Some(false),
            Some("refused") => Some(true),
            Some(_) => {
                faults.note(ApiError::field(Code::InvalidParameter, "outcome", "not `done` or `refused`"));
                None
            }
        };
        let filter = Filter {
            who: self.who.as_deref().map(str::trim).filter(|who| !who.is_empty()).map(str::to_owned),
            action: part(&mut faults, "what", self.what.as_deref()),
            is_refused,
            from: instant(&mut faults, "from", self.from.as_deref(), "00:00:00"),
            to: instant(&mut faults, "to", self.to.as_deref(), "23:59:59.999"),
        };
        faults.none_or_error()?;
        Ok((filter, asked))
    }
}

/// A page of the trail, latest first.
pub fn page(tx: &ReadTx, permit: &Permit, filter: &Filter, after: Option<Cursor>, limit: Limit) -> Result<Page<Line>, ApiError> {
    permit.instance(tx)?;
    let list = ListMark::of("audit").by(format!("{filter:?}"));
    let after = after.map(|after| after.unmarked(list)).transpose()?;
    Ok(audit::list(tx, filter, after.as_ref(), limit)?.map(|entry| Line::of(&entry)).marked(list))
}

/// `GET /api/v1/admin/audit`.
pub async fn list(State(app): State<App>, permit: Permit, Query(query): Query<AuditQuery>) -> Result<List<Line>, ApiError> {
    let (filter, Asked { limit, cursor, format }) = query.read()?;
    let page = app.read(move |tx, _| page(tx, &permit, &filter, cursor, limit)).await?;
    List::of(page, format)
}

/// From when to when an export goes.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct ExportQuery {
    /// From when on.
    pub from: Option<String>,
    /// Until when, that instant included.
    pub to: Option<String>,
}

/// `GET /api/v1/admin/audit.jsonl`: oldest first, each entry in the form in which it was hashed.
pub async fn export(State(app): State<App>, permit: Permit, Query(query): Query<ExportQuery>) -> Result<Response, ApiError> {
    let mut faults = Faults::default();
    let from = instant(&mut faults, "from", query.from.as_deref(), "00:00:00");
    let to = instant(&mut faults, "to", query.to.as_deref(), "23:59:59.999");
    faults.none_or_error()?;
    let (first, beginning) = app
        .read(move |tx, _| -> Result<_, ApiError> {
            permit.instance(tx)?;
            // Entries stand in the order of their instants, unless the clock was set back: then a few more are handed out.
            match from {
                Some(from) => Ok((audit::first_since(tx, from)?, None)),
                None => Ok((Some(0), audit::checkpoint(tx)?)),
            }
        })
        .await?;
    let begins = beginning.map(|checkpoint| Bytes::from(checkpoint_line(&checkpoint) + "\n"));
    let rest = stream::unfold((app, first), move |(app, next)| async move {
        let number = next?;
        let entries = app.read(move |tx, _| audit::from_number(tx, number, STEP)).await;
        // A line that breaks off says so by itself: it does not verify.
        let entries = entries.inspect_err(|error| tracing::error!("an export of the trail breaks off: {error}")).ok()?;
        let next = entries.last().map(|last| last.number + 1).filter(|_| entries.len() == STEP);
        let meant = entries.iter().filter(|entry| to.is_none_or(|to| entry.at <= to));
        let text: String = meant.map(|entry| Line::of(entry).text() + "\n").collect();
        Some((Bytes::from(text), (app, next)))
    });
    let body = stream::iter(begins).chain(rest).map(Ok::<_, Infallible>);
    Ok(([(header::CONTENT_TYPE, "application/jsonl; charset=utf-8")], Body::from_stream(body)).into_response())
}
