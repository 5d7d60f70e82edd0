//! Deliveries that are really sent: to where the App's manifest says, as GitHub sends them.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::{Delivery, GitHub, State, Try};

impl GitHub {
    /// Sends a delivery to where the App is, and writes down how that went; answers the status, 0 where nothing answers.
    pub fn deliver(&self, delivery: &Delivery) -> u16 {
        self.state().deliver(delivery)
    }

    /// Says where the App is, as somebody does in its settings.
    pub fn hook(&self, url: &str) {
        self.state().hook = Some(url.to_owned());
    }
}

impl State {
    pub(super) fn deliver(&mut self, delivery: &Delivery) -> u16 {
        let status = self.hook.as_deref().and_then(|hook| send(hook, delivery).ok()).unwrap_or(0);
        self.tries.push(Try { delivery: delivery.clone(), at: self.now, status });
        status
    }
}

fn send(hook: &str, delivery: &Delivery) -> std::io::Result<u16> {
    let (host, path) = hook.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("an address of this machine");
    let mut stream = TcpStream::connect(host)?;
    let Delivery { event, guid, signature, body } = delivery;
    let head = format!(
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\nuser-agent: GitHub-Hookshot/044aadd\r\ncontent-type: application/json\r\n\
         x-github-event: {event}\r\nx-github-delivery: {guid}\r\nx-hub-signature-256: {signature}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0))
}
