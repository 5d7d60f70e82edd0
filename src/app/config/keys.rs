//! Every key of the configuration: what it is called, in a file and in the environment, and what it says.

/// A key of the configuration.
pub struct Key {
    /// Its name in the file, dots for tables.
    pub name: &'static str,
    /// Its environment variable.
    pub env: &'static str,
    /// Its default, in words.
    pub default: &'static str,
    /// What it is for.
    pub about: &'static str,
}

/// Every key there is.
pub const KEYS: &[Key] = &[
    Key {
        name: "data_dir",
        env: "PLUMBLINE_DATA_DIR",
        default: "`$XDG_DATA_HOME/plumbline`, else `~/.local/share/plumbline`",
        about: "Where everything is kept",
    },
    Key {
        name: "listen",
        env: "PLUMBLINE_LISTEN",
        default: "`127.0.0.1:7867`",
        about: "Where pages and API are served; port 0 takes a free one",
    },
    Key {
        name: "public_listen",
        env: "PLUMBLINE_PUBLIC_LISTEN",
        default: "none",
        about: "A second address that serves badges and health alone, to be exposed to others",
    },
    Key {
        name: "public_url",
        env: "PLUMBLINE_PUBLIC_URL",
        default: "`http://` and the address listened on",
        about: "How people reach it: what links begin with",
    },
    Key {
        name: "insecure_http",
        env: "PLUMBLINE_INSECURE_HTTP",
        default: "`false`",
        about: "Lets people sign in over plain http from other machines",
    },
    Key {
        name: "sessions.idle",
        env: "PLUMBLINE_SESSIONS_IDLE",
        default: "`12h`",
        about: "How long somebody stays signed in without coming back",
    },
    Key {
        name: "sessions.lifetime",
        env: "PLUMBLINE_SESSIONS_LIFETIME",
        default: "`7d`",
        about: "How long somebody stays signed in at all",
    },
    Key {
        name: "trusted_proxies",
        env: "PLUMBLINE_TRUSTED_PROXIES",
        default: "none",
        about: "Networks (`127.0.0.1`, `10.0.0.0/8`) of the proxies in front, whose `X-Forwarded-For` or `Forwarded` says where a request comes from",
    },
    Key {
        name: "metrics_listen",
        env: "PLUMBLINE_METRICS_LISTEN",
        default: "none",
        about: "An address that serves `/metrics` without a token; a port alone means loopback",
    },
    Key {
        name: "repos.local_roots",
        env: "PLUMBLINE_REPOS_LOCAL_ROOTS",
        default: "what `--repo` names",
        about: "Folders beneath which an administrator may add repositories by path (a comma between two in the environment)",
    },
    Key {
        name: "repos.poll_interval",
        env: "PLUMBLINE_REPOS_POLL_INTERVAL",
        default: "`60s`",
        about: "How often repositories are asked for new commits",
    },
    Key {
        name: "sandbox.min_tier",
        env: "PLUMBLINE_SANDBOX_MIN_TIER",
        default: "`native`",
        about: "The least that keeps a check's process apart from the host: `native` (bubblewrap); `oci`, where images alone may run; or `trusted`, which is nothing at all where bubblewrap is missing",
    },
    Key {
        name: "sandbox.oci_socket",
        env: "PLUMBLINE_SANDBOX_OCI_SOCKET",
        default: "none",
        about: "The socket of a daemon that speaks Docker's API, such as `/run/podman/podman.sock`: it runs the plugins that are images",
    },
    Key {
        name: "sandbox.parallel",
        env: "PLUMBLINE_SANDBOX_PARALLEL",
        default: "the number of processors",
        about: "How many processes of checks run at once, over all repositories",
    },
    Key {
        name: "sandbox.memory",
        env: "PLUMBLINE_SANDBOX_MEMORY",
        default: "three quarters of the host's",
        about: "How much memory, such as `6GiB`, the processes of checks are promised together; the most that a manifest may ask for",
    },
    Key {
        name: "sandbox.max_timeout",
        env: "PLUMBLINE_SANDBOX_MAX_TIMEOUT",
        default: "`6h`",
        about: "The most time that a manifest may give a check",
    },
    Key {
        name: "checks.default_tools",
        env: "PLUMBLINE_CHECKS_DEFAULT_TOOLS",
        default: "none",
        about: "Tools such as `ruff` or `shellcheck` that run, where they are installed, in repositories whose manifest names no checks",
    },
    Key {
        name: "vault.key_file",
        env: "PLUMBLINE_VAULT_KEY_FILE",
        default: "`vault.key` in the data directory",
        about: "The key that secrets are sealed with, made at the first start: keep a copy, and not where copies of the data are",
    },
    Key {
        name: "outbound.allow_hosts",
        env: "PLUMBLINE_OUTBOUND_ALLOW_HOSTS",
        default: "none",
        about: "Hosts (`host` or `host:port`) that are spoken to although their address is private",
    },
    Key {
        name: "outbound.ca_file",
        env: "PLUMBLINE_OUTBOUND_CA_FILE",
        default: "the built-in authorities",
        about: "Certificates (PEM) of the authorities to trust instead",
    },
    Key {
        name: "oidc.issuers",
        env: "PLUMBLINE_OIDC_ISSUERS",
        default: "`https://token.actions.githubusercontent.com`",
        about: "Whose tokens say of which repository a CI job is, so that it hands in reports without a secret; an empty list takes nobody's",
    },
    Key {
        name: "oidc.audience",
        env: "PLUMBLINE_OIDC_AUDIENCE",
        default: "none",
        about: "The audience that such tokens have, beside `public_url` if that is set; without either, none is taken",
    },
    Key {
        name: "github.url",
        env: "PLUMBLINE_GITHUB_URL",
        default: "`https://github.com`",
        about: "Where people find GitHub: an Enterprise Server's address",
    },
    Key {
        name: "github.api_url",
        env: "PLUMBLINE_GITHUB_API_URL",
        default: "beneath `github.url`",
        about: "Where programs find it, if that is elsewhere",
    },
    Key {
        name: "github.app_id",
        env: "PLUMBLINE_GITHUB_APP_ID",
        default: "the App that the set-up made",
        about: "GitHub's number for an App that was made by hand",
    },
    Key {
        name: "github.app_private_key_file",
        env: "PLUMBLINE_GITHUB_APP_PRIVATE_KEY_FILE",
        default: "the vault",
        about: "A file with the App's private key (PEM), of an App that was made by hand",
    },
    Key {
        name: "github.app_private_key",
        env: "PLUMBLINE_GITHUB_APP_PRIVATE_KEY",
        default: "the vault",
        about: "The key itself, where there can be no file",
    },
    Key {
        name: "github.webhook_secret_file",
        env: "PLUMBLINE_GITHUB_WEBHOOK_SECRET_FILE",
        default: "the vault",
        about: "A file with what GitHub signs deliveries with: one secret a line, the present one first",
    },
    Key {
        name: "github.webhook_secret",
        env: "PLUMBLINE_GITHUB_WEBHOOK_SECRET",
        default: "the vault",
        about: "The secret itself, where there can be no file",
    },
    Key {
        name: "github.client_id",
        env: "PLUMBLINE_GITHUB_CLIENT_ID",
        default: "the App that the set-up made",
        about: "The App's client id, which people sign in through",
    },
    Key {
        name: "github.client_secret_file",
        env: "PLUMBLINE_GITHUB_CLIENT_SECRET_FILE",
        default: "the vault",
        about: "A file with the client's secret",
    },
    Key {
        name: "github.client_secret",
        env: "PLUMBLINE_GITHUB_CLIENT_SECRET",
        default: "the vault",
        about: "The secret itself, where there can be no file",
    },
    Key {
        name: "github.orgs",
        env: "PLUMBLINE_GITHUB_ORGS",
        default: "all where the App is installed",
        about: "Organizations whose members may sign in through GitHub (a comma between two in the environment)",
    },
    Key {
        name: "github.outside_collaborators",
        env: "PLUMBLINE_GITHUB_OUTSIDE_COLLABORATORS",
        default: "`false`",
        about: "Lets those sign in as well who work in a repository of these organizations and are no members",
    },
    Key {
        name: "github.add_repos",
        env: "PLUMBLINE_GITHUB_ADD_REPOS",
        default: "`by_hand`, or what the settings say",
        about: "`automatically` adds every repository that GitHub says the App is let at from now on; `by_hand` leaves that to whoever administers one",
    },
    Key {
        name: "github.add_repos_of",
        env: "PLUMBLINE_GITHUB_ADD_REPOS_OF",
        default: "none, or what the settings say",
        about: "Organizations whose repositories are added so, whatever holds for others (a comma between two in the environment)",
    },
    Key {
        name: "github.status_context",
        env: "PLUMBLINE_GITHUB_STATUS_CONTEXT",
        default: "`plumbline`, or what the settings say",
        about: "The name of the status that a commit has on GitHub, which branch protection asks for; what was said under another name stays as it is",
    },
    Key {
        name: "limits.connections",
        env: "PLUMBLINE_LIMITS_CONNECTIONS",
        default: "`1000`",
        about: "The most connections at a time; a new one takes the place of whichever has been silent longest",
    },
    Key { name: "limits.streams", env: "PLUMBLINE_LIMITS_STREAMS", default: "`400`", about: "The most streams of events at a time" },
    Key {
        name: "limits.streams_per_caller",
        env: "PLUMBLINE_LIMITS_STREAMS_PER_CALLER",
        default: "`20`",
        about: "The most streams of events at a time for one person or token",
    },
    Key {
        name: "limits.requests_per_address",
        env: "PLUMBLINE_LIMITS_REQUESTS_PER_ADDRESS",
        default: "`3000`",
        about: "The most requests a minute from one address (one network of 64 bits for IPv6); of this machine itself without bound",
    },
    Key {
        name: "limits.requests_per_caller",
        env: "PLUMBLINE_LIMITS_REQUESTS_PER_CALLER",
        default: "`6000`",
        about: "The most requests a minute of one person or token",
    },
    Key { name: "log", env: "PLUMBLINE_LOG", default: "`info`", about: "How much is logged: `error`, `warn`, `info`, `debug`" },
    Key { name: "log_format", env: "PLUMBLINE_LOG_FORMAT", default: "`text`", about: "How: `text` or `json`" },
];
