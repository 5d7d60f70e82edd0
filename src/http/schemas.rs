//! The schemas of what is handed to us, for editors and for programs that write it.

use axum::http::header;
use axum::response::IntoResponse;

use crate::domain::issues::format::plumbline;

/// What a JSON schema is served as (<https://json-schema.org/draft/2020-12/json-schema-core#section-14>).
pub const MEDIA: &str = "application/schema+json";
/// Where the schema of our own format of findings is.
pub const ISSUES: &str = "/api/v1/schemas/issues.json";

/// `GET /api/v1/schemas/issues.json`.
pub async fn issues() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, MEDIA)], plumbline::SCHEMA)
}
