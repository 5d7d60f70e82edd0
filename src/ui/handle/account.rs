//! One's own account.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use super::token_form::TokenForm;
use super::{Asked, abroad, render, see};
use crate::app::App;
use crate::base::id::{SessionId, TokenId};
use crate::base::page::Limit;
use crate::domain::accounts::{self, Caller, Source, TokenKind};
use crate::domain::github as forge;
use crate::http::accounts::github::{self, ProofBody};
use crate::http::accounts::rotate::{self, Of};
use crate::http::accounts::signin::NewPasswordBody;
use crate::http::accounts::{TokenView, factor, make_token, own_sessions, signin, token_view};
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Form, Params};
use crate::http::layers;
use crate::http::trail::Refuses;
use crate::ui::account::{AccountPage, GithubPart, Outcome, Part, SessionRow};
use crate::ui::escape::Markup;
use crate::ui::{href, words};

/// `GET /account`.
pub async fn show(State(app): State<App>, asked: Asked) -> Result<Response, ApiError> {
    answer(&app, &asked, Outcome::None).await
}

/// The page, with what came of a form. What is shown once is kept by nobody on its way.
async fn answer(app: &App, asked: &Asked, outcome: Outcome) -> Result<Response, ApiError> {
    let status = match &outcome {
        Outcome::Refused(..) | Outcome::TotpBegun { fault: Some(_), .. } => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::OK,
    };
    let code = match &outcome {
        Outcome::Refused(_, code, _) => Some(*code),
        Outcome::TotpBegun { fault: Some(_), .. } => Some(Code::TotpInvalid),
        _ => None,
    };
    let page = page(app, asked, outcome).await?;
    let leads_to_github = page.github == GithubPart::Open;
    let mut response = render(&page)?;
    *response.status_mut() = status;
    if let Some(code) = code {
        response.extensions_mut().insert(Refuses::from(code));
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if leads_to_github {
        // Wherever the operator says that is.
        let configured = app.config.github.clone();
        let (url, _) = app.read(move |tx, _| Ok::<_, forge::Error>(forge::places(&configured, forge::app(tx)?.as_ref()))).await?;
        let policy = HeaderValue::from_str(&layers::policy_with_form_to(&url)).map_err(ApiError::internal)?;
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

async fn page(app: &App, asked: &Asked, outcome: Outcome) -> Result<AccountPage, ApiError> {
    let permit = asked.permit.clone();
    let mut sessions: Vec<SessionRow> = app
        .read(move |tx, _| own_sessions(tx, &permit, None, Limit::MAX))
        .await?
        .items
        .into_iter()
        .map(|session| SessionRow {
            id: session.id,
            is_current: session.is_current,
            device: session.device,
            address: session.address,
            created_at: session.created_at,
            last_seen_at: Some(session.last_seen_at),
        })
        .collect();
    sessions.reverse();
    let user = asked.permit.caller.user().map(|user| user.id);
    let by_github = github::is_open(app).await?;
    let (tokens, has_password, recovery_codes_left, github) = app
        .read(move |tx, now| -> Result<(Vec<TokenView>, bool, Option<usize>, GithubPart), ApiError> {
            let Some(user) = user else { return Ok((Vec::new(), false, None, GithubPart::Closed)) };
            let tokens = accounts::list_tokens_of(tx, user, None, Limit::MAX)?.items;
            let good = tokens.into_iter().rev().filter(|token| token.is_good(now));
            let tokens = good.map(|token| token_view(tx, token)).collect::<Result<_, _>>()?;
            let has_password = accounts::password_of(tx, user)?.is_some();
            let github = match accounts::github_identity_of(tx, user)? {
                Some(identity) => {
                    let is_free = has_password && accounts::get_user(tx, user)?.sources.contains(&Source::Local);
                    GithubPart::Linked { login: identity.login, is_free }
                }
                None if by_github => GithubPart::Open,
                None => GithubPart::Closed,
            };
            Ok((tokens, has_password, accounts::recovery_codes_left(tx, user)?, github))
        })
        .await?;
    Ok(AccountPage { frame: asked.frame(app).await?, has_password, recovery_codes_left, github, sessions, tokens, outcome })
}

/// What a part of the page says of a refusal; what is ours to mend is no refusal.
fn refused(part: Part, error: ApiError) -> Result<Outcome, ApiError> {
    if error.code.status().is_server_error() {
        return Err(error);
    }
    let said = match error.fields() {
        [one] => one["message"].as_str().unwrap_or(&error.message).to_owned(),
        _ => error.message.to_string(),
    };
    Ok(Outcome::Refused(part, error.code, words::sentence(&said)))
}

/// A new password, as the form sends it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PasswordForm {
    current: String,
    password: String,
}

/// `POST /account/password`.
pub async fn set_password(State(app): State<App>, asked: Asked, Form(form): Form<PasswordForm>) -> Result<Response, ApiError> {
    let body = NewPasswordBody { current: Some(form.current), password: form.password };
    let outcome = match signin::change(&app, &asked.permit, body).await {
        Ok(()) => Outcome::PasswordSet,
        Err(error) => refused(Part::Password, error)?,
    };
    answer(&app, &asked, outcome).await
}

/// What the forms about codes send.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct TotpForm {
    password: String,
    code: String,
}

/// `POST /account/totp`: begins a set-up.
pub async fn begin_totp(State(app): State<App>, asked: Asked, Form(form): Form<TotpForm>) -> Result<Response, ApiError> {
    let outcome = match factor::begin(&app, &asked.permit, Some(form.password)).await {
        Ok(begun) => Outcome::TotpBegun { picture: Markup::made(begun.qr_svg), secret: begun.secret, fault: None },
        Err(error) => refused(Part::Totp, error)?,
    };
    answer(&app, &asked, outcome).await
}

/// `POST /account/totp/confirm`.
pub async fn confirm_totp(State(app): State<App>, asked: Asked, Form(form): Form<TotpForm>) -> Result<Response, ApiError> {
    let outcome = match factor::confirm(&app, &asked.permit, &form.code).await {
        Ok(confirmed) => Outcome::TotpConfirmed(confirmed.recovery_codes),
        Err(error) if error.code == Code::TotpInvalid => match factor::begun(&app, &asked.permit).await? {
            Some(begun) => Outcome::TotpBegun {
                picture: Markup::made(begun.qr_svg),
                secret: begun.secret,
                fault: Some(words::sentence(&error.message)),
            },
            None => refused(Part::Totp, error)?,
        },
        Err(error) => refused(Part::Totp, error)?,
    };
    answer(&app, &asked, outcome).await
}

/// `POST /account/totp/remove`.
pub async fn remove_totp(State(app): State<App>, asked: Asked, Form(form): Form<TotpForm>) -> Result<Response, ApiError> {
    match factor::remove(&app, &asked.permit, &form.code).await {
        Ok(()) => see(href::ACCOUNT),
        Err(error) => answer(&app, &asked, refused(Part::Totp, error)?).await,
    }
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

/// What shows that it is its person, as the form sends it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ProofForm {
    password: String,
}

/// `POST /account/github/link`: on to GitHub.
pub async fn link_github(
    State(app): State<App>,
    asked: Asked,
    headers: HeaderMap,
    Form(form): Form<ProofForm>,
) -> Result<Response, ApiError> {
    match github::link(&app, &asked.permit, &headers, ProofBody { password: Some(form.password) }).await {
        Ok(departure) => abroad::send(departure),
        Err(error) => answer(&app, &asked, refused(Part::Github, error)?).await,
    }
}

/// `POST /account/github/unlink`.
pub async fn unlink_github(State(app): State<App>, asked: Asked, Form(form): Form<ProofForm>) -> Result<Response, ApiError> {
    match github::unlink(&app, &asked.permit, ProofBody { password: Some(form.password) }).await {
        Ok(()) => see(href::ACCOUNT),
        Err(error) => answer(&app, &asked, refused(Part::Github, error)?).await,
    }
}

/// `POST /account/sessions/end-others`.
pub async fn end_others(State(app): State<App>, asked: Asked) -> Result<Response, ApiError> {
    if let Caller::User { user, session } = &asked.permit.caller {
        let (user, keep, permit) = (user.id, session.id, asked.permit.clone());
        app.write(&asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
            permit.instance(tx)?;
            accounts::sign_out_all(tx, user, Some(keep), now)?;
            Ok(())
        })
        .await?;
    }
    see(href::ACCOUNT)
}

/// `POST /account/tokens`: makes one.
pub async fn create_token(State(app): State<App>, asked: Asked, Form(form): Form<TokenForm>) -> Result<Response, ApiError> {
    let outcome = match make_token(app.clone(), asked.permit.clone(), form.parts(app.clock.now()), TokenKind::Personal).await {
        Ok((_, made)) => Outcome::Token { name: made.0.view.name, text: made.0.token },
        Err(error) => refused(Part::Tokens, error)?,
    };
    answer(&app, &asked, outcome).await
}

/// `POST /account/tokens/{id}/rotate`.
pub async fn rotate_token(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let outcome = match rotate::rotate(&app, asked.permit.clone(), params.get("id")?, Of::Own, rotate::OVERLAP).await {
        Ok(made) => Outcome::Token { name: made.view.name, text: made.token },
        Err(error) => refused(Part::Tokens, error)?,
    };
    answer(&app, &asked, outcome).await
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
