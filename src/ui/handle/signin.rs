//! Signing in and out: by password, by a one-time link.

use axum::Extension;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Asked, render, see};
use crate::app::App;
use crate::domain::accounts::{self, Caller, Hashed, InstanceRole, LinkFault, Opens};
use crate::http::accounts::github;
use crate::http::accounts::signin::{Cookies, Entrance, SignInBody, new_password, sign_in};
use crate::http::auth::{Lapsed, Transport};
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Form, Params, Query};
use crate::http::trail::Refuses;
use crate::ui::frame::Frame;
use crate::ui::signin::{Leads, LinkFaultPage, LinkPage, Reason, SignInPage};
use crate::ui::{href, words};

/// Why a browser is sent to the sign-in page.
#[derive(Debug, Default, Deserialize)]
pub struct Why {
    reason: Option<String>,
}

/// Where somebody is led who comes in by a link.
#[derive(Debug, Default, Deserialize)]
pub struct Whither {
    next: Option<String>,
}

/// They signed out.
const SIGNED_OUT: &str = "signed_out";
/// They set a new password.
const PASSWORD_SET: &str = "password_set";

/// `GET /sign-in`.
pub async fn show(
    State(app): State<App>,
    asked: Asked,
    has_lapsed: Option<Extension<Lapsed>>,
    Query(why): Query<Why>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let reason = match why.reason.as_deref() {
        _ if Transport::of(&app.config, &headers) == Transport::Plain => Reason::PlainHttp,
        Some(SIGNED_OUT) => Reason::SignedOut,
        Some(PASSWORD_SET) => Reason::PasswordSet,
        _ if has_lapsed.is_some() => Reason::Ended,
        _ => Reason::Asked,
    };
    render(&page(&app, asked.frame(&app).await?, reason, String::new(), None).await?)
}

async fn page(app: &App, frame: Frame, reason: Reason, login: String, fault: Option<String>) -> Result<SignInPage, ApiError> {
    let has_passwords = app.read(|tx, _| accounts::has_passwords(tx)).await?;
    let by_github = github::is_open(app).await?;
    Ok(SignInPage { frame, reason, has_passwords, by_github, login, fault })
}

/// What the form sends.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Entered {
    login: String,
    password: String,
    totp: String,
}

/// `POST /sign-in`.
pub async fn enter(State(app): State<App>, asked: Asked, headers: HeaderMap, Form(entered): Form<Entered>) -> Result<Response, ApiError> {
    let login = entered.login.clone();
    let outcome = match Entrance::of(&app, &asked.permit, &headers) {
        Ok(entrance) => {
            let body = SignInBody { login: entered.login, password: entered.password, totp: Some(entered.totp) };
            sign_in(&app, &asked.permit, &entrance, body).await
        }
        Err(_) => return render(&page(&app, asked.frame(&app).await?, Reason::PlainHttp, login, None).await?),
    };
    let error = match outcome {
        Ok((_, cookies)) => return come_in(&app, href::HOME, &cookies),
        Err(error) => error,
    };
    let why = match error.code {
        Code::SignInRefused => "The login, the password or the code is not right.".to_owned(),
        Code::TotpRequired => {
            "This account asks for a code as well: enter the six digits of your authenticator, or a recovery code.".to_owned()
        }
        Code::RateLimited => words::sentence(&error.message),
        _ => return Err(error),
    };
    let mut response = render(&page(&app, asked.frame(&app).await?, Reason::Asked, login, Some(why)).await?)?;
    response.extensions_mut().insert(Refuses::from(&error));
    let wait = error.retry_after();
    *response.status_mut() = if wait.is_some() { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::UNPROCESSABLE_ENTITY };
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    Ok(response)
}

/// To a page, signed in.
fn come_in(app: &App, next: &str, cookies: &Cookies) -> Result<Response, ApiError> {
    let mut response = see(next)?;
    cookies.put(app, response.headers_mut())?;
    Ok(response)
}

/// Where somebody with a link may not sign in, or what the link does.
async fn look_at_link(app: &App, asked: &Asked, params: &Params, headers: &HeaderMap) -> Result<Result<LinkPage, Response>, ApiError> {
    let frame = asked.frame(app).await?;
    if Transport::of(&app.config, headers) == Transport::Plain {
        return Ok(Err(render(&page(app, frame, Reason::PlainHttp, String::new(), None).await?)?));
    }
    let secret = Hashed::of(&params.text("secret"));
    match app.read(move |tx, now| accounts::find_link(tx, secret, now)).await {
        Ok((link, opens)) => {
            let leads = match opens {
                Opens::SignIn(user) => Leads::In { login: user.login, is_admin: user.role == InstanceRole::Admin },
                Opens::SetPassword(user) => Leads::Password { login: user.login },
                Opens::Invitation(role) => Leads::Account { is_admin: role == InstanceRole::Admin },
            };
            Ok(Ok(LinkPage { frame, leads, expires_at: link.expires_at, login: String::new(), fault: None }))
        }
        Err(accounts::Error::LinkUseless { fault }) => Ok(Err(useless(frame, fault)?)),
        Err(error) => Err(error.into()),
    }
}

fn useless(frame: Frame, fault: LinkFault) -> Result<Response, ApiError> {
    let mut response = render(&LinkFaultPage { frame, fault })?;
    *response.status_mut() = StatusCode::GONE;
    response.extensions_mut().insert(Refuses::from(Code::LinkSpent));
    Ok(response)
}

/// `GET /link/{secret}`: shows the button and spends nothing.
pub async fn link(State(app): State<App>, asked: Asked, params: Params, headers: HeaderMap) -> Result<Response, ApiError> {
    match look_at_link(&app, &asked, &params, &headers).await? {
        Ok(page) => render(&page),
        Err(response) => Ok(response),
    }
}

/// A form that has fields, or one that is a button alone and may be sent without a body.
async fn fields<T: DeserializeOwned + Default>(app: &App, request: Request) -> Result<T, ApiError> {
    if !request.headers().contains_key(header::CONTENT_TYPE) {
        return Ok(T::default());
    }
    Ok(Form::<T>::from_request(request, app).await?.0)
}

/// `POST /link/{secret}`: does what the link is for, and spends it.
pub async fn spend_link(
    State(app): State<App>,
    asked: Asked,
    params: Params,
    headers: HeaderMap,
    Query(whither): Query<Whither>,
    request: Request,
) -> Result<Response, ApiError> {
    let next = github::own_path(whither.next.as_deref());
    let entered: Entered = fields(&app, request).await?;
    let page = match look_at_link(&app, &asked, &params, &headers).await? {
        Ok(page) => page,
        Err(response) => return Ok(response),
    };
    let login = entered.login.clone();
    match spend(&app, &asked, &params, &headers, (&page.leads, entered, &next)).await {
        Ok(response) => Ok(response),
        // Somebody else was quicker.
        Err(error) if error.code == Code::LinkSpent => match look_at_link(&app, &asked, &params, &headers).await? {
            Ok(_) => Err(error),
            Err(response) => Ok(response),
        },
        Err(error) if matches!(error.code, Code::InvalidBody | Code::AlreadyExists) => {
            let field = error.fields().first().and_then(|field| field["field"].as_str()).unwrap_or("login").to_owned();
            let why = error.message.strip_prefix(&format!("`{field}`: ")).unwrap_or(&error.message);
            let fault = Some((field, words::sentence(why)));
            let mut response = render(&LinkPage { login, fault, ..page })?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(error) => Err(error),
    }
}

async fn spend(
    app: &App,
    asked: &Asked,
    params: &Params,
    headers: &HeaderMap,
    (leads, entered, next): (&Leads, Entered, &str),
) -> Result<Response, ApiError> {
    let secret = Hashed::of(&params.text("secret"));
    let entrance = Entrance::of(app, &asked.permit, headers)?;
    let actor = asked.permit.actor();
    match leads {
        Leads::In { login, .. } => {
            let login = login.clone();
            let user = app.read(move |tx, _| accounts::find_user(tx, &login)).await?.id;
            let (new, cookies) = entrance.begin(app, Some(user)).await?;
            app.write(&actor, move |tx, now| accounts::spend_link(tx, secret, &new, now)).await?;
            come_in(app, next, &cookies)
        }
        Leads::Password { login } => {
            let hash = app.hash_password(new_password(entered.password, login)?).await?;
            app.write(&actor, move |tx, now| accounts::reset_password(tx, secret, &hash, now)).await?;
            let mut response = see(&format!("{}?reason={PASSWORD_SET}", href::SIGN_IN))?;
            // Whoever was signed in here is so no more.
            sign_out_cookie(app, headers, &mut response)?;
            Ok(response)
        }
        Leads::Account { .. } => {
            let login = accounts::parse_login(entered.login.trim()).map_err(accounts::Error::from)?;
            let hash = app.hash_password(new_password(entered.password, &login)?).await?;
            let (new, cookies) = entrance.begin(app, None).await?;
            app.write(&actor, move |tx, now| accounts::accept_invitation(tx, secret, &login, &hash, &new, now)).await?;
            come_in(app, next, &cookies)
        }
    }
}

fn sign_out_cookie(app: &App, headers: &HeaderMap, response: &mut Response) -> Result<(), ApiError> {
    let cookie = Transport::of(&app.config, headers).set_cookie(None, app.config.sessions.lifetime);
    response.headers_mut().insert(header::SET_COOKIE, HeaderValue::from_str(&cookie).map_err(ApiError::internal)?);
    Ok(())
}

/// `POST /sign-out`.
pub async fn sign_out(State(app): State<App>, asked: Asked, headers: HeaderMap) -> Result<Response, ApiError> {
    if let Caller::User { session, .. } = &asked.permit.caller {
        let id = session.id;
        app.write(&asked.permit.actor(), move |tx, now| accounts::sign_out(tx, id, now)).await?;
    }
    let mut response = see(&format!("{}?reason={SIGNED_OUT}", href::SIGN_IN))?;
    sign_out_cookie(&app, &headers, &mut response)?;
    // What the browser kept of pages is of no use to whoever sits there next.
    response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\", \"storage\""));
    Ok(response)
}
