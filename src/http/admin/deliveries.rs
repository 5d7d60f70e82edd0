//! The deliveries that came in, over REST: how each stands, what it said, and to have it interpreted once more.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::App;
use crate::app::deliveries;
use crate::base::id::DeliveryId;
use crate::base::name::RepoSlug;
use crate::base::page::{Cursor, Limit, ListMark, Page};
use crate::base::time::Timestamp;
use crate::domain::hooks::{self, Delivery, DeliveryState, EVENT_BYTES, Filter, Source};
use crate::domain::repos;
use crate::engine::store::{self, ReadTx};
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Asked, Paging, Params, Permit, Query};
use crate::http::faults::Faults;
use crate::http::page::List;

/// The largest payload that is shown.
const SHOWN_BYTES: u64 = 1 << 20;
/// What stands in place of what might be a secret.
const REDACTED: &str = "[redacted]";

/// A delivery.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Its id here.
    pub id: DeliveryId,
    /// Who sent it.
    pub source: Source,
    /// Its sender's name for it, as in `X-GitHub-Delivery`.
    pub guid: String,
    /// What it is about, in its sender's word.
    pub event: String,
    /// What happened, in its sender's word; null until it was interpreted, and where there is none.
    pub action: Option<String>,
    /// The repository it names, as `owner/name`.
    pub repo: Option<String>,
    /// The installation of the App that it names.
    pub installation: Option<u64>,
    /// How many bytes its payload has.
    pub bytes: u64,
    /// When it came.
    pub received_at: Timestamp,
    /// How it stands.
    pub state: DeliveryState,
    /// What came of it, or why nothing did.
    pub outcome: Option<String>,
    /// How often it was interpreted.
    pub tries: u32,
    /// When it was last interpreted.
    pub interpreted_at: Option<Timestamp>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> DeliveryView {
        let Delivery { id, source, guid, event, action, repo, installation, bytes, received_at, state, outcome, tries, interpreted_at } =
            delivery;
        DeliveryView { id, source, guid, event, action, repo, installation, bytes, received_at, state, outcome, tries, interpreted_at }
    }
}

/// A delivery and what it said.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WholeDeliveryView {
    /// The delivery.
    #[serde(flatten)]
    pub delivery: DeliveryView,
    /// Its payload, without what by its name may be a secret; null if it is too large to be shown, or cannot be read.
    #[schema(value_type = Object)]
    pub payload: Option<Value>,
    /// Why the repository that it names cannot be fetched at this moment, so that what it tells of is not followed; null where it can, or
    /// there is none.
    pub sync_error: Option<String>,
}

/// Which deliveries are asked for.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct DeliveriesQuery {
    /// `received`, `processed`, `ignored` or `failed`.
    pub state: Option<String>,
    /// Only those that are about this, such as `push`.
    pub event: Option<String>,
    /// How many at a time: 25; more than 200 is taken as 200.
    pub limit: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// `json`, or `csv` for the same rows as a table.
    pub format: Option<String>,
}

impl DeliveriesQuery {
    /// All of it; every part that is bad is named.
    pub fn read(&self) -> Result<(Filter, Asked), ApiError> {
        let mut faults = Faults::default();
        let paging = Paging { limit: self.limit.clone(), cursor: self.cursor.clone(), format: self.format.clone() };
        let asked = paging.read_with(&mut faults);
        let named = |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let state = named(&self.state).map(|text| text.parse().map_err(|error| ApiError::field(Code::InvalidParameter, "state", error)));
        let state = state.and_then(|state| faults.take(state));
        let event = named(&self.event);
        if event.as_ref().is_some_and(|event| event.len() > EVENT_BYTES) {
            faults.note(ApiError::field(Code::InvalidParameter, "event", format!("it has at most {EVENT_BYTES} characters")));
        }
        faults.none_or_error()?;
        Ok((Filter { state, event }, asked))
    }
}

/// A page of deliveries, latest first.
pub fn page(tx: &ReadTx, permit: &Permit, filter: &Filter, after: Option<Cursor>, limit: Limit) -> Result<Page<DeliveryView>, ApiError> {
    permit.instance(tx)?;
    let list = ListMark::of("deliveries").by(format!("{filter:?}"));
    let after = after.map(|after| after.unmarked(list)).transpose()?;
    Ok(hooks::list(tx, filter, after.as_ref(), limit)?.map(DeliveryView::from).marked(list))
}

/// `GET /api/v1/admin/deliveries`.
pub async fn list(State(app): State<App>, permit: Permit, Query(query): Query<DeliveriesQuery>) -> Result<List<DeliveryView>, ApiError> {
    let (filter, Asked { limit, cursor, format }) = query.read()?;
    let page = app.read(move |tx, _| page(tx, &permit, &filter, cursor, limit)).await?;
    List::of(page, format)
}

/// A delivery with its payload.
pub async fn whole(app: &App, permit: &Permit, id: DeliveryId) -> Result<WholeDeliveryView, ApiError> {
    let permit = permit.clone();
    let (delivery, sync_error) = app
        .read(move |tx, _| -> Result<_, ApiError> {
            permit.instance(tx)?;
            let delivery = hooks::get(tx, id)?;
            let repo = delivery.repo.as_deref().and_then(|name| name.parse::<RepoSlug>().ok());
            // What is not here, or is called otherwise by now, has no fetch to speak of.
            let repo = repo.and_then(|slug| repos::find(tx, &slug).ok());
            Ok((delivery, repo.and_then(|repo| repo.sync_error).map(|error| error.message)))
        })
        .await?;
    let payload = if delivery.bytes <= SHOWN_BYTES {
        let handle = app.clone();
        let body = app.blocking(move || deliveries::read(&handle, id)).await?;
        match body {
            Ok(body) => serde_json::from_slice(&body).ok().map(without_secrets),
            Err(store::Error::BlobMissing { .. } | store::Error::BlobDamaged { .. }) => None,
            Err(error) => return Err(error.into()),
        }
    } else {
        None
    };
    Ok(WholeDeliveryView { delivery: delivery.into(), payload, sync_error })
}

/// `GET /api/v1/admin/deliveries/{id}`.
pub async fn find(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<WholeDeliveryView>, ApiError> {
    Ok(Json(whole(&app, &permit, params.get("id")?).await?))
}

/// `POST /api/v1/admin/deliveries/{id}/replay`.
pub async fn replay(State(app): State<App>, permit: Permit, params: Params) -> Result<(StatusCode, Json<DeliveryView>), ApiError> {
    let id: DeliveryId = params.get("id")?;
    let delivery = app
        .write(permit.actor(), move |tx, now| -> Result<Delivery, ApiError> {
            permit.instance(tx)?;
            Ok(hooks::replay(tx, id, now)?)
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}

/// A payload without what by its name may be a secret. serde has bounded how deep it is.
fn without_secrets(mut payload: Value) -> Value {
    redact(&mut payload);
    payload
}

fn redact(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Object(fields) => {
            for (name, value) in fields {
                if is_secret(name) && !matches!(value, Value::Null | Value::Bool(_)) {
                    *value = Value::String(REDACTED.to_owned());
                } else {
                    redact(value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether a field by its name may hold a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["secret", "token", "password", "passwd", "private_key", "pem", "authorization", "api_key", "apikey"]
        .iter()
        .any(|word| name == *word || name.strip_suffix(word).is_some_and(|before| before.ends_with(['_', '-'])))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_may_be_a_secret_by_its_name_is_not_shown() {
        let payload = json!({
            "zen": "Keep it logically awesome.",
            "hook": {"config": {"secret": "marigold", "url": "https://example.org"}},
            "deployment": {"payload": [{"API_TOKEN": "marigold", "client-secret": {"a": "marigold"}, "tokens_used": 3, "token": null}]},
        });
        let shown = without_secrets(payload);
        assert!(!shown.to_string().contains("marigold"), "{shown}");
        assert_eq!(shown["deployment"]["payload"][0]["tokens_used"], 3);
        assert_eq!(shown["hook"]["config"]["url"], "https://example.org");
    }
}
