//! The checks of a set, several at a time: as many as are usually [let in](admission::usual), and one that gets ready meanwhile, or is
//! looked through after its program has ended, so that no processor is left idle.
//!
//! Each worker takes the next of the plan when it has ended one, and writes down both in one transaction. How the check ended that ends
//! last is not written: it is, together with the end of the set.

use std::sync::{Mutex, PoisonError};

use super::judge::{Judge, Judged};
use super::{Run, Stop};
use crate::app::admission;
use crate::domain::checks::plan::Planned;
use crate::domain::checks::{self, Outcome};

/// What one check came to: what it says, how it ended, and the version of what judged.
pub(super) type Ended = (Judged, Outcome, String);

/// How far the plan is.
struct Plan {
    next: usize,
    unfinished: usize,
    ended: Vec<Option<Ended>>,
    last: usize,
    stopped: Option<Stop>,
}

/// How many checks of a plan go at once.
pub(super) fn at_once(planned: usize) -> usize {
    (admission::usual() + 1).min(planned)
}

impl Run<'_> {
    /// Runs every check of the plan, of which the first so many are begun already. Answers what each came to, in the order of the plan,
    /// and which of them ended last.
    pub(super) fn abreast(&self, judge: &Judge<'_>, planned: &[Planned], room: usize) -> Result<(Vec<Ended>, usize), Stop> {
        if planned.is_empty() {
            // All that was planned waits for somebody.
            return Ok((Vec::new(), 0));
        }
        let workers = at_once(planned.len());
        let ended = std::iter::repeat_with(|| None).take(planned.len()).collect();
        let plan = Mutex::new(Plan { next: workers, unfinished: planned.len(), ended, last: 0, stopped: None });
        let work = |first: usize| {
            let mut at = Some(first);
            while let Some(now) = at {
                at = match self.one(judge, planned, now, room, &plan) {
                    Ok(next) => next,
                    Err(stop) => {
                        let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
                        plan.stopped.get_or_insert(stop);
                        None
                    }
                };
            }
        };
        // Whoever listens to this thread hears the others as well.
        let listener = tracing::dispatcher::get_default(Clone::clone);
        std::thread::scope(|scope| {
            let (work, listener) = (&work, &listener);
            for first in 1..workers {
                scope.spawn(move || tracing::dispatcher::with_default(listener, || work(first)));
            }
            // This thread is one of them.
            work(0);
        });
        let plan = plan.into_inner().unwrap_or_else(PoisonError::into_inner);
        match plan.stopped {
            Some(stop) => Err(stop),
            None => Ok((plan.ended.into_iter().flatten().collect(), plan.last)),
        }
    }

    /// Runs one check and answers which is to follow it.
    fn one(&self, judge: &Judge<'_>, planned: &[Planned], now: usize, room: usize, plan: &Mutex<Plan>) -> Result<Option<usize>, Stop> {
        let ended = judge.check(&planned[now], room)?;
        let outcome = ended.1.clone();
        let following = {
            let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
            plan.ended[now] = Some(ended);
            plan.unfinished -= 1;
            if plan.stopped.is_some() {
                return Ok(None);
            }
            if plan.unfinished == 0 {
                plan.last = now;
                return Ok(None);
            }
            let following = Some(plan.next).filter(|next| *next < planned.len());
            plan.next += usize::from(following.is_some());
            following
        };
        let (of, name, next) = (self.set.clone(), planned[now].name.clone(), following.map(|next| planned[next].name.clone()));
        self.write(move |tx, now| {
            checks::finish_check(tx, &of, &name, outcome.clone(), now)?;
            if let Some(next) = &next {
                checks::start_check(tx, &of, next, now)?;
            }
            Ok(())
        })?;
        Ok(following)
    }
}
