//! Tests of requests to other machines; those that need a host that misbehaves are in `git/tests/fetching.rs`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::guard::{Guard, refusal};
use super::*;

#[test]
fn addresses_inside_our_network_are_refused_in_every_form() {
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "127.0.0.1",
        "127.255.255.254",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "100.100.100.200",
        "169.254.169.254",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.1.2.3",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "fe80::1",
        "febf::1",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::",
        "2001::1",
        "2001:db8::1",
        "3fff::1",
        "100::1",
        "5f00::1",
        "4000::1",
    ] {
        assert!(refusal(address.parse::<IpAddr>().unwrap()).is_some(), "{address}");
    }
}

#[test]
fn addresses_of_the_internet_are_spoken_to() {
    for address in [
        "1.1.1.1",
        "140.82.121.3",
        "172.15.0.1",
        "172.32.0.1",
        "100.63.0.1",
        "100.128.0.1",
        "192.0.1.1",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ] {
        assert_eq!(refusal(address.parse::<IpAddr>().unwrap()), None, "{address}");
    }
}

#[test]
fn one_refused_address_among_good_ones_refuses_the_host_and_naming_the_host_allows_it() {
    let addresses: Vec<SocketAddr> = vec!["1.1.1.1:80".parse().unwrap(), "10.0.0.1:80".parse().unwrap()];
    assert!(matches!(Guard::new(&[]).check("git.corp", 80, &addresses), Err(Error::Refused { .. })));
    Guard::new(&["GIT.corp".into()]).check("git.corp", 80, &addresses).unwrap();
    Guard::new(&["git.corp:80".into()]).check("git.corp.", 80, &addresses).unwrap();
    assert!(Guard::new(&["git.corp:81".into(), "corp".into(), String::new()]).check("git.corp", 80, &addresses).is_err());
}

fn ask(config: &Config, url: &str) -> Result<Response> {
    let request =
        Request { method: "GET", url, headers: &[], secret_headers: &[], body: &[], deadline: Duration::from_secs(5), cap: 1_000 };
    Client::new(config).unwrap().send(&request)
}

#[test]
fn spellings_of_our_own_machine_are_seen_through() {
    for host in ["127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0", "[::]"] {
        let error = ask(&Config::default(), &format!("http://{host}:9/path?token=secret")).unwrap_err();
        assert!(matches!(error, Error::Refused { .. }), "{host}: {error}");
        assert!(!error.to_string().contains("secret") && !error.to_string().contains("path"), "{error}");
    }
}

#[test]
fn addresses_with_a_password_another_scheme_or_no_host_are_refused_without_being_repeated() {
    for url in ["http://ada:secret@example.org/", "file:///etc/passwd", "gopher://example.org/", "http:///secret", "secret", "http://", ""]
    {
        let error = ask(&Config::default(), url).unwrap_err();
        assert!(matches!(error, Error::BadUrl { .. }), "{url}: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn a_port_where_nobody_listens_is_a_failed_connection_that_may_be_tried_again() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = Config { allow_hosts: vec![format!("127.0.0.1:{port}")], ..Config::default() };
    let error = ask(&config, &format!("http://127.0.0.1:{port}/")).unwrap_err();
    assert!(matches!(error, Error::Connection { .. }) && error.is_transient(), "{error}");
}

#[test]
fn certificates_that_cannot_be_used_are_said_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ca.pem");
    for content in [None, Some(""), Some("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n")] {
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let config = Config { ca_file: Some(path.clone()), ..Config::default() };
        assert!(matches!(Client::new(&config), Err(Error::Authorities { .. })), "{content:?}");
    }
}

#[test]
fn a_client_that_lets_a_host_through_does_so_at_its_port_and_leaves_others_as_they_are() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let plain = Client::new(&Config::default()).unwrap();
    let open = plain.allowing("127.0.0.1", port);
    let url = |port: u16| format!("http://127.0.0.1:{port}/");
    open.judge(&url(port)).unwrap();
    for (client, url) in [(&open, url(port ^ 1)), (&open, "http://[::1]:9/".to_owned()), (&plain, url(port))] {
        assert!(matches!(client.judge(&url), Err(Error::Refused { .. })), "{url}");
        let request =
            Request { method: "GET", url: &url, headers: &[], secret_headers: &[], body: &[], deadline: Duration::from_secs(5), cap: 1 };
        assert!(matches!(client.send(&request), Err(Error::Refused { .. })), "{url}");
    }
    plain.judge("https://1.1.1.1/").unwrap();
}
