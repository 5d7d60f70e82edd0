//! Admission: how many programs of others run at once, over all repositories, and how much memory they are promised together.
//!
//! Each run brings bounds of its own; what they come to together is bounded here. Whoever comes first is let in first, so that a program
//! that needs much is not kept waiting by many that need little.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often whoever waits looks whether it is still wanted.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// How many programs are let in unless the operator says otherwise: as many as there are processors.
pub fn usual() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Lets programs in.
#[derive(Debug)]
pub struct Admission {
    most: usize,
    memory: u64,
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    promised: u64,
    next: u64,
    waiting: VecDeque<u64>,
}

/// The right to run, until it is let go.
#[derive(Debug)]
pub struct Pass<'a> {
    admission: &'a Admission,
    memory: u64,
    has_waited: bool,
}

impl Pass<'_> {
    /// Whether there was no room for it at first.
    pub fn has_waited(&self) -> bool {
        self.has_waited
    }
}

impl Admission {
    /// Lets in so many at once, and promises them so many bytes together.
    pub fn new(most: usize, memory: u64) -> Admission {
        Admission { most: most.max(1), memory, state: Mutex::default(), left: Condvar::new() }
    }

    /// Waits until there is room for a program that may use so many bytes; `None` if it is no longer wanted. One that alone asks for more
    /// than there is runs alone.
    pub fn enter(&self, memory: u64, is_unwanted: &dyn Fn() -> bool) -> Option<Pass<'_>> {
        let mut state = self.state();
        let (own, mut has_waited) = (state.next, false);
        state.next += 1;
        state.waiting.push_back(own);
        loop {
            let has_room = state.running == 0 || state.promised.saturating_add(memory) <= self.memory;
            if state.waiting.front() == Some(&own) && state.running < self.most && has_room {
                state.waiting.pop_front();
                state.running += 1;
                state.promised = state.promised.saturating_add(memory);
                // There may be room for the next as well.
                self.left.notify_all();
                return Some(Pass { admission: self, memory, has_waited });
            }
            if is_unwanted() {
                state.waiting.retain(|ticket| *ticket != own);
                self.left.notify_all();
                return None;
            }
            has_waited = true;
            (state, _) = self.left.wait_timeout(state, LOOK_AGAIN).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut state = self.admission.state();
        state.running -= 1;
        state.promised -= self.memory;
        self.admission.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// How many are let in of those that ask for these, one after the other, until one would wait.
    fn let_in(admission: &Admission, asked: &[u64]) -> usize {
        let passes: Vec<Pass<'_>> = asked.iter().map_while(|memory| admission.enter(*memory, &|| true)).collect();
        passes.len()
    }

    #[test]
    fn as_many_are_let_in_as_there_are_places_and_memory_for() {
        let admission = Admission::new(3, 100);
        assert_eq!(let_in(&admission, &[10, 10, 10, 10]), 3);
        assert_eq!(let_in(&admission, &[60, 40, 1]), 2);
        assert_eq!(let_in(&admission, &[60, 41]), 1);
        assert_eq!(let_in(&admission, &[1_000, 1]), 1, "what asks for more than there is runs alone");
        assert_eq!(let_in(&admission, &[10, 10, 10]), 3, "all of them have let go");
    }

    #[test]
    fn whoever_came_first_is_let_in_first_though_it_needs_more() {
        let admission = Admission::new(8, 100);
        let (told, order) = channel();
        std::thread::scope(|scope| {
            let first = admission.enter(60, &|| false);
            assert!(first.as_ref().is_some_and(|pass| !pass.has_waited()));
            let enter = |memory: u64| {
                let (told, admission) = (told.clone(), &admission);
                let waiting = admission.waiting();
                scope.spawn(move || {
                    let pass = admission.enter(memory, &|| false);
                    assert!(pass.as_ref().is_some_and(Pass::has_waited));
                    told.send(memory).unwrap();
                    drop(pass);
                });
                while admission.waiting() == waiting {
                    std::thread::yield_now();
                }
            };
            enter(70);
            enter(40);
            drop(first);
        });
        assert_eq!(order.recv().unwrap(), 70);
        assert_eq!(order.recv().unwrap(), 40);
    }
}
