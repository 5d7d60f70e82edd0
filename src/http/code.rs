//! The table of error codes: the contract with programs. A code never changes its meaning; its sentence may.
//!
//! Its rendering is a snapshot in the tests, and the API's page is made from it.

use axum::http::StatusCode;

/// Declares the codes: variant, name, status, meaning.
macro_rules! codes {
    ($($variant:ident $name:literal $status:literal $meaning:literal;)+) => {
        /// What went wrong, in a word that programs may rely on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $meaning] $variant),+
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Code] = &[$(Code::$variant),+];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name),+ }
            }

            /// The HTTP status it comes with.
            pub fn status(self) -> StatusCode {
                let status = match self { $(Code::$variant => $status),+ };
                StatusCode::from_u16(status).expect("the table holds statuses that HTTP has")
            }

            /// What it means, for people.
            pub const fn meaning(self) -> &'static str {
                match self { $(Code::$variant => $meaning),+ }
            }
        }
    };
}

codes! {
    InvalidBody        "invalid_body"         400  "The body is not what this endpoint takes; `details.fields` names every bad field.";
    InvalidParameter   "invalid_parameter"    400  "A part of the path or query is not what this endpoint takes; `details.fields` names it.";
    StateInvalid       "state_invalid"        400  "This answer of GitHub is to no question that this browser has asked of late, or was given already.";
    BadRequest         "bad_request"          400  "The request is not HTTP as it should be; the message says what is wrong.";
    Unauthenticated    "unauthenticated"      401  "Nobody is signed in, or the token is not good (any more).";
    SignInRefused      "sign_in_refused"      401  "The login, the password or the code is not right; which, is not told.";
    TotpRequired       "totp_required"        401  "The password is right, and a code is asked for as well: send it as `totp`.";
    SignatureInvalid   "signature_invalid"    401  "The delivery is not signed with a secret that is known here, or no secret is set.";
    Forbidden          "forbidden"            403  "The caller may see this, but not do that to it.";
    CrossSite          "cross_site"           403  "A browser's request that changes something must come from our own pages.";
    PasswordWrong      "password_wrong"       403  "What was sent as the present password is not.";
    SignInAgain        "sign_in_again"        403  "You have no password to show, and have signed in over an hour ago: sign in once more as you did, then do this.";
    InsecureTransport  "insecure_transport"   403  "Nobody signs in over plain http from another machine.";
    GithubDenied       "github_denied"        403  "GitHub did not say who somebody is: they said no there, or took too long.";
    NotLetIn           "not_let_in"           403  "GitHub knows who it is, and they are in none of the organizations whose members may sign in.";
    UserDisabled       "user_disabled"        403  "The account is closed; whoever runs the server can open it again.";
    NotFound           "not_found"            404  "There is nothing at this path.";
    RepoNotFound       "repo_not_found"       404  "No repository by that name is known here, or you may not see it.";
    BranchNotFound     "branch_not_found"     404  "The repository has no branch by that name.";
    CommitNotFound     "commit_not_found"     404  "The repository has no commit by that name.";
    PullNotFound       "pull_not_found"       404  "The repository has no pull request of that number, as far as is known here.";
    FileNotFound       "file_not_found"       404  "The commit has no file or folder at that path.";
    ChecksNotFound     "checks_not_found"     404  "Nothing was asked of this commit yet.";
    CheckNotFound      "check_not_found"      404  "The commit's checks have none by that name.";
    NotAnalysed        "not_analysed"         404  "The commit's checks have not ended yet, so nothing is known of its issues.";
    IssueNotFound      "issue_not_found"      404  "No issue by that id is known here, or you may not see it.";
    TokenNotFound      "token_not_found"      404  "No token by that id is known here.";
    SessionNotFound    "session_not_found"    404  "No session by that id is yours.";
    UserNotFound       "user_not_found"       404  "No user by that name is known here.";
    SecretNotFound     "secret_not_found"     404  "No secret by that name is set there.";
    KeyNotFound        "key_not_found"        404  "The repository has no key by that id.";
    InvitationNotFound "invitation_not_found" 404  "No invitation by that id is known here.";
    WorkNotFound       "work_not_found"       404  "No work by that id is in the queue (any more).";
    DeliveryNotFound   "delivery_not_found"   404  "No delivery by that id is kept here (any more).";
    MethodNotAllowed   "method_not_allowed"   405  "This path does not take that method.";
    RequestTimeout     "request_timeout"      408  "The body did not arrive in time; send it again.";
    AlreadyExists      "already_exists"       409  "There is one by that name already.";
    IdentityTaken      "identity_taken"       409  "The account on GitHub is linked to somebody else here, or another one is linked already.";
    LastWayIn          "last_way_in"          409  "Nothing would be left to sign in by.";
    LastAdmin          "last_admin"           409  "Nobody would be left to run the instance; make somebody else an administrator first.";
    RoleMirrored       "role_mirrored"        409  "Roles in this repository are taken over from GitHub, and are changed there.";
    TokenEnded         "token_ended"          409  "The token has expired or was revoked; make a new one.";
    TotpInvalid        "totp_invalid"         409  "The code is not one of now, or was used already.";
    AlreadyRunning     "already_running"      409  "The checks of this commit are at work already.";
    NotRunning         "not_running"          409  "There is nothing at work that could be canceled.";
    NotWaiting         "not_waiting"          409  "No check of this commit waits for approval.";
    WrongState         "wrong_state"          409  "It does not stand so that this could be done to it; the message says how it stands.";
    SetByConfiguration "set_by_configuration" 409  "The configuration decides this, and what is set there holds; `details.fields` names it.";
    NotComparable      "not_comparable"       409  "One of the two commits has no finished checks; `details.sha` names it.";
    IdempotencyConflict "idempotency_conflict" 409 "This `Idempotency-Key` was used for something else; take another one.";
    IdempotencyRunning "idempotency_running"  409  "A request with this `Idempotency-Key` is being carried out; ask again in a moment.";
    IdempotencyUnanswered "idempotency_unanswered" 409 "The request with this `Idempotency-Key` was carried out, but its answer was lost; look at what it was to change.";
    AmbiguousCommit    "ambiguous_commit"     409  "Several commits begin with these digits; give more.";
    TooMany            "too_many"             409  "There are as many of these as there may be; remove one first.";
    LinkSpent          "link_spent"           410  "The one-time link was used already, has expired or is not known here; the message says which.";
    BodyTooLarge       "body_too_large"       413  "The body is larger than this endpoint takes.";
    UnsupportedMedia   "unsupported_media"    415  "The body must be JSON, sent as `application/json`.";
    NotConfirmed       "not_confirmed"        422  "A deletion needs the full name as its confirmation.";
    SourceRefused      "source_refused"       422  "The repository cannot be fetched from there; the message says why.";
    KeyInvalid         "key_invalid"          422  "What was given is no private key that can be used; the message says why.";
    PassphraseNeeded   "passphrase_needed"    422  "The private key has a passphrase; send it as `passphrase`.";
    PassphraseWrong    "passphrase_wrong"     422  "The passphrase does not open the private key.";
    QueryInvalid       "query_invalid"        422  "The search query does not parse; `details.position` says where.";
    RepositoryUnreadable "repository_unreadable" 422 "The repository holds something that cannot be read; the message says what.";
    RateLimited        "rate_limited"         429  "Too much at a time; try again after the time in `Retry-After`.";
    GithubNotSetUp     "github_not_set_up"    409  "The instance is no App on GitHub yet.";
    GithubUnavailable  "github_unavailable"   503  "GitHub cannot be asked right now; the message or the server's log says why.";
    Internal           "internal"             500  "Something failed on our side; quote the request id.";
    IndexRebuilding    "index_rebuilding"     503  "The search index is being built; ask again in a moment.";
    VaultUnavailable   "vault_unavailable"    503  "Secrets can neither be set nor opened right now; the server's log says what is wrong with the key file.";
    IssuerUnavailable  "issuer_unavailable"   503  "The issuer of the token cannot be asked for its keys right now; try again in a minute.";
    Unavailable        "unavailable"          503  "The store cannot be used right now, for example because the disk is full; try again later.";
}
