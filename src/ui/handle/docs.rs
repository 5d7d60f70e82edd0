//! The API's pages.

use axum::extract::State;
use axum::response::Response;

use super::{Asked, render};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::openapi;
use crate::ui::docs::findings::{Described, IssuesFormatPage};
use crate::ui::docs::{Docs, DocsPage};

/// `GET /api/docs`.
pub async fn show(State(app): State<App>, asked: Asked) -> Result<Response, ApiError> {
    let frame = asked.frame(&app).await?;
    render(&DocsPage { frame, docs: Docs::read(&openapi::build(Some(&app.public_url()))) })
}

/// `GET /api/docs/issues`.
pub async fn issues(State(app): State<App>, asked: Asked) -> Result<Response, ApiError> {
    let frame = asked.frame(&app).await?;
    render(&IssuesFormatPage { frame, format: Described::ours() })
}
