//! The logs of what is running: files that grow, and a way to hear that they did.
//!
//! A log is appended to `live/{attempt}-{check}`; at its end its bytes become a blob and the file goes. Readers are handed what is there
//! from any place on, and wait for more without polling.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::base::id::{AttemptId, CheckId};

/// The most that one log holds; what comes after is counted and left out.
pub const LOG_BYTES: u64 = 4 << 20;

/// The lengths of the logs that are being written, for whoever waits for more.
type Growing = Arc<Mutex<HashMap<(AttemptId, CheckId), watch::Sender<u64>>>>;

/// The logs of what is running.
#[derive(Debug)]
pub struct LiveLogs {
    dir: PathBuf,
    open: Growing,
}

impl LiveLogs {
    /// Logs in a directory that is there.
    pub fn in_directory(dir: PathBuf) -> LiveLogs {
        LiveLogs { dir, open: Arc::default() }
    }

    fn path(&self, key: (AttemptId, CheckId)) -> PathBuf {
        self.dir.join(format!("{}-{}", key.0, key.1))
    }

    /// Begins a log.
    pub fn begin(&self, attempt: AttemptId, check: CheckId) -> std::io::Result<LiveLog> {
        let key = (attempt, check);
        let path = self.path(key);
        // A sweep must not find the file before it is known to be open.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let file = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&path)?;
        let (length, _) = watch::channel(0);
        open.insert(key, length);
        Ok(LiveLog { key, path, file, written: 0, left_out: 0, open: Arc::clone(&self.open) })
    }

    /// What a running check has said from `from` on, at most `cap` bytes; `None` if it does not run.
    pub fn read(&self, attempt: AttemptId, check: CheckId, from: u64, cap: u64) -> std::io::Result<Option<Vec<u8>>> {
        let key = (attempt, check);
        if !self.open.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&key) {
            return Ok(None);
        }
        let mut file = match fs::File::open(self.path(key)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(cap).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// The log from its beginning, and its growing length, which ends with the log; `None` if the check does not run. The file can be
    /// read to its end even after the log has ended.
    pub fn follow(&self, attempt: AttemptId, check: CheckId) -> std::io::Result<Option<(fs::File, watch::Receiver<u64>)>> {
        let key = (attempt, check);
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(length) = open.get(&key) else { return Ok(None) };
        Ok(Some((fs::File::open(self.path(key))?, length.subscribe())))
    }

    /// Removes what is not being written: an earlier process left it, and whatever it belonged to begins anew; or it could not be removed
    /// when its log ended. Answers how much went.
    pub fn sweep(&self) -> usize {
        let mut removed = 0;
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if open.keys().any(|key| self.path(*key) == path) {
                continue;
            }
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            match if is_dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) } {
                Ok(()) => removed += 1,
                Err(error) => tracing::warn!(error = %error, "cannot remove `{}`", path.display()),
            }
        }
        removed
    }
}

/// A log that is being written.
#[derive(Debug)]
pub struct LiveLog {
    key: (AttemptId, CheckId),
    path: PathBuf,
    file: fs::File,
    written: u64,
    left_out: u64,
    open: Growing,
}

impl LiveLog {
    /// Adds a line. A log that cannot be written is no reason to stop what it tells of.
    pub fn line(&mut self, text: &str) {
        if self.written >= LOG_BYTES {
            self.left_out += 1;
            return;
        }
        let line = format!("{text}\n");
        match self.file.write_all(line.as_bytes()) {
            Ok(()) => self.written += line.len() as u64,
            Err(error) => tracing::warn!(error = %error, "cannot write `{}`", self.path.display()),
        }
        if let Some(length) = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(&self.key) {
            length.send_replace(self.written);
        }
    }

    /// The whole log as it stands, to be kept as a blob.
    pub fn content(&mut self) -> std::io::Result<Vec<u8>> {
        if self.left_out > 0 {
            writeln!(self.file, "… {} further lines are left out", self.left_out)?;
            self.left_out = 0;
        }
        fs::read(&self.path)
    }
}

impl Drop for LiveLog {
    fn drop(&mut self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
        let _ = fs::remove_file(&self.path);
    }
}
