//! People on GitHub, as the App sees them: who works in a repository and in which role, and who is in an organization.

use serde::Deserialize;

use super::client::{As, Client, Lane};
use super::{Error, Result};
use crate::base::name::RepoSlug;
use crate::domain::accounts::RepoRole;

/// The most of a page that GitHub gives.
const PER_PAGE: usize = 100;

/// Somebody, by their number.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Somebody {
    /// GitHub's number for them.
    pub id: u64,
    /// What they are called at the moment.
    pub login: String,
}

/// Somebody who works in a repository.
#[derive(Debug, Clone, Deserialize)]
struct Collaborator {
    id: u64,
    #[serde(default)]
    role_name: String,
    #[serde(default)]
    permissions: Permissions,
}

/// What they may do, whatever an organization calls the role.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Permissions {
    admin: bool,
    maintain: bool,
    push: bool,
    triage: bool,
    pull: bool,
}

impl Collaborator {
    /// Their role here. One that an organization made up itself counts as the one of GitHub's that it stands on.
    fn role(&self) -> Option<RepoRole> {
        let named = match self.role_name.as_str() {
            "pull" => Some(RepoRole::Read),
            "push" => Some(RepoRole::Write),
            name => name.parse().ok(),
        };
        let Permissions { admin, maintain, push, triage, pull } = self.permissions;
        let ladder = [
            (admin, RepoRole::Admin),
            (maintain, RepoRole::Maintain),
            (push, RepoRole::Write),
            (triage, RepoRole::Triage),
            (pull, RepoRole::Read),
        ];
        named.or_else(|| ladder.into_iter().find(|(may, _)| *may).map(|(_, role)| role))
    }
}

/// Who works in a repository, and in which role: by themselves, through a team, through the organization.
pub fn collaborators(client: &Client<'_>, installation: u64, slug: &RepoSlug) -> Result<Vec<(u64, RepoRole)>> {
    let path = format!("/repos/{slug}/collaborators?affiliation=all&per_page={PER_PAGE}");
    let all = client.list::<Collaborator>(As::Installation(installation), Lane::Syncs, &path, None)?;
    Ok(all.iter().filter_map(|one| Some((one.id, one.role()?))).collect())
}

/// The members of an organization.
pub fn members(client: &Client<'_>, installation: u64, org: &str) -> Result<Vec<Somebody>> {
    client.list(As::Installation(installation), Lane::Syncs, &format!("/orgs/{org}/members?per_page={PER_PAGE}"), None)
}

/// Those who work in some repository of an organization and are no members.
pub fn outside_collaborators(client: &Client<'_>, installation: u64, org: &str) -> Result<Vec<Somebody>> {
    client.list(As::Installation(installation), Lane::Syncs, &format!("/orgs/{org}/outside_collaborators?per_page={PER_PAGE}"), None)
}

/// What somebody with this number is called now; `None` if there is nobody any more.
pub fn somebody(client: &Client<'_>, installation: u64, id: u64) -> Result<Option<Somebody>> {
    found(client.get(As::Installation(installation), Lane::Syncs, &format!("/user/{id}")))
}

/// Whoever has this name; `None` if nobody does.
pub fn named(client: &Client<'_>, installation: u64, login: &str) -> Result<Option<Somebody>> {
    found(client.get(As::Installation(installation), Lane::Syncs, &format!("/users/{login}")))
}

/// Whether somebody is a member of an organization, and has accepted it.
pub fn is_member(client: &Client<'_>, installation: u64, org: &str, who: &Somebody) -> Result<bool> {
    #[derive(Deserialize)]
    struct Standing {
        state: String,
        user: Somebody,
    }
    let path = format!("/orgs/{org}/memberships/{}", who.login);
    let standing: Option<Standing> = found(client.get(As::Installation(installation), Lane::Syncs, &path))?;
    // Somebody else may have the name by now.
    Ok(standing.is_some_and(|standing| standing.state == "active" && standing.user.id == who.id))
}

/// What somebody may do in a repository, as GitHub has it at this moment; `None` if nothing, or if another has the name by now.
pub fn role_in(client: &Client<'_>, installation: u64, lane: Lane, slug: &RepoSlug, who: &Somebody) -> Result<Option<RepoRole>> {
    #[derive(Deserialize)]
    struct Standing {
        #[serde(default)]
        permission: String,
        #[serde(default)]
        role_name: String,
        user: Somebody,
    }
    // It stands in an address.
    if !who.login.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        return Ok(None);
    }
    let path = format!("/repos/{slug}/collaborators/{}/permission", who.login);
    let standing: Option<Standing> = found(client.get(As::Installation(installation), lane, &path))?;
    let Some(Standing { permission, role_name, user }) = standing.filter(|standing| standing.user.id == who.id) else { return Ok(None) };
    let named = |role_name: String| Collaborator { id: user.id, role_name, permissions: Permissions::default() }.role();
    Ok(named(role_name).or_else(|| named(permission)))
}

fn found<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(Error::Refused { status: 404, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(json: &str) -> Option<RepoRole> {
        serde_json::from_str::<Collaborator>(json).unwrap().role()
    }

    #[test]
    fn a_role_is_known_by_its_name_and_one_that_was_made_up_by_what_it_may() {
        assert_eq!(role(r#"{"id": 1, "role_name": "maintain"}"#), Some(RepoRole::Maintain));
        assert_eq!(role(r#"{"id": 1, "role_name": "push"}"#), Some(RepoRole::Write));
        let made_up = r#"{"id": 1, "role_name": "release-manager", "permissions": {"pull": true, "triage": true, "push": true}}"#;
        assert_eq!(role(made_up), Some(RepoRole::Write));
        assert_eq!(role(r#"{"id": 1, "role_name": "none"}"#), None);
        assert_eq!(role(r#"{"id": 1}"#), None);
    }
}
