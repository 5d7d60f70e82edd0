//! The plugins over REST: what is built in, what is found on this host and what is not, and what keeps their processes apart from it.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::checks::CheckErrorView;
use super::error::ApiError;
use super::extract::Permit;
use crate::app::App;
use crate::app::sandboxes::{Keeping, Seen, Survey};
use crate::domain::checks::builtin::{self, Builtin};
use crate::domain::checks::catalogue::{Fetches, Tool};
use crate::domain::settings;
use crate::engine::sandbox::{Keeper, Limit, Limits};
use crate::words;

words! {
    /// How a plugin stands on this host.
    pub enum PluginState: "state of a plugin" {
        /// It is part of the binary.
        BuiltIn = "built_in",
        /// It can be run.
        Found = "found",
        /// It is there, in a version that is too old.
        Outdated = "outdated",
        /// It is not there, or something that it needs.
        Missing = "missing",
        /// It is there, and cannot be run.
        Unusable = "unusable",
    }
}

impl PluginState {
    /// Whether a check that names it can run.
    pub fn can_run(self) -> bool {
        matches!(self, PluginState::BuiltIn | PluginState::Found)
    }
}

/// Every plugin, and what its processes run in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PluginsView {
    /// What keeps processes apart from the host.
    pub sandbox: SandboxView,
    /// The plugins, those that are built in first.
    pub plugins: Vec<PluginView>,
}

/// A plugin as this host has it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PluginView {
    /// How a manifest names it.
    pub name: String,
    /// How people call it.
    pub title: String,
    /// What it does.
    pub about: String,
    /// Where it is at home; null for one that is built in.
    pub homepage: Option<String>,
    /// Whether it is part of the binary.
    pub is_builtin: bool,
    /// Whether it runs where no manifest says what to run.
    pub runs_by_default: bool,
    /// Whether it has nothing to say before a repository holds settings for it.
    pub needs_settings: bool,
    /// What it fetches while it runs.
    pub fetches: Fetches,
    /// How it stands here.
    pub state: PluginState,
    /// Its version here, if it is here and says so.
    pub version: Option<String>,
    /// The oldest version that is taken; null for one that is built in.
    pub least: Option<String>,
    /// Where it lies on the host; for administrators.
    pub path: Option<String>,
    /// A command with which a person installs it, or brings one that is too old up to date; null for one that is built in.
    pub how_to_install: Option<String>,
    /// Why it cannot run, if it cannot.
    pub message: Option<String>,
}

/// What keeps processes apart from the host.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SandboxView {
    /// How well: `native` or `trusted`; null where nothing can be run.
    pub tier: Option<String>,
    /// Each bound of a process and what keeps it here.
    pub limits: Vec<LimitView>,
    /// Which cgroups there are, or why there are none; for administrators.
    pub cgroups: Option<String>,
    /// Why nothing can be run, if nothing can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<CheckErrorView>,
}

/// A bound of a process.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LimitView {
    /// What is bounded.
    pub name: String,
    /// How much it may be where a manifest does not say, with its unit.
    pub most: String,
    /// What keeps it.
    pub keeper: String,
    /// Whether it can be got around for a while.
    pub is_weaker: bool,
}

/// `GET /api/v1/plugins`.
pub async fn list(State(app): State<App>, permit: Permit) -> Result<Json<PluginsView>, ApiError> {
    Ok(Json(view(&app, &permit).await?))
}

/// Every plugin as the caller may see it.
pub async fn view(app: &App, permit: &Permit) -> Result<PluginsView, ApiError> {
    let (asks, is_admin) = (permit.clone(), permit.caller.is_admin());
    let settings = app
        .read(move |tx, _| -> Result<_, ApiError> {
            asks.instance(tx)?;
            Ok(settings::load(tx)?)
        })
        .await?;
    let survey = app.survey().await?;
    Ok(PluginsView::of(&survey, &app.config.default_tools(&settings), is_admin))
}

impl PluginsView {
    /// What was found of the host.
    pub fn of(survey: &Survey, default_tools: &[String], is_admin: bool) -> PluginsView {
        let builtins = builtin::all().iter().map(|builtin| built_in(*builtin));
        let tools = survey.tools.iter().map(|(tool, seen)| PluginView {
            runs_by_default: default_tools.contains(&tool.name),
            path: path(seen).filter(|_| is_admin),
            ..of_tool(tool, seen, is_admin)
        });
        let sandbox = match &survey.keeping {
            Ok(keeping) => SandboxView {
                tier: Some(keeping.tier.to_string()),
                limits: limits(keeping),
                cgroups: is_admin.then(|| keeping.cgroups.clone()),
                error: None,
            },
            Err(error) => SandboxView { tier: None, limits: Vec::new(), cgroups: None, error: Some(error.clone().into()) },
        };
        PluginsView { sandbox, plugins: builtins.chain(tools).collect() }
    }
}

fn built_in(builtin: &dyn Builtin) -> PluginView {
    let (title, about) = builtin::about(builtin.name());
    PluginView {
        name: builtin.name().to_owned(),
        title: title.to_owned(),
        about: about.to_owned(),
        homepage: None,
        is_builtin: true,
        runs_by_default: builtin::by_default().iter().any(|by_default| by_default.name() == builtin.name()),
        needs_settings: false,
        fetches: Fetches::Nothing,
        state: PluginState::BuiltIn,
        version: Some(builtin.version().to_string()),
        least: None,
        path: None,
        how_to_install: None,
        message: None,
    }
}

fn of_tool(tool: &'static Tool, seen: &Seen, is_admin: bool) -> PluginView {
    let (state, version) = match seen {
        Seen::Ready(ready) => (PluginState::Found, ready.version.as_ref()),
        Seen::Outdated(ready) => (PluginState::Outdated, ready.version.as_ref()),
        Seen::Missing(_) => (PluginState::Missing, None),
        Seen::Unusable(..) => (PluginState::Unusable, None),
    };
    PluginView {
        name: tool.name.clone(),
        title: tool.title.clone(),
        about: tool.about.clone(),
        homepage: Some(tool.homepage.clone()),
        is_builtin: false,
        runs_by_default: false,
        needs_settings: tool.needs_settings(),
        fetches: tool.network,
        state,
        version: version.map(ToString::to_string),
        least: Some(tool.least.to_string()),
        path: None,
        how_to_install: Some(if state == PluginState::Outdated { tool.renewal() } else { tool.install.clone() }),
        message: match seen {
            // Why a program does not start is told by places on the host.
            Seen::Unusable(..) if !is_admin => Some(format!("`{}` is here and cannot be started; an administrator sees why.", tool.name)),
            _ => seen.clone().ready(tool).err().map(|error| error.message),
        },
    }
}

fn path(seen: &Seen) -> Option<String> {
    match seen {
        Seen::Ready(ready) | Seen::Outdated(ready) => Some(ready.located.executable.display().to_string()),
        Seen::Unusable(located, _) => Some(located.executable.display().to_string()),
        Seen::Missing(_) => None,
    }
}

fn limits(keeping: &Keeping) -> Vec<LimitView> {
    let most = Limits::default();
    let view = |(limit, keeper): &(Limit, Keeper)| LimitView {
        name: limit.words().to_owned(),
        most: most.of(*limit),
        keeper: keeper.words().to_owned(),
        is_weaker: keeper.is_weaker(),
    };
    keeping.limits.iter().map(view).collect()
}
