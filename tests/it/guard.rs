//! Who may do what, and what never leaves: the tables that a reviewer reads, held against the server.

mod canary;
pub mod concealment;
mod csrf;
mod headers;
mod oci;
mod pages;
mod permissions;
mod redaction;
pub mod sandbox;
