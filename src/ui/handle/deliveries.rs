//! The pages of deliveries.

use axum::extract::State;
use axum::response::Response;

use super::{Asked, render, see};
use crate::app::App;
use crate::base::id::DeliveryId;
use crate::base::page::Limit;
use crate::domain::hooks;
use crate::http;
use crate::http::admin::deliveries::DeliveriesQuery;
use crate::http::error::ApiError;
use crate::http::extract::{Params, Query};
use crate::ui::deliveries::{DeliveriesPage, DeliveryPage};
use crate::ui::href;

/// `GET /admin/deliveries`.
pub async fn list(State(app): State<App>, asked: Asked, Query(query): Query<DeliveriesQuery>) -> Result<Response, ApiError> {
    let (filter, http::extract::Asked { cursor, .. }) = query.read()?;
    let (permit, of) = (asked.permit.clone(), filter.clone());
    let page = app.read(move |tx, _| http::admin::deliveries::page(tx, &permit, &of, cursor, Limit::new(50))).await?;
    let here = href::deliveries(filter.state, filter.event.as_deref());
    render(&DeliveriesPage {
        frame: asked.frame(&app).await?,
        state: filter.state,
        event: filter.event,
        deliveries: page.items,
        next: page.next.map(|next| href::with(&here, "cursor", &next.to_string())),
    })
}

/// `GET /admin/deliveries/{id}`.
pub async fn show(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let view = http::admin::deliveries::whole(&app, &asked.permit, params.get("id")?).await?;
    render(&DeliveryPage { frame: asked.frame(&app).await?, view })
}

/// `POST /admin/deliveries/{id}/replay`.
pub async fn replay(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let id: DeliveryId = params.get("id")?;
    app.write(asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
        asked.permit.instance(tx)?;
        hooks::replay(tx, id, now)?;
        Ok(())
    })
    .await?;
    see(&href::delivery(&id))
}
