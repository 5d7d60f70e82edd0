//! Where requests go that people have us make: every spelling of a place inside our own network is seen through, and nothing is followed
//! that was not judged.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plumbline::engine::outbound::{Client, Config, Error, Request};
use serde_json::json;

use crate::support::world::World;

/// Spellings of addresses that are not to be spoken to. `PORT` is one at which somebody listens on every address of this machine.
const FORBIDDEN: &[&str] = &[
    // This machine, plainly and in every base and length that the resolver of the system reads.
    "http://127.0.0.1:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://127.000.000.001:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://0177.0.0.01:PORT/",
    "http://00000177.1:PORT/",
    "http://0x7f.0.0.1:PORT/",
    "http://0x7f.1:PORT/",
    "http://0x7f000001:PORT/",
    "http://0X7F000001:PORT/",
    "http://0x0000007f000001:PORT/",
    "http://2130706433:PORT/",
    "http://017700000001:PORT/",
    "http://127.0.0x1:PORT/",
    "http://127.0.0.1.0:PORT/",
    "http://127.8.7.6:PORT/",
    "http://0:PORT/",
    "http://0.0.0.0:PORT/",
    "http://0x0:PORT/",
    "http://localhost:PORT/",
    "http://LOCALHOST:PORT/",
    "http://localhost.:PORT/",
    "http://LocalHost.:PORT/",
    "https://localhost:PORT/",
    // The same as IPv6, and IPv4 within it.
    "http://[::1]:PORT/",
    "http://[0:0:0:0:0:0:0:1]:PORT/",
    "http://[0000::0001]:PORT/",
    "http://[::]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/",
    "http://[::FFFF:7F00:0001]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[64:ff9b::127.0.0.1]:PORT/",
    "http://[64:ff9b::7f00:1]:PORT/",
    "http://[64:ff9b:1::7f00:1]:PORT/",
    "http://[2002:7f00:1::]:PORT/",
    "http://[2001:0:7f00:1::]:PORT/",
    // Zones, and what only looks like an address.
    "http://[fe80::1%25lo]:PORT/",
    "http://[fe80::1%lo]:PORT/",
    "http://[::1%25lo]:PORT/",
    "http://[fe80::1]:PORT/",
    "http://[v1.127.0.0.1]:PORT/",
    "http://[127.0.0.1]:PORT/",
    "http://::1:PORT/",
    // Private networks and where clouds keep what nobody is to read.
    "http://10.0.0.1:PORT/",
    "http://172.16.0.1:PORT/",
    "http://192.168.0.1:PORT/",
    "http://3232235521:PORT/",
    "http://0xc0a80001:PORT/",
    "http://100.64.0.1:PORT/",
    "http://169.254.169.254/latest/meta-data/",
    "http://0xa9fea9fe/latest/meta-data/",
    "http://2852039166/latest/meta-data/",
    "http://0251.0376.0251.0376/",
    "http://[::ffff:a9fe:a9fe]/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://168.63.129.16/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    // Users, and what is put before or after the host to be read otherwise by somebody else.
    "http://example.org@127.0.0.1:PORT/",
    "http://example.org:80@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT@example.org/",
    "http://example.org%40127.0.0.1:PORT/",
    "http://127.0.0.1:PORT#@example.org/",
    "http://127.0.0.1:PORT?@example.org/",
    "http://127.0.0.1:PORT\\@example.org/",
    "http:\\\\127.0.0.1:PORT/",
    "http:/127.0.0.1:PORT/",
    "http:127.0.0.1:PORT/",
    "//127.0.0.1:PORT/",
    "http://%31%32%37.0.0.1:PORT/",
    "http://127%2E0%2E0%2E1:PORT/",
    "http://127.0.0.1%00.example.org:PORT/",
    "http://127.0.0.1\t:PORT/",
    "http://127.0.0.1\r\nhost: example.org:PORT/",
    "http://①②⑦.⓪.⓪.①:PORT/",
    "http://127。0。0。1:PORT/",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/",
    // Other ways to ask.
    "file:///etc/passwd",
    "ftp://127.0.0.1:PORT/",
    "gopher://127.0.0.1:PORT/_",
    "unix:/run/docker.sock",
    "HTTP+UNIX://%2Frun%2Fdocker.sock/",
];

/// Somebody on this machine who counts who comes, and answers each with this.
struct Listener {
    port: u16,
    heard: Arc<AtomicUsize>,
}

impl Listener {
    fn answering(answer: String) -> Listener {
        let listener = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                let Ok(mut stream) = stream else { continue };
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let _ = stream.read(&mut [0; 4_096]);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Listener { port, heard }
    }

    fn heard(&self) -> usize {
        self.heard.load(Ordering::SeqCst)
    }
}

fn ask(client: &Client, url: &str) -> Result<(u16, Vec<(String, String)>), Error> {
    let request =
        Request { method: "GET", url, headers: &[], secret_headers: &[], body: &[], deadline: Duration::from_secs(5), cap: 1_000 };
    client.send(&request).map(|response| (response.status, response.headers))
}

#[test]
fn no_spelling_of_a_place_inside_our_network_is_spoken_to() {
    assert!(FORBIDDEN.len() >= 60);
    let inside = Listener::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned());
    let client = Client::new(&Config::default()).unwrap();
    // Names of no host are looked up, and that may take a while where there is no name service.
    let urls = Mutex::new(FORBIDDEN.iter().map(|url| url.replace("PORT", &inside.port.to_string())).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while let Some(url) = { urls.lock().unwrap().pop() } {
                    let error = ask(&client, &url).expect_err(&url);
                    let is_refused = matches!(error, Error::Refused { .. } | Error::BadUrl { .. } | Error::Unresolved { .. });
                    assert!(is_refused, "{url}: {error}");
                    assert!(client.judge(&url).is_err(), "{url} is judged to be fine");
                }
            });
        }
    });
    assert_eq!(inside.heard(), 0, "somebody inside was spoken to");
    // Whoever listens there is heard when the operator has named it.
    let named = Client::new(&Config { allow_hosts: vec![format!("127.0.0.1:{}", inside.port)], ..Config::default() }).unwrap();
    assert_eq!(ask(&named, &format!("http://127.0.0.1:{}/", inside.port)).unwrap().0, 200);
    // That name, at that port, and not another way to say the same.
    for other in ["127.1", "localhost", "[::1]", "2130706433"] {
        assert!(matches!(ask(&named, &format!("http://{other}:{}/", inside.port)), Err(Error::Refused { .. })), "{other}");
    }
    assert_eq!(inside.heard(), 1);
}

#[test]
fn a_redirection_is_handed_back_and_not_followed() {
    let inside = Listener::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned());
    for status in [301, 302, 303, 307, 308] {
        let answer = format!("HTTP/1.1 {status} Elsewhere\r\nlocation: http://127.0.0.1:{}/\r\ncontent-length: 0\r\n\r\n", inside.port);
        let outside = Listener::answering(answer);
        let allow_hosts = vec![format!("127.0.0.1:{}", outside.port), format!("127.0.0.1:{}", inside.port)];
        let client = Client::new(&Config { allow_hosts, ..Config::default() }).unwrap();
        let (answered, headers) = ask(&client, &format!("http://127.0.0.1:{}/", outside.port)).unwrap();
        assert_eq!((answered, outside.heard()), (status, 1));
        assert!(headers.iter().any(|(name, _)| name == "location"));
    }
    assert_eq!(inside.heard(), 0);
}

#[tokio::test]
async fn a_repository_is_not_added_by_such_an_address_and_nothing_is_told_of_what_is_there() {
    let world = World::new().await;
    let inside = Listener::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned());
    let member = world.app.sign_in(world.app.user("eve", plumbline::domain::accounts::InstanceRole::Member)).await;
    for host in ["127.0.0.1", "127.1", "2130706433", "[::ffff:7f00:1]", "localhost.", "example.org@127.0.0.1"] {
        let url = format!("http://{host}:{}/a.git", inside.port);
        let refused = member.post("/api/v1/repos", json!({ "url": url, "name": "a" })).await;
        assert!(matches!(refused.status, 400 | 403 | 422), "{url}: {} {}", refused.status, refused.text());
    }
    assert_eq!(inside.heard(), 0);
}
