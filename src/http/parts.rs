//! Bodies of which some fields are judged by what is in the store.
//!
//! A field that cannot be read must not hide one that can be and names what is not there. So a handler takes such a body in [`Parts`]:
//! the whole, or what keeps it from being one; and each field that can be read by itself, to be judged in either case.

use axum::extract::{FromRequest, Request};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::error::ApiError;
use super::{extract, faults};
use crate::app::App;

/// The most parts of one field that are said to be bad.
const SAID: usize = 3;

/// A body of JSON, whole or in parts.
#[derive(Debug, Clone)]
pub struct Parts<T> {
    /// All of it, or everything that is wrong with its form.
    pub whole: Result<T, ApiError>,
    fields: Map<String, Value>,
}

impl<T> Parts<T> {
    /// A field, if it is there and can be read.
    pub fn field<F: DeserializeOwned>(&self, name: &str) -> Option<F> {
        F::deserialize(self.fields.get(name)?).ok()
    }

    /// Whether a field is there, be it one that cannot be read.
    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Those parts of a list that can be read.
    pub fn each<F: DeserializeOwned>(&self, name: &str) -> Vec<F> {
        let parts = self.fields.get(name).and_then(Value::as_array);
        parts.into_iter().flatten().filter_map(|part| F::deserialize(part).ok()).collect()
    }
}

impl<T: DeserializeOwned + ToSchema> Parts<T> {
    /// A body that was put together here, as a page's form does.
    pub fn of(body: Value) -> Parts<T> {
        let bytes = body.to_string().into_bytes();
        let whole = serde_json::from_slice(&bytes).map_err(|error| faults::of_body::<T>(&bytes, &error));
        Parts { whole, fields: serde_json::from_value(body).unwrap_or_default() }
    }
}

impl<T: DeserializeOwned + ToSchema> FromRequest<App> for Parts<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Parts<T>, ApiError> {
        let bytes = extract::json(app, request).await?;
        let whole = serde_json::from_slice(&bytes).map_err(|error| faults::of_body::<T>(&bytes, &error));
        // Of what is no object there are no fields, and `whole` says so.
        Ok(Parts { whole, fields: serde_json::from_slice(&bytes).unwrap_or_default() })
    }
}

/// Reads a list; every part that is bad is named, not the first alone.
pub fn list<'de, D: Deserializer<'de>, F: DeserializeOwned>(deserializer: D) -> Result<Vec<F>, D::Error> {
    let (mut good, mut bad, mut unsaid) = (Vec::new(), Vec::new(), 0_usize);
    for part in Vec::<Value>::deserialize(deserializer)? {
        match F::deserialize(part) {
            Ok(part) => good.push(part),
            Err(error) if bad.len() < SAID => bad.push(error.to_string()),
            Err(_) => unsaid += 1,
        }
    }
    if unsaid > 0 {
        // Said first: what is long is cut at its end.
        bad.insert(0, format!("{} parts are bad, {SAID} of them are said", unsaid + SAID));
    }
    if bad.is_empty() { Ok(good) } else { Err(D::Error::custom(bad.join("; "))) }
}

/// Reads a list that may be null, as [`list`] does.
pub fn list_or_null<'de, D: Deserializer<'de>, F: DeserializeOwned>(deserializer: D) -> Result<Option<Vec<F>>, D::Error> {
    match Option::<Value>::deserialize(deserializer)? {
        None => Ok(None),
        Some(value) => list(value).map(Some).map_err(D::Error::custom),
    }
}
