//! What the benchmarks share: whether this is a measurement or a rehearsal, tables of figures with their bounds, and repositories made
//! object by object.
#![allow(dead_code, reason = "each benchmark uses a part of it")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gix::hash::{Kind as Hash, ObjectId};
use gix::objs::{Kind, Write};
use plumbline::app::config::{Config, Sources};

/// Whether it is to run briefly and assert nothing about time: with `--test`, or with `PLUMBLINE_BENCH_SMOKE=1`.
pub fn is_smoke() -> bool {
    std::env::args().any(|arg| arg == "--test") || std::env::var_os("PLUMBLINE_BENCH_SMOKE").is_some()
}

/// A folder on the disk that is measured: in `PLUMBLINE_BENCH_DIR`, else where temporary files are.
pub fn folder() -> tempfile::TempDir {
    match std::env::var_os("PLUMBLINE_BENCH_DIR") {
        Some(dir) => tempfile::tempdir_in(dir).unwrap(),
        None => tempfile::tempdir().unwrap(),
    }
}

/// The configuration of an appliance over this directory, whatever the environment says.
pub fn config(data: &Path) -> Config {
    Config::build(&Sources { file: None, data: Some(data.to_owned()), env: BTreeMap::new(), flags: BTreeMap::new() }).unwrap()
}

/// The real binary, serving over this directory with nothing in its environment but this; and where it listens.
#[expect(clippy::disallowed_methods, reason = "the process is what is measured")]
pub fn serve(binary: &str, data: &Path, env: &[(&str, String)]) -> (Child, String) {
    let mut child = Command::new(binary)
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .env_clear()
        .envs(env.iter().map(|(name, value)| (*name, value)))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    (child, line.trim().rsplit('/').next().unwrap().to_owned())
}

/// `SplitMix64`.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides as u64).expect("it is below a usize")
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())]
    }
}

/// Figures and the bounds they are held against, printed as rows of a table.
#[derive(Default)]
pub struct Table {
    missed: Vec<String>,
}

impl Table {
    pub fn new() -> Table {
        println!("| figure | measured | bound |");
        println!("|---|---|---|");
        Table::default()
    }

    /// A figure without a bound.
    pub fn tell(&mut self, figure: &str, measured: &str) {
        println!("| {figure} | {measured} | |");
    }

    /// A figure, how it is written, and whether its bound is kept.
    pub fn bound(&mut self, figure: &str, measured: &str, bound: &str, is_kept: bool) {
        println!("| {figure} | {measured} | {bound}{} |", if is_kept { "" } else { " (missed)" });
        if !is_kept {
            self.missed.push(format!("{figure}: {measured}, {bound}"));
        }
    }

    pub fn time(&mut self, figure: &str, measured: Duration, bound: Duration) {
        self.bound(figure, &ms(measured), &format!("under {}", ms(bound)), measured < bound);
    }

    /// Ends with an error if a bound was missed, unless this is a rehearsal.
    pub fn finish(self) {
        assert!(is_smoke() || self.missed.is_empty(), "bounds were missed: {}", self.missed.join("; "));
    }
}

pub fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 10.0 { format!("{ms:.2} ms") } else { format!("{ms:.0} ms") }
}

pub fn median<T: Ord + Copy>(mut of: Vec<T>) -> T {
    of.sort();
    of[of.len() / 2]
}

/// The processor time that this process has used, user and system, in steps of 10 ms.
pub fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The name, which may hold spaces, ends with the last bracket; user and system time are fields 14 and 15.
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// A bare repository that is filled object by object, without the git program.
pub struct Repo {
    pub git: PathBuf,
    loose: gix::odb::loose::Store,
    commits: i64,
    /// The tree of the latest commit on `main`.
    tree: Option<ObjectId>,
}

impl Repo {
    pub fn new(git: PathBuf) -> Repo {
        for part in ["objects/pack", "objects/info", "refs/heads", "info"] {
            std::fs::create_dir_all(git.join(part)).unwrap();
        }
        std::fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        let loose = gix::odb::loose::Store::at(git.join("objects"), Hash::Sha1);
        Repo { git, loose, commits: 0, tree: None }
    }

    fn object(&self, kind: Kind, bytes: &[u8]) -> ObjectId {
        self.loose.write_buf(kind, bytes).unwrap()
    }

    fn tree(&self, files: &[(&str, ObjectId)]) -> ObjectId {
        let mut entries: Vec<(String, &str, ObjectId)> = Vec::new();
        let mut below: BTreeMap<&str, Vec<(&str, ObjectId)>> = BTreeMap::new();
        for (path, id) in files {
            match path.split_once('/') {
                None => entries.push(((*path).to_owned(), "100644", *id)),
                Some((dir, rest)) => below.entry(dir).or_default().push((rest, *id)),
            }
        }
        // Git orders a directory as if its name ended with a slash.
        entries.extend(below.into_iter().map(|(dir, files)| (format!("{dir}/"), "40000", self.tree(&files))));
        entries.sort();
        let mut bytes = Vec::new();
        for (name, mode, id) in entries {
            bytes.extend_from_slice(format!("{mode} {}\0", name.trim_end_matches('/')).as_bytes());
            bytes.extend_from_slice(id.as_slice());
        }
        self.object(Kind::Tree, &bytes)
    }

    /// A commit of these files on `main`, after what is there.
    pub fn commit(&mut self, files: &BTreeMap<String, String>) {
        let blobs: Vec<(&str, ObjectId)> =
            files.iter().map(|(path, content)| (path.as_str(), self.object(Kind::Blob, content.as_bytes()))).collect();
        self.tree = Some(self.tree(&blobs));
        self.commit_on("main");
    }

    /// A branch with a commit of its own, after what is on `main`.
    pub fn branch(&mut self, name: &str) {
        std::fs::copy(self.git.join("refs/heads/main"), self.git.join("refs/heads").join(name)).unwrap();
        self.commit_on(name);
    }

    fn commit_on(&mut self, branch: &str) {
        let head = self.git.join("refs/heads").join(branch);
        let parent = std::fs::read_to_string(&head).map(|parent| format!("parent {parent}")).unwrap_or_default();
        self.commits += 1;
        let who = format!("Ada Lovelace <ada@example.org> {} +0000", 1_700_000_000 + self.commits * 60);
        let text = format!("tree {}\n{parent}author {who}\ncommitter {who}\n\ncommit {}\n", self.tree.unwrap(), self.commits);
        let commit = self.object(Kind::Commit, text.as_bytes());
        std::fs::write(head, format!("{commit}\n")).unwrap();
    }
}
