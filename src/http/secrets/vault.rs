//! The vault over REST: how it stands, for administrators, and another key for it, for whoever owns the data directory.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, rewrap};
use crate::base::time::Timestamp;
use crate::domain::secrets::{self, KeyState};
use crate::engine::store::ReadTx;
use crate::engine::vault::Vault;
use crate::http::error::ApiError;
use crate::http::extract::Permit;

/// How much is counted that is sealed to one key.
const COUNTED: usize = 100_000;

/// How the vault stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VaultView {
    /// What is wrong with the key file, in a sentence; null if nothing is.
    pub fault: Option<String>,
    /// Its keys. There is one, but while another takes its place, and where something cannot be opened any more.
    pub keys: Vec<VaultKeyView>,
}

/// A key of the vault.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VaultKeyView {
    /// Its public half.
    pub recipient: String,
    /// How far it is.
    pub state: KeyState,
    /// Since when it is known here.
    pub known_since: Timestamp,
    /// How many secrets and keys are sealed to it.
    pub sealed: u64,
}

/// How the vault stands.
pub fn vault_view(vault: &Vault, tx: &ReadTx) -> Result<VaultView, ApiError> {
    let view = |key: secrets::VaultKey| -> Result<VaultKeyView, ApiError> {
        let sealed = secrets::sealed_to(tx, &key.recipient, COUNTED)? as u64;
        Ok(VaultKeyView { recipient: key.recipient.to_string(), state: key.state, known_since: key.known_since, sealed })
    };
    let keys = secrets::keys(tx)?.into_iter().map(view).collect::<Result<_, _>>()?;
    Ok(VaultView { fault: vault.fault().map(|fault| fault.to_string()), keys })
}

/// `GET /api/v1/admin/vault`.
pub async fn find(State(app): State<App>, permit: Permit) -> Result<Json<VaultView>, ApiError> {
    let vault = Arc::clone(&app.vault);
    let view = app
        .read(move |tx, _| {
            permit.instance(tx)?;
            vault_view(&vault, tx)
        })
        .await?;
    Ok(Json(view))
}

/// `POST /api/v1/admin/vault/rotate`.
pub async fn rotate(State(app): State<App>, permit: Permit) -> Result<(StatusCode, Json<VaultView>), ApiError> {
    let (asking, actor) = (permit.clone(), permit.actor());
    app.read(move |tx, _| asking.instance(tx)).await?;
    rewrap::rotate(&app, &actor).await?;
    let vault = Arc::clone(&app.vault);
    let view = app.read(move |tx, _| vault_view(&vault, tx)).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}
