//! Who may do what, and what never leaves: the tables that a reviewer reads, held against the server.

mod asvs;
mod canary;
pub mod concealment;
mod csrf;
mod headers;
mod limits;
mod oci;
mod outbound;
mod pages;
mod permissions;
mod redaction;
pub mod sandbox;
mod workloads;
mod xss;
