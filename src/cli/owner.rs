//! Whose data a command works on: nobody leaves a file of a wrong owner in a data directory, where it would lock the service out.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::{Error, Result};

/// Becomes the owner of a data directory, if it is root who asks; anybody else has to be its owner. Call it before there are threads.
pub fn become_owner(dir: &Path) -> Result<()> {
    let Ok(meta) = std::fs::metadata(dir) else { return Ok(()) };
    let ours = rustix::process::geteuid();
    if meta.uid() == ours.as_raw() {
        return Ok(());
    }
    let shown = dir.display();
    if !ours.is_root() {
        let ours = ours.as_raw();
        return Err(Error::new(format!("`{shown}` belongs to user {} and this is user {ours}; run the command as its owner", meta.uid())));
    }
    let (uid, gid) = (Uid::from_raw(meta.uid()), Gid::from_raw(meta.gid()));
    // The user last: with it goes the right to change the others.
    set_thread_groups(&[])
        .and_then(|()| set_thread_res_gid(gid, gid, gid))
        .and_then(|()| set_thread_res_uid(uid, uid, uid))
        .map_err(|error| Error::because(format!("`{shown}` belongs to user {}, and root cannot become that user here", meta.uid()), error))
}
