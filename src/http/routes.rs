//! THE TABLE of the API: method, path, permission, handler, and what the `OpenAPI` document says of each.
//!
//! A route cannot be written without a permission: the constructors ask for one. The `OpenAPI` document is made from this table, so the
//! two cannot differ.

use axum::Extension;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};

use super::openapi::Doc;
use super::{
    accounts, admin, badges, checks, compare, deployments, files, github, health, hooks, issues, live, plugins, pulls, repos, schemas,
    search, secrets, trends, usage,
};
use crate::app::App;
use crate::domain::accounts::Permission;

/// A line of the table.
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// What a caller needs.
    pub permission: Permission,
    /// Whether the public address serves it as well.
    pub is_public: bool,
    /// What the document says.
    pub doc: Doc,
    handler: MethodRouter<App>,
}

impl Route {
    fn new<H, T>(
        method: Method,
        filter: MethodFilter,
        path: &'static str,
        permission: Permission,
        handler: H,
        summary: &'static str,
    ) -> Route
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let handler = on(filter, handler);
        Route { method, path, permission, is_public: false, doc: Doc::new(summary), handler }
    }

    /// The handler, to be mounted, dressed in what stands before it. The permission travels with the request through all of that to the
    /// `Permit`, where it is decided on a resource.
    pub fn into_handler(self, dress: impl FnOnce(MethodRouter<App>) -> MethodRouter<App>) -> MethodRouter<App> {
        dress(self.handler).layer(Extension(self.permission))
    }

    /// Also served on the public address.
    fn public(mut self) -> Route {
        self.is_public = true;
        self
    }

    /// Says more of the route.
    fn says(mut self, say: impl FnOnce(Doc) -> Doc) -> Route {
        self.doc = say(self.doc);
        self
    }
}

fn get<H: Handler<T, App>, T: 'static>(path: &'static str, permission: Permission, handler: H, summary: &'static str) -> Route {
    Route::new(Method::GET, MethodFilter::GET, path, permission, handler, summary)
}

fn post<H: Handler<T, App>, T: 'static>(path: &'static str, permission: Permission, handler: H, summary: &'static str) -> Route {
    Route::new(Method::POST, MethodFilter::POST, path, permission, handler, summary)
}

fn patch<H: Handler<T, App>, T: 'static>(path: &'static str, permission: Permission, handler: H, summary: &'static str) -> Route {
    Route::new(Method::PATCH, MethodFilter::PATCH, path, permission, handler, summary)
}

fn put<H: Handler<T, App>, T: 'static>(path: &'static str, permission: Permission, handler: H, summary: &'static str) -> Route {
    Route::new(Method::PUT, MethodFilter::PUT, path, permission, handler, summary)
}

fn delete<H: Handler<T, App>, T: 'static>(path: &'static str, permission: Permission, handler: H, summary: &'static str) -> Route {
    Route::new(Method::DELETE, MethodFilter::DELETE, path, permission, handler, summary)
}

/// Every route of the API.
#[rustfmt::skip]
pub fn table() -> Vec<Route> {
    use Permission::{Account, Admin, DeliveryRead, Host, Identified, Public, RepoCreate, RepoDelete, RepoMembers, RepoRead, RepoSettings, RepoWrite, SecretsInstance, SecretsList, SecretsWrite};

    vec![
        get("/livez", Public, health::live, "Whether the process answers").says(|doc| doc.answers::<health::HealthView>(200)).public(),
        get("/readyz", Public, health::ready, "Whether it can do its work").says(|doc| doc.answers::<health::HealthView>(200).answers::<health::HealthView>(503)).public(),
        get(admin::metrics::PATH, Admin, admin::metrics::show, "Measures in OpenMetrics, for a program that watches; without a token on `metrics_listen` alone").says(|doc| doc.produces(admin::metrics::MEDIA)),
        get("/badges/{owner}/{name}/{badge}", Public, badges::show, "A badge as SVG: gate.svg, issues.svg, coverage.svg or deploys.svg").says(|doc| doc.query::<badges::BadgeQuery>().produces("image/svg+xml")).public(),
        post(hooks::GITHUB, Public, hooks::github, "Takes a delivery of GitHub's, signed with HMAC-SHA256 in `X-Hub-Signature-256`").says(|doc| doc.answers::<hooks::DeliveryTakenView>(202)).public(),
        get("/api/openapi.json", Public, super::openapi::document, "This document"),
        get("/api/v1/version", Public, health::version, "Which plumbline this is").says(|doc| doc.answers::<health::VersionView>(200)),
        get(schemas::ISSUES, Public, schemas::issues, "The JSON schema of findings in our own format, which a check writes with `output: plumbline`").says(|doc| doc.produces(schemas::MEDIA)),

        post("/api/v1/login", Public, accounts::signin::create, "Signs a browser in; the session comes as a cookie").says(|doc| doc.takes::<accounts::signin::SignInBody>().answers::<accounts::MeView>(200)),
        post("/api/v1/logout", Identified, accounts::logout, "Ends the browser's session").says(|doc| doc.answers_nothing(204)),
        get("/api/v1/me", Identified, accounts::me, "Who you are").says(|doc| doc.answers::<accounts::MeView>(200)),
        get("/api/v1/me/sessions", Account, accounts::list_sessions, "Your browsers that are signed in").says(|doc| doc.list::<accounts::SessionView>()),
        delete("/api/v1/me/sessions", Account, accounts::delete_sessions, "Signs all of them out").says(|doc| doc.query::<accounts::SignOutQuery>().answers_nothing(204)),
        delete("/api/v1/me/sessions/{id}", Account, accounts::delete_session, "Signs one of them out").says(|doc| doc.answers_nothing(204)),
        put("/api/v1/me/password", Account, accounts::signin::set_password, "Sets your password, and signs your other browsers out").says(|doc| doc.takes::<accounts::signin::NewPasswordBody>().answers_nothing(204)),
        post("/api/v1/me/totp", Account, accounts::factor::create, "Begins to ask you for codes; with one, confirms that your app shows them").says(|doc| doc.takes::<accounts::factor::TotpBody>().answers::<accounts::factor::TotpView>(201).answers::<accounts::factor::RecoveryView>(200)),
        delete("/api/v1/me/totp", Account, accounts::factor::delete, "Asks you for codes no more").says(|doc| doc.takes::<accounts::factor::CodeBody>().answers_nothing(204)),
        post("/api/v1/me/github", Account, accounts::github::create, "Begins to link your account on GitHub: answers where your browser is to go on").says(|doc| doc.takes::<accounts::github::ProofBody>().answers::<accounts::github::DepartureView>(200)),
        delete("/api/v1/me/github", Account, accounts::github::delete, "Takes the link to your account on GitHub away, if you have a password to sign in by").says(|doc| doc.takes::<accounts::github::ProofBody>().answers_nothing(204)),
        get("/api/v1/me/tokens", Account, accounts::tokens::list_own_tokens, "Your tokens").says(|doc| doc.list::<accounts::TokenView>()),
        post("/api/v1/me/tokens", Account, accounts::tokens::create_own_token, "Makes a personal token; its text is shown this once").says(|doc| doc.takes::<accounts::NewTokenBody>().answers::<accounts::CreatedTokenView>(201)),
        delete("/api/v1/me/tokens/{id}", Account, accounts::tokens::delete_own_token, "Ends one of your tokens").says(|doc| doc.answers_nothing(204)),
        post("/api/v1/me/tokens/{id}/rotate", Account, accounts::rotate::own, "Gives one of your tokens another text; the old one counts a while longer").says(|doc| doc.takes::<accounts::rotate::RotateBody>().answers::<accounts::CreatedTokenView>(200)),
        get("/api/v1/admin/users", Admin, accounts::people::list, "Everybody who has an account").says(|doc| doc.query::<accounts::people::UsersQuery>().list::<accounts::UserView>()),
        post("/api/v1/admin/users", Admin, accounts::people::create, "Gives somebody an account").says(|doc| doc.takes::<accounts::people::NewUserBody>().answers::<accounts::UserView>(201)),
        patch("/api/v1/admin/users/{id}", Admin, accounts::people::update, "Changes what somebody is on the instance, or takes their access away").says(|doc| doc.takes::<accounts::people::UserChangeBody>().answers::<accounts::UserView>(200)),
        delete("/api/v1/admin/users/{id}", Admin, accounts::people::delete, "Deletes an account; what its person made stays").says(|doc| doc.answers_nothing(204)),
        post("/api/v1/admin/users/{id}/revoke-sessions", Admin, accounts::people::revoke_sessions, "Signs all of somebody's browsers out").says(|doc| doc.answers_nothing(204)),
        post("/api/v1/admin/users/{id}/reset-password", Admin, accounts::people::reset_password, "Makes a one-time link by which somebody sets a new password").says(|doc| doc.answers::<accounts::LinkView>(201)),
        delete("/api/v1/admin/users/{id}/totp", Admin, accounts::people::delete_totp, "Asks somebody for codes no more, who has lost the app and the recovery codes").says(|doc| doc.answers_nothing(204)),
        post("/api/v1/admin/users/{id}/sync", Admin, accounts::github::sync, "Asks GitHub whether somebody is still let in; who is not loses sessions, tokens and roles").says(|doc| doc.answers::<accounts::UserView>(202)),
        post("/api/v1/admin/resync", Admin, accounts::github::resync, "Takes over from GitHub who is let in, and who has which role in every repository").says(|doc| doc.answers::<accounts::github::ResyncView>(202)),
        get("/api/v1/admin/invitations", Admin, accounts::people::list_invitations, "The invitations that are remembered, latest first").says(|doc| doc.list::<accounts::people::InvitationView>()),
        post("/api/v1/admin/invitations", Admin, accounts::people::create_invitation, "Invites somebody by a one-time link, which is shown this once").says(|doc| doc.takes::<accounts::people::InvitationBody>().answers::<accounts::people::CreatedInvitationView>(201)),
        delete("/api/v1/admin/invitations/{id}", Admin, accounts::people::delete_invitation, "Calls an invitation back").says(|doc| doc.answers_nothing(204)),
        post("/api/v1/admin/links", Host, accounts::create_link, "Makes a one-time sign-in link; on the server itself alone").says(|doc| doc.takes::<accounts::NewLinkBody>().answers::<accounts::LinkView>(201)),
        get("/api/v1/admin/tokens", Admin, accounts::tokens::list_tokens, "Every token").says(|doc| doc.list::<accounts::TokenView>()),
        post("/api/v1/admin/tokens", Admin, accounts::tokens::create_token, "Makes a token of any kind; its text is shown this once").says(|doc| doc.takes::<accounts::NewTokenBody>().answers::<accounts::CreatedTokenView>(201)),
        post("/api/v1/admin/tokens/{id}/rotate", Admin, accounts::rotate::any, "Gives a token another text; the old one counts a while longer").says(|doc| doc.takes::<accounts::rotate::RotateBody>().answers::<accounts::CreatedTokenView>(200)),
        delete("/api/v1/admin/tokens/{id}", Admin, accounts::tokens::delete_token, "Ends a token at once").says(|doc| doc.answers_nothing(204)),

        get("/api/v1/admin/vault", Admin, secrets::vault::find, "How the vault stands that secrets are sealed by").says(|doc| doc.answers::<secrets::vault::VaultView>(200)),
        post("/api/v1/admin/vault/rotate", Host, secrets::vault::rotate, "Gives the vault another key and seals everything to it; on the server itself alone").says(|doc| doc.answers::<secrets::vault::VaultView>(202)),
        post("/api/v1/admin/keys/regenerate", Host, secrets::keys::regenerate, "Makes the SSH keys anew that were made here, or those alone that are lost; on the server itself alone").says(|doc| doc.takes::<secrets::keys::RegenerateBody>().answers::<secrets::keys::RegeneratedView>(200)),

        get("/api/v1/secrets", SecretsInstance, secrets::list, "The secrets of the instance, without what is in them").says(|doc| doc.list::<secrets::SecretView>()),
        put("/api/v1/secrets/{secret}", SecretsInstance, secrets::put, "Sets a secret of the instance, for every repository that has none by its name").says(|doc| doc.takes::<secrets::SecretBody>().answers::<secrets::SecretView>(200).answers::<secrets::SecretView>(201)),
        delete("/api/v1/secrets/{secret}", SecretsInstance, secrets::delete, "Removes a secret of the instance").says(|doc| doc.answers_nothing(204)),
        get("/api/v1/secret-names/{secret}", SecretsInstance, secrets::check_name, "What would become of a name, as somebody types it").says(|doc| doc.answers::<secrets::NameView>(200)),
        get("/api/v1/repos/{owner}/{name}/secrets", SecretsList, secrets::list_of_repo, "The secrets that a repository has, its own and those of the instance, without what is in them").says(|doc| doc.list::<secrets::SecretView>()),
        put("/api/v1/repos/{owner}/{name}/secrets/{secret}", SecretsWrite, secrets::put_of_repo, "Sets a secret of a repository").says(|doc| doc.takes::<secrets::SecretBody>().answers::<secrets::SecretView>(200).answers::<secrets::SecretView>(201)),
        delete("/api/v1/repos/{owner}/{name}/secrets/{secret}", SecretsWrite, secrets::delete_of_repo, "Removes a secret of a repository").says(|doc| doc.answers_nothing(204)),
        get("/api/v1/repos/{owner}/{name}/secret-names/{secret}", SecretsList, secrets::check_name_of_repo, "What would become of a name in a repository, as somebody types it").says(|doc| doc.answers::<secrets::NameView>(200)),
        get("/api/v1/repos/{owner}/{name}/keys", SecretsList, secrets::keys::list, "A repository's keys for SSH: their public halves").says(|doc| doc.list::<secrets::keys::KeyView>()),
        post("/api/v1/repos/{owner}/{name}/keys", SecretsWrite, secrets::keys::create, "Makes a key for SSH, or takes one that is given").says(|doc| doc.takes::<secrets::keys::NewKeyBody>().answers::<secrets::keys::KeyView>(201)),
        delete("/api/v1/repos/{owner}/{name}/keys/{id}", SecretsWrite, secrets::keys::delete, "Removes a key for SSH").says(|doc| doc.answers_nothing(204)),
        get("/api/v1/admin/sessions", Admin, admin::sessions::list, "Every browser that is signed in").says(|doc| doc.list::<admin::sessions::AnySessionView>()),
        delete("/api/v1/admin/sessions/{id}", Admin, admin::sessions::delete, "Signs one of them out").says(|doc| doc.answers_nothing(204)),
        get("/api/v1/admin/github", Admin, admin::github::find, "Who the instance is on GitHub, and what of that works").says(|doc| doc.answers::<admin::github::GithubAdminView>(200)),
        post("/api/v1/admin/github/webhook-secret", Admin, admin::github::exchange_secret, "Has GitHub sign its deliveries with another secret, which nobody sees; the one before is taken for a day").says(|doc| doc.answers_nothing(204)),
        post("/api/v1/admin/github/ping", Admin, admin::github::send_again, "Has GitHub send its latest ping once more, or whatever it sent last, to see whether it arrives").says(|doc| doc.answers::<admin::github::SentAgainView>(202)),
        get("/api/v1/admin/repos", Admin, admin::repos::list, "Every repository and the room it takes").says(|doc| doc.list::<admin::repos::RepoUsageView>()),
        get("/api/v1/admin/repos/hidden", Admin, admin::hidden::list, "The repositories that are hidden since GitHub does not let the appliance at them any more").says(|doc| doc.list::<admin::hidden::HiddenRepoView>()),
        get("/api/v1/admin/work", Admin, admin::work::list, "The work that waits, is being carried out or was given up").says(|doc| doc.query::<admin::work::WorkQuery>().list::<admin::work::WorkView>()),
        post("/api/v1/admin/work/{id}/retry", Admin, admin::work::retry, "Gives work that was given up another set of attempts").says(|doc| doc.answers::<admin::work::WorkView>(202)),
        post("/api/v1/admin/work/{id}/discard", Admin, admin::work::discard, "Takes work that nobody carries out from the queue").says(|doc| doc.answers_nothing(204)),
        get("/api/v1/admin/audit", Admin, admin::audit::list, "The trail: who did what to what from where, latest first").says(|doc| doc.query::<admin::audit::AuditQuery>().list::<crate::domain::audit::Line>()),
        get("/api/v1/admin/audit.jsonl", Admin, admin::audit::export, "The trail as lines of JSON, each with the hash of the one before, oldest first").says(|doc| doc.query::<admin::audit::ExportQuery>().produces("application/jsonl")),
        get("/api/v1/admin/deliveries", Admin, admin::deliveries::list, "The deliveries that came in, latest first").says(|doc| doc.query::<admin::deliveries::DeliveriesQuery>().list::<admin::deliveries::DeliveryView>()),
        get("/api/v1/admin/deliveries/{id}", Admin, admin::deliveries::find, "A delivery and what it said").says(|doc| doc.answers::<admin::deliveries::WholeDeliveryView>(200)),
        post("/api/v1/admin/deliveries/{id}/replay", Admin, admin::deliveries::replay, "Has a delivery interpreted once more").says(|doc| doc.answers::<admin::deliveries::DeliveryView>(202)),
        get("/api/v1/admin/settings", Admin, admin::settings::find, "The settings, and the configuration with its sources").says(|doc| doc.answers::<admin::settings::SettingsView>(200)),
        patch("/api/v1/admin/settings", Admin, admin::settings::change, "Changes settings while the server runs").says(|doc| doc.takes::<admin::settings::SettingsChangeBody>().answers::<admin::settings::SettingsView>(200)),
        get("/api/v1/admin/health", Admin, admin::health::find, "How the instance fares, and how to mend what does not").says(|doc| doc.answers::<admin::health::AdminHealthView>(200)),
        post("/api/v1/admin/console", Host, admin::console::entered, "Writes down a line of the host's console; on the server itself alone").says(|doc| doc.takes::<admin::console::CommandBody>().answers_nothing(204)),

        get("/api/v1/repos", RepoRead, repos::list, "The repositories you may see").says(|doc| doc.query::<repos::ListQuery>().list::<repos::RepoView>()),
        post("/api/v1/repos", RepoCreate, repos::create::create, "Adds a repository of GitHub, or one by URL or path").says(|doc| doc.takes::<repos::create::NewRepoBody>().answers::<repos::RepoView>(201)),
        get("/api/v1/github/repos", RepoCreate, github::list, "The repositories of GitHub that the App can see, and you may add: as it was ten seconds ago at most, a minute where it is narrowed or goes on").says(|doc| doc.query::<github::GithubReposQuery>().list::<github::GithubRepoView>()),
        get("/api/v1/repos/{owner}/{name}", RepoRead, repos::find, "A repository").says(|doc| doc.answers::<repos::RepoView>(200)),
        patch("/api/v1/repos/{owner}/{name}", RepoSettings, repos::settings::change, "Changes what is said of a repository, and whether its badges need a key").says(|doc| doc.takes::<repos::settings::RepoChangeBody>().answers::<repos::RepoView>(200)),
        delete("/api/v1/repos/{owner}/{name}", RepoDelete, repos::delete, "Deletes a repository and all that hangs on it").says(|doc| doc.takes::<repos::DeleteBody>().answers_nothing(204)),
        get("/api/v1/repos/{owner}/{name}/badge-key", RepoSettings, repos::settings::badge_key, "The key to a repository's badges").says(|doc| doc.answers::<repos::settings::BadgeKeyView>(200)),
        post("/api/v1/repos/{owner}/{name}/badge-key", RepoSettings, repos::settings::rotate_badge_key, "Makes another badge key; the one before opens nothing any more").says(|doc| doc.answers::<repos::settings::BadgeKeyView>(200)),
        post("/api/v1/repos/{owner}/{name}/upload-token", RepoSettings, accounts::rotate::renew_upload_token, "Gives a repository another upload token, which is shown this once; the one before ends").says(|doc| doc.answers::<accounts::CreatedTokenView>(201)),
        get("/api/v1/repos/{owner}/{name}/members", RepoMembers, repos::members::list, "Who has which role in a repository").says(|doc| doc.list::<repos::members::MemberView>()),
        put("/api/v1/repos/{owner}/{name}/members/{login}", RepoMembers, repos::members::put, "Gives somebody a role in a repository").says(|doc| doc.takes::<repos::members::MemberBody>().answers::<repos::members::MemberView>(200)),
        delete("/api/v1/repos/{owner}/{name}/members/{login}", RepoMembers, repos::members::delete, "Takes somebody's role in a repository away").says(|doc| doc.answers_nothing(204)),
        post("/api/v1/repos/{owner}/{name}/sync", RepoWrite, repos::sync, "Fetches a repository now").says(|doc| doc.answers::<repos::RepoView>(202)),
        get("/api/v1/repos/{owner}/{name}/branches", RepoRead, repos::history::branches, "A repository's branches").says(|doc| doc.list::<repos::BranchView>()),
        get("/api/v1/repos/{owner}/{name}/branches/{branch}", RepoRead, repos::history::branch, "A branch").says(|doc| doc.answers::<repos::BranchView>(200)),
        get("/api/v1/repos/{owner}/{name}/commits", RepoRead, repos::history::commits, "The commits of a branch, newest first").says(|doc| doc.query::<repos::history::CommitsQuery>().list::<repos::CommitView>()),
        get("/api/v1/repos/{owner}/{name}/commits/{sha}", RepoRead, repos::history::commit, "A commit").says(|doc| doc.answers::<repos::CommitView>(200)),
        get("/api/v1/repos/{owner}/{name}/pulls", RepoRead, pulls::list, "A repository's pull requests, those that changed last first").says(|doc| doc.query::<pulls::PullsQuery>().list::<pulls::PullView>()),
        get("/api/v1/repos/{owner}/{name}/pulls/{number}", RepoRead, pulls::find, "A pull request, with what is known of its head").says(|doc| doc.answers::<pulls::PullDetailView>(200)),
        get("/api/v1/repos/{owner}/{name}/compare/{basehead}", RepoRead, compare::find, "Two analysed commits, named as base...head, held against each other").says(|doc| doc.query::<compare::CompareQuery>().answers::<compare::CompareView>(200)),
        get("/api/v1/repos/{owner}/{name}/usage", RepoRead, usage::find, "How much room a repository takes").says(|doc| doc.answers::<usage::UsageView>(200)),
        get("/api/v1/repos/{owner}/{name}/trends", RepoRead, trends::trends, "A figure over time, at the analysed commits of a branch").says(|doc| doc.query::<trends::TrendQuery>().answers::<trends::TrendView>(200)),
        get("/api/v1/repos/{owner}/{name}/commits/{sha}/tree", RepoRead, files::tree, "The root folder of a commit").says(|doc| doc.answers::<files::TreeView>(200)),
        get("/api/v1/repos/{owner}/{name}/commits/{sha}/tree/{*path}", RepoRead, files::tree, "A folder of a commit").says(|doc| doc.answers::<files::TreeView>(200)),
        get("/api/v1/repos/{owner}/{name}/commits/{sha}/files/{*path}", RepoRead, files::file, "A file with its issues").says(|doc| doc.answers::<files::FileView>(200)),

        get("/api/v1/deployments", DeliveryRead, deployments::list, "Deployments of the repositories you may see, those that began last first").says(|doc| doc.query::<deployments::DeploymentsQuery>().list::<deployments::DeploymentView>()),
        get("/api/v1/plugins", RepoRead, plugins::list, "Every plugin as this host has it, and what keeps processes apart from it").says(|doc| doc.answers::<plugins::PluginsView>(200)),
        post("/api/v1/repos/{owner}/{name}/manifest/dry-run", RepoRead, checks::dry_run::create, "What a manifest would run at a commit; nothing is run or kept").says(|doc| doc.takes::<checks::dry_run::DryRunBody>().answers::<checks::dry_run::DryRunView>(200)),
        get("/api/v1/repos/{owner}/{name}/commits/{sha}/checks", RepoRead, checks::find, "The checks of a commit").says(|doc| doc.answers::<checks::CheckSetView>(200)),
        post("/api/v1/repos/{owner}/{name}/commits/{sha}/checks", RepoWrite, checks::run, "Runs the checks of a commit, or runs them again").says(|doc| doc.answers::<checks::CheckSetView>(202)),
        delete("/api/v1/repos/{owner}/{name}/commits/{sha}/checks", RepoWrite, checks::cancel, "Cancels the checks of a commit").says(|doc| doc.answers::<checks::CheckSetView>(202)),
        post("/api/v1/repos/{owner}/{name}/commits/{sha}/checks/approve", RepoWrite, checks::approve, "Lets checks that wait for approval run").says(|doc| doc.answers::<checks::CheckSetView>(202)),
        get("/api/v1/repos/{owner}/{name}/commits/{sha}/checks/{check}", RepoRead, checks::find_one, "One check, by name or id").says(|doc| doc.answers::<checks::CheckView>(200)),
        get("/api/v1/repos/{owner}/{name}/commits/{sha}/checks/{check}/log", RepoRead, live::log, "What a check said; as server-sent events while it runs").says(|doc| doc.produces("text/plain")),
        get("/api/v1/repos/{owner}/{name}/commits/{sha}/status", RepoRead, checks::status, "The gate").says(|doc| doc.answers::<checks::StatusView>(200)),

        get("/api/v1/repos/{owner}/{name}/commits/{sha}/issues", RepoRead, issues::list, "The issues of a commit").says(|doc| doc.query::<issues::ListQuery>().answers::<issues::IssuesView>(200)),
        get("/api/v1/repos/{owner}/{name}/commits/{sha}/issues.sarif", RepoRead, issues::sarif, "The issues of a commit as SARIF 2.1.0").says(|doc| doc.produces("application/sarif+json")),
        get("/api/v1/issues/{id}", RepoRead, issues::find, "An issue and its life").says(|doc| doc.answers::<issues::IssueLifeView>(200)),
        get("/api/v1/search/issues", RepoRead, search::issues, "Searches the issues of all repositories you may see").says(|doc| doc.query::<search::SearchQuery>().answers::<search::FoundView>(200)),
        get("/api/v1/events", RepoRead, live::events, "Hints that something has changed, as server-sent events").says(|doc| doc.produces("text/event-stream")),
    ]
}
