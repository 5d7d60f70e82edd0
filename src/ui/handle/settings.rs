//! The settings of a repository.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use super::{Asked, place, render, see};
use crate::app::App;
use crate::base::name::RepoSlug;
use crate::base::page::Limit;
use crate::domain::accounts::{self, Caller, Permission, Resource};
use crate::domain::checks::catalogue::{self, Tool};
use crate::domain::repos::{self, ApprovalFor, BadgeKey, Change, Repository};
use crate::domain::settings::{self as of_instance, Settings};
use crate::engine::store::ReadTx;
use crate::http::accounts::rotate;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Form, Params};
use crate::http::repos::members;
use crate::http::repos::repo_view;
use crate::http::repos::settings::markdown;
use crate::http::usage;
use crate::ui::href;
use crate::ui::settings::{Members, SettingsPage, ToolChoice};

/// The badges that the page shows.
const BADGES: [&str; 2] = ["gate", "issues"];

/// What the form sends; a box that is not ticked is not sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entered {
    description: String,
    private: Option<String>,
    instance_secrets: Option<String>,
    approval_for: Option<ApprovalFor>,
    /// The tools that are ticked, each as `tool:` and its name.
    #[serde(flatten)]
    others: BTreeMap<String, String>,
}

impl Entered {
    fn change(&self, is_admin: bool) -> Result<Change, ApiError> {
        let tools: Vec<String> = self.others.keys().filter_map(|key| key.strip_prefix("tool:")).map(str::to_owned).collect();
        let tools = catalogue::without_settings(&tools).map_err(|why| ApiError::field(Code::InvalidBody, "tools", why))?;
        Ok(Change {
            is_private: Some(self.private.is_some()),
            description: Some(Some(self.description.clone())),
            approval_for: self.approval_for,
            tools: Some(tools),
            // Others are not shown the box, and what is not shown is not changed.
            has_instance_secrets: is_admin.then_some(self.instance_secrets.is_some()),
        })
    }
}

/// The tools that a repository can have switched on.
fn choices(app: &App, settings: &Settings, repo: &Repository) -> Vec<ToolChoice> {
    let everywhere = app.config.default_tools(settings);
    let choice = |tool: &'static Tool| ToolChoice {
        name: &tool.name,
        title: &tool.title,
        is_on: repo.tools.contains(&tool.name),
        is_everywhere: everywhere.contains(&tool.name),
        is_here: app.sandboxes.ready(tool).is_ok(),
    };
    catalogue::able().map(choice).collect()
}

/// `GET /r/{owner}/{name}/settings`.
pub async fn show(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    render(&page(&app, &asked, params.slug()?, Came::default()).await?)
}

/// What came of a form.
#[derive(Debug, Default)]
struct Came {
    /// The description that was entered and refused, and why.
    description: Option<(String, String)>,
    /// The login that was entered and refused, and why.
    member: Option<(String, String)>,
    /// An upload token that was just made.
    upload_token: Option<String>,
}

async fn page(app: &App, asked: &Asked, slug: RepoSlug, came: Came) -> Result<SettingsPage, ApiError> {
    let permit = asked.permit.clone();
    let (repo, settings) = app.read(move |tx, _| -> Result<_, ApiError> { Ok((permit.repo(tx, &slug)?, of_instance::load(tx)?)) }).await?;
    let usage = usage::of(app, repo.id).await?;
    let frame = asked.frame(app).await?;
    // Programs are looked for and asked for their version.
    let (looks, of) = (app.clone(), repo.clone());
    let tools = app.blocking(move || choices(&looks, &settings, &of)).await?;
    let (caller, handle) = (asked.permit.caller.clone(), app.clone());
    app.read(move |tx, _| -> Result<SettingsPage, ApiError> {
        Ok(SettingsPage {
            frame,
            place: place(tx, &caller, &repo, None, None)?,
            members: members_of(tx, &caller, &repo, came.member)?,
            badges: BADGES.iter().map(|badge| (*badge, markdown(&handle, &repo, badge))).collect(),
            repo: repo_view(tx, &caller, repo)?,
            tools,
            usage,
            refused: came.description,
            upload_token: came.upload_token,
        })
    })
    .await
}

/// Who has which role, for whoever may say so.
fn members_of(tx: &ReadTx, caller: &Caller, repo: &Repository, refused: Option<(String, String)>) -> Result<Option<Members>, ApiError> {
    match caller.may(tx, Permission::RepoMembers, Resource::Repository(repo.id)) {
        Ok(()) => {}
        Err(accounts::Error::Refused(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let page = members::members(tx, repo, None, Limit::MAX)?;
    let are_given_here = repo.source.github().is_none();
    Ok(Some(Members { rows: page.items, is_cut: page.next.is_some(), are_given_here, refused }))
}

/// A role, as the form sends it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MemberForm {
    login: String,
    role: String,
}

/// `POST /r/{owner}/{name}/settings/members`.
pub async fn set_member(State(app): State<App>, asked: Asked, params: Params, Form(form): Form<MemberForm>) -> Result<Response, ApiError> {
    let slug = params.slug()?;
    let login = form.login.trim().to_owned();
    let role = form.role.parse().map_err(|error| ApiError::field(Code::InvalidBody, "role", error))?;
    match members::set(&app, asked.permit.clone(), slug.clone(), login.clone(), role).await {
        Ok(_) => see(&href::settings(&slug)),
        Err(error) if matches!(error.code, Code::UserNotFound | Code::RoleMirrored) => {
            let why = match error.code {
                Code::UserNotFound => format!("Nobody signs in as `{login}`."),
                _ => crate::ui::words::sentence(&error.message),
            };
            let came = Came { member: Some((login, why)), ..Came::default() };
            let mut response = render(&page(&app, &asked, slug, came).await?)?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(error) => Err(error),
    }
}

/// `POST /r/{owner}/{name}/settings/members/remove`.
pub async fn remove_member(
    State(app): State<App>,
    asked: Asked,
    params: Params,
    Form(form): Form<MemberForm>,
) -> Result<Response, ApiError> {
    let slug = params.slug()?;
    members::remove(&app, asked.permit, slug.clone(), form.login).await?;
    // Whoever took their own role away may not see the page any more.
    see(&href::repo(&slug))
}

/// `POST /r/{owner}/{name}/settings/upload-token`.
pub async fn renew_upload_token(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let slug = params.slug()?;
    let made = rotate::renew(&app, asked.permit.clone(), slug.clone()).await?;
    let came = Came { upload_token: Some(made.token), ..Came::default() };
    let mut response = render(&page(&app, &asked, slug, came).await?)?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `POST /r/{owner}/{name}/settings`.
pub async fn change(State(app): State<App>, asked: Asked, params: Params, Form(entered): Form<Entered>) -> Result<Response, ApiError> {
    let (slug, permit) = (params.slug()?, asked.permit.clone());
    let wanted = entered.change(asked.permit.caller.is_admin())?;
    let named = slug.clone();
    let changed = app
        .write(&asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
            let repo = permit.repo(tx, &named)?;
            repos::change(tx, repo.id, &wanted, now)?;
            Ok(())
        })
        .await;
    match changed {
        Ok(()) => see(&href::settings(&slug)),
        Err(error) if error.code == Code::InvalidBody => {
            let message = error.message.strip_prefix("`description`: ").unwrap_or(&error.message);
            let refused = (entered.description, crate::ui::words::sentence(message));
            let came = Came { description: Some(refused), ..Came::default() };
            let mut response = render(&page(&app, &asked, slug, came).await?)?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(error) => Err(error),
    }
}

/// `POST /r/{owner}/{name}/settings/badge-key`.
pub async fn rotate_badge_key(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let (slug, permit) = (params.slug()?, asked.permit.clone());
    let to = href::settings(&slug);
    let key = BadgeKey::random();
    app.write(&asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
        let repo = permit.repo(tx, &slug)?;
        repos::rotate_badge_key(tx, repo.id, &key, now)?;
        Ok(())
    })
    .await?;
    see(&to)
}
