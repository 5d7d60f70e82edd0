//! All that is wrong with a request, not the first of it alone: whoever corrects it does so once.
//!
//! A handler collects what its readers refuse in [`Faults`] and ends with one error. A body is parsed by serde, which stops at the first
//! thing it cannot take; [`of_body`] then asks of each of its fields by itself whether it is that. So a body is declared once, as the
//! struct that the handler gets, and every field of every body is reported by the same rule; one that the endpoint does not know is bad.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::code::Code;
use super::error::ApiError;

/// The most fields that one error names.
const FIELDS: usize = 50;

/// What was found wrong so far.
#[derive(Debug, Default)]
pub struct Faults(Vec<ApiError>);

impl Faults {
    /// What was read, or nothing; then the fault is noted.
    pub fn take<T>(&mut self, read: Result<T, ApiError>) -> Option<T> {
        read.map_err(|error| self.0.push(error)).ok()
    }

    /// Notes one.
    pub fn note(&mut self, error: ApiError) {
        self.0.push(error);
    }

    /// All of them as one error; fine if there are none. The code is the first one's.
    pub fn none_or_error(self) -> Result<(), ApiError> {
        let mut faults = self.0.into_iter();
        let Some(first) = faults.next() else { return Ok(()) };
        let rest: Vec<ApiError> = faults.collect();
        if rest.is_empty() {
            return Err(first);
        }
        let all = || std::iter::once(&first).chain(&rest);
        let message = all().map(|error| error.message.as_ref()).collect::<Vec<_>>().join("; ");
        let fields: Vec<Value> = all().flat_map(ApiError::fields).take(FIELDS).cloned().collect();
        Err(ApiError::new(first.code, message).with(json!({"fields": fields})))
    }
}

/// What is wrong with a body that does not parse, field by field.
pub fn of_body<T: DeserializeOwned + ToSchema>(bytes: &[u8], error: &serde_json::Error) -> ApiError {
    let mut faults = Faults::default();
    if let Ok(Value::Object(body)) = serde_json::from_slice(bytes) {
        for name in required::<T>().into_iter().filter(|name| !body.contains_key(name)) {
            faults.note(ApiError::field(Code::InvalidBody, &name, "it is missing"));
        }
        for (name, value) in body {
            if let Some(why) = objection::<T>(&name, value) {
                faults.note(ApiError::field(Code::InvalidBody, &name, why));
            }
            if faults.0.len() > FIELDS {
                break;
            }
        }
    }
    match faults.none_or_error() {
        Err(error) => error,
        // Not JSON, no object, or one that has a field twice.
        Ok(()) => {
            ApiError::new(Code::InvalidBody, format!("the body is not what this endpoint takes: {error}")).with(json!({"fields": []}))
        }
    }
}

/// The fields that a body must have.
fn required<T: ToSchema>() -> Vec<String> {
    match T::schema() {
        RefOr::T(Schema::Object(object)) => object.required,
        _ => Vec::new(),
    }
}

/// Why a body cannot have this field with this value. The body that is tried has no other; so that those are missing is no objection.
fn objection<T: DeserializeOwned>(name: &str, value: Value) -> Option<String> {
    let body = Value::Object(Map::from_iter([(name.to_owned(), value)]));
    let error = serde_path_to_error::deserialize::<_, T>(body).err()?;
    let is_of_the_body = error.path().iter().next().is_none();
    let message = error.inner().to_string();
    (!(is_of_the_body && message.starts_with("missing field"))).then_some(message)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what is read is not looked at")]
    struct Inner {
        depth: u8,
    }

    #[derive(Debug, Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what is read is not looked at")]
    struct Body {
        name: String,
        count: u8,
        tags: Option<Vec<u8>>,
        inner: Option<Inner>,
    }

    fn bad(body: &str) -> Vec<String> {
        let error = serde_json::from_slice::<Body>(body.as_bytes()).expect_err(body);
        let error = of_body::<Body>(body.as_bytes(), &error);
        error.fields().iter().map(|field| field["field"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn every_bad_field_of_a_body_is_named() {
        assert_eq!(bad("{}"), ["name", "count"]);
        assert_eq!(bad(r#"{"count": 300, "tags": [1, "x"], "colour": "red"}"#), ["name", "colour", "count", "tags"]);
        assert_eq!(bad(r#"{"name": "a", "count": 1, "inner": {}}"#), ["inner"]);
        assert_eq!(bad(r#"{"name": "a", "count": 1, "inner": {"depth": 1, "width": 2}}"#), ["inner"]);
        assert_eq!(bad(r#"{"name": null, "count": 1}"#), ["name"]);
    }

    #[test]
    fn what_is_no_object_has_no_fields() {
        for body in ["", "[]", "nul", "3", r#"{"name": "a", "name": "b", "count": 1}"#] {
            assert_eq!(bad(body), Vec::<String>::new(), "{body}");
        }
    }

    #[test]
    fn what_was_sent_is_not_sent_back_at_length() {
        let long = "x".repeat(900 << 10);
        let bodies =
            [json!({&long: 1}), json!({"name": 1, "count": &long}), json!({"name": "a", "count": 1, "inner": {&long: 1}}), json!(&long)];
        for body in bodies.map(|body| body.to_string()) {
            let error = serde_json::from_slice::<Body>(body.as_bytes()).unwrap_err();
            let error = of_body::<Body>(body.as_bytes(), &error);
            let details = error.details.unwrap().to_string();
            assert!(error.message.len() + details.len() < 10 << 10, "{} and {}", error.message.len(), details.len());
        }
        let many = Value::Object((0..100).map(|n| (format!("{n}{long:.9000}"), json!(n))).collect()).to_string();
        let error = serde_json::from_slice::<Body>(many.as_bytes()).unwrap_err();
        let error = of_body::<Body>(many.as_bytes(), &error);
        assert!(error.message.len() + error.details.unwrap().to_string().len() < 70 << 10);
    }

    #[test]
    fn a_body_of_nothing_but_bad_fields_is_answered_in_few_words() {
        let body = Value::Object((0..10_000).map(|n| (format!("f{n}"), json!(n))).collect()).to_string();
        assert!(bad(&body).len() <= FIELDS + 1);
    }
}
