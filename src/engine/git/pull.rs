//! Commits that a host keeps beside its branches, and that a mirror takes over one by one: heads of pull requests, and what a branch has
//! left behind.
//!
//! Each head of a pull request stands in a mirror as a reference of its own, in a file of its own, as long as somebody wants it there; the
//! branches, which stand in another file, know nothing of them. Objects stay when the reference goes, since something of ours may still name them.

use std::fs::File;
use std::path::PathBuf;
use std::time::Instant;

use gix::hash::ObjectId;
use gix::objs::Kind;

use super::fetch::Asked;
use super::host::Conversation;
use super::intake::{Bounds, Incoming, Progress, watched};
use super::mirror::Mirror;
use super::source::Source;
use super::transport::Place;
use super::whole::Broken;
use super::{Error, Result, commit, refs};
use crate::base::name::CommitSha;

/// The most references of pull requests that one look at a mirror lists.
const LISTED: usize = 100_000;

fn name(number: u64) -> String {
    format!("refs/pull/{number}/head")
}

impl Mirror {
    /// Takes over the head of a pull request, with all it names; answers which commit it is.
    pub fn fetch_pull(&self, source: &Source, asked: &Asked<'_>, number: u64) -> Result<CommitSha> {
        let _lock = self.lock()?;
        let unknown = || Error::UnknownRevision { rev: name(number) };
        let id = self.fetch_one(source, asked, unknown, |conversation| conversation.find(&name(number))?.ok_or_else(unknown))?;
        let dir = self.folder(number);
        std::fs::create_dir_all(&dir).map_err(Error::io("make", &dir))?;
        refs::write_whole(&dir.join("head"), format!("{id}\n").as_bytes())?;
        refs::sync_dir(&dir)?;
        Ok(commit::sha(&id))
    }

    /// Takes over a commit by its name, with all it names, where the host hands it out. No reference stands for it.
    pub fn fetch_commit(&self, source: &Source, asked: &Asked<'_>, commit: CommitSha) -> Result<()> {
        let _lock = self.lock()?;
        let unknown = || Error::UnknownRevision { rev: commit.to_string() };
        self.fetch_one(source, asked, unknown, |_| Ok(commit::id(commit))).map(drop)
    }

    /// Takes over the commit that a host is asked for, with all it names.
    fn fetch_one(
        &self,
        source: &Source,
        asked: &Asked<'_>,
        unknown: impl Fn() -> Error,
        find: impl FnOnce(&mut Conversation) -> Result<ObjectId>,
    ) -> Result<ObjectId> {
        let bounds = Bounds {
            limits: self.limits(),
            until: Instant::now() + self.limits().fetch_time,
            cancel: asked.cancel,
            progress: asked.progress,
        };
        (bounds.progress)(Progress::Asking);
        let Source::Http(url) = source else { return Err(unknown()) };
        let Place { host, port, .. } = Place::of(url)?;
        let client = if asked.is_trusted { asked.outbound.allowing(&host, port) } else { asked.outbound.apart() };
        let id = watched(
            &bounds,
            || client.close(),
            || {
                let mut conversation = Conversation::open(url, asked, &client, &bounds)?;
                let id = find(&mut conversation)?;
                self.take(conversation, id, &bounds)?;
                Ok(id)
            },
        );
        // Whatever broke because the fetch was to end says that.
        let id = id.map_err(|error| bounds.check().err().unwrap_or(error))?;
        match self.objects.header(&id)? {
            Some((Kind::Commit, _)) => Ok(id),
            _ => Err(unknown()),
        }
    }

    fn take(&self, conversation: Conversation, id: ObjectId, bounds: &Bounds<'_>) -> Result<()> {
        bounds.check()?;
        if self.objects.header(&id)?.is_none() {
            let (incoming, mut broken) = (Incoming::new(&self.layout.common_dir)?, Broken::default());
            conversation.pack(&[id], &self.haves(&[])?, &incoming, &self.objects, bounds)?;
            incoming.check(&self.objects, &[id], &mut broken, bounds)?;
            if let Some(error) = broken.first() {
                return Err(error);
            }
            incoming.keep()?;
        }
        Ok(())
    }

    fn folder(&self, number: u64) -> PathBuf {
        self.layout.common_dir.join("refs/pull").join(number.to_string())
    }

    /// The head of a pull request, if it is kept.
    pub fn pull(&self, number: u64) -> Result<Option<CommitSha>> {
        Ok(self.refs()?.find(&name(number))?.map(|id| commit::sha(&id)))
    }

    /// The pull requests whose head is kept.
    pub fn pulls(&self) -> Result<Vec<u64>> {
        let dir = self.layout.common_dir.join("refs/pull");
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("list", &dir)(error)),
        };
        Ok(entries.flatten().take(LISTED).filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
    }

    /// Keeps the head of a pull request no longer.
    pub fn forget_pull(&self, number: u64) -> Result<()> {
        let dir = self.folder(number);
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &dir)(error)),
            _ => Ok(()),
        }
    }

    /// Holds others off who would fetch into the mirror; the system gives the lock back when the process ends, however it ends.
    pub(super) fn lock(&self) -> Result<File> {
        let path = self.layout.common_dir.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path).map_err(Error::io("open", &path))?;
        lock.try_lock().map_err(|_| Error::Busy { path: self.layout.common_dir.clone() })?;
        Ok(lock)
    }
}
