//! Interpreting deliveries: what is kept is read, then what follows is done, in as few transactions as it takes.
//!
//! What a delivery says is parsed outside of any transaction. A payload that cannot be read is no failure of the work: the delivery says
//! what is wrong with it, and nothing would be better the next time. What fails by the store is tried again, and the delivery says so
//! meanwhile; by then at the latest that it was tried in vain.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use super::App;
use super::runner::{Attempt, Failure, said};
use crate::base::event::{Actor, Event};
use crate::base::id::DeliveryId;
use crate::base::text::{clip, quiet};
use crate::base::work::{Lane, Work};
use crate::domain::accounts::{self, RepoRole};
use crate::domain::github::payload::{self, Kind, Payload, RepoRef};
use crate::domain::hooks::github::{APPROVE, Applied, Presser, Sent, apply};
use crate::domain::hooks::{self, Content, Delivery, DeliveryState, Named, Outcome};
use crate::domain::{repos, settings};
use crate::engine::queue::{self, Claim, Verdict};
use crate::engine::store::{self, ReadTx};

/// The largest body that is taken: the largest that GitHub sends.
pub const BODY_BYTES: u64 = 25 << 20;

/// How many deliveries that wait are interpreted in one transaction, and how many bytes their bodies may have together.
const TOGETHER: usize = 32;
const BYTES_TOGETHER: u64 = 1 << 20;

/// Performs `Work::InterpretDelivery`, and with it what waits behind it: after a burst a transaction for each would take its time. May be
/// repeated from the start: everything that follows from a delivery may be.
pub fn perform(app: &App, attempt: &Attempt, id: DeliveryId) -> Result<(), Failure> {
    let mut attempts = vec![(attempt.clone(), id)];
    attempts.extend(claim_more(app, attempt)?);
    let (mut at, mut outcome) = (0, Ok(()));
    while let Some((attempt, id)) = attempts.get(at) {
        // Which of them it was that failed is found where each is interpreted by itself.
        let done = std::panic::catch_unwind(AssertUnwindSafe(|| together(app, &attempts[at..]))).unwrap_or(Ok(0)).unwrap_or(0);
        if done == 0 {
            match (at, one(app, attempt, *id)) {
                (0, result) => outcome = result,
                (_, Ok(())) => {}
                (_, Err(failure)) => super::runner::end(app, attempt.claim.clone(), failure)?,
            }
        }
        at += done.max(1);
    }
    outcome
}

/// Takes up the deliveries that wait behind one, in their order.
fn claim_more(app: &App, attempt: &Attempt) -> Result<Vec<(Attempt, DeliveryId)>, Failure> {
    let is_due = |tx: &ReadTx, now| Ok::<_, store::Error>(queue::next_due(tx, Lane::Hooks)?.is_some_and(|due_at| due_at <= now));
    if !app.read_now(is_due)? {
        return Ok(Vec::new());
    }
    let claims = app.write_now(&Actor::System, |tx, now| -> store::Result<Vec<Claim>> {
        let mut claims = Vec::new();
        while claims.len() + 1 < TOGETHER
            && let Some(claim) = queue::claim(tx, Lane::Hooks, "hooks", now)?
        {
            claims.push(claim);
        }
        Ok(claims)
    })?;
    let attempt = |claim: Claim| match claim.work {
        Work::InterpretDelivery { delivery } => Some((Attempt { claim, cancel: attempt.cancel.clone() }, delivery)),
        _ => None,
    };
    Ok(claims.into_iter().filter_map(attempt).collect())
}

/// Interprets the first of these in one transaction, as far as nothing particular is to be done about one; answers how many those are.
fn together(app: &App, attempts: &[(Attempt, DeliveryId)]) -> Result<usize, Failure> {
    // One alone is read once, where it is interpreted by itself.
    if attempts.len() < 2 {
        return Ok(0);
    }
    let (mut ready, mut bytes) = (Vec::new(), 0_u64);
    for (attempt, id) in attempts {
        let Some((delivery, payload)) = plain(app, *id, BYTES_TOGETHER.saturating_sub(bytes))? else { break };
        bytes += delivery.bytes;
        ready.push((attempt.claim.clone(), delivery, payload));
    }
    if ready.len() < 2 {
        return Ok(0);
    }
    let ready = Arc::new(ready);
    let each = Arc::clone(&ready);
    let outcomes = app.write_now(&Actor::System, move |tx, now| -> Result<Vec<Outcome>, Failure> {
        let mut outcomes = Vec::new();
        for (claim, delivery, payload) in each.iter() {
            queue::check(tx, claim)?;
            let sent = Sent { guid: delivery.guid.clone(), received_at: delivery.received_at, presser: None };
            let Applied::Whole(outcome) = apply(tx, payload, &sent, now)? else { break };
            hooks::conclude(tx, delivery.id, &named(payload), &outcome, now)?;
            queue::finish(tx, claim, now)?;
            outcomes.push(outcome);
        }
        Ok(outcomes)
    })?;
    for ((_, delivery, _), outcome) in ready.iter().zip(&outcomes) {
        tell(delivery, outcome);
    }
    Ok(outcomes.len())
}

/// A delivery that can be read, is small, and is done with in a few rows on nobody's behalf; `None` for all others.
fn plain(app: &App, id: DeliveryId, bytes: u64) -> Result<Option<(Delivery, Payload)>, Failure> {
    let delivery = match app.read_now(|tx, _| hooks::get(tx, id)) {
        Ok(delivery) if delivery.state == DeliveryState::Received && delivery.bytes <= bytes => delivery,
        Ok(_) | Err(hooks::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Ok(payload) = payload::parse(&delivery.event, &read(app, id)?) else { return Ok(None) };
    let is_plain = !matches!(&payload.kind, Kind::Installation(_) | Kind::InstallationRepositories { .. } | Kind::CheckRun(_, Some(_)));
    Ok(is_plain.then_some((delivery, payload)))
}

/// Interprets one delivery by itself.
fn one(app: &App, attempt: &Attempt, id: DeliveryId) -> Result<(), Failure> {
    let delivery = match app.read_now(|tx, _| hooks::get(tx, id)) {
        Ok(delivery) if delivery.state == DeliveryState::Received => delivery,
        // It was forgotten meanwhile, or a crash came between what follows and the end of this work.
        Ok(_) | Err(hooks::Error::NotFound { .. }) => return attempt.done(app),
        Err(error) => return Err(error.into()),
    };
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| interpret(app, attempt, &delivery)))
        .unwrap_or_else(|panic| Err(Failure { message: format!("it panicked: {}", said(&*panic)), verdict: Verdict::Retry }));
    let Err(failure) = outcome else { return Ok(()) };
    let (why, is_over) = (failure.message.clone(), attempt.is_last() || failure.verdict == Verdict::GiveUp);
    if is_over {
        return end(app, attempt, &delivery, &Named::default(), Outcome::Failed(why));
    }
    app.write_now(&Actor::System, move |tx, now| hooks::stumble(tx, id, &why, now))?;
    Err(failure)
}

fn interpret(app: &App, attempt: &Attempt, delivery: &Delivery) -> Result<(), Failure> {
    let body = match read(app, delivery.id) {
        Ok(body) => body,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(error) => return end(app, attempt, delivery, &Named::default(), Outcome::Failed(error.to_string())),
    };
    let payload = match payload::parse(&delivery.event, &body) {
        Ok(payload) => Arc::new(payload),
        Err(malformed) => return end(app, attempt, delivery, &Named::default(), Outcome::Failed(malformed.to_string())),
    };
    drop(body);
    let named = named(&payload);
    let (actor, presser) = presser(app, &payload)?;
    let sent = Sent { guid: delivery.guid.clone(), received_at: delivery.received_at, presser };
    loop {
        let handle = app.clone();
        let (id, claim, payload, named, sent) = (delivery.id, attempt.claim.clone(), Arc::clone(&payload), named.clone(), sent.clone());
        let applied = app.write_now(&actor, move |tx, now| -> Result<Applied, Failure> {
            queue::check(tx, &claim)?;
            let mut applied = apply(tx, &payload, &sent, now)?;
            if let Applied::Whole(outcome) = &mut applied {
                let settings = settings::load(tx)?;
                if listed(&payload).iter().any(|(_, owner)| handle.config.adds_of(&settings, owner)) {
                    tx.record(Event::ReposListed { delivery: id }, now)?;
                    *outcome = Outcome::Processed("what the App is let at is added, where it is not here yet".to_owned());
                }
                hooks::conclude(tx, id, &named, outcome, now)?;
                queue::finish(tx, &claim, now)?;
            }
            Ok(applied)
        })?;
        if let Applied::Whole(outcome) = applied {
            tell(delivery, &outcome);
            return Ok(());
        }
    }
}

/// What is known of who pressed a button of ours on GitHub, and on whose behalf what follows is done: that of a person here who may write,
/// at once. Of everybody else GitHub is asked by work of its own ([`presses`](super::presses)), for which no other delivery waits.
fn presser(app: &App, payload: &Payload) -> Result<(Actor, Option<Presser>), Failure> {
    let nobody = Ok((Actor::System, None));
    let Kind::CheckRun(_, Some(pressed)) = &payload.kind else { return nobody };
    let Some(named) = payload.common.repository.as_ref().filter(|_| pressed.identifier == APPROVE) else { return nobody };
    let (number, by) = (named.id, pressed.by.id);
    app.read_now(|tx, _| -> Result<_, Failure> {
        let Some(repo) = repos::find_by_github(tx, number)? else { return Ok((Actor::System, None)) };
        let known = accounts::github_identity(tx, by)?.map(|identity| identity.user);
        let role = known.map(|user| accounts::role_of(tx, repo.id, user)).transpose()?.flatten();
        Ok(match known {
            Some(user) if role.is_some_and(|role| role >= RepoRole::Write) => (Actor::User { user, address: None }, Some(Presser::Known)),
            // Whoever is shut out here is let in by no other door.
            Some(user) if accounts::is_shut_out(tx, user)? => (Actor::System, None),
            Some(_) | None => (Actor::System, Some(Presser::Asked)),
        })
    })
}

/// The repositories that a payload says the App is let at from now on: their numbers, and whose they are. One that was made is among them
/// where the App is let at all.
pub(super) fn listed(payload: &Payload) -> Vec<(u64, &str)> {
    fn all(listed: &[RepoRef]) -> Vec<(u64, &str)> {
        listed.iter().map(|repo| (repo.id, owner(&repo.full_name))).collect()
    }
    match &payload.kind {
        Kind::Installation(listed) if payload.action() == "created" => all(listed),
        Kind::InstallationRepositories { added, .. } => all(added),
        Kind::Repository if payload.action() == "created" => {
            payload.common.repository.iter().map(|repo| (repo.id, owner(&repo.full_name))).collect()
        }
        _ => Vec::new(),
    }
}

/// Whose a repository of this name is, as GitHub names it; nobody's where it is no such name.
pub(super) fn owner(full_name: &str) -> &str {
    full_name.split_once('/').map_or("", |(owner, _)| owner)
}

fn end(app: &App, attempt: &Attempt, delivery: &Delivery, named: &Named, outcome: Outcome) -> Result<(), Failure> {
    let (id, claim, named, kept) = (delivery.id, attempt.claim.clone(), named.clone(), outcome.clone());
    app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
        hooks::conclude(tx, id, &named, &kept, now)?;
        Ok(queue::finish(tx, &claim, now)?)
    })?;
    tell(delivery, &outcome);
    Ok(())
}

/// A line in the log for whoever wonders what became of it; none of what it said.
fn tell(delivery: &Delivery, outcome: &Outcome) {
    // It repeats names that others chose: on one line, and not for longer than is kept of it.
    let (id, event, says) = (delivery.id, &delivery.event, quiet(&clip(outcome.says(), hooks::OUTCOME_BYTES)));
    match outcome {
        Outcome::Failed(_) => tracing::warn!(delivery.id = %id, "a delivery of `{event}` could not be interpreted: {says}"),
        Outcome::Ignored(_) => tracing::info!(delivery.id = %id, "a delivery of `{event}` is ignored: {says}"),
        Outcome::Processed(_) => tracing::debug!(delivery.id = %id, "a delivery of `{event}` was processed: {says}"),
    }
}

fn named(payload: &Payload) -> Named {
    let common = &payload.common;
    Named {
        action: common.action.clone(),
        repo: common.repository.as_ref().map(|repo| repo.full_name.clone()),
        installation: common.installation.as_ref().map(|installation| installation.id),
    }
}

/// The bytes of a delivery's body.
pub fn read(app: &App, id: DeliveryId) -> store::Result<Vec<u8>> {
    let find = |tx: &ReadTx, _| match hooks::body(tx, id) {
        Ok(body) => Ok(Some(body.content)),
        Err(hooks::Error::Store(error)) => Err(error),
        Err(_) => Ok(None),
    };
    match app.read_now(find)? {
        Some(Content::Inline(bytes)) => Ok(bytes),
        Some(Content::Blob(blob)) => app.blobs.get(blob, BODY_BYTES),
        None => Ok(Vec::new()),
    }
}
