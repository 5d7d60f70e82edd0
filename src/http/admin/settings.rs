//! The settings of the instance over REST: what can be changed while it runs, and what its configuration says.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::app::config::{self, KEYS};
use crate::base::event::Upkeep;
use crate::base::time::Timestamp;
use crate::domain::admin;
use crate::domain::settings::{self, AUDIT_KEPT_DAYS_LEAST, AddRepos, DAYS_MOST, EVENTS_KEPT_DAYS, POLL_SECONDS, Settings};
use crate::engine::store::WriteTx;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{JsonBody, Permit};
use crate::http::faults::Faults;

/// The settings.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SettingsView {
    /// Tools that run, where they are installed, in repositories whose manifest names no checks.
    pub default_tools: SettingView<Vec<String>>,
    /// How often repositories are asked for new commits, in seconds.
    pub poll_interval_s: SettingView<u32>,
    /// For how many days events are kept, which pages and the feed tell of.
    pub events_kept_days: SettingView<u32>,
    /// After how many days entries of the trail are let go; null is never.
    pub audit_kept_days: SettingView<Option<u32>>,
    /// The name of the status that a commit has on GitHub. What was said under another name stays there as it is.
    pub status_context: SettingView<String>,
    /// Whether repositories that the App is let at on GitHub are added as it is told of them (`automatically`) or one by one (`by_hand`).
    pub add_repos: SettingView<String>,
    /// The organizations whose repositories are added as GitHub tells of them, whatever `add_repos` says of others.
    pub add_repos_of: SettingView<Vec<String>>,
    /// The configuration, which is read when the process starts.
    pub configuration: Vec<ConfiguredView>,
}

/// A setting that can be changed while the process runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SettingView<T> {
    /// What holds.
    pub value: T,
    /// What holds where nothing is set.
    pub default: T,
    /// Whether it is set here.
    pub is_set: bool,
    /// Where the configuration decides it, which then cannot be changed here: a file, a variable or a flag.
    pub decided_by: Option<String>,
}

/// A key of the configuration.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConfiguredView {
    /// Its name in the file, dots for tables.
    pub key: &'static str,
    /// Its value as it would stand in the file; null where it is not set and has no default, and for secrets.
    pub value: Option<String>,
    /// Where it was set; null is the default.
    pub set_by: Option<String>,
    /// What it is for.
    pub about: &'static str,
}

/// What is to be changed; what is left out stays as it is, null goes back to the default.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsChangeBody {
    /// Tools that run by default, of those that need no settings in a repository.
    #[serde(default, deserialize_with = "tools")]
    pub default_tools: Option<Option<Vec<String>>>,
    /// How often repositories are asked for new commits, in seconds: 1 to 86400.
    #[serde(default, deserialize_with = "poll_interval")]
    pub poll_interval_s: Option<Option<u32>>,
    /// For how many days events are kept: 1 to 36500.
    #[serde(default, deserialize_with = "events_kept")]
    pub events_kept_days: Option<Option<u32>>,
    /// After how many days entries of the trail are let go: 30 to 36500.
    #[serde(default, deserialize_with = "audit_kept")]
    pub audit_kept_days: Option<Option<u32>>,
    /// The name of the status that a commit has on GitHub: 1 to 100 printable ASCII characters.
    #[serde(default, deserialize_with = "status_context")]
    pub status_context: Option<Option<String>>,
    /// What is done about repositories that the App is let at on GitHub from then on: `by_hand` or `automatically`.
    #[serde(default, deserialize_with = "add_repos")]
    #[schema(value_type = Option<Option<String>>)]
    pub add_repos: Option<Option<AddRepos>>,
    /// The organizations whose repositories are added from then on, whatever is done about others: at most 100 names on GitHub.
    #[serde(default, deserialize_with = "organizations")]
    pub add_repos_of: Option<Option<Vec<String>>>,
}

/// A value that is there, be it null: one that is left out is the default.
fn there<'de, D: Deserializer<'de>, T: Deserialize<'de>, U>(
    deserializer: D,
    judge: impl FnOnce(T) -> Result<U, String>,
) -> Result<Option<Option<U>>, D::Error> {
    let value = Option::<T>::deserialize(deserializer)?;
    value.map(judge).transpose().map(Some).map_err(serde::de::Error::custom)
}

fn within(range: std::ops::RangeInclusive<u32>) -> impl FnOnce(u32) -> Result<u32, String> {
    move |number| if range.contains(&number) { Ok(number) } else { Err(format!("not a number from {} to {}", range.start(), range.end())) }
}

fn tools<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Vec<String>>>, D::Error> {
    there(deserializer, |names: Vec<String>| config::default_tools(&names))
}

fn poll_interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    there(deserializer, within(POLL_SECONDS))
}

fn events_kept<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    there(deserializer, within(1..=DAYS_MOST))
}

fn audit_kept<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    there(deserializer, within(AUDIT_KEPT_DAYS_LEAST..=DAYS_MOST))
}

fn status_context<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    there(deserializer, |name: String| settings::status_context(&name))
}

fn add_repos<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<AddRepos>>, D::Error> {
    there(deserializer, |how: String| how.parse().map_err(|_| "not `by_hand` or `automatically`".to_owned()))
}

fn organizations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Vec<String>>>, D::Error> {
    there(deserializer, |names: Vec<String>| settings::organizations(&names))
}

/// The keys of the configuration that decide a setting.
const DECIDED: [(&str, &str); 5] = [
    ("default_tools", "checks.default_tools"),
    ("poll_interval_s", "repos.poll_interval"),
    ("status_context", "github.status_context"),
    ("add_repos", "github.add_repos"),
    ("add_repos_of", "github.add_repos_of"),
];

impl SettingsView {
    /// What is set, beside the configuration that it is joined with.
    pub fn of(app: &App, settings: &Settings) -> SettingsView {
        let config = &app.config;
        let decided_by = |key: &str| config.places.of(key).map(|place| place.trim_matches('`').to_owned());
        let seconds = |span: std::time::Duration| u32::try_from(span.as_secs()).unwrap_or(u32::MAX);
        let none = Settings::default();
        SettingsView {
            default_tools: SettingView {
                value: config.default_tools(settings),
                default: config.default_tools(&none),
                is_set: settings.default_tools.is_some(),
                decided_by: decided_by("checks.default_tools"),
            },
            poll_interval_s: SettingView {
                value: seconds(config.poll_interval(settings)),
                default: seconds(config.poll_interval(&none)),
                is_set: settings.poll_interval_s.is_some(),
                decided_by: decided_by("repos.poll_interval"),
            },
            events_kept_days: SettingView {
                value: settings.events_kept_days.unwrap_or(EVENTS_KEPT_DAYS),
                default: EVENTS_KEPT_DAYS,
                is_set: settings.events_kept_days.is_some(),
                decided_by: None,
            },
            audit_kept_days: SettingView {
                value: settings.audit_kept_days,
                default: None,
                is_set: settings.audit_kept_days.is_some(),
                decided_by: None,
            },
            status_context: SettingView {
                value: config.status_context(settings).to_owned(),
                default: config.status_context(&none).to_owned(),
                is_set: settings.status_context.is_some(),
                decided_by: decided_by("github.status_context"),
            },
            add_repos: SettingView {
                value: config.add_repos(settings).to_string(),
                default: config.add_repos(&none).to_string(),
                is_set: settings.add_repos.is_some(),
                decided_by: decided_by("github.add_repos"),
            },
            add_repos_of: SettingView {
                value: config.add_repos_of(settings).to_vec(),
                default: config.add_repos_of(&none).to_vec(),
                is_set: settings.add_repos_of.is_some(),
                decided_by: decided_by("github.add_repos_of"),
            },
            configuration: configuration(app),
        }
    }
}

/// What the configuration says, key by key.
fn configuration(app: &App) -> Vec<ConfiguredView> {
    let printed = printed(&app.config.print());
    KEYS.iter()
        .map(|key| ConfiguredView {
            key: key.name,
            value: printed.get(key.name).cloned(),
            set_by: app.config.places.of(key.name).map(|place| place.trim_matches('`').to_owned()),
            about: key.about,
        })
        .collect()
}

/// The keys and values of a configuration as it is printed, which hides secrets.
fn printed(text: &str) -> BTreeMap<String, String> {
    let (mut values, mut table) = (BTreeMap::new(), String::new());
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = format!("{name}.");
        } else if let Some((key, value)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            values.insert(format!("{table}{key}"), value.to_owned());
        }
    }
    values
}

/// `GET /api/v1/admin/settings`.
pub async fn find(State(app): State<App>, permit: Permit) -> Result<Json<SettingsView>, ApiError> {
    Ok(Json(view(&app, &permit).await?))
}

/// The settings as they are.
pub async fn view(app: &App, permit: &Permit) -> Result<SettingsView, ApiError> {
    let permit = permit.clone();
    let settings = app
        .read(move |tx, _| -> Result<Settings, ApiError> {
            permit.instance(tx)?;
            Ok(settings::load(tx)?)
        })
        .await?;
    Ok(SettingsView::of(app, &settings))
}

/// Refuses to change what the configuration decides.
fn refuse_decided(app: &App, body: &SettingsChangeBody) -> Result<(), ApiError> {
    let mut faults = Faults::default();
    for (field, key) in DECIDED {
        let is_asked = match field {
            "default_tools" => body.default_tools.is_some(),
            "status_context" => body.status_context.is_some(),
            "add_repos" => body.add_repos.is_some(),
            "add_repos_of" => body.add_repos_of.is_some(),
            _ => body.poll_interval_s.is_some(),
        };
        if let Some(place) = app.config.places.of(key).filter(|_| is_asked) {
            let why = format!("`{key}` is set by {place}, and what is set there holds");
            faults.note(ApiError::field(Code::SetByConfiguration, field, why));
        }
    }
    faults.none_or_error()
}

/// `PATCH /api/v1/admin/settings`.
pub async fn change(
    State(app): State<App>,
    permit: Permit,
    JsonBody(body): JsonBody<SettingsChangeBody>,
) -> Result<Json<SettingsView>, ApiError> {
    Ok(Json(apply(&app, &permit, body).await?))
}

/// Changes the settings.
pub async fn apply(app: &App, permit: &Permit, body: SettingsChangeBody) -> Result<SettingsView, ApiError> {
    let (asks, handle) = (permit.clone(), app.clone());
    let settings = app
        .write(&permit.actor(), move |tx, now| -> Result<Settings, ApiError> {
            asks.instance(tx)?;
            refuse_decided(&handle, &body)?;
            write(tx, &body, now)
        })
        .await?;
    Ok(SettingsView::of(app, &settings))
}

fn write(tx: &mut WriteTx, body: &SettingsChangeBody, now: Timestamp) -> Result<Settings, ApiError> {
    let set = |settings: &mut Settings| {
        body.default_tools.clone().into_iter().for_each(|value| settings.default_tools = value);
        body.poll_interval_s.into_iter().for_each(|value| settings.poll_interval_s = value);
        body.events_kept_days.into_iter().for_each(|value| settings.events_kept_days = value);
        body.audit_kept_days.into_iter().for_each(|value| settings.audit_kept_days = value);
        body.status_context.clone().into_iter().for_each(|value| settings.status_context = value);
        body.add_repos.into_iter().for_each(|value| settings.add_repos = value);
        body.add_repos_of.clone().into_iter().for_each(|value| settings.add_repos_of = value);
    };
    let settings = settings::change(tx, set, now)?;
    if body.poll_interval_s.is_some() {
        // The next turn was set by the interval before.
        admin::hurry(tx, Upkeep::Poll)?;
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_a_printed_configuration_is_found_by_its_name() {
        let printed = printed(&config::Config::in_directory(std::path::Path::new("/data")).print());
        assert_eq!(printed["repos.poll_interval"], "\"1m\"");
        assert_eq!(printed["data_dir"], "\"/data\"");
        assert!(!printed.contains_key("public_url"), "what is not set has no value");
        let unknown: Vec<&String> = printed.keys().filter(|name| !KEYS.iter().any(|key| key.name == *name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
