//! What GitHub delivers: payloads in the shape of its schema, signed.

use ring::hmac;
use serde_json::{Value, json};

use super::WEBHOOK_SECRET;

const NONE: &str = "0000000000000000000000000000000000000000";

/// A delivery as it is sent.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub event: String,
    /// Its GUID.
    pub guid: String,
    /// `X-Hub-Signature-256`.
    pub signature: String,
    pub body: Vec<u8>,
}

impl Delivery {
    /// One of this number, signed with the secret.
    pub fn signed(event: &str, number: u64, payload: &Value) -> Delivery {
        Delivery::signed_with(WEBHOOK_SECRET, event, number, payload)
    }

    /// The same, signed with this.
    pub fn signed_with(secret: &str, event: &str, number: u64, payload: &Value) -> Delivery {
        let body = payload.to_string().into_bytes();
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), &body);
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Delivery {
            event: event.to_owned(),
            guid: format!("72d3162e-cc78-11e3-81ab-{number:012x}"),
            signature: format!("sha256={hex}"),
            body,
        }
    }
}

pub(super) fn push(slug: &str, id: u64, installation: u64, branch: &str, before: Option<&str>, after: &str) -> Value {
    let (owner, name) = slug.split_once('/').unwrap();
    let who = json!({"name": "Ada Lovelace", "email": "ada@example.org"});
    let commit = json!({
        "id": after, "tree_id": NONE, "distinct": true, "message": "change files", "timestamp": "2026-01-31T12:00:00Z",
        "url": format!("https://github.com/{slug}/commit/{after}"), "author": who, "committer": who, "added": [], "removed": [], "modified": [],
    });
    let user = json!({"login": owner, "id": 11, "node_id": "MDEy", "type": "Organization", "site_admin": false});
    json!({
        "ref": format!("refs/heads/{branch}"), "before": before.unwrap_or(NONE), "after": after,
        "created": before.is_none(), "deleted": false, "forced": false, "base_ref": null,
        "compare": format!("https://github.com/{slug}/compare/x"), "commits": [commit], "head_commit": commit,
        "repository": {
            "id": id, "node_id": "R_1", "name": name, "full_name": slug, "private": true, "owner": user, "fork": false,
            "html_url": format!("https://github.com/{slug}"), "description": null, "archived": false, "default_branch": "main",
            "pushed_at": 1_769_860_800, "master_branch": "main",
        },
        "pusher": {"name": "ada", "email": "ada@example.org"}, "sender": user, "installation": {"id": installation, "node_id": "I_1"},
    })
}
