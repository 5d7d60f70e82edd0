//! What this host has to run checks with: the sandbox and what keeps its bounds, and every tool of the catalogue.
//!
//! Finding out starts each tool once to ask for its version. So one look at a time is taken, several tools are asked at once, and what was
//! seen holds for a while: whoever has just installed a tool waits for half a minute at most.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Sandboxes, Seen};
use crate::app::App;
use crate::domain::checks::CheckError;
use crate::domain::checks::catalogue::{self, Tool};
use crate::engine::sandbox::{Keeper, Limit, Tier};
use crate::engine::store;

/// How long what was seen holds.
const HOLDS: Duration = Duration::from_secs(30);
/// How many tools are asked at once.
const AT_ONCE: usize = 4;

/// What this host has.
#[derive(Debug, Clone)]
pub struct Survey {
    /// How runs are kept apart; or why there are none.
    pub keeping: Result<Keeping, CheckError>,
    /// Every tool, by name.
    pub tools: Vec<(&'static Tool, Seen)>,
}

/// How runs are kept apart.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// How well.
    pub tier: Tier,
    /// Each bound and what keeps it.
    pub limits: Vec<(Limit, Keeper)>,
    /// Which cgroups there are, or why there are none.
    pub cgroups: String,
}

/// A survey and when it was taken.
pub(super) type Dated = (Instant, Arc<Survey>);

impl App {
    /// [`Sandboxes::survey`] for async callers. Those who come while a look is taken wait without a thread each, however many they are, and
    /// though they go away and come again: the look keeps its turn.
    pub async fn survey(&self) -> Result<Arc<Survey>, store::Error> {
        let turn = Arc::clone(&self.sandboxes.turn).lock_owned().await;
        let app = self.clone();
        self.blocking(move || {
            let _turn = turn;
            app.sandboxes.survey()
        })
        .await
    }
}

impl Sandboxes {
    /// What this host has, as it was a moment ago. It may take as long as the slowest tools take to say their version.
    pub fn survey(&self) -> Arc<Survey> {
        // Whoever comes while a look is taken waits for it, rather than start every tool once more.
        let mut surveyed = self.surveyed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, survey)) = &*surveyed
            && at.elapsed() < HOLDS
        {
            return Arc::clone(survey);
        }
        let survey = Arc::new(self.look());
        *surveyed = Some((Instant::now(), Arc::clone(&survey)));
        survey
    }

    fn look(&self) -> Survey {
        let keeping = self.get().map(|sandbox| Keeping {
            tier: sandbox.tier(),
            limits: sandbox.limits_in_force(),
            cgroups: sandbox.cgroups().words(),
        });
        let (next, seen) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while let Some(tool) = catalogue::all().get(next.fetch_add(1, Ordering::Relaxed)) {
                        let found = self.see(tool);
                        seen.lock().unwrap_or_else(PoisonError::into_inner).push((tool, found));
                    }
                });
            }
        });
        let mut tools = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        tools.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        Survey { keeping, tools }
    }
}
