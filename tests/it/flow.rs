//! What the product is for, from end to end: each test acts on the world and looks at the world.

mod commit_to_verdict;
mod deletion;
mod hostile_repositories;
mod power_cut;
mod runs;
mod upkeep;
