//! What is counted while the process runs: requests, how long they took, checks that ended.
//!
//! A handful of counters without labels that grow, so that what watches from outside can draw a curve; how things stand is read when it is
//! asked for (`http/admin/metrics.rs`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::base::event::{Event, Verdict};

/// The bounds of the classes of latency, in milliseconds; beyond the last is one more.
pub const LATENCIES_MS: [u64; 8] = [5, 10, 25, 50, 100, 250, 1_000, 5_000];

/// The counters.
#[derive(Debug, Default)]
pub struct Measures {
    /// Answers by the first digit of their status.
    by_status: [AtomicU64; 6],
    by_latency: [AtomicU64; LATENCIES_MS.len() + 1],
    latency_us: AtomicU64,
    by_verdict: [AtomicU64; 4],
    died: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counted {
    /// Answers by the first digit of their status.
    pub by_status: [u64; 6],
    /// Answers by class of latency, each class alone.
    pub by_latency: [u64; LATENCIES_MS.len() + 1],
    /// The time that all answers took, in microseconds.
    pub latency_us: u64,
    /// Check sets that ended, by verdict in the order of its words.
    pub by_verdict: [u64; 4],
    /// Work that was given up.
    pub died: u64,
}

impl Measures {
    /// Counts an answer.
    pub fn answered(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).min(self.by_status.len() - 1);
        self.by_status[class].fetch_add(1, Ordering::Relaxed);
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let place = LATENCIES_MS.iter().position(|bound| ms < *bound).unwrap_or(LATENCIES_MS.len());
        self.by_latency[place].fetch_add(1, Ordering::Relaxed);
        self.latency_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(0), Ordering::Relaxed);
    }

    /// Counts what a committed fact says.
    pub fn hear(&self, event: &Event) {
        match event {
            Event::CheckSetCompleted { verdict, .. } => {
                let place = Verdict::ALL.iter().position(|known| known == verdict).unwrap_or(0);
                self.by_verdict[place].fetch_add(1, Ordering::Relaxed);
            }
            Event::WorkDied { .. } => {
                self.died.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// The counters as they are.
    pub fn read(&self) -> Counted {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            by_status: self.by_status.each_ref().map(read),
            by_latency: self.by_latency.each_ref().map(read),
            latency_us: read(&self.latency_us),
            by_verdict: self.by_verdict.each_ref().map(read),
            died: read(&self.died),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_once_in_each_way_it_is_counted() {
        let measures = Measures::default();
        for (status, ms) in [(200, 0), (204, 5), (404, 4_999), (503, 60_000), (999, 1)] {
            measures.answered(status, Duration::from_millis(ms));
        }
        let counted = measures.read();
        assert_eq!(counted.by_status, [0, 0, 2, 0, 1, 2]);
        assert_eq!(counted.by_latency, [2, 1, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!(counted.by_latency.iter().sum::<u64>(), counted.by_status.iter().sum::<u64>());
    }
}
