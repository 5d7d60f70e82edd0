//! Roles in repositories, given here.

use super::record::{Membership, MembershipSource, User};
use super::role::{InstanceRole, RepoRole};
use super::{Error, Result, roster, user};
use crate::base::event::{Changed, Event};
use crate::base::id::{RepoId, UserId};
use crate::base::page::{Cursor, Limit, Page};
use crate::base::time::Timestamp;
use crate::engine::store::{self, ReadTx, Scan, WriteTx};

/// Gives a user a role in a repository.
pub fn grant(tx: &mut WriteTx, repo: RepoId, user: UserId, role: RepoRole) -> store::Result<()> {
    tx.put(&Membership { repo, user, role, source: MembershipSource::Local })
}

/// What somebody may do in a repository; nothing if they are shut out.
pub fn role_of(tx: &ReadTx, repo: RepoId, user: UserId) -> store::Result<Option<RepoRole>> {
    match tx.get::<User>(&user)?.filter(|user| user.disabled_at.is_none()) {
        None => Ok(None),
        Some(user) => role_of_person(tx, repo, &user),
    }
}

/// The role of somebody who is let in: whoever runs the instance has every one.
pub(super) fn role_of_person(tx: &ReadTx, repo: RepoId, user: &User) -> store::Result<Option<RepoRole>> {
    if user.role == InstanceRole::Admin {
        return Ok(Some(RepoRole::Admin));
    }
    Ok(tx.get::<Membership>(&(repo, user.id))?.map(|membership| membership.role))
}

/// A person with a role in a repository.
#[derive(Debug, Clone)]
pub struct Member {
    /// The person.
    pub user: User,
    /// The role.
    pub role: RepoRole,
    /// Who says so.
    pub source: MembershipSource,
}

/// Who has a role in a repository, in the order they came to the instance. Those who are being erased are left out.
pub fn list_members(tx: &ReadTx, repo: RepoId, after: Option<&Cursor>, limit: Limit) -> Result<Page<Member>> {
    let page = tx.page(&Scan::<Membership>::prefix(repo).after(after), limit)?;
    let mut items = Vec::with_capacity(page.items.len());
    for membership in page.items {
        if let Some(user) = tx.get::<User>(&membership.user)? {
            items.push(Member { user, role: membership.role, source: membership.source });
        }
    }
    Ok(Page { items, next: page.next })
}

/// Gives a person a role in a repository, in place of the one they had.
pub fn set_member(tx: &mut WriteTx, repo: RepoId, login: &str, role: RepoRole, now: Timestamp) -> Result<Member> {
    let user = user::find_user(tx, login)?;
    let before = tx.get::<Membership>(&(repo, user.id))?.map(|membership| membership.role);
    if before != Some(role) {
        grant(tx, repo, user.id, role)?;
        record(tx, repo, &user, before, Some(role), now)?;
    }
    Ok(Member { user, role, source: MembershipSource::Local })
}

/// Takes a person's role in a repository away.
pub fn remove_member(tx: &mut WriteTx, repo: RepoId, login: &str, now: Timestamp) -> Result<()> {
    let user = user::find_user(tx, login)?;
    let Some(before) = tx.get::<Membership>(&(repo, user.id))? else { return Err(Error::MemberNotFound { login: user.login }) };
    tx.remove::<Membership>(&(repo, user.id))?;
    record(tx, repo, &user, Some(before.role), None, now)
}

fn record(tx: &mut WriteTx, repo: RepoId, user: &User, before: Option<RepoRole>, after: Option<RepoRole>, now: Timestamp) -> Result<()> {
    let changes = Changed::of(&user.login, before, after).into_iter().collect();
    Ok(tx.record(Event::MembersChanged { repo, changes }, now)?)
}

/// How many people have a role of their own in a repository, counted up to ten thousand.
pub fn count_members(tx: &ReadTx, repo: RepoId) -> Result<usize> {
    Ok(tx.count(&Scan::<Membership>::prefix(repo), 10_000)?)
}

/// Takes every role in a repository away, at most `limit` at a time; answers how many.
pub fn revoke_all(tx: &mut WriteTx, repo: RepoId, limit: usize) -> store::Result<usize> {
    tx.remove::<roster::Roster>(&repo)?;
    tx.remove_all(&Scan::<Membership>::prefix(repo), limit)
}
