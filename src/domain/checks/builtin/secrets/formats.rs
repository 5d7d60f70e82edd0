//! The tokens whose form is known: the issuers' own words for them, their beginnings, their lengths.
//!
//! Sources are the issuers' documentation and announcements of their formats. A form without a beginning of its own is not here; such
//! tokens are found by the name they are assigned to.

use super::format::Alphabet::{Base32, Base62, Base64, Digit, Hex, Lower, Upper, Url, Word};
use super::format::Piece::{Run, Text};
use super::format::{Format, Piece, Proof};
use crate::domain::issues::finding::Severity::{self, Critical, Major, Minor};

const fn format(prefix: &'static str, rule: &'static str, what: &'static str, body: &'static [Piece], severity: Severity) -> Format {
    Format { prefix, rule, what, body, proof: Proof::Dice, severity }
}

const fn checked(prefix: &'static str, rule: &'static str, what: &'static str, digits: &'static [Piece], proof: Proof) -> Format {
    Format { prefix, rule, what, body: digits, proof, severity: Critical }
}

const GITHUB: &[Piece] = &[Run(Base62, 36, 36)];
const PLUMBLINE: &[Piece] = &[Run(Base62, 49, 49)];
const AWS_ID: &[Piece] = &[Run(Base32, 16, 16)];
const GITLAB: &[Piece] = &[Run(Url, 20, 64)];
/// GitLab's newer tokens say where they belong: payload, version and length, checksum.
const GITLAB_ROUTABLE: &[Piece] = &[Run(Url, 27, 300), Text("."), Run(Lower, 2, 2), Text("."), Run(Lower, 7, 9)];
const STRIPE: &[Piece] = &[Run(Base62, 16, 247)];
const SLACK: &[Piece] = &[Run(Digit, 9, 14), Text("-"), Run(Url, 20, 120)];
const DIGITALOCEAN: &[Piece] = &[Run(Hex, 64, 64)];
const SHOPIFY: &[Piece] = &[Run(Hex, 32, 32)];

/// Every form that is known.
pub const FORMATS: &[Format] = &[
    checked("ghp_", "github-token", "a personal access token of GitHub", GITHUB, Proof::Checksum),
    checked("gho_", "github-token", "an OAuth token of GitHub", GITHUB, Proof::Checksum),
    checked("ghu_", "github-token", "a user token of a GitHub app", GITHUB, Proof::Checksum),
    checked("ghs_", "github-token", "a server token of a GitHub app", GITHUB, Proof::Checksum),
    checked("ghr_", "github-token", "a refresh token of a GitHub app", GITHUB, Proof::Checksum),
    format(
        "github_pat_",
        "github-token",
        "a fine-grained token of GitHub",
        &[Run(Base62, 22, 22), Text("_"), Run(Base62, 59, 59)],
        Critical,
    ),
    checked("npm_", "npm-token", "an access token of npm", GITHUB, Proof::Checksum),
    checked("plb_pat_", "plumbline-token", "a personal token of Plumbline", PLUMBLINE, Proof::WholeChecksum),
    checked("plb_svc_", "plumbline-token", "a service token of Plumbline", PLUMBLINE, Proof::WholeChecksum),
    checked("plb_upl_", "plumbline-token", "an upload token of Plumbline", PLUMBLINE, Proof::WholeChecksum),
    checked("plb_whk_", "plumbline-token", "a webhook key of Plumbline", PLUMBLINE, Proof::WholeChecksum),
    checked("plb_wrk_", "plumbline-token", "a worker's token of Plumbline", PLUMBLINE, Proof::WholeChecksum),
    format("pypi-AgEIcHlwaS5vcmc", "pypi-token", "an upload token of PyPI", &[Run(Url, 50, 1_000)], Critical),
    format("pypi-AgENdGVzdC5weXBpLm9yZw", "pypi-token", "an upload token of the test instance of PyPI", &[Run(Url, 50, 1_000)], Minor),
    format("cio", "crates-token", "an API token of crates.io", &[Run(Base62, 32, 32)], Critical),
    format("rubygems_", "rubygems-token", "an API key of RubyGems", &[Run(Hex, 48, 48)], Critical),
    format("oy2", "nuget-token", "an API key of NuGet", &[Run(Lower, 43, 43)], Critical),
    format("dckr_pat_", "docker-token", "an access token of Docker Hub", &[Run(Url, 27, 27)], Critical),
    format("AKIA", "aws-access-key", "an access key id of AWS", AWS_ID, Major),
    format("ASIA", "aws-access-key", "an id of a temporary access key of AWS", AWS_ID, Minor),
    format("ABIA", "aws-access-key", "an id of a bearer token of AWS", AWS_ID, Major),
    format("AIza", "google-api-key", "an API key of Google", &[Run(Url, 35, 35)], Major),
    format("GOCSPX-", "google-oauth-secret", "an OAuth client secret of Google", &[Run(Url, 28, 28)], Critical),
    format("ya29.", "google-oauth-token", "an OAuth access token of Google", &[Run(Url, 60, 1_000)], Major),
    format("xoxb-", "slack-token", "a bot token of Slack", SLACK, Critical),
    format("xoxp-", "slack-token", "a user token of Slack", SLACK, Critical),
    format("xoxa-", "slack-token", "a workspace token of Slack", SLACK, Critical),
    format("xoxr-", "slack-token", "a refresh token of Slack", SLACK, Critical),
    format("xoxs-", "slack-token", "a session token of Slack", SLACK, Critical),
    format("xoxe-1-", "slack-token", "a refresh token of Slack", &[Run(Base62, 100, 200)], Critical),
    format(
        "xapp-1-",
        "slack-token",
        "an app token of Slack",
        &[Run(Upper, 8, 14), Text("-"), Run(Digit, 9, 16), Text("-"), Run(Hex, 32, 64)],
        Critical,
    ),
    format("sk_live_", "stripe-key", "a secret key of Stripe", STRIPE, Critical),
    format("rk_live_", "stripe-key", "a restricted key of Stripe", STRIPE, Critical),
    format("sk_test_", "stripe-key", "a secret key of Stripe's test mode", STRIPE, Minor),
    format("rk_test_", "stripe-key", "a restricted key of Stripe's test mode", STRIPE, Minor),
    format("whsec_", "stripe-webhook-secret", "a signing secret for webhooks", &[Run(Base64, 24, 88)], Major),
    format("SK", "twilio-key", "an API key id of Twilio", &[Run(Hex, 32, 32)], Major),
    format("SG.", "sendgrid-key", "an API key of SendGrid", &[Run(Url, 22, 22), Text("."), Run(Url, 43, 43)], Critical),
    format("glpat-", "gitlab-token", "a personal access token of GitLab", GITLAB, Critical),
    format("glpat-", "gitlab-token", "a personal access token of GitLab", GITLAB_ROUTABLE, Critical),
    format("gldt-", "gitlab-token", "a deploy token of GitLab", GITLAB, Critical),
    format("glrt-", "gitlab-token", "a runner token of GitLab", GITLAB, Critical),
    format("glcbt-", "gitlab-token", "a job token of GitLab", &[Run(Base62, 1, 5), Text("_"), Run(Url, 20, 64)], Major),
    format("glptt-", "gitlab-token", "a trigger token of GitLab", &[Run(Hex, 40, 40)], Critical),
    format("glsoat-", "gitlab-token", "a SCIM token of GitLab", GITLAB, Critical),
    format("glft-", "gitlab-token", "a feed token of GitLab", GITLAB, Major),
    format("glimt-", "gitlab-token", "an incoming mail token of GitLab", &[Run(Url, 25, 25)], Major),
    format("glagent-", "gitlab-token", "a token of a GitLab agent", &[Run(Url, 50, 50)], Critical),
    format("gloas-", "gitlab-token", "an OAuth secret of GitLab", &[Run(Hex, 64, 64)], Critical),
    format("AccountKey=", "azure-storage-key", "a key of an Azure account", &[Run(Base64, 88, 88)], Critical),
    format("SharedAccessKey=", "azure-shared-access-key", "a shared access key of Azure", &[Run(Base64, 44, 88)], Critical),
    format("sk-proj-", "openai-key", "an API key of OpenAI", &[Run(Url, 40, 200)], Critical),
    format("sk-svcacct-", "openai-key", "a service account's key of OpenAI", &[Run(Url, 40, 200)], Critical),
    format("sk-admin-", "openai-key", "an admin key of OpenAI", &[Run(Url, 40, 200)], Critical),
    format("sk-", "openai-key", "an API key of OpenAI", &[Run(Base62, 20, 20), Text("T3BlbkFJ"), Run(Base62, 20, 20)], Critical),
    format("sk-ant-api03-", "anthropic-key", "an API key of Anthropic", &[Run(Url, 80, 120)], Critical),
    format("sk-ant-admin01-", "anthropic-key", "an admin key of Anthropic", &[Run(Url, 80, 120)], Critical),
    format("sk-or-v1-", "openrouter-key", "an API key of OpenRouter", &[Run(Hex, 64, 64)], Critical),
    format("gsk_", "groq-key", "an API key of Groq", &[Run(Base62, 52, 52)], Critical),
    format("xai-", "xai-key", "an API key of xAI", &[Run(Base62, 80, 80)], Critical),
    format("pplx-", "perplexity-key", "an API key of Perplexity", &[Run(Base62, 40, 56)], Critical),
    format("hf_", "huggingface-token", "an access token of Hugging Face", &[Run(Base62, 34, 34)], Critical),
    format("r8_", "replicate-token", "an API token of Replicate", &[Run(Base62, 37, 37)], Critical),
    format("dop_v1_", "digitalocean-token", "a personal token of DigitalOcean", DIGITALOCEAN, Critical),
    format("doo_v1_", "digitalocean-token", "an OAuth token of DigitalOcean", DIGITALOCEAN, Critical),
    format("dor_v1_", "digitalocean-token", "a refresh token of DigitalOcean", DIGITALOCEAN, Critical),
    format("shpat_", "shopify-token", "an access token of Shopify", SHOPIFY, Critical),
    format("shpca_", "shopify-token", "a custom app's token of Shopify", SHOPIFY, Critical),
    format("shppa_", "shopify-token", "a private app's token of Shopify", SHOPIFY, Critical),
    format("shpss_", "shopify-token", "a shared secret of Shopify", SHOPIFY, Critical),
    format("HRKU-", "heroku-key", "an API key of Heroku", &[Run(Url, 36, 72)], Critical),
    format("sq0atp-", "square-token", "an access token of Square", &[Run(Url, 22, 22)], Critical),
    format("sq0csp-", "square-token", "an OAuth secret of Square", &[Run(Url, 43, 43)], Critical),
    format("EAAA", "square-token", "an access token of Square", &[Run(Url, 60, 60)], Critical),
    format("key-", "mailgun-key", "an API key of Mailgun", &[Run(Hex, 32, 32)], Critical),
    format("xkeysib-", "brevo-key", "an API key of Brevo", &[Run(Hex, 64, 64), Text("-"), Run(Base62, 16, 16)], Critical),
    format("dapi", "databricks-token", "an access token of Databricks", &[Run(Hex, 32, 32)], Critical),
    format("lin_api_", "linear-key", "an API key of Linear", &[Run(Base62, 40, 40)], Critical),
    format("ntn_", "notion-token", "an integration token of Notion", &[Run(Base62, 46, 46)], Critical),
    format("secret_", "notion-token", "an integration token of Notion", &[Run(Base62, 43, 43)], Critical),
    format("figd_", "figma-token", "an access token of Figma", &[Run(Url, 40, 48)], Critical),
    format("ATATT3xFfGF0", "atlassian-token", "an API token of Atlassian", &[Run(Url, 150, 250)], Critical),
    format("PMAK-", "postman-key", "an API key of Postman", &[Run(Hex, 24, 24), Text("-"), Run(Hex, 34, 34)], Critical),
    format("NRAK-", "newrelic-key", "a user key of New Relic", &[Run(Upper, 27, 27)], Critical),
    format("glsa_", "grafana-token", "a service account's token of Grafana", &[Run(Base62, 32, 32), Text("_"), Run(Hex, 8, 8)], Critical),
    format("glc_", "grafana-token", "an access policy token of Grafana Cloud", &[Run(Base64, 60, 400)], Critical),
    format("dp.pt.", "doppler-token", "a personal token of Doppler", &[Run(Base62, 40, 44)], Critical),
    format("hvs.", "vault-token", "a service token of Vault", &[Run(Url, 90, 300)], Critical),
    format("hvb.", "vault-token", "a batch token of Vault", &[Run(Url, 100, 300)], Critical),
    format("pul-", "pulumi-token", "an access token of Pulumi", &[Run(Hex, 40, 40)], Critical),
    format("nfp_", "netlify-token", "an access token of Netlify", &[Run(Base62, 36, 40)], Critical),
    format("sbp_", "supabase-token", "an access token of Supabase", &[Run(Hex, 40, 40)], Critical),
    format("pscale_tkn_", "planetscale-token", "a service token of PlanetScale", &[Run(Url, 32, 64)], Critical),
    format("pscale_pw_", "planetscale-password", "a password of PlanetScale", &[Run(Url, 32, 64)], Critical),
    format("sntrys_", "sentry-token", "an organization token of Sentry", &[Run(Base64, 60, 400)], Critical),
    format("sntryu_", "sentry-token", "a user token of Sentry", &[Run(Hex, 64, 64)], Critical),
    format("sgp_", "sourcegraph-token", "an access token of Sourcegraph", &[Run(Word, 40, 60)], Critical),
    format("tskey-auth-", "tailscale-key", "an auth key of Tailscale", &[Run(Base62, 10, 24), Text("-"), Run(Base62, 20, 40)], Critical),
    format("tskey-api-", "tailscale-key", "an API key of Tailscale", &[Run(Base62, 10, 24), Text("-"), Run(Base62, 20, 40)], Critical),
    format("CFPAT-", "contentful-token", "a personal token of Contentful", &[Run(Url, 43, 43)], Critical),
    format("dt0c01.", "dynatrace-token", "an API token of Dynatrace", &[Run(Base32, 24, 24), Text("."), Run(Base32, 64, 64)], Critical),
    format("shippo_live_", "shippo-token", "a live token of Shippo", &[Run(Hex, 40, 40)], Critical),
    format("bkua_", "buildkite-token", "an access token of Buildkite", &[Run(Hex, 40, 40)], Critical),
    format("CCIPAT_", "circleci-token", "a personal token of CircleCI", &[Run(Base62, 22, 22), Text("_"), Run(Hex, 40, 40)], Critical),
    format("ops_eyJ", "onepassword-token", "a service account's token of 1Password", &[Run(Url, 250, 2_000)], Critical),
    format("EZAK", "easypost-key", "an API key of EasyPost", &[Run(Base62, 54, 54)], Critical),
    format("AGE-SECRET-KEY-1", "age-secret-key", "a secret key of age", &[Run(Upper, 58, 58)], Critical),
];
