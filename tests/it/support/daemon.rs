//! A daemon that speaks Docker's API, spoken to plainly: to look at the world that a test acts on.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// Where it listens, if `DOCKER_HOST` names a socket and the images of `.ci/oci` are there.
pub fn socket() -> Result<PathBuf, String> {
    let host = std::env::var("DOCKER_HOST").map_err(|_| "no daemon runs images here: DOCKER_HOST is not set; see .ci/oci".to_owned())?;
    let path = PathBuf::from(host.strip_prefix("unix://").unwrap_or(&host));
    match UnixStream::connect(&path) {
        Ok(_) if ask("GET", "/images/localhost/plumbline-test/one:v1/json").starts_with("HTTP/1.0 200") => Ok(path),
        Ok(_) => Err("the daemon lacks the images of .ci/oci".to_owned()),
        Err(error) => Err(format!("no daemon answers at `{}`: {error}", path.display())),
    }
}

/// Its answer to a request without a body, head and all.
pub fn ask(method: &str, path: &str) -> String {
    send(method, path, "")
}

fn send(method: &str, path: &str, body: &str) -> String {
    let host = std::env::var("DOCKER_HOST").unwrap();
    let mut stream = UnixStream::connect(host.strip_prefix("unix://").unwrap_or(&host)).unwrap();
    write!(
        stream,
        "{method} /v1.41{path} HTTP/1.0\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Whether it has a container of this instance, running or not.
pub fn has_container_of(instance: &str) -> bool {
    let filters = format!("%7B%22label%22%3A%5B%22io.plumbline.instance%3D{instance}%22%5D%7D");
    let answer = ask("GET", &format!("/containers/json?all=true&filters={filters}"));
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    answer.contains("io.plumbline.instance")
}

/// Takes an image away, with all its names.
pub fn delete(image: &str) {
    let answer = ask("DELETE", &format!("/images/{image}?force=true"));
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
}

/// Makes a container.
pub fn create(body: &str) {
    let answer = send("POST", "/containers/create", body);
    assert!(answer.starts_with("HTTP/1.0 201"), "{answer}");
}

/// Makes a name mean an image.
pub fn tag(image: &str, repo: &str, tag: &str) {
    let answer = ask("POST", &format!("/images/{image}/tag?repo={repo}&tag={tag}"));
    assert!(answer.starts_with("HTTP/1.0 201"), "{answer}");
}
