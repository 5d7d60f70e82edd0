//! The pages: HTML made on the server from the same views that the API returns.
//!
//! A page is a struct with all it shows as plain fields, an askama template that lays it out, and its rules of presentation as small
//! methods. Constructing one needs no store and no request; so every page in every state is rendered by a test. Routes and the reading
//! of data are elsewhere, scripts only add to what works without them, and nothing is loaded from anywhere else.
//!
//! [`escape`] is how text becomes part of a page, [`words`] and [`marks`] how pages speak, [`href`] where things are, [`frame`] what
//! stands around every page; then one module a page family.

pub mod abroad;
pub mod account;
pub mod adding;
pub mod admin;
pub mod ansi;
pub mod assets;
pub mod chart;
pub mod check;
pub mod commit;
pub mod compare;
pub mod deliveries;
pub mod docs;
pub mod error;
pub mod escape;
pub mod file;
pub mod frame;
pub mod github;
mod handle;
pub mod home;
pub mod href;
pub mod issue;
pub mod issues;
pub mod manifest;
pub mod marks;
pub mod people;
pub mod plugins;
pub mod pulls;
pub mod repo;
pub mod routes;
pub mod secrets;
pub mod settings;
pub mod signin;
pub mod source;
pub mod words;

pub use handle::router;

#[cfg(test)]
mod gallery;
