//! The `OpenAPI` document, made from the table of routes: it cannot say what the server does not do.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::Method;
use serde_json::{Map, Value, json};
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, ToSchema};

use super::code::Code;
use super::error::ErrorView;
use super::extract::Paging;
use super::routes;
use crate::app::App;
use crate::domain::accounts::Permission;

type Schemas = Vec<(String, RefOr<Schema>)>;

/// What the document says of a route.
pub struct Doc {
    summary: &'static str,
    body: Option<Reference>,
    answers: Vec<(u16, Option<Reference>)>,
    list: bool,
    media: &'static str,
    query: Vec<Value>,
}

/// A schema by name, and all it needs.
struct Reference {
    name: String,
    schemas: Schemas,
}

impl Reference {
    fn to<T: ToSchema>() -> Reference {
        let mut schemas = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut schemas);
        Reference { name: T::name().into_owned(), schemas }
    }
}

impl Doc {
    /// A route in a sentence.
    pub fn new(summary: &'static str) -> Doc {
        Doc { summary, body: None, answers: Vec::new(), list: false, media: "application/json", query: Vec::new() }
    }

    /// It takes a body.
    pub fn takes<T: ToSchema>(mut self) -> Doc {
        self.body = Some(Reference::to::<T>());
        self
    }

    /// It answers this, with that status.
    pub fn answers<T: ToSchema>(mut self, status: u16) -> Doc {
        self.answers.push((status, Some(Reference::to::<T>())));
        self
    }

    /// It answers no body, with that status.
    pub fn answers_nothing(mut self, status: u16) -> Doc {
        self.answers.push((status, None));
        self
    }

    /// It answers a page of these.
    pub fn list<T: ToSchema>(mut self) -> Doc {
        self.list = true;
        self.answers.push((200, Some(Reference::to::<T>())));
        self.query::<Paging>()
    }

    /// It answers something that is not JSON.
    pub fn produces(mut self, media: &'static str) -> Doc {
        self.media = media;
        self.answers.push((200, None));
        self
    }

    /// It takes these in its query.
    pub fn query<T: IntoParams>(mut self) -> Doc {
        for parameter in T::into_params(|| Some(ParameterIn::Query)) {
            let value = serde_json::to_value(parameter).unwrap_or_default();
            // A page's own parameters may stand in a larger query as well.
            if !self.query.iter().any(|known| known["name"] == value["name"]) {
                self.query.push(value);
            }
        }
        self
    }
}

/// Serves the document.
pub async fn document(State(app): State<App>) -> Json<Value> {
    Json(build(app.config.public_url.as_deref()))
}

/// The document.
pub fn build(url: Option<&str>) -> Value {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    let mut keep = |reference: &Reference| {
        for (name, schema) in &reference.schemas {
            schemas.entry(name.clone()).or_insert_with(|| serde_json::to_value(schema).unwrap_or_default());
        }
        json!({"$ref": format!("#/components/schemas/{}", reference.name)})
    };
    let error = keep(&Reference::to::<ErrorView>());
    for route in routes::table() {
        let doc = &route.doc;
        let mut parameters: Vec<Value> = route
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| json!({"name": name.trim_start_matches('*'), "in": "path", "required": true, "schema": {"type": "string"}}))
            .collect();
        parameters.extend(doc.query.iter().cloned());
        if route.method != Method::GET && route.path.starts_with("/api/v1/") {
            parameters.push(json!({
                "name": "Idempotency-Key", "in": "header", "required": false,
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
                "description": "Names this request for a day: once it was carried out, or refused with 409 or 410, it is answered as before when sent again with the same key, and not carried out again. Any other refusal is judged anew.",
            }));
        }
        let mut responses = Map::new();
        for (status, reference) in &doc.answers {
            let mut response = json!({"description": status_text(*status)});
            if let Some(reference) = reference {
                let one = keep(reference);
                let schema = if doc.list {
                    json!({"type": "object", "required": ["items", "next"],
                           "properties": {"items": {"type": "array", "items": one}, "next": {"type": ["string", "null"]}}})
                } else {
                    one
                };
                response["content"] = json!({"application/json": {"schema": schema}});
            } else if doc.media != "application/json" {
                response["content"] = json!({doc.media: {"schema": {"type": "string"}}});
            }
            responses.insert(status.to_string(), response);
        }
        responses
            .insert("default".to_owned(), json!({"description": "An error", "content": {"application/json": {"schema": error.clone()}}}));
        let tag =
            route.path.trim_start_matches("/api/v1/").trim_start_matches('/').split('/').next().unwrap_or("").trim_end_matches(".json");
        let mut operation = json!({
            "summary": doc.summary,
            "operationId": format!("{} {}", route.method, route.path),
            "tags": [tag],
            "parameters": parameters,
            "responses": responses,
            "x-permission": route.permission.as_str(),
        });
        if let Some(body) = &doc.body {
            operation["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": keep(body)}}});
        }
        if route.permission != Permission::Public {
            operation["security"] = json!([{"token": []}, {"session": []}]);
        }
        let path = route.path.replace("{*", "{");
        paths.entry(path).or_default().insert(route.method.as_str().to_lowercase(), operation);
    }
    let codes: Vec<Value> =
        Code::ALL.iter().map(|code| json!({"code": code.as_str(), "status": code.status().as_u16(), "meaning": code.meaning()})).collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Plumbline",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": "JSON in and out. Instants are RFC 3339 in UTC, durations carry their unit in the name, ids are prefixed text. Errors are `{code, message, request_id, details?}`; `code` is a contract.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "A token such as plb_pat_…"},
                "session": {"type": "apiKey", "in": "cookie", "name": super::auth::SECURE_COOKIE, "description": "A browser that is signed in"},
            },
        },
        "x-error-codes": codes,
    });
    if let Some(url) = url {
        document["servers"] = json!([{"url": url}]);
    }
    document
}

fn status_text(status: u16) -> &'static str {
    axum::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Answer")
}
