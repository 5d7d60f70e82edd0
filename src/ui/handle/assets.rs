//! Styles, scripts and icons, under addresses that change with their content.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::Params;
use crate::ui::assets;

fn answer(asset: assets::Asset, caching: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, asset.mime.to_owned()), (header::ETAG, asset.etag), (header::CACHE_CONTROL, caching.to_owned())];
    (headers, asset.bytes).into_response()
}

/// `GET /assets/{path}`.
pub async fn show(params: Params) -> Result<Response, ApiError> {
    let asset = assets::find(&params.path().to_string()).ok_or_else(|| ApiError::new(Code::NotFound, "no such asset; reload the page"))?;
    Ok(answer(asset, assets::CACHE_CONTROL))
}

/// `GET /favicon.ico`: browsers ask for it by this name, whatever a page says.
pub async fn favicon() -> Result<Response, ApiError> {
    let asset = assets::get("icons/favicon.svg").ok_or_else(|| ApiError::of(Code::NotFound))?;
    Ok(answer(asset, "public, max-age=86400"))
}
