//! What the product is for, from end to end: each test acts on the world and looks at the world.

mod adding;
mod approval;
mod commit_to_verdict;
mod deletion;
mod deliveries;
mod duplication;
mod github;
mod github_fails;
mod hostile_repositories;
mod images;
mod people;
mod polling;
mod power_cut;
pub mod programs;
mod pulls;
mod put_off;
mod remote_hosts;
mod runs;
mod secrets;
mod setup;
mod sweeping;
mod told;
mod upkeep;
