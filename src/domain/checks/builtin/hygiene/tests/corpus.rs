//! A look at what the check says of real projects: `PLUMBLINE_CORPUS=<folder of folders> cargo test --release corpus -- --ignored --nocapture`.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::base::name::BlobId;
use crate::domain::checks::builtin;

use super::*;

/// The files of a folder, which are read from the disk when they are asked for.
struct Folder {
    root: PathBuf,
    files: Vec<TreeFile>,
}

impl Folder {
    fn of(root: &Path) -> Folder {
        let mut folder = Folder { root: root.to_owned(), files: Vec::new() };
        folder.list(root);
        folder.files.sort_by(|a, b| a.path.cmp(&b.path));
        folder
    }

    fn list(&mut self, at: &Path) {
        for entry in std::fs::read_dir(at).into_iter().flatten().flatten() {
            let Ok(meta) = std::fs::symlink_metadata(entry.path()) else { continue };
            if meta.is_dir() {
                if entry.file_name() != ".git" {
                    self.list(&entry.path());
                }
                continue;
            }
            let kind = match meta {
                _ if meta.is_symlink() => FileKind::Symlink,
                _ if meta.permissions().mode() & 0o100 != 0 => FileKind::Executable,
                _ => FileKind::Regular,
            };
            let path = entry.path();
            let inner = path.strip_prefix(&self.root).unwrap().as_os_str().as_bytes();
            self.files.push(TreeFile { path: TreePath::new(inner), kind, blob: BlobId::from_bytes([0; 20]) });
        }
    }

    fn place(&self, file: &TreeFile) -> PathBuf {
        self.root.join(std::ffi::OsStr::from_bytes(file.path.as_bytes()))
    }
}

impl Tree for Folder {
    fn files(&self) -> &[TreeFile] {
        &self.files
    }

    fn size(&self, file: &TreeFile) -> git::Result<u64> {
        Ok(std::fs::symlink_metadata(self.place(file)).map_or(0, |meta| meta.len()))
    }

    fn read(&self, file: &TreeFile, cap: u64) -> git::Result<Vec<u8>> {
        let place = self.place(file);
        let bytes = match file.kind {
            FileKind::Symlink => std::fs::read_link(&place).unwrap().as_os_str().as_bytes().to_vec(),
            _ => std::fs::read(&place).unwrap(),
        };
        assert!(bytes.len() as u64 <= cap);
        Ok(bytes)
    }
}

#[test]
#[ignore = "looks at the projects in the folder that PLUMBLINE_CORPUS names"]
fn corpus() {
    let root = PathBuf::from(std::env::var_os("PLUMBLINE_CORPUS").expect("PLUMBLINE_CORPUS names a folder of projects"));
    let (mut files, mut found, mut slowest) = (0, 0, (Duration::ZERO, String::new()));
    for entry in std::fs::read_dir(&root).unwrap().flatten() {
        if !entry.path().is_dir() {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        let tree = Folder::of(&entry.path());
        files += tree.files.len();
        let started = Instant::now();
        for finding in builtin::run(&Hygiene, &tree, &|| false, &mut |_, _| {}).unwrap() {
            let place = finding.span.map(|span| format!(":{}:{}", span.line_start, span.column_start.unwrap_or(0))).unwrap_or_default();
            println!("{name}/{}{place} {} {}", finding.path, finding.rule, finding.message);
            found += 1;
        }
        slowest = slowest.max((started.elapsed(), name));
    }
    println!("{found} findings in {files} files; slowest {slowest:?}");
}
