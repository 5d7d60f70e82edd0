//! Verbs, batches, failures among them, readers beside them, and the journal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

on_both_engines! {
    a_verb_reads_what_it_wrote
    later_verbs_of_a_batch_see_earlier_ones_and_readers_see_none
    a_failing_or_panicking_verb_leaves_no_trace_in_its_batch
    a_removal_in_a_batch_hides_the_row_from_every_scan
    readers_never_see_half_of_a_verb
    a_reader_keeps_its_moment
    facts_are_numbered_without_gaps_though_verbs_between_them_fail
    the_listener_hears_what_was_committed_in_order
    sixty_four_writers_lose_nothing
    an_actor_is_forgotten_after_its_verb
    old_facts_expire_and_their_numbers_are_not_used_again
    panicking_listeners_and_answers_do_not_stop_the_writer
    the_writer_counts_what_it_committed_and_nothing_else
}

fn a_verb_reads_what_it_wrote(store: &Opened) {
    put(store, (0..5).map(|id| note(id * 2, "ada")));
    let seen = write(store, |tx| {
        tx.put(&note(3, "ada"))?;
        tx.put(&note(4, "bob"))?;
        tx.remove::<Note>(&6)?;
        Ok((
            ids(&tx.find(&Scan::<Note>::all(), 100)?),
            ids(&tx.find(&BY_OWNER.prefix("ada".to_owned()).reversed(), 100)?),
            tx.has::<Note>(&6)?,
        ))
    });
    assert_eq!(seen, (vec![0, 2, 3, 4, 8], vec![8, 3, 2, 0], false));
}

fn later_verbs_of_a_batch_see_earlier_ones_and_readers_see_none(store: &Opened) {
    put(store, [note(1, "ada")]);
    let reader = Arc::clone(store);
    let seen = in_one_batch(
        store,
        vec![
            Box::new(|tx| {
                tx.put(&note(2, "ada"))?;
                tx.remove::<Note>(&1)?;
                Ok((Vec::new(), Vec::new()))
            }),
            Box::new(move |tx| {
                tx.put(&note(3, "ada"))?;
                Ok((ids(&tx.find(&BY_OWNER.all(), 10)?), found(&reader, &BY_OWNER.all())))
            }),
        ],
    );
    let (own, readers) = seen.into_iter().nth(1).unwrap().unwrap();
    assert_eq!(own, [2, 3]);
    assert_eq!(readers, [1], "a reader sees what was committed before the batch");
    assert_eq!(found(store, &BY_OWNER.all()), [2, 3]);
}

fn a_failing_or_panicking_verb_leaves_no_trace_in_its_batch(store: &Opened) {
    put(store, [note(1, "ada"), note(2, "ada")]);
    let harm = |tx: &mut WriteTx| {
        tx.put(&note(1, "eve"))?;
        tx.put(&note(9, "eve"))?;
        tx.remove::<Note>(&2)?;
        happen(tx)
    };
    let answers = in_one_batch(
        store,
        vec![
            Box::new(|tx| Ok(tx.put(&note(3, "ada"))?)),
            Box::new(move |tx| harm(tx).map_err(Failure::from).and(Err(Failure::Refused))),
            Box::new(move |tx| {
                harm(tx)?;
                panic_quietly("a bug")
            }),
            Box::new(|tx| Ok(tx.put(&note(4, "ada"))?)),
        ],
    );
    let told: Vec<String> = answers.iter().map(|answer| answer.as_ref().map_or_else(ToString::to_string, |()| "done".to_owned())).collect();
    assert_eq!(told, ["done", "refused", "a write panicked and was dropped: a bug", "done"]);
    assert_eq!(found(store, &BY_OWNER.all()), [1, 2, 3, 4]);
    assert_eq!(journal_numbers(store), [0_u64; 0]);
    assert_verified(store);
}

fn a_removal_in_a_batch_hides_the_row_from_every_scan(store: &Opened) {
    put(store, [Note { due: Some(1), ..note(1, "ada") }, Note { due: Some(2), ..note(2, "ada") }]);
    let answers = in_one_batch(
        store,
        vec![
            Box::new(|tx| Ok(vec![u32::from(tx.remove::<Note>(&1)?)])),
            Box::new(|tx| Ok(ids(&[tx.find(&BY_DUE.all(), 9)?, tx.find(&Scan::all().reversed(), 9)?].concat()))),
            Box::new(|tx| {
                tx.put(&Note { due: Some(3), ..note(1, "bob") })?;
                Ok(ids(&tx.find(&BY_DUE.all(), 9)?))
            }),
        ],
    );
    let answers: Vec<Vec<u32>> = answers.into_iter().map(|answer| answer.unwrap()).collect();
    assert_eq!(answers, [vec![1], vec![2, 2], vec![2, 1]]);
    assert_verified(store);
}

fn readers_never_see_half_of_a_verb(store: &Opened) {
    const SUM: i64 = 1_000;
    put(store, [Note { rank: SUM, ..note(1, "left") }, Note { rank: 0, ..note(2, "right") }]);
    let is_done = Arc::new(AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_done.load(Ordering::SeqCst) {
                    let tx = store.read().unwrap();
                    let by_key: i64 = tx.find(&Scan::<Note>::all(), 9).unwrap().iter().map(|note| note.rank).sum();
                    let by_owner = tx.find(&BY_OWNER.all(), 9).unwrap();
                    assert_eq!((by_key, by_owner.len()), (SUM, 2));
                }
            });
        }
        let writers: Vec<_> = (1..=4)
            .map(|amount| {
                scope.spawn(move || {
                    for _ in 0..25 {
                        write(store, move |tx| {
                            for (id, change) in [(1, -amount), (2, amount)] {
                                let mut row: Note = tx.get(&id)?.expect("the row is there");
                                row.rank += change;
                                tx.put(&row)?;
                            }
                            Ok(())
                        });
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        is_done.store(true, Ordering::SeqCst);
    });
    assert_eq!(store.read().unwrap().get::<Note>(&2).unwrap().unwrap().rank, 250);
    assert_verified(store);
}

fn a_reader_keeps_its_moment(store: &Opened) {
    put(store, [note(1, "ada")]);
    let before = store.read().unwrap();
    put(store, [note(2, "ada")]);
    write(store, |tx| tx.remove::<Note>(&1));
    assert_eq!(ids(&before.find(&BY_OWNER.all(), 9).unwrap()), [1]);
    assert_eq!(found(store, &BY_OWNER.all()), [2]);
}

fn facts_are_numbered_without_gaps_though_verbs_between_them_fail(store: &Opened) {
    for _ in 0..3 {
        let verbs = (0..6).map(|at| -> BoxedVerb<()> {
            Box::new(move |tx| {
                happen(tx)?;
                happen(tx)?;
                match at {
                    1 => Err(Failure::Refused),
                    3 => panic_quietly("a bug"),
                    _ => Ok(()),
                }
            })
        });
        in_one_batch(store, verbs.collect());
        assert!(store.write(|tx| happen(tx).map_err(Failure::from).and(Err::<(), _>(Failure::Refused))).is_err());
    }
    assert_eq!(journal_numbers(store), (1..=24).collect::<Vec<u64>>());
}

fn the_listener_hears_what_was_committed_in_order(store: &Opened) {
    for at in 0..4 {
        let _ = store.write(move |tx| {
            happen(tx)?;
            if at == 2 { Err(Failure::Refused) } else { Ok(()) }
        });
    }
    // Heard before the verb is answered.
    let heard: Vec<u64> = store.heard.lock().unwrap().iter().map(|fact| fact.number).collect();
    assert_eq!(heard, [1, 2, 3]);
}

fn sixty_four_writers_lose_nothing(store: &Opened) {
    thread::scope(|scope| {
        for writer in 0..64 {
            scope.spawn(move || {
                for at in 0..5 {
                    write(store, move |tx| {
                        tx.put(&note(writer * 5 + at, "ada"))?;
                        happen(tx)
                    });
                    assert!(store.read().unwrap().has::<Note>(&(writer * 5 + at)).unwrap(), "what is answered is there");
                }
            });
        }
    });
    assert_eq!(found(store, &Scan::all()).len(), 320);
    assert_eq!(journal_numbers(store), (1..=320).collect::<Vec<u64>>());
    assert_verified(store);
}

fn an_actor_is_forgotten_after_its_verb(store: &Opened) {
    use crate::base::event::Actor;
    let nobody = Actor::Anonymous { address: None };
    let acted = nobody.clone();
    let actors = in_one_batch(
        store,
        vec![
            Box::new(move |tx| {
                tx.act_for(acted.clone());
                happen(tx)?;
                Ok(tx.recorded_events()[0].actor.clone())
            }),
            Box::new(|tx| Ok(tx.actor().clone())),
        ],
    );
    let actors: Vec<Actor> = actors.into_iter().map(|actor| actor.unwrap()).collect();
    assert_eq!(actors, [nobody, Actor::System]);
}

fn old_facts_expire_and_their_numbers_are_not_used_again(store: &Opened) {
    let at = |second| Timestamp::from_seconds(second);
    for second in 1..=5 {
        write(store, move |tx| tx.record(Event::IssuesChanged, at(second)));
    }
    assert_eq!(write(store, move |tx| journal::expire(tx, at(4), 2)), 2);
    assert_eq!(write(store, move |tx| journal::expire(tx, at(4), 100)), 1);
    assert_eq!(journal_numbers(store), [4, 5]);
    assert_eq!(write(store, move |tx| journal::expire(tx, at(1_000), 100)), 1);
    write(store, happen);
    assert_eq!(journal_numbers(store), [5, 6], "the last one stays, so that the next is above it");
}

fn panicking_listeners_and_answers_do_not_stop_the_writer(store: &Opened) {
    store.submit::<(), Failure>(|tx| Ok(happen(tx)?), |_| panic_quietly("a bug in an answer"));
    write(store, happen);
    assert_eq!(journal_numbers(store), [1, 2]);
    let other = Store::in_memory(schema(), Ids::seeded(1), Box::new(|_| panic_quietly("a bug in a listener"))).unwrap();
    write(&other, happen);
    write(&other, happen);
    assert_eq!(journal_numbers(&other), [1, 2]);
}

#[test]
fn the_last_handle_may_be_dropped_on_the_writer_thread() {
    let store = Arc::new(Store::in_memory(schema(), Ids::seeded(1), deaf()).unwrap());
    let (dropped, was_dropped) = mpsc::channel();
    let (open, gate) = mpsc::channel::<()>();
    let held = Arc::clone(&store);
    store.submit::<(), Failure>(
        |_| Ok(()),
        move |_| {
            gate.recv().unwrap();
            drop(held);
            dropped.send(()).unwrap();
        },
    );
    drop(store);
    open.send(()).unwrap();
    was_dropped.recv().unwrap();
}

fn the_writer_counts_what_it_committed_and_nothing_else(store: &Opened) {
    let before = store.statistics();
    put(store, [note(1, "ada")]);
    let one = store.statistics();
    // The row and its entry in the one index where it has a key.
    assert_eq!((one.commits - before.commits, one.verbs - before.verbs, one.rows - before.rows), (1, 1, 2));
    assert!(one.bytes > before.bytes && one.longest_verb > std::time::Duration::ZERO);
    let refused = store.write(|tx| -> std::result::Result<(), Failure> {
        tx.put(&note(2, "ada"))?;
        Err(Failure::Refused)
    });
    assert!(refused.is_err());
    let two = store.statistics();
    assert_eq!((two.commits, two.verbs, two.rows, two.bytes), (one.commits, one.verbs + 1, one.rows, one.bytes));
}
