//! A host that is asked over HTTP: what it lists, and the packs it sends.

use std::collections::HashSet;

use gix::hash::ObjectId;
use gix::progress::Discard;
use gix::protocol::handshake::Ref;
use gix::protocol::transport::{Protocol, Service, client::blocking_io::http::Transport};

use super::aside::Aside;
use super::fetch::{Asked, Offer};
use super::intake::{Bounds, Incoming};
use super::objects::Objects;
use super::sieve::Sieve;
use super::transport::{Allowance, Carrier, Failure, LISTING, PREAMBLE, Place};
use super::{Error, Result};
use crate::base::name::BranchName;
use crate::engine::outbound::Client;

/// A conversation with a host that has said what it can do.
pub(super) struct Conversation {
    host: String,
    failure: Failure,
    allowance: Allowance,
    transport: Transport<Carrier>,
    handshake: gix::protocol::Handshake,
}

impl Conversation {
    pub fn open(url: &str, asked: &Asked<'_>, client: &Client, bounds: &Bounds<'_>) -> Result<Conversation> {
        let host = Place::of(url)?.host;
        let carrier = Carrier::new(client, asked.credentials, bounds.until, bounds.limits.pack_bytes.max(LISTING));
        let (failure, allowance) = (carrier.failure.clone(), carrier.allowance.clone());
        let parsed = gix::Url::try_from(url).map_err(|e| strange(&failure, &host, &e))?;
        let mut transport = Transport::new_http(carrier, parsed, Protocol::V2, false);
        let handshake = gix::protocol::handshake(&mut transport, Service::UploadPack, |_| Ok(None), Vec::new(), &mut Discard)
            .map_err(|e| strange(&failure, &host, &e))?;
        let conversation = Conversation { host, failure, allowance, transport, handshake };
        if conversation.handshake.server_protocol_version != Protocol::V2 {
            return Err(conversation.strange(&"it does not speak protocol version 2"));
        }
        let format = conversation.handshake.capabilities.capability("object-format");
        if format.and_then(|format| format.value().map(ToOwned::to_owned)).is_some_and(|format| format != "sha1") {
            return Err(conversation.strange(&"its objects are not named by SHA-1"));
        }
        Ok(conversation)
    }

    /// What the host says it has.
    pub fn list(&mut self, bounds: &Bounds<'_>) -> Result<Offer> {
        let mut prefixes = gix::protocol::ls_refs::RefPrefixes::new();
        prefixes.extend(["HEAD".into(), "refs/heads/".into()]);
        self.allowance.set(LISTING);
        let listed = gix::protocol::LsRefsCommand::new(Some(prefixes), &self.handshake.capabilities, agent())
            .invoke_blocking(&mut self.transport, &mut Discard, false)
            .map_err(|e| strange(&self.failure, &self.host, &e))?;
        if listed.len() > bounds.limits.refs {
            return Err(Error::TooMany { what: format!("`{}`", self.host), of: "references", limit: bounds.limits.refs as u64 });
        }
        Ok(offered(&listed))
    }

    /// The object that the host has under a full name, if it has one.
    pub fn find(&mut self, full: &str) -> Result<Option<ObjectId>> {
        let mut prefixes = gix::protocol::ls_refs::RefPrefixes::new();
        prefixes.extend([full.into()]);
        self.allowance.set(LISTING);
        let listed = gix::protocol::LsRefsCommand::new(Some(prefixes), &self.handshake.capabilities, agent())
            .invoke_blocking(&mut self.transport, &mut Discard, false)
            .map_err(|e| strange(&self.failure, &self.host, &e))?;
        Ok(listed.iter().find_map(|reference| match reference {
            Ref::Direct { full_ref_name, object } if full_ref_name == full => Some(*object),
            _ => None,
        }))
    }

    /// Takes the pack in that has these tips and, as far as the host may know, nothing that we have.
    pub fn pack(mut self, wants: &[ObjectId], haves: &[ObjectId], to: &Incoming, ours: &Objects, bounds: &Bounds<'_>) -> Result<()> {
        let fetch = gix::protocol::Command::Fetch;
        let mut features = fetch.default_features(Protocol::V2, &self.handshake.capabilities);
        features.push(agent());
        let mut arguments = gix::protocol::fetch::Arguments::new(Protocol::V2, features, false);
        for id in wants {
            arguments.want(id);
        }
        for id in haves {
            arguments.have(id);
        }
        let strange = |e: &dyn std::fmt::Display| strange(&self.failure, &self.host, e);
        self.allowance.set(PREAMBLE);
        let mut reader = arguments.send(&mut self.transport, true).map_err(|e| strange(&e))?;
        let response = gix::protocol::fetch::Response::from_line_reader(Protocol::V2, &mut reader, true, false).map_err(|e| strange(&e))?;
        if !response.shallow_updates().is_empty() {
            return Err(strange(&"it holds only a part of its history (it is shallow)"));
        }
        if !response.has_pack() {
            return Err(strange(&"it sent no pack"));
        }
        // From here on it is the pack, which goes to the disk.
        self.allowance.lift();
        // With a handler set, what the other side says about itself is told from what it sends; it is not shown.
        reader.set_progress_handler(Some(Box::new(|_, _| std::ops::ControlFlow::Continue(()))));
        let mut sieve = Sieve::new(&mut reader, Aside::new(to, bounds), bounds);
        let taken = to.pack(&mut sieve, bounds, Some(ours.handle()));
        // The first cause is the one to tell: the connection, then the pack, then what was made of it.
        taken.map(drop).map_err(|e| self.failure.or(|| sieve.failure.take().unwrap_or(e)))
    }

    fn strange(&self, why: &dyn std::fmt::Display) -> Error {
        strange(&self.failure, &self.host, why)
    }
}

fn agent() -> (&'static str, Option<String>) {
    ("agent", Some(concat!("plumbline/", env!("CARGO_PKG_VERSION")).to_owned()))
}

fn strange(failure: &Failure, host: &str, why: &dyn std::fmt::Display) -> Error {
    let why = crate::base::text::clip(&why.to_string(), 300).into_owned();
    failure.or(|| Error::Protocol { host: host.to_owned(), why })
}

/// What a host's list of references says.
fn offered(listed: &[Ref]) -> Offer {
    let mut offer = Offer { default: None, branches: Vec::new(), skipped: Vec::new() };
    let mut taken = HashSet::new();
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
