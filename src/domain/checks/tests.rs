use super::*;
use crate::base::id::{Id, Ids};
use crate::engine::store::{Schema, Store, TableSpec};

#[test]
fn a_set_that_was_given_up_halfway_leaves_no_check_running() {
    let schema = Schema {
        number: 1,
        tables: vec![TableSpec::of::<CheckSet>(), TableSpec::of::<crate::engine::store::journal::Journaled>()],
        migrations: &[],
    };
    let store = Store::in_memory(schema, Ids::system(), Box::new(|_| {})).unwrap();
    let (repo, sha, now) = (RepoId::from_u128(1), CommitSha::from_bytes([7; 20]), Timestamp::EPOCH);
    let ended = store
        .write(move |tx| -> Result<CheckSet> {
            let set = request(tx, repo, sha, now)?;
            let set = start(tx, &set, &plan::plan(None, &[], &Default::default()), Vouched::default(), now)?;
            let name = set.checks[0].name.clone();
            start_check(tx, &set, &name, now)?;
            let error = CheckError { code: ErrorCode::Lost, message: "it was lost".to_owned() };
            let conclusion = Conclusion {
                state: CheckState::Errored,
                error: Some(error),
                verdict: Verdict::Error,
                sentence: "it was lost".to_owned(),
                is_settled: true,
            };
            complete(tx, &set, conclusion, now)
        })
        .unwrap();
    let check = &ended.checks[0];
    assert_eq!((check.state, check.finished_at), (CheckState::Errored, Some(now)));
    assert_eq!(check.error.as_ref().map(|error| error.code), Some(ErrorCode::Lost));
}
