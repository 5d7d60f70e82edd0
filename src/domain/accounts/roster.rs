//! Roles that GitHub gives: who has which role in each of its repositories, taken over as it says.
//!
//! What GitHub said of a repository is kept whole, those included who have no account here: whoever signs in for the first time has their
//! roles in the same moment, without a question to anybody. A roster is one row, replaced when GitHub is asked again. In a repository that
//! has one GitHub alone gives roles: what whoever added it was given until then goes.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::identity::{github_identity, github_identity_of};
use super::record::{self, Membership, MembershipSource, User};
use super::role::RepoRole;
use super::{Result, user};
use crate::base::event::{Changed, Event};
use crate::base::id::{RepoId, UserId};
use crate::base::time::Timestamp;
use crate::engine::store::{ReadTx, Record, Scan, WriteTx};

/// The most people of one repository whose roles are taken over; an organization with more is better served by its teams' own.
pub const PEOPLE_PER_REPO: usize = 20_000;
/// The most roles of one person, and the most rosters that are looked through for somebody.
const ROLES_PER_USER: usize = 20_000;
/// The most members of a repository that are compared.
const MEMBERS: usize = 50_000;
/// How many changes of roles one entry of the trail names.
const TOLD: usize = 100;

/// Who has which role in a repository on GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// The repository.
    pub repo: RepoId,
    /// GitHub's numbers for its people, in order, each with the role.
    pub people: Vec<(u64, RepoRole)>,
    /// When GitHub said so.
    pub taken_at: Timestamp,
}

impl Record for Roster {
    const TABLE: &'static str = "rosters";
    const VERSION: u16 = 1;
    type Key = RepoId;

    fn key(&self) -> RepoId {
        self.repo
    }
}

impl Roster {
    fn role_of(&self, subject: u64) -> Option<RepoRole> {
        self.people.binary_search_by_key(&subject, |(subject, _)| *subject).ok().map(|at| self.people[at].1)
    }
}

/// What GitHub said of a repository when it was last asked.
pub fn roster(tx: &ReadTx, repo: RepoId) -> Result<Option<Roster>> {
    Ok(tx.get::<Roster>(&repo)?)
}

/// Takes over who has which role in a repository. Answers how many roles are otherwise than before.
pub fn mirror_repo(tx: &mut WriteTx, repo: RepoId, mut people: Vec<(u64, RepoRole)>, now: Timestamp) -> Result<usize> {
    // Of two roles of one person the greater counts.
    people.sort_unstable_by_key(|(subject, role)| (*subject, std::cmp::Reverse(*role)));
    people.dedup_by_key(|(subject, _)| *subject);
    people.truncate(PEOPLE_PER_REPO);
    let mut wanted: HashMap<UserId, RepoRole> = HashMap::new();
    for (subject, role) in &people {
        if let Some(identity) = github_identity(tx, *subject)?.filter(|identity| identity.left.is_none()) {
            wanted.insert(identity.user, *role);
        }
    }
    tx.put(&Roster { repo, people, taken_at: now })?;
    let mut changes = Changes::of(repo);
    for membership in tx.find(&Scan::<Membership>::prefix(repo), MEMBERS)? {
        let after = wanted.remove(&membership.user);
        if after != Some(membership.role) || membership.source != MembershipSource::Github {
            changes.set(tx, membership.user, Some(membership.role), after)?;
        }
    }
    for (user, role) in wanted {
        changes.set(tx, user, None, Some(role))?;
    }
    changes.record(tx, now)
}

/// Gives a person the roles that GitHub said their account has.
pub(super) fn mirror_user(tx: &mut WriteTx, user: UserId, subject: u64, now: Timestamp) -> Result<()> {
    for roster in tx.find(&Scan::<Roster>::all(), ROLES_PER_USER)? {
        let before = tx.get::<Membership>(&(roster.repo, user))?;
        let Some(role) = roster.role_of(subject) else { continue };
        if before.as_ref().is_some_and(|before| before.role == role && before.source == MembershipSource::Github) {
            continue;
        }
        let mut changes = Changes::of(roster.repo);
        changes.set(tx, user, before.map(|before| before.role), Some(role))?;
        changes.record(tx, now)?;
    }
    Ok(())
}

/// Takes from a person every role that GitHub gave.
pub(super) fn forget_user(tx: &mut WriteTx, user: UserId, now: Timestamp) -> Result<()> {
    for membership in tx.find(&record::MEMBERSHIPS_BY_USER.prefix(user), ROLES_PER_USER)? {
        if membership.source == MembershipSource::Github {
            let mut changes = Changes::of(membership.repo);
            changes.set(tx, user, Some(membership.role), None)?;
            changes.record(tx, now)?;
        }
    }
    Ok(())
}

/// Asks for a repository's roles to be taken over anew: something was said to have changed.
pub fn roles_changed(tx: &mut WriteTx, repo: RepoId, now: Timestamp) -> Result<()> {
    Ok(tx.record(Event::RolesDue { repo }, now)?)
}

/// Asks for everybody's roles to be taken over anew, and for all who have left to be noticed.
pub fn people_changed(tx: &mut WriteTx, now: Timestamp) -> Result<()> {
    Ok(tx.record(Event::PeopleDue, now)?)
}

/// Asks for one person on GitHub to be looked at: whether they are still let in. Whoever has no account here is nobody's concern.
pub fn person_changed(tx: &mut WriteTx, subject: u64, now: Timestamp) -> Result<()> {
    match github_identity(tx, subject)? {
        Some(identity) => Ok(tx.record(Event::PersonDue { user: identity.user }, now)?),
        None => Ok(()),
    }
}

/// Asks for everybody to be looked at, on somebody's behalf.
pub fn request_resync(tx: &mut WriteTx, now: Timestamp) -> Result<()> {
    Ok(tx.record(Event::ResyncRequested { user: None }, now)?)
}

/// Asks for one person to be looked at, on somebody's behalf.
pub fn request_user_sync(tx: &mut WriteTx, id: UserId, now: Timestamp) -> Result<User> {
    let person = user::get_user(tx, id)?;
    if github_identity_of(tx, id)?.is_none() {
        return Err(super::Error::IdentityMissing);
    }
    tx.record(Event::ResyncRequested { user: Some(id) }, now)?;
    Ok(person)
}

/// Roles in one repository that are being changed.
struct Changes {
    repo: RepoId,
    count: usize,
    told: Vec<Changed>,
}

impl Changes {
    fn of(repo: RepoId) -> Changes {
        Changes { repo, count: 0, told: Vec::new() }
    }

    fn set(&mut self, tx: &mut WriteTx, user: UserId, before: Option<RepoRole>, after: Option<RepoRole>) -> Result<()> {
        match after {
            Some(role) => tx.put(&Membership { repo: self.repo, user, role, source: MembershipSource::Github })?,
            None => {
                tx.remove::<Membership>(&(self.repo, user))?;
            }
        }
        if before == after {
            return Ok(());
        }
        self.count += 1;
        if self.told.len() < TOLD
            && let Some(user) = tx.get::<User>(&user)?
        {
            self.told.extend(Changed::of(&user.login, before, after));
        }
        Ok(())
    }

    fn record(self, tx: &mut WriteTx, now: Timestamp) -> Result<usize> {
        if self.count > 0 {
            tx.record(Event::MembersChanged { repo: self.repo, changes: self.told }, now)?;
        }
        Ok(self.count)
    }
}
