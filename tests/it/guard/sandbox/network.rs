//! The way out that is declared: by the proxy, to what was named, and nowhere else.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use plumbline::engine::sandbox::{Asked, Limits, Network, Sandbox, Settings};

use super::{LAUNCHER, native, need, output, perl, run};

/// Asks the proxy that the environment names, and prints what it answers.
const ASKS: &str = r#"
use strict; use Socket; $| = 1;
sub ask { my ($request) = @_; my ($host, $port) = $ENV{HTTPS_PROXY} =~ m{^http://([\d.]+):(\d+)$} or die "no proxy";
  socket(my $s, PF_INET, SOCK_STREAM, 0); connect($s, pack_sockaddr_in($port, inet_aton($host))) or die "no connection: $!";
  syswrite($s, $request); my $all = ""; while (sysread($s, my $part, 4096)) { $all .= $part } return $all }
"#;

/// A server on the host that says hello to whoever comes.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
            stream.write_all(format!("hello {line}").as_bytes()).unwrap();
        }
    });
    port
}

#[test]
fn what_is_declared_is_reached_and_what_is_not_is_refused_and_both_are_noted() {
    need!(native());
    let (port, other) = (server(), server());
    let settings = Settings { allow_hosts: vec!["localhost".into()], ..Settings::default() };
    let sandbox = Sandbox::new(std::path::Path::new(LAUNCHER), settings).unwrap();
    let script = format!(
        r#"{ASKS} for my $port ({port}, {other}) {{ print ask("CONNECT localhost:$port HTTP/1.1\r\nHost: localhost\r\n\r\nworld\n"), "\n" }}
        socket(my $s, PF_INET, SOCK_STREAM, 0); print connect($s, pack_sockaddr_in({port}, inet_aton("127.0.0.1"))) ? "reached" : "not reached";"#
    );
    let mut command = perl(&script);
    command.network = Network::Allow(vec![("localhost".into(), port)]);
    let outcome = run(&sandbox, &command, &Limits::default()).unwrap();
    let said = outcome.stdout.text();
    assert!(said.starts_with("HTTP/1.1 200 Connection established\r\n\r\nhello world\n"), "{said} {}", outcome.stderr.text());
    assert!(said.contains("HTTP/1.1 403 Forbidden") && said.ends_with("not reached"), "{said}");
    let refused = Some(format!("`localhost:{other}` is not among what this check declares"));
    let host = || "localhost".to_owned();
    assert_eq!(
        outcome.asked,
        [Asked { host: host(), port, refused: None, times: 1 }, Asked { host: host(), port: other, refused, times: 1 }]
    );
}

#[test]
fn a_declared_host_in_our_own_network_is_refused_unless_the_operator_allows_it() {
    let sandbox = need!(native());
    let port = server();
    let mut command = perl(&format!(r#"{ASKS} print ask("CONNECT localhost:{port} HTTP/1.1\r\n\r\nworld\n")"#));
    command.network = Network::Allow(vec![("localhost".into(), port)]);
    let outcome = run(sandbox, &command, &Limits::default()).unwrap();
    assert!(outcome.stdout.text().contains("a loopback address"), "{}", outcome.stdout.text());
}

#[test]
fn without_a_declaration_there_is_no_proxy() {
    let sandbox = need!(native());
    assert_eq!(output(sandbox, &perl(r#"print join ",", grep { /proxy/i } keys %ENV"#)), "");
}

#[test]
fn hundreds_of_connections_are_served_or_turned_away() {
    let sandbox = need!(native());
    let script = format!(
        r#"{ASKS} my $n = 0; my ($host, $port) = $ENV{{HTTPS_PROXY}} =~ m{{^http://([\d.]+):(\d+)$}}; my @all;
        for (1..300) {{ socket(my $s, PF_INET, SOCK_STREAM, 0); connect($s, pack_sockaddr_in($port, inet_aton($host))) and push @all, $s }}
        @all = (); select(undef, undef, undef, 0.2); print ask("CONNECT a.example:1 HTTP/1.1\r\n\r\n") =~ /403/ ? "alive" : "dead""#
    );
    let mut command = perl(&script);
    command.network = Network::Allow(vec![]);
    assert_eq!(output(sandbox, &command), "alive");
}
