//! Work that a test watches from within: it comes between any two steps of it, and looks, acts or holds it there.
//!
//! What the appliance does is marked by spans (a read, a write, a file that is judged), as the benchmarks see it. A test listens to those
//! of one thread, and is called as each of them begins.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use plumbline::app::{App, runner};
use plumbline::base::work::Lane;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Calls a function as each span begins.
struct Between<F>(Mutex<F>);

impl<S: tracing::Subscriber, F: FnMut(&str) + Send + 'static> Layer<S> for Between<F> {
    fn on_new_span(&self, span: &tracing::span::Attributes<'_>, _: &tracing::span::Id, _: Context<'_, S>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)(span.metadata().name());
    }
}

/// Performs the next work of a lane, on a thread of its own. `between` hears the name of each step before it is taken: `read`, `write`,
/// `git`, `plugin`, `identify`, `blob`. What it does itself is no step. Answers whether there was work.
pub fn perform(app: &App, lane: Lane, between: impl FnMut(&str) + Send + 'static) -> JoinHandle<bool> {
    let app = app.clone();
    std::thread::spawn(move || {
        let subscriber = tracing_subscriber::registry().with(Between(Mutex::new(between)));
        tracing::subscriber::with_default(subscriber, || runner::run_next(&app, lane, "stepwise", None).unwrap())
    })
}

/// Work that stands still before a step, until the test lets it go on.
pub struct Held {
    thread: JoinHandle<bool>,
    reached: Receiver<()>,
    go: Sender<()>,
}

impl Held {
    /// Performs the next work of a lane up to its `nth` step of this name, counted from 1.
    pub fn before(app: &App, lane: Lane, step: &'static str, nth: usize) -> Held {
        let mut seen = 0;
        Held::at(app, lane, move |name| {
            seen += usize::from(name == step);
            name == step && seen == nth
        })
    }

    /// Performs the next work of a lane up to the first step of which `is_it` says so.
    pub fn at(app: &App, lane: Lane, mut is_it: impl FnMut(&str) -> bool + Send + 'static) -> Held {
        let ((reach, reached), (go, gone)) = (channel(), channel());
        let mut was = false;
        let thread = perform(app, lane, move |name| {
            if !was && is_it(name) {
                was = true;
                reach.send(()).unwrap();
                // A test that fails lets go as well.
                let _ = gone.recv();
            }
        });
        let held = Held { thread, reached, go };
        held.reached.recv().expect("the work comes to the step");
        held
    }

    /// Lets it go on, and waits for its end.
    pub fn go_on(self) {
        self.go.send(()).unwrap();
        self.thread.join().unwrap();
    }
}
