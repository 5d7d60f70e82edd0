//! The suites that go through the library's public doors. One binary, so that it links once; its folders mirror `src`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say so where it stands")]

mod api;
mod browser;
mod cli_admin;
mod cli_check;
mod cli_deliveries;
mod cli_doctor;
mod cli_github;
mod cli_keys;
mod cli_serve;
mod cli_usage;
mod cli_user;
mod flow;
mod full_disk;
mod guard;
mod payloads;
mod plugins;
mod readme;
mod store;
mod support;
mod tables;
mod tidy;
