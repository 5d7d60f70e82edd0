//! What follows from what GitHub tells us.
//!
//! Of branches nothing is believed: a push is a reason to fetch, and the fetch finds what is so; it also takes over what was pushed and is
//! on no branch any more. What GitHub says of the repository itself is taken over by its own time ([`repos::follow`]), and so is whether we
//! may see it ([`repos::withdraw`], [`repos::admit`]). Each of these may be done again, and in any order, with the same end.
//!
//! Of who belongs where nothing is believed either: GitHub is asked. What is said of a deployment is believed, as of when it was so.

use crate::base::event::Event;
use crate::base::id::RepoId;
use crate::base::name::{CommitSha, RepoSlug};
use crate::base::time::Timestamp;
use crate::engine::store::WriteTx;

use super::{Error, Outcome, Result};
use crate::domain::dora::{self, Deployment, Untold};
use crate::domain::github::payload::{Account, AtCommit, Installation, Kind, Payload, Pressed, Pull, Push, Repo, RepoRef};
use crate::domain::repos::{AsOf, Facts, Followed, Repository, Withdrawal};
use crate::domain::{accounts, checks, pulls, repos, statuses};

/// How many repositories of an installation one transaction touches.
pub const REPOS_PER_WRITE: usize = 100;
/// Of how many commits of a repository it is said once more how they stand, once GitHub takes it again: the latest; and of how many in all,
/// which stand in one transaction.
const SAID_AGAIN: usize = 50;
const SAID_AGAIN_IN_ALL: usize = 200;
/// How many checks that are under way are looked through for those of a repository that is hidden.
const UNDER_WAY: usize = 1_000;
/// What GitHub says happened when somebody pressed a button of ours.
const PRESSED: &str = "requested_action";
/// The beginning of a branch's whole reference.
const HEADS: &str = "refs/heads/";

/// When and under which name a delivery came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its sender's name for it.
    pub guid: String,
    /// When it came for the first time.
    pub received_at: Timestamp,
    /// What is known of who pressed a button of ours; nothing if they may not do what it stands for.
    pub presser: Option<Presser>,
}

/// Somebody who pressed a button of ours on GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presser {
    /// A person here who may, on whose behalf it is done.
    Known,
    /// Somebody of whom GitHub is yet to be asked whether they may.
    Asked,
}

/// What the button is called that approves what a commit starts.
pub const APPROVE: &str = "approve";

/// What a transaction did of what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// All of it.
    Whole(Outcome),
    /// As much as one transaction may; the next goes on.
    Part,
}

/// Does what follows from a payload.
pub fn apply(tx: &mut WriteTx, payload: &Payload, sent: &Sent, now: Timestamp) -> Result<Applied> {
    let followed = follow(tx, payload, sent, now)?;
    let whole = |outcome| Ok(Applied::Whole(outcome));
    match &payload.kind {
        Kind::Ping => whole(processed("GitHub reaches this instance, and its secret is ours")),
        Kind::Push(push) => match push.reference.strip_prefix(HEADS) {
            Some(_) => {
                note_head(tx, payload, push, now)?;
                whole(look(tx, payload, now)?)
            }
            None => whole(ignored("no branch moved")),
        },
        Kind::Create(reference) | Kind::Delete(reference) => match reference.ref_type.as_str() {
            "branch" => whole(look(tx, payload, now)?),
            _ => whole(ignored("it is no branch")),
        },
        Kind::Repository => whole(repository(tx, payload, followed, sent, now)?),
        Kind::Installation(listed) => installation(tx, payload, listed, sent, now),
        Kind::InstallationRepositories { added, removed } => {
            let as_of = of_installation(payload.common.installation.as_ref(), sent);
            lists(tx, payload, (added, removed, as_of), now)
        }
        Kind::CheckRun(at, Some(pressed)) if payload.action() == PRESSED => whole(press(tx, payload, at, pressed, sent, now)?),
        Kind::CheckRun(at, _) | Kind::CheckSuite(at) => whole(rerun(tx, payload, at, now)?),
        Kind::PullRequest(pull) | Kind::PullRequestReview(pull) => whole(pull_request(tx, payload, pull, sent, now)?),
        Kind::Member(account) => whole(member(tx, payload, account, now)?),
        Kind::Membership(account, _) => {
            accounts::person_changed(tx, account.id, now)?;
            whole(people(tx, now)?)
        }
        // A team's roles may be in any repository, and whom an organization let go is looked up.
        Kind::Team(_) | Kind::TeamAdd(_) => whole(people(tx, now)?),
        Kind::Organization(place, member) => {
            // Whoever went is looked at first, without waiting for everybody else.
            if let Some(member) = member {
                accounts::person_changed(tx, member.id, now)?;
                // GitHub may not answer right now.
                if payload.action() == "member_removed" {
                    accounts::hold_back(tx, member.id, &place.login, now)?;
                }
            }
            // Its repositories have other names by now.
            if let Some(installation) = payload.common.installation.as_ref().filter(|_| payload.action() == "renamed") {
                for repo in repos::of_installation(tx, installation.id, REPOS_PER_WRITE)? {
                    tx.record(Event::SyncDue { repo: repo.id }, now)?;
                }
            }
            whole(people(tx, now)?)
        }
        Kind::Deployment(said) => whole(deployed(tx, payload, sent, |repo, so_at| dora::of_deployment(repo, said, None, so_at))?),
        Kind::DeploymentStatus(said, status) => {
            whole(deployed(tx, payload, sent, |repo, so_at| dora::of_deployment(repo, said, Some(status), so_at))?)
        }
        Kind::WorkflowRun(said) => whole(deployed(tx, payload, sent, |repo, so_at| dora::of_workflow_run(repo, said, so_at))?),
        Kind::GithubAppAuthorization(account) => {
            if payload.action() == "revoked" {
                accounts::revoke_github_authorization(tx, account.id, now)?;
            }
            whole(processed("whoever takes back that we may know them is signed out here"))
        }
        Kind::Unknown => whole(ignored("nothing is known of events of this kind")),
    }
}

/// Has the roles in a repository taken over anew, where it is known here.
fn member(tx: &mut WriteTx, payload: &Payload, account: &Account, now: Timestamp) -> Result<Outcome> {
    accounts::person_changed(tx, account.id, now)?;
    match about(tx, payload)? {
        Ok(repo) => {
            accounts::roles_changed(tx, repo.id, now)?;
            Ok(processed("GitHub is asked who has which role"))
        }
        Err(outcome) => Ok(outcome),
    }
}

/// Has everybody's roles taken over anew. What GitHub says then holds, whatever order its deliveries come in.
fn people(tx: &mut WriteTx, now: Timestamp) -> Result<Outcome> {
    accounts::people_changed(tx, now)?;
    Ok(processed("GitHub is asked who belongs where"))
}

fn processed(says: impl Into<String>) -> Outcome {
    Outcome::Processed(says.into())
}

fn ignored(says: impl Into<String>) -> Outcome {
    Outcome::Ignored(says.into())
}

/// Takes over what the payload says of its repository, where it says all of it.
fn follow(tx: &mut WriteTx, payload: &Payload, sent: &Sent, now: Timestamp) -> Result<Option<Followed>> {
    let Some(repo) = &payload.common.repository else { return Ok(None) };
    let (Some(changed_at), Ok(slug)) = (repo.updated_at, repo.full_name.parse::<RepoSlug>()) else { return Ok(None) };
    let changed_at = repos::so_at(Some(changed_at), sent.received_at);
    let pushed_at = repo.pushed_at.map(|at| repos::so_at(Some(at), sent.received_at));
    let as_of = AsOf { changed_at, pushed_at, tie: repos::tie(&sent.guid) };
    let facts = Facts {
        slug,
        is_private: repo.private,
        is_archived: repo.archived,
        description: repo.description.clone(),
        installation: payload.common.installation.as_ref().map(|installation| installation.id),
    };
    Ok(repos::follow(tx, repo.id, &facts, as_of, now)?)
}

/// The repository that a payload is about, or why nothing follows for it.
fn about(tx: &WriteTx, payload: &Payload) -> Result<std::result::Result<Repository, Outcome>> {
    let Some(named) = &payload.common.repository else {
        return Ok(Err(Outcome::Failed("the payload names no repository".to_owned())));
    };
    if let Some(repo) = repos::find_by_github(tx, named.id)? {
        return Ok(Ok(repo));
    }
    let why = match repos::withdrawn(tx, named.id)? {
        Some(_) => format!("`{}` is hidden here, and will be deleted", named.full_name),
        None => unknown(named),
    };
    Ok(Err(ignored(why)))
}

fn unknown(repo: &Repo) -> String {
    format!("`{}` (GitHub's number {}) was not added here", repo.full_name, repo.id)
}

/// Notes the head that a push brought: the branch may be elsewhere by the time it is fetched.
fn note_head(tx: &mut WriteTx, payload: &Payload, push: &Push, now: Timestamp) -> Result<()> {
    let is_there = !push.deleted && push.after.bytes().any(|digit| digit != b'0');
    if let (Some(named), Ok(head)) = (&payload.common.repository, push.after.parse::<CommitSha>())
        && is_there
        && let Some(repo) = repos::find_by_github(tx, named.id)?
    {
        repos::note_pushed(tx, repo.id, head, now)?;
    }
    Ok(())
}

/// Has the repository fetched: what its branches are by now is found there.
fn look(tx: &mut WriteTx, payload: &Payload, now: Timestamp) -> Result<Outcome> {
    match about(tx, payload)? {
        Ok(repo) => {
            tx.record(Event::SyncDue { repo: repo.id }, now)?;
            Ok(processed("the repository is fetched"))
        }
        Err(outcome) => Ok(outcome),
    }
}

fn repository(tx: &mut WriteTx, payload: &Payload, followed: Option<Followed>, sent: &Sent, now: Timestamp) -> Result<Outcome> {
    let Some(named) = &payload.common.repository else {
        return Ok(Outcome::Failed("the payload names no repository".to_owned()));
    };
    match payload.action() {
        // What is deleted was last changed some time before; nothing that was said earlier is newer than that it is gone.
        "deleted" => {
            let changed_at = repos::so_at(named.updated_at, sent.received_at).max(sent.received_at);
            let as_of = AsOf { changed_at, pushed_at: None, tie: repos::tie(&sent.guid) };
            return match about(tx, payload)? {
                Ok(repo) => hide(tx, &repo, Withdrawal::Deleted, as_of, now),
                Err(outcome) => Ok(outcome),
            };
        }
        "created" => {
            let as_of = AsOf { changed_at: repos::so_at(named.updated_at, sent.received_at), pushed_at: None, tie: repos::tie(&sent.guid) };
            let installation = payload.common.installation.as_ref().map(|installation| installation.id);
            return Ok(match repos::admit(tx, named.id, installation, as_of, now)? {
                Some(_) => processed("the repository is known"),
                None => ignored(unknown(named)),
            });
        }
        _ => {}
    }
    let repo = match about(tx, payload)? {
        Ok(repo) => repo,
        Err(outcome) => return Ok(outcome),
    };
    // Its default branch may be another, it may have been pushed to while it was closed, and its address may be another.
    tx.record(Event::SyncDue { repo: repo.id }, now)?;
    Ok(match followed {
        Some(Followed::Changed) => processed("what GitHub says was taken over"),
        Some(Followed::Same) => processed("it was so already"),
        Some(Followed::Older) => processed("something newer is known, and holds"),
        Some(Followed::NameTaken) => processed("all but the name was taken over: another repository has it by now"),
        None => {
            Outcome::Failed(format!("`{}` is not a name that a repository may have here, or when it was so is not said", named.full_name))
        }
    })
}

/// Hides a repository and calls its checks off.
pub fn hide(tx: &mut WriteTx, repo: &Repository, why: Withdrawal, as_of: AsOf, now: Timestamp) -> Result<Outcome> {
    if !repos::withdraw(tx, repo.id, why, as_of, now)? {
        return Ok(processed("something newer is known, and holds"));
    }
    for set in checks::under_way(tx, UNDER_WAY)?.iter().filter(|set| set.repo == repo.id) {
        checks::cancel(tx, set.repo, set.sha, now)?;
    }
    let days = repos::WITHDRAWN_FOR.as_secs() / (24 * 3_600);
    Ok(processed(format!("`{}` is hidden, and will be deleted in {days} days", repo.slug)))
}

/// When what an event of an installation says was so.
fn of_installation(installation: Option<&Installation>, sent: &Sent) -> AsOf {
    let changed_at = repos::so_at(installation.and_then(|installation| installation.updated_at), sent.received_at);
    AsOf { changed_at, pushed_at: None, tie: repos::tie(&sent.guid) }
}

fn installation(tx: &mut WriteTx, payload: &Payload, listed: &[RepoRef], sent: &Sent, now: Timestamp) -> Result<Applied> {
    let whole = |outcome| Ok(Applied::Whole(outcome));
    let Some(installation) = &payload.common.installation else {
        return whole(Outcome::Failed("the payload names no installation".to_owned()));
    };
    match payload.action() {
        "deleted" => {
            // It is over for all it was for, whatever was said before.
            let said = of_installation(Some(installation), sent);
            let as_of = AsOf { changed_at: said.changed_at.max(sent.received_at), ..said };
            let (mut hidden, through) = (0, repos::of_installation(tx, installation.id, REPOS_PER_WRITE)?);
            for repo in &through {
                let before = tx.recorded_events().len();
                hide(tx, repo, Withdrawal::InstallationRemoved, as_of, now)?;
                hidden += usize::from(tx.recorded_events().len() > before);
            }
            // Those that stay are known to be let at us through it as of something newer.
            if through.len() == REPOS_PER_WRITE && hidden > 0 {
                return Ok(Applied::Part);
            }
            whole(processed("the App was removed there: its repositories are hidden, and will be deleted"))
        }
        "created" => lists(tx, payload, (listed, &[], of_installation(Some(installation), sent)), now),
        "unsuspend" | "new_permissions_accepted" => {
            let mut room = SAID_AGAIN_IN_ALL;
            for repo in repos::of_installation(tx, installation.id, REPOS_PER_WRITE)? {
                tx.record(Event::SyncDue { repo: repo.id }, now)?;
                tx.record(Event::PullsDue { repo: repo.id }, now)?;
                for sha in statuses::refused(tx, repo.id, SAID_AGAIN.min(room))? {
                    room -= 1;
                    tx.record(Event::StatusDue { repo: repo.id, sha, is_over: true }, now)?;
                }
            }
            whole(processed("we are let at its repositories again: they are fetched, and what GitHub would not take is said once more"))
        }
        "suspend" => whole(processed("the installation is suspended: GitHub answers nothing about its repositories until that ends")),
        _ => whole(processed("the installation is as GitHub says; nothing else follows")),
    }
}

/// Repositories that we are let at, and those that we are not let at any more.
fn lists(tx: &mut WriteTx, payload: &Payload, (added, removed, as_of): (&[RepoRef], &[RepoRef], AsOf), now: Timestamp) -> Result<Applied> {
    let through = payload.common.installation.as_ref().map(|installation| installation.id);
    let (mut shown, mut hidden) = (0, 0);
    for repo in added {
        shown += usize::from(repos::admit(tx, repo.id, through, as_of, now)? == Some(true));
    }
    for named in removed {
        if let Some(repo) = repos::find_by_github(tx, named.id)? {
            hide(tx, &repo, Withdrawal::AccessRemoved, as_of, now)?;
            hidden += 1;
        }
    }
    let known = shown + hidden;
    Ok(Applied::Whole(match (known, added.len() + removed.len()) {
        (0, _) => ignored("none of the repositories was added here"),
        (known, all) => processed(format!("of {all} repositories {known} are known here")),
    }))
}

/// Takes over what is said of a pull request. Where its commits are is looked up.
fn pull_request(tx: &mut WriteTx, payload: &Payload, said: &Pull, sent: &Sent, now: Timestamp) -> Result<Outcome> {
    let repo = match about(tx, payload)? {
        Ok(repo) => repo,
        Err(outcome) => return Ok(outcome),
    };
    let changed_at = repos::so_at(said.updated_at, sent.received_at);
    let as_of = AsOf { changed_at, pushed_at: None, tie: repos::tie(&sent.guid) };
    let pull = match pulls::read(repo.id, said, as_of, sent.received_at) {
        Ok(pull) => pull,
        Err(unnamed) => return Ok(Outcome::Failed(unnamed.to_string())),
    };
    Ok(processed(match pulls::record(tx, pull, now)? {
        pulls::Recorded::Changed => "what GitHub says was taken over",
        pulls::Recorded::Same => "it was so already",
        pulls::Recorded::Older => "something newer is known, and holds",
    }))
}

/// Takes over what is said of a deployment.
fn deployed(
    tx: &mut WriteTx,
    payload: &Payload,
    sent: &Sent,
    read: impl FnOnce(RepoId, &dyn Fn(Option<Timestamp>) -> Timestamp) -> std::result::Result<Deployment, Untold>,
) -> Result<Outcome> {
    let repo = match about(tx, payload)? {
        Ok(repo) => repo,
        Err(outcome) => return Ok(outcome),
    };
    let told = match read(repo.id, &|said| repos::so_at(said, sent.received_at)) {
        Ok(told) => told,
        Err(untold @ (Untold::Inactive | Untold::OfPull)) => return Ok(ignored(untold.to_string())),
        Err(untold @ (Untold::Commit(_) | Untold::State(_))) => return Ok(Outcome::Failed(untold.to_string())),
    };
    Ok(processed(match dora::record(tx, &told)? {
        dora::Recorded::Changed => {
            let place = told.environment.as_deref().map(|name| format!(" to `{name}`")).unwrap_or_default();
            format!("run {} of `{}`{place} at {} is kept: {}", told.run, told.workflow, told.sha.short(), told.state)
        }
        dora::Recorded::Older => "something newer is known, and holds".to_owned(),
    }))
}

/// Does what a button of ours stands for, if whoever pressed it may.
fn press(tx: &mut WriteTx, payload: &Payload, at: &AtCommit, pressed: &Pressed, sent: &Sent, now: Timestamp) -> Result<Outcome> {
    if pressed.identifier != APPROVE {
        return Ok(ignored("no button of ours is called so"));
    }
    let repo = match about(tx, payload)? {
        Ok(repo) => repo,
        Err(outcome) => return Ok(outcome),
    };
    let Ok(sha) = at.head_sha.parse::<CommitSha>() else {
        return Ok(Outcome::Failed("the payload names no commit".to_owned()));
    };
    let login = &pressed.by.login;
    let approved = match sent.presser {
        None => return Ok(ignored(format!("`{login}` may not approve anything in `{}`: that takes write access", repo.slug))),
        Some(Presser::Known) => checks::approve(tx, repo.id, sha, None, now),
        Some(Presser::Asked) => match checks::find(tx, repo.id, sha) {
            Ok(set) if set.is_held() => {
                tx.record(Event::ApprovalAsked { repo: repo.id, sha, by: pressed.by.id }, now)?;
                return Ok(processed(format!("GitHub is asked whether `{login}` may approve what {} starts", sha.short())));
            }
            Ok(set) => Err(checks::Error::NotWaiting { sha, state: set.state }),
            Err(error) => Err(error),
        },
    };
    match approved {
        Ok(_) => Ok(processed(format!("what {} starts is approved, and runs", sha.short()))),
        Err(error @ (checks::Error::NotWaiting { .. } | checks::Error::NotFound { .. })) => Ok(ignored(error.to_string())),
        Err(error) => Err(Error::from(error)),
    }
}

/// Runs the checks of a commit again, where somebody asks for that.
fn rerun(tx: &mut WriteTx, payload: &Payload, at: &AtCommit, now: Timestamp) -> Result<Outcome> {
    if payload.action() != "rerequested" {
        return Ok(ignored("nobody asks for anything"));
    }
    let repo = match about(tx, payload)? {
        Ok(repo) => repo,
        Err(outcome) => return Ok(outcome),
    };
    let Ok(sha) = at.head_sha.parse::<CommitSha>() else {
        return Ok(Outcome::Failed("the payload names no commit".to_owned()));
    };
    if repos::commit(tx, repo.id, sha)?.is_none() {
        return Ok(ignored(format!("`{}` has no commit {} here", repo.slug, sha.short())));
    }
    match checks::request(tx, repo.id, sha, now) {
        Ok(_) => Ok(processed(format!("the checks of {} run again", sha.short()))),
        Err(checks::Error::AlreadyRunning { .. }) => Ok(processed(format!("the checks of {} are at work already", sha.short()))),
        Err(error) => Err(Error::from(error)),
    }
}
