use std::io::{BufRead, BufReader};
use std::net::TcpListener;

use super::*;

fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap().0)
}

/// A host that answers each connection with what it was sent first, and its port.
fn echo(connections: usize) -> (std::thread::JoinHandle<Vec<String>>, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = std::thread::spawn(move || {
        (0..connections)
            .map(|_| {
                let (stream, _) = listener.accept().unwrap();
                let mut line = String::new();
                let mut reader = BufReader::new(&stream);
                reader.read_line(&mut line).unwrap();
                (&stream).write_all(format!("heard {line}").as_bytes()).unwrap();
                line
            })
            .collect()
    });
    (heard, port)
}

fn through(proxy: &mut Proxy, request: &str) -> String {
    let (mut near, far) = connected();
    proxy.serve(far);
    near.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    near.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn what_was_declared_and_what_the_operator_allows_is_let_through_and_noted() {
    let (heard, port) = echo(1);
    let mut proxy = Proxy::new(&[("LocalHost".into(), port)], &["localhost".into()]);
    let answer = through(&mut proxy, &format!("CONNECT localhost.:{port} HTTP/1.1\r\nHost: x\r\n\r\nhello\n"));
    assert_eq!(answer, "HTTP/1.1 200 Connection established\r\n\r\nheard hello\n");
    assert_eq!(heard.join().unwrap(), ["hello\n"]);
    assert_eq!(proxy.finish(), [Asked { host: "localhost".into(), port, refused: None, times: 1 }]);
}

#[test]
fn a_host_at_another_port_and_another_host_are_refused_and_noted() {
    let (_heard, port) = echo(0);
    let mut proxy = Proxy::new(&[("localhost".into(), port)], &["localhost".into()]);
    for place in [format!("localhost:{}", port ^ 1), format!("localhost.evil.example:{port}"), format!("127.0.0.1:{port}")] {
        let answer = through(&mut proxy, &format!("CONNECT {place} HTTP/1.1\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("not among what this check declares"), "{answer}");
    }
    let asked = proxy.finish();
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|asked| asked.refused.is_some()));
}

#[test]
fn a_declared_name_that_leads_into_our_own_network_is_refused() {
    let (_heard, port) = echo(0);
    let mut proxy = Proxy::new(&[("localhost".into(), port), ("169.254.169.254".into(), 80)], &[]);
    let answer = through(&mut proxy, &format!("CONNECT localhost:{port} HTTP/1.1\r\n\r\n"));
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("a loopback address"), "{answer}");
    let answer = through(&mut proxy, "GET http://169.254.169.254/latest HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("metadata"), "{answer}");
}

#[test]
fn a_plain_request_is_passed_on_with_the_host_that_was_judged() {
    let (heard, port) = echo(1);
    let mut proxy = Proxy::new(&[("localhost".into(), port)], &["localhost".into()]);
    let answer = through(&mut proxy, &format!("GET http://localhost:{port}/a?b HTTP/1.1\r\nHost: other.example\r\n\r\n"));
    assert_eq!(answer, "heard GET /a?b HTTP/1.1\r\n");
    heard.join().unwrap();
    let head = "GET http://a.example?q HTTP/1.1\r\nhOST: b.example\r\nProxy-Authorization: x\r\nAccept: */*\r\nContent-Length: 9\r\n\r\n";
    let Ok(Request::Plain { host, port, head }) = Request::parse(head.as_bytes()) else { panic!("it is plain") };
    assert_eq!((host.as_str(), port), ("a.example", 80));
    assert_eq!(head, "GET /?q HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nAccept: */*\r\n\r\n");
}

#[test]
fn what_is_no_request_is_refused() {
    for head in [
        "",
        "GET / HTTP/1.1",
        "GET https://a.example/ HTTP/1.1",
        "POST http://a.example/ HTTP/1.1",
        "CONNECT a.example HTTP/1.1",
        "CONNECT a.example:0 HTTP/1.1",
        "CONNECT a.example:99999 HTTP/1.1",
        "CONNECT user@a.example:443 HTTP/1.1",
        "CONNECT [::1:443 HTTP/1.1",
        "CONNECT a.example:443 HTTP/2",
        "CONNECT a.example:443  HTTP/1.1",
        "GET http://a.example/ HTTP/1.1\r\nno name",
        "GET http://a.example/ HTTP/1.1\r\nBad Name: x",
        "GET http://a.example/ HTTP/1.1\r\nX: a\nHost: b",
    ] {
        assert!(Request::parse(format!("{head}\r\n\r\n").as_bytes()).is_err(), "{head:?}");
    }
    assert_eq!(Request::parse(b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n"), Ok(Request::Connect { host: "::1".into(), port: 443 }));
}

#[test]
fn a_head_without_an_end_is_not_read_for_ever() {
    assert_eq!(head(&mut io::repeat(b'x')).unwrap(), None);
    assert!(head(&mut &b"CONNECT"[..]).is_err());
}

#[test]
fn when_a_run_is_over_its_connections_are_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut proxy = Proxy::new(&[("localhost".into(), port)], &["localhost".into()]);
    let (mut near, far) = connected();
    proxy.serve(far);
    near.write_all(format!("CONNECT localhost:{port} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
    let (mut outside, _) = listener.accept().unwrap();
    let mut line = String::new();
    BufReader::new(&near).read_line(&mut line).unwrap();
    drop(proxy);
    assert_eq!(outside.read(&mut [0; 8]).unwrap(), 0);
    assert_eq!(near.read_to_end(&mut Vec::new()).unwrap_or(0), 0);
}

#[test]
fn when_a_run_is_over_nothing_that_served_it_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut proxy = Proxy::new(&[("localhost".into(), port)], &["localhost".into()]);
    let shared = Arc::clone(&proxy.shared);
    // One that is silent, and one that is passed on to a host that is.
    let (_silent, far) = connected();
    proxy.serve(far);
    let (mut near, far) = connected();
    proxy.serve(far);
    near.write_all(format!("CONNECT localhost:{port} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
    let _outside = listener.accept().unwrap();
    assert_eq!(shared.state().open.len(), 2);
    let began = Instant::now();
    assert_eq!(proxy.finish().len(), 1);
    assert_eq!(shared.state().open.len(), 0);
    assert!(began.elapsed() < ENDING, "they are told to end, and not waited out");
}

#[test]
fn however_much_is_refused_what_is_let_through_is_noted() {
    let proxy = Proxy::new(&[], &[]);
    for port in 0..u16::try_from(NOTED).unwrap() + 500 {
        proxy.shared.note("noise.example", port, Some("it was not declared".to_owned()));
    }
    (0..3).for_each(|_| proxy.shared.note("forge.example", 443, None));
    let asked = proxy.finish();
    assert_eq!(asked.len(), NOTED + 1);
    assert_eq!(asked.last(), Some(&Asked { host: "forge.example".into(), port: 443, refused: None, times: 3 }));
}
