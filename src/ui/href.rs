//! The addresses of pages and of what they call, each in one place: templates ask here and never put an address together.
//!
//! Names are percent-encoded, so that a branch or a path can hold whatever git lets it hold. A path's bytes keep their slashes and
//! nothing else that an address gives a meaning to.

use std::fmt::Write as _;

use crate::base::id::{DeliveryId, IssueId, KeyId, LinkId, SessionId, TokenId, UserId, WorkId};
use crate::base::name::{BranchName, CommitSha, RepoSlug, TreePath};
use crate::domain::hooks::DeliveryState;
use crate::domain::pulls::PullState;

/// The list of repositories.
pub const HOME: &str = "/";
/// The search for issues.
pub const ISSUES: &str = "/issues";
/// The sign-in page, and where a session begins.
pub const SIGN_IN: &str = "/sign-in";
/// Where somebody sets out for GitHub, to sign in or to link an account there.
pub const SIGN_IN_BY_GITHUB: &str = crate::http::accounts::github::SET_OUT;
/// The same, to come back to one's own page.
pub const LINK_GITHUB: &str = "/account/github/link";
/// Where the link to GitHub is taken away (POST).
pub const UNLINK_GITHUB: &str = "/account/github/unlink";
/// Where everybody is taken over from GitHub (POST).
pub const RESYNC: &str = "/admin/resync";
/// Where a session ends (POST).
pub const SIGN_OUT: &str = "/sign-out";
/// The page of whoever is signed in.
pub const ACCOUNT: &str = "/account";
/// Where one's password is set (POST).
pub const SET_PASSWORD: &str = "/account/password";
/// Where the set-up of codes is begun (POST).
pub const BEGIN_TOTP: &str = "/account/totp";
/// Where it is confirmed (POST).
pub const CONFIRM_TOTP: &str = "/account/totp/confirm";
/// Where codes are asked for no more (POST).
pub const REMOVE_TOTP: &str = "/account/totp/remove";
/// Where all of one's sessions end but the one that asks (POST).
pub const END_OTHER_SESSIONS: &str = "/account/sessions/end-others";
/// Where a token of one's own is made (POST).
pub const CREATE_TOKEN: &str = "/account/tokens";
/// Everybody who has an account.
pub const USERS: &str = "/admin/users";
/// Where somebody is invited (POST).
pub const INVITE: &str = "/admin/invitations";
/// The deliveries that came in.
pub const DELIVERIES: &str = "/admin/deliveries";
/// Every token.
pub const ADMIN_TOKENS: &str = "/admin/tokens";
/// The page that adds a repository, and where one is added (POST).
pub const ADD: &str = "/repos";
/// The secrets of the instance, and where one is set (POST).
pub const SECRETS: &str = "/admin/secrets";
/// Where a secret of the instance is removed (POST).
pub const REMOVE_SECRET: &str = "/admin/secrets/remove";
/// What answers what would become of the name of a secret of the instance, once the name is added.
pub const SECRET_NAMES: &str = "/api/v1/secret-names/";
/// The plugins as this host has them.
pub const PLUGINS: &str = "/plugins";
/// The reference of the REST API.
pub const DOCS: &str = "/api/docs";
/// What is said of our own format of findings.
pub const ISSUES_FORMAT: &str = "/api/docs/issues";
/// GitHub as it is set up.
pub const GITHUB: &str = "/admin/github";
/// The administration of the instance.
pub const ADMIN: &str = "/admin";
/// The hints that something has changed, as server-sent events.
pub const EVENTS: &str = "/api/v1/events";

/// A repository.
pub fn repo(slug: &RepoSlug) -> String {
    format!("/r/{slug}")
}

/// A repository by what somebody else calls it, which may be no name at all: the page then says so.
pub fn repo_called(name: &str) -> String {
    format!("/r/{}", encode(name.as_bytes(), b"/"))
}

/// A repository as one branch has it.
pub fn branch(slug: &RepoSlug, branch: &BranchName) -> String {
    format!("/r/{slug}?branch={}", encode(branch.as_str().as_bytes(), b"/"))
}

/// The commits of a repository or of one of its branches.
pub fn commits(slug: &RepoSlug, branch: &Option<BranchName>) -> String {
    match branch {
        Some(branch) => format!("/r/{slug}/commits?branch={}", encode(branch.as_str().as_bytes(), b"/")),
        None => format!("/r/{slug}/commits"),
    }
}

/// The branches of a repository.
pub fn branches(slug: &RepoSlug) -> String {
    format!("/r/{slug}/branches")
}

/// Where a repository is fetched (POST).
pub fn sync(slug: &RepoSlug) -> String {
    format!("/r/{slug}/sync")
}

/// A commit.
pub fn commit(slug: &RepoSlug, sha: &CommitSha) -> String {
    format!("/r/{slug}/commits/{sha}")
}

/// The pull requests of a repository that stand so; `None` is all.
pub fn pulls(slug: &RepoSlug, state: Option<PullState>) -> String {
    match state {
        Some(PullState::Open) => format!("/r/{slug}/pulls"),
        state => format!("/r/{slug}/pulls?state={}", state.map_or("all", PullState::as_str)),
    }
}

/// A pull request.
pub fn pull(slug: &RepoSlug, number: &u64) -> String {
    format!("/r/{slug}/pulls/{number}")
}

/// Where two commits to be held against each other are chosen.
pub fn compare_form(slug: &RepoSlug) -> String {
    format!("/r/{slug}/compare")
}

/// Two commits held against each other, each named by a branch or by its digits.
pub fn compare(slug: &RepoSlug, base: &str, head: &str) -> String {
    format!("/r/{slug}/compare/{}...{}", encode(base.as_bytes(), b""), encode(head.as_bytes(), b""))
}

/// What is set for a repository, and where it is changed (POST).
pub fn settings(slug: &RepoSlug) -> String {
    format!("/r/{slug}/settings")
}

/// Where a repository is given another badge key (POST).
pub fn rotate_badge_key(slug: &RepoSlug) -> String {
    format!("/r/{slug}/settings/badge-key")
}

/// The secrets and keys of a repository, and where a secret is set (POST).
pub fn repo_secrets(slug: &RepoSlug) -> String {
    format!("/r/{slug}/settings/secrets")
}

/// Where a secret of a repository is removed (POST).
pub fn remove_repo_secret(slug: &RepoSlug) -> String {
    format!("/r/{slug}/settings/secrets/remove")
}

/// Where a repository is given a key (POST).
pub fn add_key(slug: &RepoSlug) -> String {
    format!("/r/{slug}/settings/keys")
}

/// Where a key of a repository is removed (POST).
pub fn remove_key(slug: &RepoSlug, id: &KeyId) -> String {
    format!("/r/{slug}/settings/keys/{id}/remove")
}

/// What answers what would become of a secret's name in a repository, once the name is added.
pub fn repo_secret_names(slug: &RepoSlug) -> String {
    format!("/api/v1/repos/{slug}/secret-names/")
}

/// A badge of a repository.
pub fn badge(slug: &RepoSlug, badge: &str) -> String {
    format!("/badges/{slug}/{badge}.svg")
}

/// Where the checks of a commit are run again (POST).
pub fn rerun(slug: &RepoSlug, sha: &CommitSha) -> String {
    format!("/r/{slug}/commits/{sha}/checks")
}

/// Where the checks of a commit that wait for it are approved (POST).
pub fn approve(slug: &RepoSlug, sha: &CommitSha) -> String {
    format!("/r/{slug}/commits/{sha}/checks/approve")
}

/// Where the checks of a commit are canceled (POST).
pub fn cancel(slug: &RepoSlug, sha: &CommitSha) -> String {
    format!("/r/{slug}/commits/{sha}/checks/cancel")
}

/// A check at a commit.
pub fn check(slug: &RepoSlug, sha: &CommitSha, name: &str) -> String {
    format!("/r/{slug}/commits/{sha}/checks/{}", encode(name.as_bytes(), b""))
}

/// Where a manifest is written and tried (POST).
pub fn manifest(slug: &RepoSlug) -> String {
    format!("/r/{slug}/manifest")
}

/// The host of an address elsewhere, and what follows it, without its scheme.
pub fn host(address: &str) -> &str {
    address.split_once("://").map_or(address, |(_, rest)| rest).trim_end_matches('/')
}

/// A check's log: plain text, or server-sent events where they are asked for.
pub fn log(slug: &RepoSlug, sha: &CommitSha, check: &str) -> String {
    format!("/api/v1/repos/{slug}/commits/{sha}/checks/{}/log", encode(check.as_bytes(), b""))
}

/// The root of the tree at a commit.
pub fn root(slug: &RepoSlug, sha: &CommitSha) -> String {
    tree(slug, sha, &None)
}

/// A directory at a commit; no path is the root.
pub fn tree(slug: &RepoSlug, sha: &CommitSha, path: &Option<TreePath>) -> String {
    match path {
        Some(path) => format!("/r/{slug}/commits/{sha}/tree/{}", encode(path.as_bytes(), b"/")),
        None => format!("/r/{slug}/commits/{sha}/tree"),
    }
}

/// A file at a commit.
pub fn file(slug: &RepoSlug, sha: &CommitSha, path: &TreePath) -> String {
    format!("/r/{slug}/commits/{sha}/files/{}", encode(path.as_bytes(), b"/"))
}

/// A line of a file at a commit.
pub fn line(slug: &RepoSlug, sha: &CommitSha, path: &TreePath, line: &Option<u32>) -> String {
    let file = file(slug, sha, path);
    line.map_or(file.clone(), |line| format!("{file}#L{line}"))
}

/// The commit's issues in SARIF.
pub fn sarif(slug: &RepoSlug, sha: &CommitSha) -> String {
    format!("/api/v1/repos/{slug}/commits/{sha}/issues.sarif")
}

/// An issue.
pub fn issue(id: &IssueId) -> String {
    format!("/issues/{id}")
}

/// The search for issues with a query.
pub fn search(query: &str) -> String {
    format!("/issues?q={}", encode(query.as_bytes(), b""))
}

/// What a search found, as CSV.
pub fn search_csv(query: &str) -> String {
    format!("/api/v1/search/issues?q={}&format=csv", encode(query.as_bytes(), b""))
}

/// Where one session ends (POST).
pub fn end_session(id: &SessionId) -> String {
    format!("/account/sessions/{id}/end")
}

/// Where one token is revoked (POST).
pub fn revoke_token(id: &TokenId) -> String {
    format!("/account/tokens/{id}/revoke")
}

/// Where one of one's own tokens is given another text (POST).
pub fn rotate_token(id: &TokenId) -> String {
    format!("/account/tokens/{id}/rotate")
}

/// Where something is done with a user (POST).
pub fn act_on_user(id: &UserId) -> String {
    format!("/admin/users/{id}")
}

/// Where something is done with a token of anybody (POST).
pub fn act_on_token(id: &TokenId) -> String {
    format!("/admin/tokens/{id}")
}

/// Where an invitation is called back (POST).
pub fn call_back(id: &LinkId) -> String {
    format!("/admin/invitations/{id}/revoke")
}

/// Where somebody is given a role in a repository (POST).
pub fn set_member(slug: &RepoSlug) -> String {
    format!("/r/{slug}/settings/members")
}

/// Where somebody's role in a repository is taken away (POST).
pub fn remove_member(slug: &RepoSlug) -> String {
    format!("/r/{slug}/settings/members/remove")
}

/// Where a repository is given another upload token (POST).
pub fn renew_upload_token(slug: &RepoSlug) -> String {
    format!("/r/{slug}/settings/upload-token")
}

/// Where anybody's session ends (POST).
pub fn end_any_session(id: &SessionId) -> String {
    format!("/admin/sessions/{id}/end")
}

/// The deliveries that stand so and are about this.
pub fn deliveries(state: Option<DeliveryState>, event: Option<&str>) -> String {
    let at = state.map_or_else(|| DELIVERIES.to_owned(), |state| with(DELIVERIES, "state", state.as_str()));
    event.map_or(at.clone(), |event| with(&at, "event", event))
}

/// A delivery.
pub fn delivery(id: &DeliveryId) -> String {
    format!("{DELIVERIES}/{id}")
}

/// Where a delivery is interpreted once more (POST).
pub fn replay(id: &DeliveryId) -> String {
    format!("{DELIVERIES}/{id}/replay")
}

/// Where work that was given up is tried again (POST).
pub fn retry_work(id: &WorkId) -> String {
    format!("/admin/work/{id}/retry")
}

/// Where work is taken from the queue (POST).
pub fn discard_work(id: &WorkId) -> String {
    format!("/admin/work/{id}/discard")
}

/// An address with one more parameter.
pub fn with(address: &str, key: &str, value: &str) -> String {
    let joint = if address.contains('?') { '&' } else { '?' };
    format!("{address}{joint}{key}={}", encode(value.as_bytes(), b""))
}

/// Percent-encodes what is not a letter, a digit or one of `-._~`, but for the bytes in `kept`.
fn encode(bytes: &[u8], kept: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || kept.contains(byte) {
            out.push(char::from(*byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a String succeeds");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_branch_and_any_path_fit_into_an_address() {
        let slug: RepoSlug = "acme/app".parse().unwrap();
        let sha = CommitSha::from_bytes([0xab; 20]);
        assert_eq!(branch(&slug, &"fix/ä&b#c".parse().unwrap()), "/r/acme/app?branch=fix/%C3%A4%26b%23c");
        let path = TreePath::new(&b"a b/\xff?<\"%.rs"[..]);
        assert!(file(&slug, &sha, &path).ends_with("/files/a%20b/%FF%3F%3C%22%25.rs"));
        assert!(tree(&slug, &sha, &None).ends_with("/tree"));
    }

    #[test]
    fn a_query_cannot_add_parameters_of_its_own() {
        assert_eq!(search("a&limit=9 +\u{202e}"), "/issues?q=a%26limit%3D9%20%2B%E2%80%AE");
        assert_eq!(with(&search("x"), "cursor", "0&1"), "/issues?q=x&cursor=0%261");
    }
}
