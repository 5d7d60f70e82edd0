//! THE TABLE of pages. Repositories live under /r/{owner}/{name}, so that no owner's name can collide with a page.
//!
//! Pages ask for the same permissions as the API, through the same permit; a form posts to a page's route and is answered by a
//! redirection to the page that shows what came of it.

use std::sync::Arc;

use axum::handler::Handler;
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};

use super::handle::{
    abroad, account, adding, admin, assets, check, commit, compare, deliveries, docs, files, github, home, issues, manifest, people,
    plugins, pulls, repo, secrets, settings, signin,
};
use super::source::Highlighter;
use crate::app::App;
use crate::domain::accounts::Permission;

/// A line of the table.
#[derive(Debug)]
pub struct Page {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Where it is, with its parameters in braces.
    pub path: &'static str,
    /// What whoever asks must be allowed.
    pub permission: Permission,
    handler: MethodRouter<App>,
}

fn shows<H: Handler<T, App>, T: 'static>(path: &'static str, permission: Permission, handler: H) -> Page {
    Page { method: "GET", path, permission, handler: get(handler).layer(Extension(permission)) }
}

fn takes<H: Handler<T, App>, T: 'static>(path: &'static str, permission: Permission, handler: H) -> Page {
    Page { method: "POST", path, permission, handler: post(handler).layer(Extension(permission)) }
}

/// Every page, and every place that a form posts to.
#[rustfmt::skip]
pub fn table() -> Vec<Page> {
    use Permission::{Account, Admin, Public, RepoCreate, RepoMembers, RepoRead, RepoSettings, RepoWrite, SecretsInstance, SecretsList, SecretsWrite};

    vec![
        shows("/assets/{*path}", Public, assets::show),
        shows("/favicon.ico", Public, assets::favicon),
        shows("/api/docs", Public, docs::show),
        shows("/api/docs/issues", Public, docs::issues),
        shows("/sign-in", Public, signin::show),
        takes("/sign-in", Public, signin::enter),
        shows("/auth/github", Public, abroad::set_out),
        shows("/auth/github/callback", Public, abroad::come_back),
        shows("/link/{secret}", Public, signin::link),
        takes("/link/{secret}", Public, signin::spend_link),
        takes("/sign-out", Public, signin::sign_out),
        shows("/account", Account, account::show),
        takes("/account/password", Account, account::set_password),
        takes("/account/totp", Account, account::begin_totp),
        takes("/account/totp/confirm", Account, account::confirm_totp),
        takes("/account/totp/remove", Account, account::remove_totp),
        takes("/account/github/link", Account, account::link_github),
        takes("/account/github/unlink", Account, account::unlink_github),
        takes("/account/sessions/end-others", Account, account::end_others),
        takes("/account/tokens", Account, account::create_token),
        takes("/account/tokens/{id}/rotate", Account, account::rotate_token),
        takes("/account/sessions/{id}/end", Account, account::end_session),
        takes("/account/tokens/{id}/revoke", Account, account::revoke_token),

        shows("/admin/secrets", SecretsInstance, secrets::show),
        takes("/admin/secrets", SecretsInstance, secrets::set),
        takes("/admin/secrets/remove", SecretsInstance, secrets::remove),
        shows("/admin/users", Admin, people::users),
        takes("/admin/users/{id}", Admin, people::act),
        takes("/admin/resync", Admin, people::resync),
        takes("/admin/invitations", Admin, people::invite),
        takes("/admin/invitations/{id}/revoke", Admin, people::call_back),
        shows("/admin/tokens", Admin, people::tokens),
        takes("/admin/tokens", Admin, people::create_token),
        takes("/admin/tokens/{id}", Admin, people::act_on_token),
        shows("/admin", Admin, admin::health),
        shows("/admin/repos", Admin, admin::repos),
        shows("/admin/github", Admin, github::show),
        shows("/admin/github/made", Admin, github::made),
        takes("/admin/github/ping", Admin, github::ping),
        takes("/admin/github/webhook-secret", Admin, github::exchange_secret),
        shows("/admin/sessions", Admin, admin::sessions),
        takes("/admin/sessions/{id}/end", Admin, admin::end_session),
        shows("/admin/work", Admin, admin::work),
        takes("/admin/work/{id}/retry", Admin, admin::retry_work),
        takes("/admin/work/{id}/discard", Admin, admin::discard_work),
        shows("/admin/deliveries", Admin, deliveries::list),
        shows("/admin/deliveries/{id}", Admin, deliveries::show),
        takes("/admin/deliveries/{id}/replay", Admin, deliveries::replay),
        shows("/admin/audit", Admin, admin::audit),
        shows("/admin/settings", Admin, admin::settings),
        takes("/admin/settings", Admin, admin::change_settings),

        shows("/", RepoRead, home::show),
        shows("/repos", RepoCreate, adding::show),
        takes("/repos", RepoCreate, adding::add),
        shows("/issues", RepoRead, issues::search),
        shows("/issues/{id}", RepoRead, issues::show),
        shows("/plugins", RepoRead, plugins::show),
        shows("/r/{owner}/{name}", RepoRead, repo::show),
        takes("/r/{owner}/{name}/sync", RepoWrite, repo::sync),
        shows("/r/{owner}/{name}/settings", RepoSettings, settings::show),
        takes("/r/{owner}/{name}/settings", RepoSettings, settings::change),
        takes("/r/{owner}/{name}/settings/badge-key", RepoSettings, settings::rotate_badge_key),
        shows("/r/{owner}/{name}/settings/secrets", SecretsList, secrets::show_of_repo),
        takes("/r/{owner}/{name}/settings/secrets", SecretsWrite, secrets::set_of_repo),
        takes("/r/{owner}/{name}/settings/secrets/remove", SecretsWrite, secrets::remove_of_repo),
        takes("/r/{owner}/{name}/settings/keys", SecretsWrite, secrets::add_key),
        takes("/r/{owner}/{name}/settings/keys/{id}/remove", SecretsWrite, secrets::remove_key),
        takes("/r/{owner}/{name}/settings/upload-token", RepoSettings, settings::renew_upload_token),
        takes("/r/{owner}/{name}/settings/members", RepoMembers, settings::set_member),
        takes("/r/{owner}/{name}/settings/members/remove", RepoMembers, settings::remove_member),
        shows("/r/{owner}/{name}/manifest", RepoRead, manifest::show),
        takes("/r/{owner}/{name}/manifest", RepoRead, manifest::check),
        shows("/r/{owner}/{name}/branches", RepoRead, repo::branches),
        shows("/r/{owner}/{name}/pulls", RepoRead, pulls::list),
        shows("/r/{owner}/{name}/pulls/{number}", RepoRead, pulls::show),
        shows("/r/{owner}/{name}/compare", RepoRead, compare::choose),
        shows("/r/{owner}/{name}/compare/{basehead}", RepoRead, compare::show),
        shows("/r/{owner}/{name}/commits", RepoRead, repo::commits),
        shows("/r/{owner}/{name}/commits/{sha}", RepoRead, commit::show),
        takes("/r/{owner}/{name}/commits/{sha}/checks", RepoWrite, commit::run),
        takes("/r/{owner}/{name}/commits/{sha}/checks/approve", RepoWrite, commit::approve),
        takes("/r/{owner}/{name}/commits/{sha}/checks/cancel", RepoWrite, commit::cancel),
        shows("/r/{owner}/{name}/commits/{sha}/checks/{check}", RepoRead, check::show),
        shows("/r/{owner}/{name}/commits/{sha}/tree", RepoRead, files::folder),
        shows("/r/{owner}/{name}/commits/{sha}/tree/{*path}", RepoRead, files::folder),
        shows("/r/{owner}/{name}/commits/{sha}/files/{*path}", RepoRead, files::file),
    ]
}

/// The pages, to be merged with the API. One highlighter serves them all.
pub(super) fn pages() -> Router<App> {
    let router = table().into_iter().fold(Router::new(), |router, Page { path, handler, .. }| router.route(path, handler));
    router.layer(Extension(Arc::new(Highlighter::start())))
}
