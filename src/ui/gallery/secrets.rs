//! The pages of secrets and keys.

use super::pages::{Pages, add};
use super::*;

pub fn all(world: &World, out: &mut Pages) {
    let secret = |name: &str, scope, overridden, version| SecretView {
        name: name.to_owned(),
        scope,
        overridden,
        version,
        created_at: before(90 * 24 * 3_600),
        changed_at: before(300),
        changed_by: (version > 1).then(|| world.say("ada")),
        last_used: (version > 1).then(|| UseView {
            at: before(20),
            repo: (version == 2).then(|| "acme/api".parse().unwrap()),
            sha: "9fceb02d0ae598e95dc970b74767f19372d61af8".parse().unwrap(),
            check: world.say("house-rules"),
        }),
    };
    let key = |generated| KeyView {
        id: "key_00000000000000000000000001".parse().unwrap(),
        name: world.say("the forge"),
        public_key: world.say("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMzYqJwzQ8Z1c0kR3b0Kq2yXw0dJm3pYH5v8n1fT2a4b the-forge"),
        fingerprint: "SHA256:XUAQMAhtriGffO2GDu7uRoA5wJcVIxbHjdeR+H1nOLk".to_owned(),
        generated,
        version: 1,
        created_at: before(500),
        changed_at: before(500),
        changed_by: generated.then(|| world.say("ada")),
        last_used_at: None,
    };
    let refused = || Some(Refused { name: world.say("DEPLOY-TOKEN"), why: world.say("A value has at least 6 characters.") });
    let all = || {
        vec![
            secret("DEPLOY_TOKEN", "repository", false, 2),
            secret("LINT", "repository", false, 1),
            secret("DEPLOY_TOKEN", "instance", true, 1),
            secret("NPM", "instance", false, 1),
        ]
    };
    let page = |secrets, keys, may_set, secret_refused, key_refused| RepoSecretsPage {
        frame: world.frame(),
        place: world.place(),
        secrets,
        keys,
        may_set,
        secret_refused,
        key_refused,
    };
    add(out, "repo-secrets", &page(all(), vec![key(true), key(false)], true, None, None));
    add(out, "repo-secrets-none", &page(Vec::new(), Vec::new(), false, None, None));
    add(out, "repo-secrets-refused", &page(all(), vec![key(true)], true, refused(), refused()));
    let fault = || Some(world.say("the key file `/var/lib/plumbline/vault.key` is not there"));
    let instance = vec![secret("NPM", "instance", false, 3), secret("SHARED", "instance", false, 1)];
    add(out, "instance-secrets", &InstanceSecretsPage { frame: world.frame(), secrets: instance, fault: None, refused: None });
    add(
        out,
        "instance-secrets-fault",
        &InstanceSecretsPage { frame: world.frame(), secrets: Vec::new(), fault: fault(), refused: refused() },
    );
}
