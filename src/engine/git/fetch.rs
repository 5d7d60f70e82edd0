//! Fetching: a mirror takes over the branches of a repository and all they name.
//!
//! A repository on this machine is opened without its configuration and its objects are copied; one behind HTTP is asked by protocol
//! version 2. Either way a pack comes, and `intake` decides whether it is taken. Only branches are mirrored, and
//! branches that are gone there are gone here; objects stay, since something of ours may still name them. A branch to which something is
//! missing stays where it was and is told of; the others go on.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use gix::hash::ObjectId;

use super::aside::Aside;
use super::commit;
use super::host::Conversation;
use super::intake::{Bounds, Incoming, Progress, watched};
use super::layout::Trust;
use super::mirror::Mirror;
use super::packs;
use super::refs::{self, Head};
use super::source::{Credentials, Source};
use super::transport::Place;
use super::whole::{Broken, Look, is_of_content, missing};
use super::{Error, Result};
use crate::base::name::{BranchName, CommitSha};
use crate::engine::outbound::Client;

/// How many of our commits are named to a host, so that it sends only what is new.
const HAVES: usize = 256;

/// How often one fetch asks a host for packs: some branches that it cannot send are found among a thousand.
const ASKS: usize = 64;

/// What a fetch is asked to do, besides where from.
pub struct Asked<'a> {
    /// What is shown to a host so that it answers.
    pub credentials: Option<&'a Credentials>,
    /// What asks hosts.
    pub outbound: &'a Client,
    /// Whether the source's own host, at its own port, is asked whatever its address is.
    pub is_trusted: bool,
    /// Whose repositories are read on this machine.
    pub trust: Trust,
    /// Ends the fetch once it is set.
    pub cancel: &'a AtomicBool,
    /// Is told how far the fetch is.
    pub progress: &'a dyn Fn(Progress),
}

/// What a fetch found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The branch that `HEAD` names there, be there a commit on it or not.
    pub default_branch: Option<BranchName>,
    /// The branches, by name.
    pub branches: Vec<(BranchName, CommitSha)>,
    /// The branches that were not taken, each with the reason.
    pub skipped: Vec<(String, String)>,
}

/// What a repository says it has.
pub(super) struct Offer {
    pub default: Option<BranchName>,
    pub branches: Vec<(BranchName, ObjectId)>,
    pub skipped: Vec<(String, String)>,
}

impl Mirror {
    /// Makes the mirror's branches those of the source, with all they name.
    pub fn fetch(&self, source: &Source, asked: &Asked<'_>) -> Result<Fetched> {
        let _lock = self.lock()?;
        let bounds = Bounds {
            limits: self.limits(),
            until: Instant::now() + self.limits().fetch_time,
            cancel: asked.cancel,
            progress: asked.progress,
        };
        (bounds.progress)(Progress::Asking);
        let mut broken = Broken::default();
        let offer = match source {
            Source::Path(path) => self.copy(path, asked.trust, &mut broken, &bounds),
            Source::Http(url) => {
                // A host that says nothing holds up no one who wants to stop: its connections are closed.
                let Place { host, port, .. } = Place::of(url)?;
                // Redirects stay on the host, and what this lets through is the port as well.
                let client = if asked.is_trusted { asked.outbound.allowing(&host, port) } else { asked.outbound.apart() };
                watched(&bounds, || client.close(), || self.ask(url, asked, &client, &mut broken, &bounds))
            }
        };
        // Whatever broke because the fetch was to end says that.
        let mut offer = offer.map_err(|e| bounds.check().err().unwrap_or(e))?;
        self.leave_out(&mut offer, broken)?;
        offer.branches.sort();
        refs::replace(&self.layout.common_dir, &offer.branches, offer.default.as_ref())?;
        // What was fetched is there; that its packs are many is no reason to say otherwise.
        if let Err(e) = packs::combine(&self.layout.common_dir, &self.objects, &bounds) {
            tracing::warn!("cannot combine the packs of `{}`: {e}", self.layout.common_dir.display());
        }
        Ok(Fetched {
            default_branch: offer.default,
            branches: offer.branches.into_iter().map(|(name, id)| (name, commit::sha(&id))).collect(),
            skipped: offer.skipped,
        })
    }

    /// Leaves out what is not whole: such a branch stays where it was, if it was anywhere. Where nothing is whole, that is the failure.
    fn leave_out(&self, offer: &mut Offer, broken: Broken) -> Result<()> {
        if broken.is_empty() {
            return Ok(());
        }
        let before: HashMap<BranchName, ObjectId> = self.refs()?.branches()?.taken.into_iter().collect();
        let (whole, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut offer.branches).into_iter().partition(|(_, id)| broken.why(id).is_none());
        if whole.is_empty() {
            return broken.first().map_or(Ok(()), Err);
        }
        offer.branches = whole;
        for (name, id) in rest {
            let why = broken.why(&id).map(Error::to_string).unwrap_or_default();
            offer.skipped.push((name.to_string(), why));
            offer.branches.extend(before.get(&name).map(|id| (name, *id)));
        }
        Ok(())
    }

    /// Copies from a repository on this machine.
    fn copy(&self, path: &Path, trust: Trust, broken: &mut Broken, bounds: &Bounds<'_>) -> Result<Offer> {
        let source = Mirror::open_readonly(path, self.limits().clone(), trust)?;
        let there = source.refs()?;
        let default = match there.head()? {
            Head::Branch(name) => name.as_bstr().to_string().strip_prefix("refs/heads/").and_then(|name| name.parse().ok()),
            Head::Detached(_) | Head::None => None,
        };
        let found = there.branches()?;
        let mut offer = Offer { default, branches: Vec::new(), skipped: found.skipped };
        for (name, id) in found.taken {
            match source.objects.header(&id) {
                Ok(Some((gix::objs::Kind::Commit, _))) => offer.branches.push((name, id)),
                Ok(Some(_)) => offer.skipped.push((name.to_string(), "it does not point to a commit".to_owned())),
                // That it is missing or cannot be read is found out with the rest.
                Ok(None) | Err(Error::Corrupt { .. }) => offer.branches.push((name, id)),
                Err(e) => return Err(e),
            }
        }
        let shallow = source.objects.shallow();
        if !shallow.is_empty() {
            self.add_shallow(&shallow)?;
        }
        let tips: Vec<ObjectId> = offer.branches.iter().map(|(_, id)| *id).collect();
        // What is damaged in a way that names do not show is found once a copy fails; then all is looked at more closely.
        match self.copy_whole(&source, &tips, Look::Names, bounds) {
            Ok(found) => broken.extend(found),
            Err(e) if is_of_content(&e) => {
                bounds.check()?;
                tracing::debug!("looks at `{}` more closely: {e}", path.display());
                broken.extend(self.copy_whole(&source, &tips, Look::Bytes, bounds)?);
            }
            Err(e) => return Err(e),
        }
        Ok(offer)
    }

    /// Copies what is whole of that to which the tips lead, and answers those to which something is missing.
    fn copy_whole(&self, source: &Mirror, tips: &[ObjectId], look: Look, bounds: &Bounds<'_>) -> Result<Broken> {
        let incoming = Incoming::new(&self.layout.common_dir)?;
        let mut from = source.objects.handle();
        // Objects are found by their place in a pack from here on: packs must stay where they are.
        from.prevent_pack_unload();
        let mut broken = Broken::default();
        let shallow = source.objects.shallow();
        let mut new = missing(&from, &self.objects, tips, &shallow, look, &mut broken, bounds)?;
        let whole: Vec<ObjectId> = tips.iter().filter(|tip| broken.why(tip).is_none()).copied().collect();
        let mut again = Broken::default();
        if !broken.is_empty() {
            // What leads to something that is missing brings nothing with it: all that is taken is checked from the tips once it came.
            new = missing(&from, &self.objects, &whole, &shallow, look, &mut again, bounds)?;
        }
        Aside::new(&incoming, bounds).copy(&source.objects, &new.large)?;
        if !new.objects.is_empty() {
            let scratch = incoming.scratch();
            packs::write(from, new.objects, &scratch, bounds)?;
            let file = File::open(&scratch).map_err(Error::io("open", &scratch))?;
            incoming.pack(&mut BufReader::with_capacity(64 << 10, file), bounds, None)?;
        }
        incoming.check(&self.objects, &whole, &mut again, bounds)?;
        if let Some(error) = again.first() {
            return Err(error);
        }
        incoming.keep()?;
        Ok(broken)
    }

    /// Remembers where the history of a shallow repository ends. A commit that is listed and whose parents come later is looked at as
    /// if it had none, which is what its repository says.
    fn add_shallow(&self, more: &HashSet<ObjectId>) -> Result<()> {
        let file = self.layout.common_dir.join("shallow");
        let mut all: Vec<ObjectId> = self.objects.shallow().iter().chain(more).copied().collect();
        all.sort();
        all.dedup();
        let text: String = all.iter().map(|id| format!("{id}\n")).collect();
        refs::write_whole(&file, text.as_bytes())?;
        self.objects.load_shallow(&file)
    }

    /// Asks a host. What it cannot send together is asked for in halves, so that what is damaged there holds up nothing else.
    fn ask(&self, url: &str, asked: &Asked<'_>, client: &Client, broken: &mut Broken, bounds: &Bounds<'_>) -> Result<Offer> {
        let mut conversation = Conversation::open(url, asked, client, bounds)?;
        let offer = conversation.list(bounds)?;
        bounds.check()?;
        let mut wants = Vec::new();
        let mut seen = HashSet::new();
        for (_, id) in offer.branches.iter().filter(|(_, id)| seen.insert(*id)) {
            match self.objects.header(id)? {
                Some((gix::objs::Kind::Commit, _)) => {}
                Some(_) => broken.add(*id, Error::corrupt(format!("the commit {id}"), "it is no commit")),
                None => wants.push(*id),
            }
        }
        let mut conversation = Some(conversation);
        let mut taken = Vec::new();
        let mut groups = vec![wants];
        let mut asks = 0;
        while let Some(mut group) = groups.pop() {
            if group.is_empty() {
                continue;
            }
            if asks == ASKS {
                let why = |id| Error::corrupt(format!("the commit {id}, or another one"), "its host cannot send them together");
                group.into_iter().for_each(|id| broken.add(id, why(id)));
                continue;
            }
            asks += 1;
            let conversation = conversation.take().map_or_else(|| Conversation::open(url, asked, client, bounds), Ok)?;
            let incoming = Incoming::new(&self.layout.common_dir)?;
            let mut found = Broken::default();
            let came = conversation
                .pack(&group, &self.haves(&taken)?, &incoming, &self.objects, bounds)
                .and_then(|()| incoming.check(&self.objects, &group, &mut found, bounds));
            match came {
                Ok(()) if found.is_empty() => {
                    incoming.keep()?;
                    taken.extend(group);
                }
                // Nothing of a pack is kept that holds what is not whole: the rest is asked for again.
                Ok(()) => {
                    group.retain(|id| found.why(id).is_none());
                    groups.push(group);
                    broken.extend(found);
                }
                Err(e) => {
                    bounds.check()?;
                    if !is_of_content(&e) && !matches!(e, Error::Protocol { .. }) {
                        return Err(e);
                    }
                    match group.as_slice() {
                        [one] => broken.add(*one, e),
                        _ => {
                            let second = group.split_off(group.len() / 2);
                            groups.extend([second, group]);
                        }
                    }
                }
            }
        }
        Ok(offer)
    }

    /// Commits we have: those that were just taken, the branches' own, then what led to them.
    pub(super) fn haves(&self, taken: &[ObjectId]) -> Result<Vec<ObjectId>> {
        let branches = self.refs()?.branches()?.taken.into_iter().map(|(_, id)| id);
        let tips: Vec<ObjectId> = taken.iter().copied().chain(branches).collect();
        let mut out = Vec::new();
        let mut seen = HashSet::new();
        let mut todo: std::collections::VecDeque<ObjectId> = tips.into();
        while out.len() < HAVES
            && let Some(id) = todo.pop_front()
        {
            if seen.insert(id) && self.has(commit::sha(&id))? {
                out.push(id);
                todo.extend(self.commit(commit::sha(&id))?.parents.into_iter().map(commit::id));
            }
        }
        Ok(out)
    }
}
