//! Pull requests in the gallery.

use super::pages::{Pages, add};
use super::*;
use crate::domain::pulls::PullState;
use crate::http::pulls::{PullBaseView, PullHeadView, PullIssuesView, PullView};
use crate::ui::pulls::{PullPage, PullsPage};

fn pull(world: &World, number: u64, verdict: Verdict, set: CheckState, issues: Option<PullIssuesView>) -> PullView {
    PullView {
        number,
        title: world.say("Read the configuration once, and say where each key came from"),
        author: Some(world.say("grace")),
        state: PullState::Open,
        draft: false,
        base: PullBaseView { branch: "main".parse().unwrap(), sha: sha(4) },
        head: PullHeadView { branch: world.say("config/sources"), sha: sha(1), repo: Some(world.say("acme/api")), is_fork: false },
        merge_base: Some(sha(2)),
        verdict: Some(verdict),
        check_set: Some(set),
        issues,
        coverage: None,
        url: "https://github.com/acme/api/pull/7".to_owned(),
        created_at: before(90_000),
        updated_at: before(7_000),
        merged_at: None,
        can: vec!["read", "rerun", "approve"],
    }
}

pub(super) fn all(world: &World, out: &mut Pages) {
    let counts = |new, fixed| Some(PullIssuesView { new, fixed });
    let fails = || pull(world, 7, Verdict::Failure, CheckState::Failed, counts(2, 1));
    let fork = |verdict, set| {
        let mut pull = pull(world, 9, verdict, set, counts(0, 0));
        pull.head = PullHeadView { branch: "patch-1".to_owned(), sha: sha(5), repo: Some(world.say("mallory/api")), is_fork: true };
        pull
    };
    let list = |state, pulls| PullsPage { frame: world.frame(), place: world.place(), state, pulls, next: Some(Cursor::new(vec![1])) };
    let mut draft = pull(world, 8, Verdict::Success, CheckState::Succeeded, counts(0, 3));
    draft.draft = true;
    let mut fresh = pull(world, 12_345, Verdict::Pending, CheckState::Waiting, None);
    (fresh.verdict, fresh.check_set, fresh.author) = (None, None, None);
    let open = vec![fails(), draft, fork(Verdict::Pending, CheckState::Waiting), fresh];
    add(out, "pulls", &list(Some(PullState::Open), open));
    let mut merged = fails();
    (merged.state, merged.merged_at) = (PullState::Merged, Some(before(60)));
    add(out, "pulls-all", &list(None, vec![merged.clone(), fails()]));
    let none = |state| PullsPage { pulls: Vec::new(), next: None, ..list(state, Vec::new()) };
    add(out, "pulls-none", &none(Some(PullState::Open)));
    let mut elsewhere = none(Some(PullState::Open));
    elsewhere.place.has_pulls = false;
    add(out, "pulls-of-no-forge", &elsewhere);

    let page = |pull, set| PullPage {
        frame: world.frame(),
        place: world.place(),
        pull,
        sentence: Some(world.say("2 new issues of severity minor or above")),
        set: Some(set),
        against: Some(sha(2)),
        new: world.list(world.rows(true)),
        fixed: world.list(world.rows(false).split_off(2)),
    };
    let ran = |state| {
        let hygiene = world.check("hygiene", CheckState::Succeeded, Some(2), Some(840));
        world.set(state, vec![hygiene, world.check("clippy", CheckState::Succeeded, Some(0), Some(41_200))])
    };
    add(out, "pull", &page(fails(), ran(CheckState::Failed)));
    let mut waits = world.check("house-rules", CheckState::Waiting, None, None);
    waits.waits_for = Some("approval".into());
    let held = world.set(CheckState::Waiting, vec![world.check("hygiene", CheckState::Succeeded, Some(0), Some(840)), waits]);
    let held = PullPage {
        sentence: Some(world.say("1 check waits for approval; no new issues")),
        new: IssueList::default(),
        fixed: IssueList::default(),
        ..page(fork(Verdict::Pending, CheckState::Waiting), held)
    };
    add(out, "pull-fork", &held);
    let mut reader = fork(Verdict::Pending, CheckState::Waiting);
    (reader.can, reader.head.repo, reader.merge_base) = (vec!["read"], None, None);
    add(out, "pull-fork-deleted", &PullPage { pull: reader, ..held });
    add(out, "pull-merged", &page(merged, ran(CheckState::Succeeded)));
    let mut fresh = pull(world, 10, Verdict::Pending, CheckState::Waiting, None);
    (fresh.verdict, fresh.check_set, fresh.merge_base) = (None, None, None);
    let nothing = PullPage {
        sentence: None,
        set: None,
        against: None,
        new: IssueList::default(),
        fixed: IssueList::default(),
        ..page(fresh, ran(CheckState::Waiting))
    };
    add(out, "pull-fetched", &nothing);
}
