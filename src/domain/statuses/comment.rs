//! What is said beneath a pull request: one comment, written anew when something changes.
//!
//! The verdict in a sentence, what is new and what is fixed, the gravest first, each with a link to its page here. What others wrote
//! stands in it as nothing but text, and all of it is bounded part by part, so that the whole is shorter than GitHub takes. A mark that
//! nobody sees tells the comment from others, should we not know its number.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::report::plain;
use crate::base::event::Verdict;
use crate::base::id::RepoId;
use crate::base::text::{clip, count};
use crate::base::time::Timestamp;
use crate::domain::checks::CheckSet;
use crate::domain::issues::list::{Listed, Listing};
use crate::domain::pulls::Pull;
use crate::engine::store::blob::BlobHash;
use crate::engine::store::{self, ReadTx, Record, WriteTx};

/// How many issues of each kind it lists.
pub const LISTED: usize = 10;
/// The most bytes of it; GitHub takes 65,535 characters.
const BODY_BYTES: usize = 65_000;
/// How much of a message, of a path, and of any name it tells. Written as text each byte may become six.
const MESSAGE_BYTES: usize = 200;
const PATH_BYTES: usize = 160;
const NAME_BYTES: usize = 80;
/// How much of a refusal is kept.
const REFUSAL_BYTES: usize = 500;

/// The comment that was written beneath a pull request last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedComment {
    /// The repository.
    pub repo: RepoId,
    /// The pull request.
    pub number: u64,
    /// GitHub's number for the comment; `None` if it is not there any more, or never was.
    pub comment: Option<u64>,
    /// What it says.
    pub body: BlobHash,
    /// What of that is the result: the rest may change without anything to tell.
    pub result: BlobHash,
    /// When it was written.
    pub at: Timestamp,
    /// Why GitHub would not take it, if it would not: that is settled.
    pub refused: Option<String>,
}

impl Record for PostedComment {
    const TABLE: &'static str = "posted_comments";
    const VERSION: u16 = 1;
    type Key = (RepoId, u64);

    fn key(&self) -> (RepoId, u64) {
        (self.repo, self.number)
    }
}

/// The comment that was written beneath a pull request last, if one was.
pub fn posted_comment(tx: &ReadTx, repo: RepoId, number: u64) -> store::Result<Option<PostedComment>> {
    tx.get::<PostedComment>(&(repo, number))
}

/// Writes down which comment was written, or that GitHub would not take it.
pub fn record_comment(tx: &mut WriteTx, posted: PostedComment) -> store::Result<()> {
    let refused = posted.refused.as_deref().map(|why| clip(why, REFUSAL_BYTES).into_owned());
    tx.put(&PostedComment { refused, ..posted })
}

/// Where people read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// Of the appliance, without a slash at the end.
    pub home: String,
    /// Of the pull request.
    pub pull: String,
    /// Of the commit.
    pub commit: String,
}

/// A comment, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// What tells it from others.
    pub mark: String,
    /// What it says, in Markdown.
    pub body: String,
    /// What of that is the result.
    pub result: BlobHash,
}

/// What is to be said of a pull request whose head's checks stand like this; the lists hold its first new and its first fixed issues.
pub fn comment(pull: &Pull, set: &CheckSet, new: Option<&Listing>, fixed: Option<&Listing>, at: &Addresses) -> Comment {
    let mark = format!("<!-- plumbline {} {} -->", pull.repo, pull.number);
    let mut body = format!("{mark}\n### {}\n\n", headline(set.verdict));
    let told = |text: &str, bytes| unlinked(&plain(&clip(text, bytes)));
    // Writing to a text does not fail.
    let _ = writeln!(
        body,
        "{}. Commit [{}]({}), to go to {}.",
        told(&crate::base::text::capital(&set.sentence), MESSAGE_BYTES),
        set.sha.short(),
        at.commit,
        told(pull.base.as_str(), NAME_BYTES)
    );
    let row = |body: &mut String, listed: &Listed| {
        let (standee, occurrence) = (&listed.standee, &listed.standee.occurrence);
        let line = occurrence.span.map_or_else(String::new, |span| format!(" line {}", span.line_start));
        let _ = writeln!(
            body,
            "| {} | [{}]({}/issues/{}) {} | {}{line} |",
            occurrence.severity,
            told(&occurrence.message, MESSAGE_BYTES),
            at.home,
            occurrence.issue,
            told(&occurrence.rule, NAME_BYTES),
            told(&standee.path.shown(), PATH_BYTES),
        );
    };
    let table = |body: &mut String, listing: &Listing| {
        body.push_str("| severity | issue | where |\n|---|---|---|\n");
        listing.items.iter().take(LISTED).for_each(|listed| row(body, listed));
        let further = listing.total.saturating_sub(listing.items.len().min(LISTED) as u64);
        if further > 0 {
            let _ = writeln!(body, "\nand {}.", count(further, "other"));
        }
    };
    if let Some(new) = new.filter(|new| new.total > 0) {
        let _ = writeln!(body, "\n**{}**\n", count(new.total, "new issue"));
        table(&mut body, new);
    }
    if let Some(fixed) = fixed.filter(|fixed| fixed.total > 0) {
        let _ = writeln!(body, "\n<details><summary>{} fixed</summary>\n", count(fixed.total, "issue"));
        table(&mut body, fixed);
        body.push_str("\n</details>\n");
    }
    let body = format!("{}\n[All of it]({})\n", clip(&body, BODY_BYTES), at.pull);
    let ids = |listing: Option<&Listing>| {
        let ids: Vec<_> = listing.iter().flat_map(|listing| &listing.items).map(|listed| listed.standee.occurrence.issue).collect();
        (listing.map_or(0, |listing| listing.total), ids)
    };
    let result = BlobHash::of(format!("{} {} {:?} {:?}", set.verdict, set.sentence, ids(new), ids(fixed)).as_bytes());
    Comment { mark, body, result }
}

fn headline(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Success => "● The gate holds",
        Verdict::Failure => "▲ The gate fails",
        Verdict::Error => "◆ We cannot tell",
        Verdict::Pending => "○ Not all has been checked",
    }
}

/// A text in which no address is taken for a link: GitHub makes links of addresses that merely stand there.
fn unlinked(text: &str) -> String {
    text.replace("://", "&#58;//").replace("www.", "www&#46;").replace("WWW.", "WWW&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::{Id, IssueId};
    use crate::base::name::{CommitSha, TreePath};
    use crate::domain::issues::standing::{Occurrence, Standee};
    use crate::domain::issues::track::Fingerprint;
    use crate::domain::issues::{IssueState, Kind, Severity, Sighting};
    use crate::domain::pulls::{Head, PullState};
    use crate::domain::repos::AsOf;

    fn pull() -> Pull {
        let (base, sha, at) = ("main".parse().unwrap(), CommitSha::from_bytes([1; 20]), Timestamp::EPOCH);
        Pull {
            repo: RepoId::from_u128(1),
            number: 7,
            title: "A title".to_owned(),
            author: None,
            state: PullState::Open,
            is_draft: false,
            base,
            base_sha: sha,
            head: Head { branch: "topic".to_owned(), sha, repo: None, is_fork: true },
            merge_base: None,
            created_at: at,
            updated_at: at,
            closed_at: None,
            merged_at: None,
            as_of: AsOf { changed_at: at, pushed_at: None, tie: [0; 16] },
            asked: None,
        }
    }

    fn listing(message: &str, path: &[u8], total: u64) -> Listing {
        let occurrence = Occurrence {
            issue: IssueId::from_u128(9),
            fingerprint: Fingerprint::from_bytes([2; 16]),
            rule: message.to_owned(),
            kind: Kind::Bug,
            severity: Severity::Major,
            message: message.to_owned(),
            span: None,
            excerpt: None,
            conceals: false,
            text: None,
            block: None,
            hint: None,
        };
        let listed = Listed {
            standee: Standee { path: TreePath::new(path), source: "hygiene".to_owned(), occurrence },
            state: IssueState::Open,
            is_new: true,
            first_seen: Sighting { sha: CommitSha::from_bytes([1; 20]), at: Timestamp::EPOCH },
            author: None,
        };
        Listing { items: vec![listed; LISTED], next: None, total, facets: Default::default() }
    }

    #[test]
    fn whatever_is_found_a_comment_is_shorter_than_github_takes() {
        let worst = listing(&"@".repeat(5_000), &[b'@'; 5_000], 1_000_000);
        let set = crate::domain::statuses::tests::wordy();
        let home = "https://plumbline.example".to_owned();
        let at = Addresses { pull: format!("{home}/r/acme/app/pulls/7"), commit: format!("{home}/r/acme/app/commits/1"), home };
        let said = comment(&pull(), &set, Some(&worst), Some(&worst), &at);
        assert!(
            said.body.len() < 65_535 && said.body.ends_with("[All of it](https://plumbline.example/r/acme/app/pulls/7)\n"),
            "{}",
            said.body.len()
        );
        assert!(said.body.contains("</details>") && said.body.contains("and 999,990 others."), "{}", said.body);
        assert!(!said.body.contains('@'), "nobody is called");
    }

    #[test]
    fn an_address_in_a_message_is_no_link() {
        assert_eq!(
            unlinked(&plain("see https://evil.example or www.evil.example")),
            "see https&#58;//evil.example or www&#46;evil.example"
        );
    }
}
