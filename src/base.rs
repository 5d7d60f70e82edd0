//! The ground floor: values and words. Nothing here does input or output, and nothing here imports another floor.
//!
//! A value that crosses two modules is a type of its own: a slug is a [`name::RepoSlug`], a sha a [`name::CommitSha`], an instant a
//! [`time::Timestamp`]. Parsing happens once, at the door; past it the type is the proof.
//!
//! [`event`] and [`work`] are the product's two vocabularies of motion: what has happened, and what is to be done.

pub mod backoff;
pub mod event;
pub mod id;
pub mod mask;
pub mod name;
pub mod network;
pub mod page;
pub mod percent;
pub mod secret;
pub mod seen;
pub mod severity;
pub mod text;
pub mod time;
pub mod word;
pub mod work;
