//! A registry of images at the address that `.ci/oci` has podman speak to in plain http. It has what tests push to it.
//!
//! What begins with `private/` is for [`USER`] alone.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use sha2::{Digest, Sha256};

/// Who may have what is private, and its password.
pub const USER: (&str, &str) = ("ada", "hunter2");
/// The same as a header has it.
const AUTHORIZATION: &str = "Basic YWRhOmh1bnRlcjI=";

/// Content by path, with its type.
type Content = HashMap<String, (&'static str, Vec<u8>)>;

/// The registry.
pub struct Registry {
    pub address: String,
    content: Mutex<Content>,
}

/// The registry of this process, if it has an address. It ends with the process.
pub fn registry() -> Option<&'static Registry> {
    static REGISTRY: OnceLock<Option<Registry>> = OnceLock::new();
    static SERVING: OnceLock<()> = OnceLock::new();
    let made = REGISTRY.get_or_init(|| Some(Registry { address: std::env::var("OCI_REGISTRY").ok()?, content: Mutex::default() }));
    let registry = made.as_ref()?;
    SERVING.get_or_init(|| {
        let listener = TcpListener::bind(&registry.address).unwrap();
        std::thread::spawn(move || listener.incoming().for_each(|stream| registry.answer(&stream.unwrap())));
    });
    Some(registry)
}

impl Registry {
    /// Makes a name and a tag mean an image with nothing in it, which is told from others by its environment. Answers its digest.
    pub fn push(&self, name: &str, tag: &str, mark: &str) -> String {
        // The end of an archive with nothing in it. No two are equally long: a daemon that is told to take an image away while another is
        // fetched may take the layer that they share.
        static PUSHED: AtomicUsize = AtomicUsize::new(0);
        let longer = 512 * PUSHED.fetch_add(1, Ordering::Relaxed);
        self.push_of(name, tag, mark, vec![0; 1024 + longer])
    }

    /// The same with a layer of its own.
    pub fn push_of(&self, name: &str, tag: &str, mark: &str, layer: Vec<u8>) -> String {
        let config = serde_json::json!({
            "architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/no/such/program"], "Env": [format!("MARK={mark}")]},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        })
        .to_string();
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config.as_bytes()), "size": config.len()},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest(&layer), "size": layer.len()}],
        })
        .to_string();
        let of = digest(manifest.as_bytes());
        let mut content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        for blob in [layer, config.into_bytes()] {
            content.insert(format!("/v2/{name}/blobs/{}", digest(&blob)), ("application/octet-stream", blob));
        }
        for reference in [tag, &of] {
            let manifest = ("application/vnd.oci.image.manifest.v1+json", manifest.clone().into_bytes());
            content.insert(format!("/v2/{name}/manifests/{reference}"), manifest);
        }
        of
    }

    /// Forgets all that a name means.
    pub fn forget(&self, name: &str) {
        self.content.lock().unwrap_or_else(PoisonError::into_inner).retain(|path, _| !path.starts_with(&format!("/v2/{name}/")));
    }

    fn answer(&self, mut stream: &TcpStream) {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let request = lines.next().unwrap_or_default();
        // All of them are read: whoever hangs up before that is not heard.
        let is_ada = lines.filter(|line| *line == format!("Authorization: {AUTHORIZATION}")).count() > 0;
        let mut words = request.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let content = self.content.lock().unwrap_or_else(PoisonError::into_inner);
        let found = content.get(path);
        let (status, kind, body) = match found {
            // Whoever is not asked at the door who they are does not say so later.
            _ if !is_ada && (path == "/v2/" || path.starts_with("/v2/private/")) => ("401 Unauthorized", "text/plain", &[][..]),
            _ if path == "/v2/" => ("200 OK", "text/plain", &[][..]),
            Some((kind, body)) => ("200 OK", *kind, &body[..]),
            None => ("404 Not Found", "text/plain", &[][..]),
        };
        let ask = if status.starts_with("401") { "WWW-Authenticate: Basic realm=\"here\"\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {status}\r\n{ask}Content-Type: {kind}\r\nContent-Length: {}\r\nDocker-Content-Digest: {}\r\nConnection: close\r\n\r\n",
            body.len(),
            digest(body)
        );
        let body = if method == "HEAD" { &[][..] } else { body };
        // Whoever asked may be gone.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    }
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}
