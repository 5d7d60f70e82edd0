//! Fetching: a mirror takes over the branches of a repository and all they name.
//!
//! A repository on this machine is opened without its configuration and its objects are copied; one behind HTTP is asked by protocol
//! version 2. Either way a pack comes, and `intake` decides whether it is taken. Only branches are mirrored, and
//! branches that are gone there are gone here; objects stay, since something of ours may still name them.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use gix::hash::ObjectId;
use gix::progress::Discard;
use gix::protocol::handshake::Ref;
use gix::protocol::transport::{Protocol, Service, client::blocking_io::http::Transport};

use super::aside::Aside;
use super::commit;
use super::intake::{Bounds, Incoming, Progress, missing, watched};
use super::layout::Trust;
use super::mirror::Mirror;
use super::packs;
use super::refs::{self, Head};
use super::sieve::Sieve;
use super::source::{Credentials, Source};
use super::transport::{Carrier, LISTING, Place};
use super::{Error, Result};
use crate::base::name::{BranchName, CommitSha};
use crate::engine::outbound::Client;

/// How many of our commits are named to a host, so that it sends only what is new.
const HAVES: usize = 256;

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
struct Offer {
    default: Option<BranchName>,
    branches: Vec<(BranchName, ObjectId)>,
    skipped: Vec<(String, String)>,
}

impl Mirror {
    /// Makes the mirror's branches those of the source, with all they name.
    pub fn fetch(&self, source: &Source, asked: &Asked<'_>) -> Result<Fetched> {
        let lock_path = self.layout.common_dir.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(Error::io("open", &lock_path))?;
        // The system gives the lock back when the process ends, however it ends.
        lock.try_lock().map_err(|_| Error::Busy { path: self.layout.common_dir.clone() })?;
        let bounds = Bounds {
            limits: self.limits(),
            until: Instant::now() + self.limits().fetch_time,
            cancel: asked.cancel,
            progress: asked.progress,
        };
        (bounds.progress)(Progress::Asking);
        let incoming = Incoming::new(&self.layout.common_dir)?;
        let offer = match source {
            Source::Path(path) => self.copy(path, asked.trust, &incoming, &bounds),
            Source::Http(url) => {
                // A host that says nothing holds up no one who wants to stop: its connections are closed.
                let Place { host, port, .. } = Place::of(url)?;
                // Redirects stay on the host, and what this lets through is the port as well.
                let client = if asked.is_trusted { asked.outbound.allowing(&host, port) } else { asked.outbound.apart() };
                watched(&bounds, || client.close(), || self.ask(url, asked, &client, &incoming, &bounds))
            }
        };
        // Whatever broke because the fetch was to end says that.
        let mut offer = offer.map_err(|e| bounds.check().err().unwrap_or(e))?;
        let tips: Vec<ObjectId> = offer.branches.iter().map(|(_, id)| *id).collect();
        incoming.check(&self.objects, &tips, &bounds)?;
        incoming.keep()?;
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

    /// Copies from a repository on this machine.
    fn copy(&self, path: &Path, trust: Trust, incoming: &Incoming, bounds: &Bounds<'_>) -> Result<Offer> {
        let source = Mirror::open_readonly(path, self.limits().clone(), trust)?;
        let there = source.refs()?;
        let default = match there.head()? {
            Head::Branch(name) => name.as_bstr().to_string().strip_prefix("refs/heads/").and_then(|name| name.parse().ok()),
            Head::Detached(_) | Head::None => None,
        };
        let found = there.branches()?;
        let mut offer = Offer { default, branches: Vec::new(), skipped: found.skipped };
        for (name, id) in found.taken {
            match source.objects.header(&id)? {
                Some((gix::objs::Kind::Commit, _)) => offer.branches.push((name, id)),
                Some(_) => offer.skipped.push((name.to_string(), "it does not point to a commit".to_owned())),
                None => return Err(Error::corrupt(format!("the branch `{name}` of `{}`", path.display()), "its commit is missing")),
            }
        }
        let shallow = source.objects.shallow();
        if !shallow.is_empty() {
            self.add_shallow(&shallow)?;
        }
        let tips: Vec<ObjectId> = offer.branches.iter().map(|(_, id)| *id).collect();
        let mut from = source.objects.handle();
        // Objects are found by their place in a pack from here on: packs must stay where they are.
        from.prevent_pack_unload();
        let new = missing(&from, &self.objects, &tips, &shallow, bounds)?;
        Aside::new(incoming, bounds).copy(&source.objects, &new.large)?;
        if !new.objects.is_empty() {
            let scratch = incoming.scratch();
            packs::write(from, new.objects, &scratch, bounds)?;
            let file = File::open(&scratch).map_err(Error::io("open", &scratch))?;
            incoming.pack(&mut BufReader::with_capacity(64 << 10, file), bounds, None)?;
        }
        Ok(offer)
    }

    /// Remembers where the history of a shallow repository ends. A commit that is listed and whose parents come later is looked at as
    /// if it had none, which is what its repository says.
    fn add_shallow(&self, more: &std::collections::HashSet<ObjectId>) -> Result<()> {
        let file = self.layout.common_dir.join("shallow");
        let mut all: Vec<ObjectId> = self.objects.shallow().iter().chain(more).copied().collect();
        all.sort();
        all.dedup();
        let text: String = all.iter().map(|id| format!("{id}\n")).collect();
        refs::write_whole(&file, text.as_bytes())?;
        self.objects.load_shallow(&file)
    }

    /// Asks a host.
    fn ask(&self, url: &str, asked: &Asked<'_>, client: &Client, incoming: &Incoming, bounds: &Bounds<'_>) -> Result<Offer> {
        let host = Place::of(url)?.host;
        let carrier = Carrier::new(client, asked.credentials, bounds.until, bounds.limits.pack_bytes.max(LISTING));
        let failure = carrier.failure.clone();
        let strange = |e: &dyn std::fmt::Display| {
            let why = crate::base::text::clip(&e.to_string(), 300).into_owned();
            failure.or(|| Error::Protocol { host: host.clone(), why })
        };
        let parsed = gix::Url::try_from(url).map_err(|e| strange(&e))?;
        let mut transport = Transport::new_http(carrier, parsed, Protocol::V2, false);
        let handshake = gix::protocol::handshake(&mut transport, Service::UploadPack, |_| Ok(None), Vec::new(), &mut Discard)
            .map_err(|e| strange(&e))?;
        if handshake.server_protocol_version != Protocol::V2 {
            return Err(strange(&"it does not speak protocol version 2"));
        }
        let format = handshake.capabilities.capability("object-format");
        if format.and_then(|format| format.value().map(ToOwned::to_owned)).is_some_and(|format| format != "sha1") {
            return Err(strange(&"its objects are not named by SHA-1"));
        }
        let agent = || ("agent", Some(concat!("plumbline/", env!("CARGO_PKG_VERSION")).to_owned()));
        let mut prefixes = gix::protocol::ls_refs::RefPrefixes::new();
        prefixes.extend(["HEAD".into(), "refs/heads/".into()]);
        let listed = gix::protocol::LsRefsCommand::new(Some(prefixes), &handshake.capabilities, agent())
            .invoke_blocking(&mut transport, &mut Discard, false)
            .map_err(|e| strange(&e))?;
        if listed.len() > bounds.limits.refs {
            return Err(Error::TooMany { what: format!("`{host}`"), of: "references", limit: bounds.limits.refs as u64 });
        }
        let offer = offered(&listed);
        bounds.check()?;

        let fetch = gix::protocol::Command::Fetch;
        let mut features = fetch.default_features(Protocol::V2, &handshake.capabilities);
        features.push(agent());
        let mut arguments = gix::protocol::fetch::Arguments::new(Protocol::V2, features, false);
        let mut wants = false;
        let mut seen = std::collections::HashSet::new();
        for (_, id) in &offer.branches {
            if seen.insert(*id) && self.objects.header(id)?.is_none() {
                arguments.want(id);
                wants = true;
            }
        }
        if !wants {
            return Ok(offer);
        }
        for id in self.haves()? {
            arguments.have(id);
        }
        let mut reader = arguments.send(&mut transport, true).map_err(|e| strange(&e))?;
        let response = gix::protocol::fetch::Response::from_line_reader(Protocol::V2, &mut reader, true, false).map_err(|e| strange(&e))?;
        if !response.shallow_updates().is_empty() {
            return Err(strange(&"it holds only a part of its history (it is shallow)"));
        }
        if !response.has_pack() {
            return Err(strange(&"it sent no pack"));
        }
        // With a handler set, what the other side says about itself is told from what it sends; it is not shown.
        reader.set_progress_handler(Some(Box::new(|_, _| std::ops::ControlFlow::Continue(()))));
        let mut sieve = Sieve::new(&mut reader, Aside::new(incoming, bounds), bounds);
        let taken = incoming.pack(&mut sieve, bounds, Some(self.objects.handle()));
        // The first cause is the one to tell: the connection, then the pack, then what was made of it.
        taken.map_err(|e| failure.or(|| sieve.failure.take().unwrap_or(e)))?;
        Ok(offer)
    }

    /// Commits we have: the branches' own, then what led to them.
    fn haves(&self) -> Result<Vec<ObjectId>> {
        let tips: Vec<ObjectId> = self.refs()?.branches()?.taken.into_iter().map(|(_, id)| id).collect();
        let mut out = Vec::new();
        let mut seen = std::collections::HashSet::new();
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

/// What a host's list of references says.
fn offered(listed: &[Ref]) -> Offer {
    let mut offer = Offer { default: None, branches: Vec::new(), skipped: Vec::new() };
    let mut taken = std::collections::HashSet::new();
    for reference in listed {
        let (name, target, id) = match reference {
            Ref::Direct { full_ref_name, object } => (full_ref_name, None, Some(*object)),
            Ref::Symbolic { full_ref_name, target, object, tag: None } => (full_ref_name, Some(target), Some(*object)),
            Ref::Unborn { full_ref_name, target } => (full_ref_name, Some(target), None),
            Ref::Peeled { full_ref_name, .. } | Ref::Symbolic { full_ref_name, .. } => (full_ref_name, None, None),
        };
        if name == "HEAD" {
            let branch = target.map(ToString::to_string);
            offer.default = branch.and_then(|branch| branch.strip_prefix("refs/heads/").and_then(|branch| branch.parse().ok()));
            continue;
        }
        let text = name.to_string();
        let Some(short) = text.strip_prefix("refs/heads/") else { continue };
        match (
            std::str::from_utf8(name).map_err(|_| "its name is not UTF-8").and_then(|_| short.parse::<BranchName>().map_err(|e| e.why)),
            id,
        ) {
            (Ok(branch), Some(id)) if taken.insert(branch.clone()) => offer.branches.push((branch, id)),
            (Ok(_), Some(_)) => offer.skipped.push((short.to_owned(), "it was listed twice".to_owned())),
            (Ok(_), None) => offer.skipped.push((short.to_owned(), "it does not point to a commit".to_owned())),
            (Err(why), _) => offer.skipped.push((short.to_owned(), why.to_owned())),
        }
    }
    offer
}
