//! Repositories over smart HTTP, by git's own host program (`git http-backend`), which is spoken to as a CGI.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};

/// The commit that a branch points at.
pub(super) fn head(repo: &Path, branch: &str) -> Option<String> {
    std::fs::read_to_string(repo.join("refs/heads").join(branch)).ok().map(|text| text.trim().to_owned())
}

/// Whether a repository has a commit; tests' own write loose objects alone.
pub(super) fn has(repo: &Path, sha: &str) -> bool {
    sha.len() == 40 && repo.join("objects").join(&sha[..2]).join(&sha[2..]).exists()
}

/// Answers what git asks of a repository.
#[expect(clippy::disallowed_methods, reason = "git's own host is a process")]
pub(super) fn serve(repo: &Path, method: &str, rest: &str, query: &str, headers: &HeaderMap, body: &[u8]) -> Response<Body> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", repo)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "safe.directory")
        .env("GIT_CONFIG_VALUE_0", "*")
        .env("PATH_INFO", format!("/{rest}"))
        .env("REQUEST_METHOD", method)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("git is installed where the tests run");
    let mut input = child.stdin.take().unwrap();
    // A backend that has heard enough hangs up.
    let _ = input.write_all(body);
    drop(input);
    let said = child.wait_with_output().unwrap().stdout;
    let end = said.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(said.len().saturating_sub(4));
    let head = String::from_utf8_lossy(&said[..end]).into_owned();
    let mut answer = Response::builder();
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        answer = match name {
            "Status" => answer.status(value[..3].parse::<u16>().unwrap_or(500)),
            name => answer.header(name, value),
        };
    }
    let body = said.get(end + 4..).unwrap_or_default().to_vec();
    answer.body(Body::from(body)).unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, String::new()))
}

/// An answer with a text.
pub(super) fn plain(status: StatusCode, text: String) -> Response<Body> {
    Response::builder().status(status).header("content-type", "application/json; charset=utf-8").body(Body::from(text)).unwrap()
}
