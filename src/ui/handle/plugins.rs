//! The plugins as this host has them.

use axum::extract::State;
use axum::response::Response;

use super::{Asked, render};
use crate::app::App;
use crate::http::error::ApiError;
use crate::http::plugins::view;
use crate::ui::plugins::PluginsPage;

/// `GET /plugins`.
pub async fn show(State(app): State<App>, asked: Asked) -> Result<Response, ApiError> {
    let view = view(&app, &asked.permit).await?;
    render(&PluginsPage { frame: asked.frame(&app).await?, view })
}
