//! Plumbline: code health, jobs and delivery measures for a team, in one self-hosted binary.
//!
//! This page is the map. It is read in five minutes and names every floor; the essays at the top of the modules go on from here.
//!
//! # Bird's eye
//!
//! One process. Requests come in at the rim, which is async; everything below is plain functions over transactions. All state is one
//! [store](engine::store) (an embedded database), content-addressed [blobs](engine::store::blob), bare [mirrors](engine::git::mirror) of
//! repositories, and a [search index](engine::fulltext) that is derived and can be lost. What has to be done later is an item of a
//! durable [queue](engine::queue) in the same database, committed together with its cause.
//!
//! # Floors
//!
//! Each may use those beneath it and never those above; `tests/it/tidy.rs` keeps that true.
//!
//! | floor | what it is |
//! |---|---|
//! | [`base`] | values and words: ids, names, time, events, work. No input or output |
//! | [`engine`] | one mechanism each, no word of the product: store, queue, git, sandbox, outbound, vault, fulltext |
//! | [`domain`] | the product's nouns and verbs: audit, settings, accounts, repos, secrets, issues, github, pulls, checks, statuses, search, hooks, admin |
//! | [`app`] | the handle, the consequences, the schema, the configuration; what drives the work |
//! | [`http`] | the REST API: the table of routes, errors, identity, views |
//! | [`ui`] | pages, made of the same views through the same verbs |
//! | [`cli`] | the command line, which builds all of this and stops it in order |
//!
//! Six files list everything there is, and are the shortest way in: [`http::routes`], [`http::code`], [`base::event`], [`base::work`],
//! [`app::schema`], [`app::reactions`].
//!
//! # Invariants, as absences
//!
//! * A handler never opens a transaction itself: [`app::App::read`] and [`app::App::write`] are the only bridge.
//! * Nothing but [`engine::outbound`] and the sandbox's proxy opens a connection outward (a daemon that runs images is spoken to over its
//!   socket), and nothing but [`engine::sandbox`] starts a
//!   process.
//! * No repository is ever checked out: trees and blobs are read by name, and no path of a tree is joined to a path of ours.
//! * No fetch, check or sleep happens inside a transaction: read, then do, then write.
//! * No plain secret is stored, logged, or printed by `Debug`: what has to be had again is sealed by [`engine::vault`], whose key is not in
//!   the store. (The key in a README's badges is stored, as no secret: see
//!   [`domain::repos::BadgeKey`].)
//! * No line of a repository is quoted but through [`domain::issues::conceal`], and nothing comes out of a sandbox but through the
//!   [mask](base::mask) of what was given into it.
//! * No wall clock but [`base::time::Clock`].
//! * No stored record is a wire shape: views live with the handlers.
//! * No answer says "saved" before the commit is durable.
//! * Nobody changes anything without an entry in the [trail](domain::audit), which is written with the change and never changed itself.
//!
//! # Three walks
//!
//! **A commit becomes a verdict.** [`app::ticker`] finds that polling is due and records it; [`app::reactions`] turns that into work;
//! [`app::runner`] claims it. [`app::sync`] fetches into the mirror, registers commits, and moves the branches some at a time, each in the
//! transaction that asks for the checks of its new head. [`app::check`] plans from the manifest, judges the files that changed since the nearest
//! analysed commit, recognises issues by [`domain::issues::track`], stages chunks where nobody sees them, and switches to them in the
//! transaction that ends the set, with the verdict of [`domain::statuses::gate`]. Then the issues' own rows are told
//! ([`domain::issues::settle`]) and the index catches up ([`app::indexing`]).
//!
//! **A request becomes an answer.** [`http::server`] gives it a place and some time, [`http::layers`] an id, [`http::auth`] finds out who
//! asks ([`http::proxies`] from where, [`http::limits`] whether it is too much, and [`http::trail`] writes down who was not let),
//! [`http::routes`] says which permission it takes, [`http::repeat`] whether it was answered before. The handler's
//! [`Permit`](http::extract::Permit) decides on the repository inside the transaction, one verb does it, a view is answered; an error of
//! any floor becomes a [`code`](http::code) in [`http::error`]. A page is the same with a template at its end.
//!
//! **A write becomes durable.** A verb goes to the [store's writer](engine::store): it reads one moment, writes into a layer over it,
//! records events; what follows from them is queued in the same layer ([`app::reactions`]), and so is what the trail says of them
//! ([`app::trail`]). The layers of all who wait are settled and committed together,
//! and only then is anybody answered.

// The macros `words!` and `id!` are declared there.
pub mod base;

pub mod engine;

pub mod domain;

pub mod app;

pub mod http;
pub mod ui;

pub mod cli;

pub use cli::run;
