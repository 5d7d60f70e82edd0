//! The administrators' pages of people and tokens.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use super::token_form::TokenForm;
use super::{Asked, render, see};
use crate::app::App;
use crate::base::id::{LinkId, TokenId, UserId};
use crate::base::page::{Cursor, Limit};
use crate::domain::accounts::{self, InstanceRole, TokenKind, UserChange};
use crate::http::accounts::people::{self, InvitationBody};
use crate::http::accounts::rotate::{self, Of};
use crate::http::accounts::{make_token, token_view};
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Form, Params, Query};
use crate::http::trail::Refuses;
use crate::ui::people::{TokensPage, UsersPage};
use crate::ui::{href, words};

/// How many rows a page has.
const ROWS: usize = 100;
/// How many invitations are shown.
const INVITATIONS: usize = 25;

/// What a page is asked for.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    q: Option<String>,
    cursor: Option<String>,
}

/// What came of a form: a link or text that was made, or why it was refused.
#[derive(Debug, Default)]
struct Came {
    made: Option<(String, String)>,
    refused: Option<(Code, String)>,
}

/// `GET /admin/users`.
pub async fn users(State(app): State<App>, asked: Asked, Query(wanted): Query<Wanted>) -> Result<Response, ApiError> {
    show_users(&app, &asked, wanted, Came::default()).await
}

async fn show_users(app: &App, asked: &Asked, wanted: Wanted, came: Came) -> Result<Response, ApiError> {
    let permit = asked.permit.clone();
    let q = wanted.q.unwrap_or_default();
    let cursor: Option<Cursor> = wanted.cursor.filter(|text| !text.is_empty()).map(|text| text.parse()).transpose()?;
    let looked = q.clone();
    let (users, invitations) = app
        .read(move |tx, _| -> Result<_, ApiError> {
            let users = people::users(tx, &permit, &looked, cursor, Limit::new(ROWS))?;
            Ok((users, people::invitations(tx, &permit, None, Limit::new(INVITATIONS))?.items))
        })
        .await?;
    let next = users.next.map(|next| href::with(&href::with(href::USERS, "q", &q), "cursor", &next.to_string()));
    let me = asked.permit.caller.user().map(|user| user.id);
    let Came { made, refused } = came;
    let (code, refused) = refused.unzip();
    let by_github = crate::http::accounts::github::is_open(app).await?;
    let page = UsersPage { frame: asked.frame(app).await?, q, users: users.items, next, invitations, made, refused, me, by_github };
    finish(&page, code)
}

/// A page that may hold what is shown once.
fn finish(page: &impl askama::Template, refused: Option<Code>) -> Result<Response, ApiError> {
    let mut response = render(page)?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(code) = refused {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        response.extensions_mut().insert(Refuses::from(code));
    }
    Ok(response)
}

/// What a person can mend is said on the page.
fn refused(error: ApiError) -> Result<Came, ApiError> {
    match error.code {
        Code::NotFound
        | Code::LastAdmin
        | Code::InvalidBody
        | Code::AlreadyExists
        | Code::Forbidden
        | Code::TokenEnded
        | Code::NotConfirmed => Ok(Came { made: None, refused: Some((error.code, words::sentence(&error.message))) }),
        _ => Err(error),
    }
}

/// Who is to come, as the form sends it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct InviteForm {
    note: String,
    admin: Option<String>,
}

/// `POST /admin/invitations`.
pub async fn invite(State(app): State<App>, asked: Asked, Form(form): Form<InviteForm>) -> Result<Response, ApiError> {
    let role = if form.admin.is_some() { InstanceRole::Admin } else { InstanceRole::Member };
    let body = InvitationBody { role: Some(role), note: Some(form.note) };
    let came = match people::invite(&app, asked.permit.clone(), body).await {
        Ok(made) => Came { made: Some(("This link invites somebody, once, for seven days".to_owned(), made.url)), refused: None },
        Err(error) => refused(error)?,
    };
    show_users(&app, &asked, Wanted::default(), came).await
}

/// `POST /admin/invitations/{id}/revoke`.
pub async fn call_back(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let id: LinkId = params.get("id")?;
    people::call_back(&app, asked.permit, id).await?;
    see(href::USERS)
}

/// What is to be done with a person: the button that was pressed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Act {
    act: String,
    confirm: String,
}

/// `POST /admin/users/{id}`.
pub async fn act(State(app): State<App>, asked: Asked, params: Params, Form(form): Form<Act>) -> Result<Response, ApiError> {
    let id: UserId = params.get("id")?;
    let came = match carry_out(&app, &asked, id, &form).await {
        Ok(None) => return see(href::USERS),
        Ok(made) => Came { made, refused: None },
        Err(error) => refused(error)?,
    };
    show_users(&app, &asked, Wanted::default(), came).await
}

async fn carry_out(app: &App, asked: &Asked, id: UserId, form: &Act) -> Result<Option<(String, String)>, ApiError> {
    let permit = asked.permit.clone();
    let asks = permit.clone();
    let login = app
        .read(move |tx, _| -> Result<String, ApiError> {
            asks.instance(tx)?;
            Ok(accounts::get_user(tx, id)?.login)
        })
        .await?;
    let change = |role, is_disabled| people::change(app, permit.clone(), id, UserChange { role, is_disabled });
    match form.act.as_str() {
        "make_admin" => change(Some(InstanceRole::Admin), None).await.map(|_| None),
        "make_member" => change(Some(InstanceRole::Member), None).await.map(|_| None),
        "disable" => change(None, Some(true)).await.map(|_| None),
        "enable" => change(None, Some(false)).await.map(|_| None),
        "sync" => crate::http::accounts::github::sync_one(app, permit, id).await.map(|_| None),
        "drop_codes" => people::drop_codes(app, permit, id).await.map(|()| None),
        "sign_out" => people::sign_out(app, permit, id).await.map(|()| None),
        "reset" => {
            let link = people::reset(app, permit, id).await?;
            Ok(Some(("By this link they set a new password, once, within thirty minutes".to_owned(), link.url)))
        }
        "delete" => {
            if form.confirm.trim() != login {
                return Err(ApiError::new(Code::NotConfirmed, format!("to delete `{login}`, enter their login")));
            }
            people::remove(app, permit, id).await.map(|()| None)
        }
        _ => Err(ApiError::field(Code::InvalidBody, "act", "not one of this page's buttons")),
    }
}

/// `POST /admin/resync`.
pub async fn resync(State(app): State<App>, asked: Asked) -> Result<Response, ApiError> {
    crate::http::accounts::github::resync_all(&app, asked.permit).await?;
    see(href::USERS)
}

/// `GET /admin/tokens`.
pub async fn tokens(State(app): State<App>, asked: Asked, Query(wanted): Query<Wanted>) -> Result<Response, ApiError> {
    show_tokens(&app, &asked, wanted, Came::default()).await
}

async fn show_tokens(app: &App, asked: &Asked, wanted: Wanted, came: Came) -> Result<Response, ApiError> {
    let permit = asked.permit.clone();
    let cursor: Option<Cursor> = wanted.cursor.filter(|text| !text.is_empty()).map(|text| text.parse()).transpose()?;
    let (tokens, next) = app
        .read(move |tx, _| -> Result<_, ApiError> {
            permit.instance(tx)?;
            let page = accounts::list_tokens(tx, cursor.as_ref(), Limit::new(ROWS))?;
            let rows = page.items.into_iter().map(|token| token_view(tx, token)).collect::<Result<Vec<_>, _>>()?;
            Ok((rows, page.next))
        })
        .await?;
    let next = next.map(|next| href::with(href::ADMIN_TOKENS, "cursor", &next.to_string()));
    let Came { made, refused } = came;
    let (code, refused) = refused.unzip();
    finish(&TokensPage { frame: asked.frame(app).await?, tokens, next, made, refused }, code)
}

/// `POST /admin/tokens`: makes one for a program.
pub async fn create_token(State(app): State<App>, asked: Asked, Form(form): Form<TokenForm>) -> Result<Response, ApiError> {
    let asks = asked.permit.clone();
    app.read(move |tx, _| asks.instance(tx)).await?;
    let Some(kind) = form.kind().filter(|kind| *kind != TokenKind::Personal) else {
        return Err(ApiError::field(Code::InvalidBody, "kind", "not one of the kinds of this page"));
    };
    let came = match make_token(app.clone(), asked.permit.clone(), form.parts(app.clock.now()), kind).await {
        Ok((_, made)) => Came { made: Some((format!("This is the text of {}", made.0.view.name), made.0.token)), refused: None },
        Err(error) => refused(error)?,
    };
    show_tokens(&app, &asked, Wanted::default(), came).await
}

/// `POST /admin/tokens/{id}`.
pub async fn act_on_token(State(app): State<App>, asked: Asked, params: Params, Form(form): Form<Act>) -> Result<Response, ApiError> {
    let id: TokenId = params.get("id")?;
    let permit = asked.permit.clone();
    let asks = permit.clone();
    app.read(move |tx, _| asks.instance(tx)).await?;
    let came = match form.act.as_str() {
        "revoke" => {
            app.write(&asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
                permit.instance(tx)?;
                accounts::revoke_token(tx, id, now)?;
                Ok(())
            })
            .await?;
            return see(href::ADMIN_TOKENS);
        }
        "rotate" => match rotate::rotate(&app, permit, id, Of::Any, rotate::OVERLAP).await {
            Ok(made) => Came { made: Some((format!("This is the new text of {}", made.view.name), made.token)), refused: None },
            Err(error) => refused(error)?,
        },
        _ => return Err(ApiError::field(Code::InvalidBody, "act", "not one of this page's buttons")),
    };
    show_tokens(&app, &asked, Wanted::default(), came).await
}
