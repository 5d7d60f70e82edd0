//! Signing in and out, and one's own account.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use super::{Asked, render, see};
use crate::app::App;
use crate::base::id::{SessionId, TokenId};
use crate::base::page::Limit;
use crate::domain::accounts::{self, Caller, Hashed, InstanceRole, LinkFault, Plain};
use crate::http::accounts::own_sessions;
use crate::http::auth::{Lapsed, Transport};
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Params, Query};
use crate::http::trail::Refuses;
use crate::ui::account::{AccountPage, SessionRow, TokenRow};
use crate::ui::frame::Frame;
use crate::ui::href;
use crate::ui::signin::{LinkFaultPage, LinkPage, Reason, SignInPage};

/// Why a browser is sent to the sign-in page.
#[derive(Debug, Default, Deserialize)]
pub struct Why {
    reason: Option<String>,
}

/// They signed out.
const SIGNED_OUT: &str = "signed_out";

/// `GET /sign-in`.
pub async fn sign_in(
    State(app): State<App>,
    asked: Asked,
    has_lapsed: Option<Extension<Lapsed>>,
    Query(why): Query<Why>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let reason = match why.reason.as_deref() {
        _ if Transport::of(&app.config, &headers) == Transport::Plain => Reason::PlainHttp,
        Some(SIGNED_OUT) => Reason::SignedOut,
        _ if has_lapsed.is_some() => Reason::Ended,
        _ => Reason::Asked,
    };
    render(&SignInPage { frame: asked.frame(&app).await?, reason })
}

/// Where somebody with a link may not sign in, or whose link it is.
async fn look_at_link(app: &App, asked: &Asked, params: &Params, headers: &HeaderMap) -> Result<Result<LinkPage, Response>, ApiError> {
    let frame = asked.frame(app).await?;
    if Transport::of(&app.config, headers) == Transport::Plain {
        return Ok(Err(render(&SignInPage { frame, reason: Reason::PlainHttp })?));
    }
    let secret = Hashed::of(&params.text("secret"));
    match app.read(move |tx, now| accounts::find_link(tx, secret, now)).await {
        Ok((link, user)) => {
            Ok(Ok(LinkPage { frame, login: user.login, is_admin: user.role == InstanceRole::Admin, expires_at: link.expires_at }))
        }
        Err(accounts::Error::LinkUseless { fault }) => Ok(Err(useless(frame, fault)?)),
        Err(error) => Err(error.into()),
    }
}

fn useless(frame: Frame, fault: LinkFault) -> Result<Response, ApiError> {
    let mut response = render(&LinkFaultPage { frame, fault })?;
    *response.status_mut() = StatusCode::GONE;
    response.extensions_mut().insert(Refuses(Code::LinkSpent));
    Ok(response)
}

/// `GET /link/{secret}`: shows the button and spends nothing.
pub async fn link(State(app): State<App>, asked: Asked, params: Params, headers: HeaderMap) -> Result<Response, ApiError> {
    match look_at_link(&app, &asked, &params, &headers).await? {
        Ok(page) => render(&page),
        Err(response) => Ok(response),
    }
}

/// `POST /link/{secret}`: signs in and spends the link.
pub async fn spend_link(State(app): State<App>, asked: Asked, params: Params, headers: HeaderMap) -> Result<Response, ApiError> {
    if let Err(response) = look_at_link(&app, &asked, &params, &headers).await? {
        return Ok(response);
    }
    let secret = Hashed::of(&params.text("secret"));
    let session = Plain::session();
    let (hashed, address) = (session.hashed(), asked.permit.address());
    let device = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("").to_owned();
    let spent =
        app.write(&asked.permit.actor(), move |tx, now| accounts::spend_link(tx, secret, hashed, &device, address.clone(), now)).await;
    match spent {
        Ok(_) => {}
        // Somebody else was quicker.
        Err(accounts::Error::LinkUseless { fault }) => return useless(asked.frame(&app).await?, fault),
        Err(error) => return Err(error.into()),
    }
    let mut response = see(href::HOME)?;
    set_cookie(&mut response, &Transport::of(&app.config, &headers).set_cookie(Some(session.expose())))?;
    Ok(response)
}

fn set_cookie(response: &mut Response, cookie: &str) -> Result<(), ApiError> {
    response.headers_mut().insert(header::SET_COOKIE, HeaderValue::from_str(cookie).map_err(ApiError::internal)?);
    Ok(())
}

/// `POST /sign-out`.
pub async fn sign_out(State(app): State<App>, asked: Asked, headers: HeaderMap) -> Result<Response, ApiError> {
    if let Caller::User { session, .. } = &asked.permit.caller {
        let id = session.id;
        app.write(&asked.permit.actor(), move |tx, now| accounts::sign_out(tx, id, now)).await?;
    }
    let mut response = see(&format!("{}?reason={SIGNED_OUT}", href::SIGN_IN))?;
    set_cookie(&mut response, &Transport::of(&app.config, &headers).set_cookie(None))?;
    Ok(response)
}

/// `GET /account`.
pub async fn show(State(app): State<App>, asked: Asked) -> Result<Response, ApiError> {
    let permit = asked.permit.clone();
    let mut sessions: Vec<SessionRow> = app
        .read(move |tx, _| own_sessions(tx, &permit, None, Limit::MAX))
        .await?
        .items
        .into_iter()
        .map(|session| SessionRow {
            id: session.id,
            is_current: session.is_current,
            agent: Some(session.device).filter(|device| !device.is_empty()),
            address: session.address,
            created_at: session.created_at,
            last_seen_at: Some(session.last_seen_at),
        })
        .collect();
    sessions.reverse();
    let user = asked.permit.caller.user().map(|user| user.id);
    let tokens = app
        .read(move |tx, now| -> accounts::Result<Vec<TokenRow>> {
            let Some(user) = user else { return Ok(Vec::new()) };
            let tokens = accounts::list_tokens_of(tx, user, None, Limit::MAX)?.items;
            let row = |token: accounts::Token| TokenRow {
                id: token.id,
                scopes: token.scopes.iter().map(ToString::to_string).collect(),
                name: token.name,
                expires_at: token.expires_at,
                last_used_at: token.last_used_at,
            };
            Ok(tokens.into_iter().rev().filter(|token| token.is_good(now)).map(row).collect())
        })
        .await?;
    render(&AccountPage { frame: asked.frame(&app).await?, sessions, tokens })
}

/// `POST /account/sessions/{id}/end`.
pub async fn end_session(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let id: SessionId = params.get("id")?;
    let user = asked.permit.caller.user().map(|user| user.id);
    app.write(&asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
        asked.permit.instance(tx)?;
        Ok(accounts::sign_out_own(tx, user, id, now)?)
    })
    .await?;
    see(href::ACCOUNT)
}

/// `POST /account/tokens/{id}/revoke`.
pub async fn revoke_token(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let id: TokenId = params.get("id")?;
    let user = asked.permit.caller.user().map(|user| user.id);
    app.write(&asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
        asked.permit.instance(tx)?;
        accounts::revoke_own_token(tx, user, id, now)?;
        Ok(())
    })
    .await?;
    see(href::ACCOUNT)
}
