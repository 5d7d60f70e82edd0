//! The capabilities: the product, one noun each.
//!
//! They form one ordered list, and each may use those before it:
//! `audit settings accounts repos secrets issues github pulls checks statuses dora search hooks admin`. What would run against the order goes through an
//! [`Event`](crate::base::event::Event) and [`reactions`](crate::app::reactions).

pub mod accounts;
pub mod admin;
pub mod audit;
pub mod checks;
pub mod dora;
pub mod github;
pub mod hooks;
pub mod issues;
pub mod pulls;
pub mod repos;
pub mod search;
pub mod secrets;
pub mod settings;
pub mod statuses;
