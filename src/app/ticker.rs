//! The clock's tick: once a second, ask what is due.
//!
//! It knows no due times: the store does, and what came due while nobody ticked is found at the first tick.

use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::App;
use crate::base::event::Actor;
use crate::domain::admin::{self, Intervals};
use crate::domain::settings;
use crate::engine::store;

/// The ticker; stop it before the store closes.
pub struct Ticker(JobScheduler);

/// Looks whether upkeep is due, and records it if so.
pub async fn tick(app: &App) -> store::Result<()> {
    if !app.read(admin::is_any_due).await? {
        return Ok(());
    }
    let settings = app.read(|tx, _| settings::load(tx)).await?;
    let intervals = Intervals { poll: app.config.poll_interval(&settings), ..app.config.intervals() };
    app.write(&Actor::System, move |tx, now| admin::fire_due(tx, &intervals, now)).await
}

impl Ticker {
    /// Starts ticking.
    pub async fn start(app: &App) -> Result<Ticker, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        let app = app.clone();
        let job = Job::new_async("* * * * * *", move |_, _| {
            let app = app.clone();
            Box::pin(async move {
                if let Err(error) = tick(&app).await {
                    tracing::warn!("what is due could not be looked up: {error}");
                }
            })
        })?;
        scheduler.add(job).await?;
        scheduler.start().await?;
        Ok(Ticker(scheduler))
    }

    /// Stops ticking.
    pub async fn stop(mut self) {
        if let Err(error) = self.0.shutdown().await {
            tracing::warn!("the ticker did not stop cleanly: {error}");
        }
    }
}
