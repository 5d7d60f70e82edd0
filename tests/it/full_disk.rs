//! A disk that is really full: the real program over a small file system of its own.
//!
//! Its process has the file system mounted in a namespace that nobody else sees; the test reaches into it by way of `/proc`. Skipped, and
//! said so, where no such namespace can be had; `PLUMBLINE_REQUIRE=disk` makes that a failure.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::json;

use crate::support::client::Client;
use crate::support::repo::TestRepo;
use crate::support::skipped;
use crate::support::world::text;

/// How large the file system is.
const SIZE: &str = "32m";
/// More tokens than fit into what is left free in the store's own file.
const TOKENS: usize = 4_000;
/// Mounts, serves, and serves once more when the first server has ended.
const SCRIPT: &str = r#"mount -t tmpfs -o "size=$1,mode=700" none "$2" && shift 2 && { "$@"; exec "$@"; }"#;

#[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
fn namespaced() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    command
}

/// The program on a file system of its own.
struct Served {
    shell: Child,
    out: BufReader<ChildStdout>,
    /// The data directory, as it is seen from here.
    data: PathBuf,
    _dir: tempfile::TempDir,
}

impl Served {
    /// The program, or why there cannot be such a file system.
    fn start(repo: &Path) -> Result<Served, &'static str> {
        let probe = namespaced().args([r#"mount -t tmpfs none "$1""#, "sh", "/mnt"]).stderr(Stdio::null()).status();
        if !probe.is_ok_and(|status| status.success()) {
            return Err("no file system can be mounted in a namespace of its own");
        }
        let dir = tempfile::tempdir().unwrap();
        let mut shell = namespaced()
            .args([SCRIPT, "sh", SIZE])
            .arg(dir.path())
            .args([env!("CARGO_BIN_EXE_plumbline"), "serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(dir.path())
            .arg("--repo")
            .arg(repo)
            .env("PLUMBLINE_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let out = BufReader::new(shell.stdout.take().unwrap());
        let data = Path::new("/proc").join(shell.id().to_string()).join("root").join(dir.path().strip_prefix("/").unwrap());
        Ok(Served { shell, out, data, _dir: dir })
    }

    /// The last word of the next line that has this in it.
    fn says(&mut self, what: &str) -> String {
        let mut line = String::new();
        while self.out.read_line(&mut line).unwrap() > 0 {
            if line.contains(what) {
                return line.trim().rsplit(' ').next().unwrap().to_owned();
            }
            line.clear();
        }
        panic!("the program ended without a word of `{what}`");
    }

    fn listens(&mut self) -> Client {
        Client::new(self.says("listening on").strip_prefix("http://").unwrap().parse().unwrap())
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.data.join("filler")).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.data.join("filler")).unwrap();
    }

    /// The server's own process.
    fn server(&self) -> rustix::process::Pid {
        let id = self.shell.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        rustix::process::Pid::from_raw(children.trim().parse().unwrap()).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// Makes tokens until one is refused or there are so many; answers the ids of those that were acknowledged, and whether one was refused.
async fn make_tokens(client: &Client, prefix: &str, most: usize) -> (Vec<String>, bool) {
    let mut made = Vec::new();
    for n in 0..most {
        let body = json!({"kind": "personal", "name": format!("{prefix}{n} {}", "x".repeat(80)), "scopes": ["repo:read"]});
        let answer = client.post("/api/v1/me/tokens", body).await;
        if answer.status != 201 {
            let why = answer.expect(503).refused("unavailable");
            assert!(why.contains("disk is full"), "{why}");
            return (made, true);
        }
        made.push(text(&answer.value()["id"]).to_owned());
    }
    (made, false)
}

async fn tokens(client: &Client) -> BTreeSet<String> {
    let (mut all, mut path) = (BTreeSet::new(), "/api/v1/me/tokens?limit=200".to_owned());
    loop {
        let page = client.get(&path).await.expect(200).value();
        all.extend(page["items"].as_array().unwrap().iter().map(|token| text(&token["id"]).to_owned()));
        let Some(next) = page["next"].as_str() else { return all };
        path = format!("/api/v1/me/tokens?limit=200&cursor={next}");
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_loses_nothing_and_needs_no_restart() {
    let repo = TestRepo::new();
    let sha = repo.commit([("a.json", "{\n")]);
    let mut served = match Served::start(repo.path()) {
        Ok(served) => served,
        Err(missing) => return skipped("disk", missing),
    };
    let anonymous = served.listens();
    let link = served.says("/link/");
    served.says("/commits/");
    let spent = anonymous.own("POST", &link[link.find("/link/").unwrap()..]).await.expect(303);
    let client = anonymous.with("cookie", spent.header("set-cookie").unwrap().split(';').next().unwrap());
    let listed = client.get("/api/v1/repos").await.expect(200).value();
    let repo_path = format!("/api/v1/repos/local/{}", text(&listed["items"][0]["name"]));
    let (mut acknowledged, _) = make_tokens(&client, "before", 3).await;

    served.fill();
    let (made, is_refused) = make_tokens(&client, "full", TOKENS).await;
    assert!(is_refused, "the disk ran full");
    acknowledged.extend(made);
    for _ in 0..5 {
        let (made, _) = make_tokens(&client, "still", 1).await;
        acknowledged.extend(made);
        // Reading goes on: pages, lists, search, and what was acknowledged.
        client.page(&format!("/r{}/commits/{sha}", repo_path.strip_prefix("/api/v1/repos").unwrap())).await.expect(200);
        client.get(&format!("{repo_path}/commits/{sha}/issues")).await.expect(200);
        let found = tokens(&client).await;
        assert!(acknowledged.iter().all(|id| found.contains(id)));
    }

    served.make_room();
    let (made, is_refused) = make_tokens(&client, "after", 20).await;
    assert!(!is_refused, "there is room again");
    acknowledged.extend(made);
    client.own("POST", &format!("{repo_path}/commits/{sha}/checks")).await.expect(202);

    // And all of it is there after the hardest of ends.
    rustix::process::kill_process(served.server(), rustix::process::Signal::KILL).unwrap();
    let again = served.listens();
    let cookie = spent.header("set-cookie").unwrap().split(';').next().unwrap();
    let found = tokens(&again.with("cookie", cookie)).await;
    assert!(acknowledged.iter().all(|id| found.contains(id)));
}
