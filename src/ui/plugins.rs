//! The plugins as this host has them: what can run, what is missing and how it comes here, and what keeps its processes apart.

use askama::Template;

use super::frame::Frame;
use super::marks::Stand;
use super::{href, words};
use crate::domain::checks::catalogue::Fetches;
use crate::http::plugins::{LimitView, PluginState, PluginView, PluginsView};

/// The plugins.
#[derive(Debug, Template)]
#[template(path = "plugins.html", config = ".askama.toml")]
pub struct PluginsPage {
    /// The request.
    pub frame: Frame,
    /// What the API says of them.
    pub view: PluginsView,
}

impl PluginsPage {
    fn ready(&self) -> Vec<&PluginView> {
        self.view.plugins.iter().filter(|plugin| plugin.state.can_run()).collect()
    }

    fn others(&self) -> Vec<&PluginView> {
        self.view.plugins.iter().filter(|plugin| !plugin.state.can_run()).collect()
    }

    fn stand(&self, state: &PluginState) -> Stand {
        match state {
            PluginState::BuiltIn | PluginState::Found => Stand::True,
            PluginState::Outdated | PluginState::Unusable => Stand::Unsure,
            PluginState::Missing => Stand::Waiting,
        }
    }

    /// What there is to know of a plugin before it is named in a manifest.
    fn notes(&self, plugin: &PluginView) -> Vec<&'static str> {
        let mut notes = Vec::new();
        if plugin.runs_by_default {
            notes.push("runs without a manifest");
        }
        if plugin.needs_settings {
            notes.push("needs settings in the repository");
        }
        match plugin.fetches {
            Fetches::Nothing => {}
            Fetches::Dependencies => notes.push("fetches dependencies"),
            Fetches::Database => notes.push("fetches its database"),
        }
        notes
    }

    /// Why a plugin that is here cannot run, unless nothing can and the page says so elsewhere.
    fn trouble<'a>(&self, plugin: &'a PluginView) -> Option<&'a str> {
        plugin.message.as_deref().filter(|_| plugin.state == PluginState::Unusable && self.view.sandbox.error.is_none())
    }

    /// What brings a plugin here.
    fn install<'a>(&self, plugin: &'a PluginView) -> Option<&'a str> {
        plugin.how_to_install.as_deref().filter(|_| matches!(plugin.state, PluginState::Missing | PluginState::Outdated))
    }

    fn limit_stand(&self, limit: &LimitView) -> Stand {
        if limit.is_weaker { Stand::Unsure } else { Stand::True }
    }

    fn weaker(&self) -> Vec<&LimitView> {
        self.view.sandbox.limits.iter().filter(|limit| limit.is_weaker).collect()
    }

    /// How processes are kept apart here, in a sentence.
    fn tier(&self) -> &'static str {
        match self.view.sandbox.tier.as_deref() {
            Some(super::check::UNISOLATED) => "Without isolation: whatever a repository runs can do here what Plumbline can.",
            Some(_) => "Each process has a file system, processes and users of its own, and no network but what its manifest declares.",
            None => "No process can be run here; the built-in plugins need none.",
        }
    }

    fn tier_stand(&self) -> Stand {
        match self.view.sandbox.tier.as_deref() {
            Some(super::check::UNISOLATED) | None => Stand::Unsure,
            Some(_) => Stand::True,
        }
    }
}
