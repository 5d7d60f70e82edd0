use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::base::id::{Id, Ids};
use crate::domain::repos::so_at;
use crate::engine::store::{Schema, Store, TableSpec};

const REPO: u128 = 7;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_769_860_800 + seconds)
}

fn said_at(said: Option<Timestamp>) -> Timestamp {
    so_at(said, at(1_000))
}

fn deployment() -> payload::Deployment {
    let json = json!({
        "id": 41, "sha": "1".repeat(40), "ref": "v1.2", "task": "deploy", "environment": "production",
        "creator": {"id": 9, "login": "ada"}, "created_at": "2026-01-31T12:00:00Z",
    });
    serde_json::from_value(json).unwrap()
}

fn status(id: u64, state: &str, second: u32) -> payload::DeploymentStatus {
    let log = format!("https://github.example/log/{id}");
    let json = json!({"id": id, "state": state, "created_at": format!("2026-01-31T12:00:{second:02}Z"), "log_url": log, "target_url": ""});
    serde_json::from_value(json).unwrap()
}

fn piece(id: u64, state: &str, second: u32) -> Result<Deployment, Untold> {
    of_deployment(RepoId::from_u128(REPO), &deployment(), Some(&status(id, state, second)), said_at)
}

fn run(attempt: u32, status: &str, conclusion: Option<&str>, second: u32, change: impl FnOnce(&mut Value)) -> Result<Deployment, Untold> {
    let mut json = json!({
        "id": 88, "workflow_id": 5, "name": "release", "head_sha": "2".repeat(40), "head_branch": "main", "event": "push", "status": status,
        "conclusion": conclusion, "run_attempt": attempt, "created_at": "2026-01-31T12:00:00Z",
        "run_started_at": format!("2026-01-31T12:{attempt:02}:00Z"), "updated_at": format!("2026-01-31T12:{attempt:02}:{second:02}Z"),
        "html_url": "https://github.example/runs/88", "actor": {"id": 9, "login": "ada"},
    });
    change(&mut json);
    of_workflow_run(RepoId::from_u128(REPO), &serde_json::from_value(json).unwrap(), said_at)
}

fn store() -> Store {
    let tables = vec![TableSpec::of::<Deployment>()];
    Store::in_memory(Schema { number: 1, tables, migrations: &[] }, Ids::seeded(1), Box::new(|_| {})).unwrap()
}

/// What is known once all pieces were told, in this order.
fn after(pieces: Vec<Deployment>) -> Vec<Deployment> {
    store()
        .write(move |tx| -> store::Result<_> {
            for piece in &pieces {
                record(tx, piece)?;
            }
            Ok(list::<store::Error>(tx, None, None, Limit::MAX, |_| Ok(true))?.items)
        })
        .unwrap()
}

#[test]
fn a_deployment_begins_when_it_is_asked_for_and_ends_with_the_status_that_says_so() {
    let asked = of_deployment(RepoId::from_u128(REPO), &deployment(), None, said_at).unwrap();
    assert_eq!((asked.state, asked.started_at, asked.finished_at), (DeploymentState::Pending, at(0), None));
    let ended = piece(3, "success", 30).unwrap();
    assert_eq!((ended.state, ended.started_at, ended.finished_at), (DeploymentState::Success, at(0), Some(at(30))));
    assert_eq!(ended.url.as_deref(), Some("https://github.example/log/3"));
    assert_eq!(piece(3, "error", 30).unwrap().state, DeploymentState::Failure);
    assert_eq!(piece(3, "inactive", 30), Err(Untold::Inactive), "that another took its place says nothing of itself");
    assert_eq!(piece(3, "exploded", 30), Err(Untold::State("exploded".to_owned())));
}

#[test]
fn a_workflow_that_is_run_again_stands_as_its_latest_attempt_does() {
    let failed = run(1, "completed", Some("failure"), 50, |_| {}).unwrap();
    let again = run(2, "in_progress", None, 1, |_| {}).unwrap();
    let known = after(vec![again.clone(), failed]);
    assert_eq!(known, [again], "an earlier attempt that ended later is told late");
    for (conclusion, state) in
        [("success", DeploymentState::Success), ("timed_out", DeploymentState::Failure), ("cancelled", DeploymentState::Canceled)]
    {
        assert_eq!(run(1, "completed", Some(conclusion), 9, |_| {}).unwrap().state, state);
    }
}

#[test]
fn a_run_for_a_pull_request_is_not_kept() {
    for event in ["pull_request", "pull_request_target", "pull_request_review", "merge_group"] {
        assert_eq!(run(1, "completed", Some("success"), 9, |json| json["event"] = event.into()), Err(Untold::OfPull));
    }
}

#[test]
fn an_address_that_is_none_of_the_web_is_not_kept() {
    for url in ["javascript:alert(1)", "", "https://x\u{0}", "file:///etc/passwd"] {
        assert_eq!(run(1, "queued", None, 9, |json| json["html_url"] = url.into()).unwrap().url, None, "{url}");
    }
}

#[test]
fn pages_of_some_of_them_are_full_and_hold_each_once() {
    let (runs, sizes) = store()
        .write(|tx| -> store::Result<_> {
            for id in 0..40_u32 {
                let one = piece(1, if id % 4 == 0 { "failure" } else { "success" }, 1).unwrap();
                record(tx, &Deployment { run: id.to_string(), started_at: at(i64::from(id / 3)), ..one })?;
            }
            let mut pages = [Vec::new(), Vec::new()];
            for (of, pages) in [None, Some(RepoId::from_u128(REPO))].into_iter().zip(&mut pages) {
                let mut after = None;
                loop {
                    let wanted = |one: &Deployment| Ok(one.state == DeploymentState::Failure);
                    let page = list::<store::Error>(tx, of, after.as_ref(), Limit::new(4), wanted)?;
                    pages.push(page.items.iter().map(|one| one.run.parse::<u64>().unwrap()).collect::<Vec<_>>());
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
            }
            assert_eq!(pages[0].concat(), pages[1].concat(), "of one repository, and of all");
            Ok((pages[0].concat(), pages[0].iter().map(Vec::len).collect::<Vec<_>>()))
        })
        .unwrap();
    assert_eq!(sizes, [4, 4, 2]);
    let mut sorted = runs;
    sorted.sort_unstable();
    assert_eq!(sorted, (0..40).step_by(4).collect::<Vec<u64>>());
}

proptest! {
    #[test]
    fn whatever_order_the_pieces_come_in_and_however_often_the_end_is_the_same(order in Just((0..8).chain(0..8).collect::<Vec<usize>>()).prop_shuffle()) {
        let pieces = [
            of_deployment(RepoId::from_u128(REPO), &deployment(), None, said_at).unwrap(),
            piece(1, "queued", 5).unwrap(),
            piece(2, "in_progress", 5).unwrap(),
            piece(3, "success", 9).unwrap(),
            run(1, "queued", None, 1, |_| {}).unwrap(),
            run(1, "in_progress", None, 1, |_| {}).unwrap(),
            run(1, "completed", Some("failure"), 1, |_| {}).unwrap(),
            run(2, "completed", Some("success"), 1, |_| {}).unwrap(),
        ];
        let known = after(order.iter().map(|at| pieces[*at].clone()).collect());
        prop_assert_eq!(known, vec![pieces[7].clone(), pieces[3].clone()]);
    }
}
