//! Whoever makes a request, and the one function that decides what they may.

use super::member;
use super::record::{Session, User};
use super::role::{InstanceRole, RepoRole, Scope};
use super::token::{self, Hashed, Token, TokenKind};
use super::workload::Workload;
use crate::base::event::Actor;
use crate::base::id::{RepoId, SessionId};
use crate::engine::store::{self, ReadTx, WriteTx};
use crate::words;

/// Whoever makes a request.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Somebody at the host who could open the store as well.
    Host,
    /// A person in a browser.
    User {
        /// The person.
        user: User,
        /// The browser's session.
        session: Session,
    },
    /// A program.
    Token {
        /// Its token.
        token: Token,
        /// The person it acts as, if it is personal.
        user: Option<User>,
    },
    /// Nobody we know.
    Anonymous,
    /// A run of a forge's automation.
    Workload {
        /// What its token says.
        workload: Box<Workload>,
        /// The repositories here that are the one it runs for.
        repos: Vec<RepoId>,
    },
}

words! {
    /// What a route asks for. Each is decided on a [`Resource`].
    pub enum Permission: "permission" {
        /// Open to everybody.
        Public = "public",
        /// Open to whoever is somebody, about themselves.
        Identified = "identified",
        /// Look after one's own sessions and tokens. A token needs the widest scope for it, since whoever may end or make others' ways in
        /// may do all that those could.
        Account = "account",
        /// See a repository and all that hangs on it; on the instance: list those one may see.
        RepoRead = "repo_read",
        /// Fetch a repository now; run and cancel its checks.
        RepoWrite = "repo_write",
        /// Hand in findings, coverage and tests of a repository.
        ReportsWrite = "reports_write",
        /// Ignore an issue.
        IssueIgnore = "issue_ignore",
        /// Set and remove the rules by which a repository's issues are ignored.
        IssueRules = "issue_rules",
        /// Look at deployments, and at what is measured of them.
        DeliveryRead = "delivery_read",
        /// Change a repository's settings.
        RepoSettings = "repo_settings",
        /// List a repository's secrets and keys, without what is in them.
        SecretsList = "secrets_list",
        /// Set and remove a repository's secrets and keys.
        SecretsWrite = "secrets_write",
        /// List, set and remove the secrets of the instance.
        SecretsInstance = "secrets_instance",
        /// Delete a repository.
        RepoDelete = "repo_delete",
        /// Say who has which role in a repository.
        RepoMembers = "repo_members",
        /// Add a repository by a URL that anybody could fetch.
        RepoCreate = "repo_create",
        /// Add a repository by a path on the host, or by an address that the guard would refuse.
        RepoCreateLocal = "repo_create_local",
        /// Administer the instance.
        Admin = "admin",
        /// Do what only whoever owns the data directory may: at the host itself.
        Host = "host",
    }
}

/// What a permission is asked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The instance as a whole.
    Instance,
    /// A repository.
    Repository(RepoId),
}

/// Why a caller may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody knows who it is.
    #[error("sign in, or send a token as `Authorization: Bearer …`")]
    Unauthenticated,
    /// It must look as if the thing were not there.
    #[error("nothing by that name is known here, or you may not see it")]
    Hidden,
    /// The thing may be seen, but not this done to it.
    #[error("you may see this, but not do that: it takes {needs}")]
    Forbidden {
        /// What it takes.
        needs: &'static str,
    },
}

/// What a permission takes: of a token, of a person in the repository, of a person on the instance.
struct Terms {
    scope: Option<Scope>,
    repo: Option<RepoRole>,
    instance: InstanceRole,
    needs: &'static str,
}

impl Permission {
    /// Whether it is about the instance as a whole wherever it is asked for: no role in a repository gives it.
    pub fn is_of_instance(self) -> bool {
        self.terms().repo.is_none()
    }

    fn terms(self) -> Terms {
        use InstanceRole::{Admin, Member};
        let (scope, repo, instance, needs) = match self {
            Permission::Public => (None, None, Member, "nothing"),
            Permission::Identified => (None, None, Member, "an account"),
            Permission::Account => {
                (Some(Scope::Admin), None, Member, "a browser that is signed in, or a personal token with the scope admin")
            }
            Permission::RepoRead => (Some(Scope::RepoRead), Some(RepoRole::Read), Member, "the scope repo:read and the role read"),
            Permission::RepoWrite => (Some(Scope::RepoWrite), Some(RepoRole::Write), Member, "the scope repo:write and the role write"),
            Permission::ReportsWrite => {
                let needs = "the scope reports:write and the role write, an upload token of the repository, or a run of its own workflows";
                (Some(Scope::ReportsWrite), Some(RepoRole::Write), Admin, needs)
            }
            Permission::IssueIgnore => {
                (Some(Scope::IssuesWrite), Some(RepoRole::Triage), Admin, "the scope issues:write and the role triage")
            }
            Permission::IssueRules => {
                (Some(Scope::IssuesWrite), Some(RepoRole::Maintain), Admin, "the scope issues:write and the role maintain")
            }
            Permission::DeliveryRead => {
                (Some(Scope::DeliveryRead), Some(RepoRole::Read), Member, "the scope delivery:read and the role read")
            }
            Permission::RepoSettings => {
                (Some(Scope::RepoWrite), Some(RepoRole::Maintain), Admin, "the scope repo:write and the role maintain")
            }
            Permission::SecretsList => {
                (Some(Scope::SecretsWrite), Some(RepoRole::Write), Admin, "the scope secrets:write and the role write")
            }
            Permission::SecretsWrite => {
                (Some(Scope::SecretsWrite), Some(RepoRole::Maintain), Admin, "the scope secrets:write and the role maintain")
            }
            Permission::SecretsInstance => {
                (Some(Scope::SecretsWrite), None, Admin, "the scope secrets:write and an administrator of the instance")
            }
            // What cannot be undone, and what lets people in for good, takes more than leave to write.
            Permission::RepoDelete | Permission::RepoMembers => {
                (Some(Scope::Admin), Some(RepoRole::Admin), Admin, "the scope admin and the role admin")
            }
            Permission::RepoCreate => (Some(Scope::RepoWrite), None, Member, "the scope repo:write"),
            Permission::RepoCreateLocal => (Some(Scope::Admin), None, Admin, "an administrator of the instance"),
            Permission::Admin => (Some(Scope::Admin), None, Admin, "an administrator of the instance"),
            Permission::Host => (Some(Scope::Admin), None, Admin, "the command line on the server itself"),
        };
        Terms { scope, repo, instance, needs }
    }
}

/// Whether a token runs the instance: it must be for that, and so must its person.
fn runs_instance(token: &Token, user: Option<&User>) -> bool {
    token.repos.is_empty() && token.scopes.contains(&Scope::Admin) && user.is_none_or(|user| user.role == InstanceRole::Admin)
}

/// Whether whoever acts in this transaction runs the instance.
pub fn is_by_admin(tx: &WriteTx) -> store::Result<bool> {
    Ok(match tx.actor() {
        Actor::Host | Actor::System => true,
        Actor::User { user, .. } => tx.get::<User>(user)?.is_some_and(|user| user.role == InstanceRole::Admin),
        Actor::Token { token, .. } => match tx.get::<Token>(token)? {
            Some(token) => {
                let user = token.user.map(|user| tx.get::<User>(&user)).transpose()?;
                // A token of somebody who is gone is nobody's.
                user.as_ref().is_none_or(Option::is_some) && runs_instance(&token, user.flatten().as_ref())
            }
            None => false,
        },
        Actor::Anonymous { .. } | Actor::Workload { .. } => false,
    })
}

impl Caller {
    /// Who acts, for the journal.
    pub fn actor(&self, address: Option<String>) -> Actor {
        match self {
            Caller::Host => Actor::Host,
            Caller::User { user, .. } => Actor::User { user: user.id, address },
            Caller::Token { token, .. } => Actor::Token { token: token.id, address },
            Caller::Anonymous => Actor::Anonymous { address },
            Caller::Workload { workload, .. } => {
                Actor::Workload { repository: format!("{}/{}", workload.forge(), workload.repository), run: workload.run_name(), address }
            }
        }
    }

    /// The person, if it is one or acts as one.
    pub fn user(&self) -> Option<&User> {
        match self {
            Caller::User { user, .. } => Some(user),
            Caller::Token { user, .. } => user.as_ref(),
            Caller::Host | Caller::Anonymous | Caller::Workload { .. } => None,
        }
    }

    /// The session, if it is a person in a browser.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Caller::User { session, .. } => Some(session.id),
            Caller::Host | Caller::Token { .. } | Caller::Anonymous | Caller::Workload { .. } => None,
        }
    }

    /// What is the same for all that one person, or one token without a person, has open.
    pub fn whose(&self) -> String {
        match self {
            Caller::Host => "host".to_owned(),
            Caller::User { user, .. } | Caller::Token { user: Some(user), .. } => user.id.to_string(),
            Caller::Token { token, user: None } => token.id.to_string(),
            Caller::Anonymous => "anonymous".to_owned(),
            Caller::Workload { workload, .. } => workload.whose(),
        }
    }

    /// Whether it runs the instance.
    pub fn is_admin(&self) -> bool {
        match self {
            Caller::Host => true,
            Caller::User { user, .. } => user.role == InstanceRole::Admin,
            Caller::Token { token, user } => runs_instance(token, user.as_ref()),
            Caller::Anonymous | Caller::Workload { .. } => false,
        }
    }

    /// Decides whether the caller may do something with a resource. Everything that is not allowed here is refused.
    pub fn may(&self, tx: &ReadTx, permission: Permission, resource: Resource) -> super::Result<()> {
        let repo = match resource {
            Resource::Repository(repo) => repo,
            Resource::Instance => return Ok(self.may_on_instance(permission)?),
        };
        let Some(terms) = self.terms_of(permission)? else { return Ok(()) };
        if permission == Permission::ReportsWrite && self.reports_on(repo) {
            return Ok(());
        }
        let Some(role) = self.role_in(tx, repo)? else { return Err(Refusal::Hidden.into()) };
        let is_enough = terms.repo.is_some_and(|least| role >= least) && self.has_scope(terms.scope);
        if is_enough { Ok(()) } else { Err(Refusal::Forbidden { needs: terms.needs }.into()) }
    }

    /// The same of the instance as a whole, for which nothing is to be read.
    pub fn may_on_instance(&self, permission: Permission) -> Result<(), Refusal> {
        let Some(terms) = self.terms_of(permission)? else { return Ok(()) };
        // A token that is for some repositories is for nothing beyond them: it may list what it sees, and say who it is.
        let is_beyond = !matches!(permission, Permission::Identified | Permission::RepoRead | Permission::DeliveryRead)
            && matches!(self, Caller::Token { token, .. } if !token.repos.is_empty());
        let is_somebody = match self {
            Caller::User { user, .. } | Caller::Token { user: Some(user), .. } => user.role >= terms.instance,
            // A service token has no person behind it: its scopes alone say what it may.
            Caller::Token { token, user: None } => token.kind == TokenKind::Service && permission != Permission::Account,
            Caller::Host | Caller::Anonymous | Caller::Workload { .. } => false,
        };
        let is_enough = !is_beyond && (is_somebody || permission == Permission::Identified) && self.has_scope(terms.scope);
        if is_enough { Ok(()) } else { Err(Refusal::Forbidden { needs: terms.needs }) }
    }

    /// What a permission takes of the caller; `None` where there is nothing to ask: it is for everybody, or this is the host.
    fn terms_of(&self, permission: Permission) -> Result<Option<Terms>, Refusal> {
        let terms = permission.terms();
        match self {
            _ if permission == Permission::Public => Ok(None),
            Caller::Host => Ok(None),
            Caller::Anonymous => Err(Refusal::Unauthenticated),
            _ if permission == Permission::Host => Err(Refusal::Forbidden { needs: terms.needs }),
            _ => Ok(Some(terms)),
        }
    }

    /// Whether it is there to hand in reports of this repository, and for nothing else.
    fn reports_on(&self, repo: RepoId) -> bool {
        match self {
            Caller::Token { token, .. } => {
                token.kind == TokenKind::Upload && token.repos.contains(&repo) && token.scopes.contains(&Scope::ReportsWrite)
            }
            Caller::Workload { repos, .. } => repos.contains(&repo),
            Caller::Host | Caller::User { .. } | Caller::Anonymous => false,
        }
    }

    fn has_scope(&self, scope: Option<Scope>) -> bool {
        match self {
            Caller::Token { token, .. } => scope.is_none_or(|scope| token.scopes.contains(&scope)),
            Caller::Host | Caller::User { .. } => true,
            Caller::Workload { .. } => scope.is_none(),
            Caller::Anonymous => false,
        }
    }

    /// Whether there is no repository that is hidden from the caller.
    pub fn sees_everything(&self) -> bool {
        match self {
            Caller::Host => true,
            Caller::User { user, .. } => user.role == InstanceRole::Admin,
            Caller::Token { token, user: Some(user) } => token.repos.is_empty() && user.role == InstanceRole::Admin,
            Caller::Token { token, user: None } => token.repos.is_empty() && token.kind == TokenKind::Service,
            Caller::Anonymous | Caller::Workload { .. } => false,
        }
    }

    /// The caller's role in a repository; `None` if they may not even know of it.
    pub fn role_in(&self, tx: &ReadTx, repo: RepoId) -> store::Result<Option<RepoRole>> {
        let user = match self {
            Caller::Host => return Ok(Some(RepoRole::Admin)),
            // A workload sees nothing; what it may hand in is decided where it is handed in.
            Caller::Anonymous | Caller::Workload { .. } => return Ok(None),
            Caller::User { user, .. } => user,
            Caller::Token { token, user } => {
                if !token.repos.is_empty() && !token.repos.contains(&repo) {
                    return Ok(None);
                }
                match (user, token.kind) {
                    (Some(user), _) => user,
                    (None, TokenKind::Service) => return Ok(Some(role_by_scopes(&token.scopes))),
                    // Upload tokens see nothing; what they may hand in is decided where it is handed in.
                    (None, _) => return Ok(None),
                }
            }
        };
        member::role_of_person(tx, repo, user)
    }

    /// What the caller may do with a repository, in the words of the contract.
    pub fn can(&self, tx: &ReadTx, repo: RepoId) -> super::Result<Vec<&'static str>> {
        let mut can = Vec::new();
        for (words, permission) in WORDS {
            match self.may(tx, *permission, Resource::Repository(repo)) {
                Ok(()) => can.extend_from_slice(words),
                Err(super::Error::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(can)
    }
}

/// The words of a `can` list, and what each stands for.
const WORDS: &[(&[&str], Permission)] = &[
    (&["read"], Permission::RepoRead),
    (&["ignore"], Permission::IssueIgnore),
    (&["rerun", "sync", "approve"], Permission::RepoWrite),
    (&["secrets_list"], Permission::SecretsList),
    (&["settings"], Permission::RepoSettings),
    (&["secrets"], Permission::SecretsWrite),
    (&["upload_token"], Permission::RepoSettings),
    (&["rules"], Permission::IssueRules),
    (&["members"], Permission::RepoMembers),
    (&["delete"], Permission::RepoDelete),
];

/// The role of a token that has no person behind it: what its scopes amount to. What is settled in a repository and what cannot be undone
/// there takes more than leave to write.
fn role_by_scopes(scopes: &[Scope]) -> RepoRole {
    let has = |scope| scopes.contains(&scope);
    if has(Scope::Admin) {
        RepoRole::Admin
    } else if has(Scope::SecretsWrite) {
        RepoRole::Maintain
    } else if has(Scope::RepoWrite) || has(Scope::ReportsWrite) {
        RepoRole::Write
    } else if has(Scope::IssuesWrite) {
        RepoRole::Triage
    } else {
        RepoRole::Read
    }
}

/// The hash of a bearer text if it has the form of a token of ours.
pub fn recognise(text: &str) -> Option<Hashed> {
    token::is_well_formed(text).then(|| Hashed::of(text))
}
