//! The places for connections, and who has to leave one for a newcomer.
//!
//! A connection is silent while no request is under way on it: from its beginning to the first request, and from when an answer was
//! handed to the system whole to the next request. An answer whose last part hyper has taken over is not sent yet; that it is, the
//! stream tells by [`Place::flushed`].
//!
//! Of the silent ones, the one that has been so longest is asked to go, one for each newcomer. It may begin a request before it hears of
//! that; then it stays, and another is asked.

use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// The places for connections, and who sits on one in silence.
#[derive(Clone)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    silent: Arc<Silent>,
}

#[derive(Default)]
struct Silent {
    /// By when each fell silent, the first longest ago.
    connections: Mutex<Order>,
    /// Somebody fell silent, or was asked to go and stays.
    changed: Notify,
}

#[derive(Default)]
struct Order {
    next: u64,
    silent: BTreeMap<u64, Arc<Notify>>,
    /// Who was asked to go and has neither gone nor begun a request.
    asked: Option<u64>,
}

impl Silent {
    fn lock(&self) -> MutexGuard<'_, Order> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Order {
    fn ask_one(&mut self) {
        if self.asked.is_none()
            && let Some((number, wanted)) = self.silent.pop_first()
        {
            self.asked = Some(number);
            wanted.notify_one();
        }
    }
}

impl Places {
    pub(super) fn new(most: usize) -> Places {
        Places { free: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))), silent: Arc::default() }
    }

    /// Takes a place, if need be from whoever has been silent longest.
    pub(super) async fn take(&self) -> Place {
        let permit = loop {
            // Registered before anybody is looked for: who falls silent in between is noticed.
            let mut changed = pin!(self.silent.changed.notified());
            changed.as_mut().enable();
            if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
                break permit;
            }
            {
                let mut order = self.silent.lock();
                // Whoever goes gives its place back under the same lock.
                if self.free.available_permits() == 0 {
                    order.ask_one();
                }
            }
            tokio::select! {
                permit = Arc::clone(&self.free).acquire_owned() => break permit.expect("the places are never closed"),
                () = changed => {}
            }
        };
        let place = Place { silent: Arc::clone(&self.silent), wanted: Arc::default(), standing: Mutex::default(), permit: Some(permit) };
        place.change(|_| {});
        place
    }

    /// Asks the connection that has been silent longest to go, if any is.
    pub(super) fn free_one(&self) {
        self.silent.lock().ask_one();
    }
}

/// A connection's place.
pub(super) struct Place {
    silent: Arc<Silent>,
    /// Somebody else needs it.
    wanted: Arc<Notify>,
    /// Changed under the lock of the order alone.
    standing: Mutex<Standing>,
    permit: Option<OwnedSemaphorePermit>,
}

#[derive(Default)]
struct Standing {
    /// How many requests are under way. More than one is, for a moment, where a client does not wait for an answer before it asks again.
    requests: usize,
    /// An answer has ended and is not sent whole.
    is_unsent: bool,
    /// Under which number it is silent.
    since: Option<u64>,
}

impl Place {
    /// Waits until somebody else is to have the place.
    pub(super) async fn is_to_go(&self) {
        loop {
            self.wanted.notified().await;
            if self.is_asked() {
                return;
            }
        }
    }

    /// All that was written was handed to the system.
    pub(super) fn flushed(&self) {
        self.change(|standing| standing.is_unsent = false);
    }

    fn is_asked(&self) -> bool {
        let order = self.silent.lock();
        let since = self.standing.lock().unwrap_or_else(PoisonError::into_inner).since;
        since.is_some() && order.asked == since
    }

    fn change(&self, change: impl FnOnce(&mut Standing)) {
        let mut order = self.silent.lock();
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut standing);
        let is_silent = standing.requests == 0 && !standing.is_unsent;
        match standing.since {
            None if is_silent => {
                let number = order.next;
                order.next += 1;
                order.silent.insert(number, Arc::clone(&self.wanted));
                standing.since = Some(number);
            }
            Some(number) if !is_silent => {
                standing.since = None;
                if order.silent.remove(&number).is_none() {
                    // It was asked, and stays.
                    order.asked = None;
                }
            }
            _ => return,
        }
        drop((standing, order));
        self.silent.changed.notify_waiters();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut order = self.silent.lock();
        if let Some(number) = self.standing.lock().unwrap_or_else(PoisonError::into_inner).since {
            order.silent.remove(&number);
            if order.asked == Some(number) {
                order.asked = None;
            }
        }
        self.permit = None;
    }
}

/// A request is under way on a connection, from its head to the end of its answer.
pub(super) struct Busy(Arc<Place>);

impl Busy {
    pub(super) fn begin(place: &Arc<Place>) -> Busy {
        place.change(|standing| standing.requests += 1);
        Busy(Arc::clone(place))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.change(|standing| {
            standing.requests -= 1;
            standing.is_unsent = true;
        });
    }
}

/// An answer's body, whose request is under way until it ends.
pub(super) struct Answer {
    pub(super) body: Body,
    pub(super) _busy: Busy,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn taken(places: &Places) -> Arc<Place> {
        Arc::new(places.take().now_or_never().expect("a place is free"))
    }

    #[test]
    fn who_has_begun_a_request_before_hearing_that_it_is_to_go_stays_and_another_goes() {
        let places = Places::new(2);
        let (first, second) = (taken(&places), taken(&places));
        let mut newcomer = Box::pin(places.take());
        assert!(newcomer.as_mut().now_or_never().is_none());
        let busy = Busy::begin(&first);
        assert!(first.is_to_go().now_or_never().is_none());
        assert!(newcomer.as_mut().now_or_never().is_none());
        assert!(second.is_to_go().now_or_never().is_some());
        drop(second);
        let third = newcomer.as_mut().now_or_never().expect("a place came free");
        // What has ended and is not sent keeps the place as well.
        drop(busy);
        let mut another = Box::pin(places.take());
        assert!(another.as_mut().now_or_never().is_none());
        assert!(first.is_to_go().now_or_never().is_none());
        assert!(third.is_to_go().now_or_never().is_some());
        drop(third);
        let fourth = another.as_mut().now_or_never().expect("a place came free");
        first.flushed();
        let busy = Busy::begin(&Arc::new(fourth));
        let mut last = Box::pin(places.take());
        assert!(last.as_mut().now_or_never().is_none());
        assert!(first.is_to_go().now_or_never().is_some());
        drop(busy);
    }

    #[test]
    fn one_newcomer_asks_one_to_go() {
        let places = Places::new(3);
        let sitting = [taken(&places), taken(&places), taken(&places)];
        let mut newcomer = Box::pin(places.take());
        for _ in 0..3 {
            assert!(newcomer.as_mut().now_or_never().is_none());
            // Others fall silent meanwhile.
            drop(Busy::begin(&sitting[2]));
            sitting[2].flushed();
        }
        let asked = sitting.iter().filter(|place| place.is_to_go().now_or_never().is_some()).count();
        assert_eq!(asked, 1);
    }
}
