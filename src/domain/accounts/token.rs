//! Tokens: what a program shows to be let in.
//!
//! The text is a prefix that says the kind, 43 digits in base 62 for 32 random bytes, and 6 for the CRC-32 of all before them. Prefix and
//! checksum let a scanner recognise one that leaked, without asking us and without false alarms. We keep the SHA-256 of the whole text:
//! with 256 random bits there is nothing to guess, so no slow hash is needed.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::NewToken;
use super::role::Scope;
use crate::base::event::Actor;
use crate::base::id::{RepoId, TokenId, UserId};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::engine::store::key::RowKey;
use crate::engine::store::{AnyIndex, Index, Record};
use crate::words;

words! {
    /// What kind of token it is.
    pub enum TokenKind: "kind of token" {
        /// Acts as its user, within its scopes.
        Personal = "personal",
        /// Acts for itself, within its scopes.
        Service = "service",
        /// Hands in reports for one repository.
        Upload = "upload",
        /// Tells of deployments and incidents.
        WebhookKey = "webhook_key",
        /// Runs checks and operations elsewhere.
        Worker = "worker",
    }
}

impl TokenKind {
    /// What the text of such a token begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            TokenKind::Personal => "plb_pat_",
            TokenKind::Service => "plb_svc_",
            TokenKind::Upload => "plb_upl_",
            TokenKind::WebhookKey => "plb_whk_",
            TokenKind::Worker => "plb_wrk_",
        }
    }

    /// Whether such a token can have a scope.
    pub fn allows(self, scope: Scope) -> bool {
        match self {
            TokenKind::Personal | TokenKind::Service => true,
            TokenKind::Upload => scope == Scope::ReportsWrite,
            TokenKind::WebhookKey => matches!(scope, Scope::DeploymentsWrite | Scope::IncidentsWrite),
            // What a worker may do is decided by the work it is handed.
            TokenKind::Worker => false,
        }
    }
}

/// The hash under which a secret is kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hashed([u8; 32]);

impl Hashed {
    /// The hash of a secret's text.
    pub fn of(text: &str) -> Hashed {
        Hashed(Sha256::digest(text.as_bytes()).into())
    }
}

impl std::fmt::Debug for Hashed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Enough to tell two apart, too little to be of use.
        write!(f, "{:02x}{:02x}…", self.0[0], self.0[1])
    }
}

impl RowKey for Hashed {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(from: &mut &[u8]) -> Option<Hashed> {
        <[u8; 32]>::decode(from).map(Hashed)
    }

    fn shape() -> String {
        <[u8; 32]>::shape()
    }
}

/// A secret that was just made: to be shown once.
#[derive(Debug, Clone)]
pub struct Plain(Secret<String>);

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_DIGITS: usize = 43;
const CHECKSUM_DIGITS: usize = 6;

impl Plain {
    /// Makes the secret of a token.
    pub fn token(kind: TokenKind) -> Plain {
        Plain::of(kind.prefix(), random())
    }

    /// Makes the secret of a session or link, which needs no prefix.
    pub fn session() -> Plain {
        Plain::of("", random())
    }

    fn of(prefix: &str, bytes: [u8; 32]) -> Plain {
        let mut text = String::with_capacity(prefix.len() + RANDOM_DIGITS + CHECKSUM_DIGITS);
        text.push_str(prefix);
        text.push_str(&base62(&bytes, RANDOM_DIGITS));
        let checksum = crc32fast::hash(text.as_bytes());
        text.push_str(&base62(&checksum.to_be_bytes(), CHECKSUM_DIGITS));
        Plain(Secret::new(text))
    }

    /// The text. The call is the place a reviewer looks at.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What is kept of it.
    pub fn hashed(&self) -> Hashed {
        Hashed::of(self.0.expose())
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

/// A big-endian number in base 62, with leading zeros.
fn base62(bytes: &[u8], digits: usize) -> String {
    let mut number = bytes.to_vec();
    let mut out = vec![b'0'; digits];
    for digit in out.iter_mut().rev() {
        let mut rest = 0_u32;
        for byte in &mut number {
            let value = rest << 8 | u32::from(*byte);
            *byte = (value / 62) as u8;
            rest = value % 62;
        }
        *digit = ALPHABET[rest as usize];
    }
    out.into_iter().map(char::from).collect()
}

/// Whether a text has the form of one of our tokens, checksum included: rubbish need not be looked for in the store.
pub(super) fn is_well_formed(text: &str) -> bool {
    let Some(kind) = TokenKind::ALL.iter().find(|kind| text.starts_with(kind.prefix())) else { return false };
    let Some((body, checksum)) = text.split_at_checked(text.len().saturating_sub(CHECKSUM_DIGITS)) else { return false };
    body.len() == kind.prefix().len() + RANDOM_DIGITS
        && checksum == base62(&crc32fast::hash(body.as_bytes()).to_be_bytes(), CHECKSUM_DIGITS)
}

/// The most tokens that one person may have at a time.
pub const TOKENS_PER_USER: usize = 100;
/// The most tokens that are kept of one person, those that have ended included.
pub(super) const TOKENS_KEPT: usize = 200;

/// The secret that a token had before it was given another, while both count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Its hash.
    pub secret: Hashed,
    /// Until when it counts.
    pub ends_at: Timestamp,
}

/// Who made a token: whoever finds out that a token was in wrong hands looks for what was made with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Maker {
    /// The command line on the server itself, or the appliance.
    Host,
    /// A person, in a browser.
    User(UserId),
    /// A token.
    Token(TokenId),
}

impl Maker {
    /// Whoever acts.
    pub(super) fn of(actor: &Actor) -> Maker {
        match actor {
            Actor::User { user, .. } => Maker::User(*user),
            Actor::Token { token, .. } => Maker::Token(*token),
            // Neither of the last two may make one.
            Actor::Host | Actor::System | Actor::Anonymous { .. } | Actor::Workload { .. } => Maker::Host,
        }
    }
}

/// A token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// Its kind.
    pub kind: TokenKind,
    /// What people call it.
    pub name: String,
    /// The hash of its text.
    pub secret: Hashed,
    /// The hash of the text that it had before, for a while.
    pub previous: Option<Previous>,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// The person it acts as.
    pub user: Option<UserId>,
    /// The repositories it is for; empty is all that its owner may see.
    pub repos: Vec<RepoId>,
    /// Who made it.
    pub made_by: Maker,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was ended by hand.
    pub revoked_at: Option<Timestamp>,
}

impl Token {
    /// Whether it still counts.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether this is the hash of its text, or of the one it had before while that counts.
    pub fn is_known_by(&self, secret: Hashed, now: Timestamp) -> bool {
        self.secret == secret || self.previous.as_ref().is_some_and(|previous| previous.secret == secret && now < previous.ends_at)
    }

    /// What a token like this one would be, to be made by somebody else.
    pub fn as_new(&self) -> NewToken {
        NewToken {
            kind: self.kind,
            name: self.name.clone(),
            scopes: self.scopes.clone(),
            user: self.user,
            repos: self.repos.clone(),
            expires_at: self.expires_at,
        }
    }

    /// What of a token that this one asks for goes beyond it: the names of the fields, and why. Otherwise whoever finds a narrow token
    /// makes a wide one of it.
    pub fn exceeded_by(&self, new: &NewToken) -> Vec<(&'static str, String)> {
        let wider = new.scopes.iter().filter(|scope| !self.scopes.contains(scope));
        let mut beyond: Vec<_> = wider.map(|scope| ("scopes", format!("the token that asks does not have `{scope}` itself"))).collect();
        let is_within = self.repos.is_empty() || !new.repos.is_empty() && new.repos.iter().all(|repo| self.repos.contains(repo));
        if !is_within {
            beyond.push(("repos", "the token that asks is for certain repositories; name some of those".to_owned()));
        }
        let outlives = self.expires_at.is_some_and(|end| new.expires_at.is_none_or(|new| new > end));
        if outlives {
            beyond.push(("expires_at", "the token that asks ends before".to_owned()));
        }
        beyond
    }
}

impl Record for Token {
    const TABLE: &'static str = "tokens";
    const VERSION: u16 = 1;
    type Key = TokenId;

    fn key(&self) -> TokenId {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_SECRET, &BY_USER, &UPLOADS]
    }
}

/// Tokens by the hash of their text, and of the one they had before.
pub(super) const BY_SECRET: Index<Token, Hashed> = Index::many("by_secret", |token| {
    std::iter::once(token.secret).chain(token.previous.as_ref().map(|previous| previous.secret)).collect()
});

/// The tokens that hand in reports for a repository and were not ended by hand.
pub(super) const UPLOADS: Index<Token, RepoId> = Index::some("uploads", |token| match (token.kind, token.revoked_at) {
    (TokenKind::Upload, None) => token.repos.first().copied(),
    _ => None,
});

/// Personal tokens by the person they act as.
pub(super) const BY_USER: Index<Token, (UserId, Timestamp)> =
    Index::some("by_user", |token| token.user.map(|user| (user, token.created_at)));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_its_prefix_43_digits_and_a_checksum() {
        for kind in TokenKind::ALL {
            let plain = Plain::token(*kind);
            let text = plain.expose();
            assert!(text.starts_with(kind.prefix()), "{text}");
            assert_eq!(text.len(), 8 + 43 + 6);
            assert!(is_well_formed(text));
        }
    }

    #[test]
    fn any_changed_character_is_noticed_without_the_store() {
        let plain = Plain::of(TokenKind::Personal.prefix(), [0xab; 32]);
        let text = plain.expose();
        for at in 0..text.len() {
            let mut other = text.as_bytes().to_vec();
            other[at] = if other[at] == b'x' { b'y' } else { b'x' };
            assert!(!is_well_formed(std::str::from_utf8(&other).unwrap()), "at {at}");
        }
        for rubbish in ["", "plb_pat_", "plb_pat_é", &text[1..], &format!("{text}0")] {
            assert!(!is_well_formed(rubbish));
        }
    }

    #[test]
    fn base_62_of_known_numbers() {
        assert_eq!(base62(&[0; 4], 6), "000000");
        assert_eq!(base62(&61_u32.to_be_bytes(), 6), "00000z");
        assert_eq!(base62(&u32::MAX.to_be_bytes(), 6), "4gfFC3");
        assert_eq!(base62(&[0xff; 32], 43).len(), 43);
    }

    #[test]
    fn a_token_makes_none_that_may_do_more_or_lives_longer_than_itself() {
        use crate::base::id::Id;

        let (one, other) = (RepoId::from_u128(1), RepoId::from_u128(2));
        let end = Timestamp::from_millis(1_000);
        let token = Token {
            id: TokenId::from_u128(3),
            kind: TokenKind::Personal,
            name: "narrow".to_owned(),
            secret: Hashed::of("narrow"),
            previous: None,
            scopes: vec![Scope::RepoRead],
            user: None,
            repos: vec![one],
            made_by: Maker::Host,
            created_at: Timestamp::EPOCH,
            expires_at: Some(end),
            last_used_at: None,
            revoked_at: None,
        };
        let new = |scopes: &[Scope], repos: &[RepoId], expires_at| NewToken {
            kind: TokenKind::Personal,
            name: "new".to_owned(),
            scopes: scopes.to_vec(),
            user: None,
            repos: repos.to_vec(),
            expires_at,
        };
        let exceeded = |new: NewToken| token.exceeded_by(&new).into_iter().map(|(field, _)| field).collect::<Vec<_>>();
        assert_eq!(exceeded(new(&[Scope::RepoRead], &[one], Some(end))), Vec::<&str>::new());
        assert_eq!(exceeded(new(&[Scope::RepoWrite], &[one], Some(end))), ["scopes"]);
        assert_eq!(
            exceeded(new(&[Scope::RepoWrite, Scope::RepoRead, Scope::Admin], &[], None)),
            ["scopes", "scopes", "repos", "expires_at"]
        );
        assert_eq!(exceeded(new(&[Scope::RepoRead], &[], Some(end))), ["repos"]);
        assert_eq!(exceeded(new(&[Scope::RepoRead], &[one, other], Some(end))), ["repos"]);
        assert_eq!(exceeded(new(&[Scope::RepoRead], &[one], None)), ["expires_at"]);
        assert_eq!(exceeded(new(&[Scope::RepoRead], &[one], Some(end + std::time::Duration::from_secs(1)))), ["expires_at"]);
    }

    #[test]
    fn neither_secret_nor_hash_prints_itself() {
        let plain = Plain::token(TokenKind::Service);
        assert!(!format!("{plain:?} {:?}", plain.hashed()).contains(&plain.expose()[8..20]));
        assert!(format!("{:?}", plain.hashed()).len() < 10);
    }
}
