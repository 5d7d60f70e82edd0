//! A forge that signs for runs of its automation, as GitHub does: discovery, keys, and tokens with whatever a test wants in them.

use std::sync::{Arc, Mutex};

use plumbline::base::id::RepoId;
use plumbline::base::time::Timestamp;
use plumbline::domain::repos::Repository;
use plumbline::engine::store;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::app::TestApp;
use super::server::{Reply, Server};

/// Whom its tokens are for.
pub const AUDIENCE: &str = "https://plumbline.example";

/// The issuer.
pub struct Issuer {
    pub server: Server,
    published: Arc<Mutex<Published>>,
    /// The keys that it signs by, those that it made later last.
    ec: Vec<EcdsaKeyPair>,
    rsa: RsaKeyPair,
}

/// What it answers.
#[derive(Default)]
pub struct Published {
    pub keys: Vec<Value>,
    /// What else than itself it says it is.
    pub issuer: Option<String>,
    /// Where else than at home it says its keys are.
    pub jwks_uri: Option<String>,
    pub cache_control: Option<String>,
    /// Answers with this instead of documents.
    pub broken: Option<(u16, Vec<u8>)>,
}

/// By what a token is signed.
#[derive(Clone)]
pub enum Signed {
    /// The nth elliptic key.
    Ec(usize),
    Rsa,
    Hmac(Vec<u8>),
    By(Vec<u8>),
}

/// A token before it is signed.
#[derive(Clone)]
pub struct Draft {
    pub header: Value,
    pub claims: Value,
    pub signed: Signed,
}

pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().chain([&0; 3]).take(3).fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        for place in 0..=chunk.len() {
            text.push(char::from(DIGITS[bits >> (18 - 6 * place) & 63]));
        }
    }
    text
}

impl Issuer {
    /// One that publishes an elliptic key `ec-0` and an RSA key `rsa`. The elliptic ones are made here; the other stands in a fixture,
    /// since to make one takes longer than a test may.
    pub fn new() -> Issuer {
        let published = Arc::new(Mutex::new(Published::default()));
        let state = Arc::clone(&published);
        let server = Server::new(move |asked| {
            let published = state.lock().unwrap();
            if let Some((status, body)) = &published.broken {
                return Reply::Http(*status, Vec::new(), body.clone());
            }
            let own = format!("http://{}", asked.header("host").unwrap());
            let body = match asked.path.as_str() {
                "/.well-known/openid-configuration" => {
                    let home = format!("{own}/keys");
                    json!({"issuer": published.issuer.clone().unwrap_or(own), "jwks_uri": published.jwks_uri.clone().unwrap_or(home)})
                }
                "/keys" => json!({"keys": published.keys}),
                _ => return Reply::Http(404, Vec::new(), Vec::new()),
            };
            let headers = published.cache_control.iter().map(|value| ("cache-control".to_owned(), value.clone())).collect();
            Reply::Http(200, headers, body.to_string().into_bytes())
        });
        let rsa = RsaKeyPair::from_pkcs8(include_bytes!("../../fixtures/oidc/rsa.der")).unwrap();
        let mut issuer = Issuer { server, published, ec: Vec::new(), rsa };
        issuer.make_key();
        let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(issuer.rsa.public());
        let rsa = json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "rsa", "n": base64(&public.n), "e": base64(&public.e)});
        issuer.publish(|published| published.keys = vec![rsa]);
        issuer.publish_key(0, "ec-0");
        issuer
    }

    /// Makes another elliptic key, which nobody knows yet; answers its number.
    pub fn make_key(&mut self) -> usize {
        let random = SystemRandom::new();
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        self.ec.push(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, made.as_ref(), &random).unwrap());
        self.ec.len() - 1
    }

    /// The public half of an elliptic key as a list of keys has it.
    pub fn public(&self, key: usize, id: &str) -> Value {
        let point = self.ec[key].public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": id, "x": base64(&point[1..33]), "y": base64(&point[33..])})
    }

    pub fn publish_key(&self, key: usize, id: &str) {
        let public = self.public(key, id);
        self.publish(|published| published.keys.push(public));
    }

    /// Changes what it answers.
    pub fn publish(&self, change: impl FnOnce(&mut Published)) {
        change(&mut self.published.lock().unwrap());
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.server.host())
    }

    /// How often it was asked for anything.
    pub fn asked(&self) -> usize {
        self.server.asked.lock().unwrap().len()
    }

    /// An appliance that believes it.
    pub fn app(&self) -> TestApp {
        self.app_with(|_| {})
    }

    pub fn app_with(&self, change: impl FnOnce(&mut plumbline::app::config::Config)) -> TestApp {
        TestApp::with(|config| {
            config.oidc_issuers = vec![self.url()];
            config.oidc_audience = Some(AUDIENCE.to_owned());
            config.allow_hosts = vec![self.server.host()];
            change(config);
        })
    }

    /// A good token that is not signed yet: a push to main of `acme/app`.
    pub fn draft(&self, now: Timestamp) -> Draft {
        let now = now.as_millis() / 1_000;
        let claims = json!({
            "iss": self.url(), "aud": AUDIENCE, "sub": "repo:acme/app:ref:refs/heads/main", "jti": "8d6f1c2a",
            "iat": now, "nbf": now - 300, "exp": now + 300,
            "repository": "acme/app", "repository_id": "123", "repository_owner": "acme", "repository_owner_id": "45",
            "ref": "refs/heads/main", "ref_type": "branch", "sha": "1234567890123456789012345678901234567890",
            "workflow": "ci", "workflow_ref": "acme/app/.github/workflows/ci.yaml@refs/heads/main", "event_name": "push",
            "run_id": "9001", "run_number": "7", "run_attempt": "2", "actor": "ada",
        });
        Draft { header: json!({"typ": "JWT", "alg": "ES256", "kid": "ec-0"}), claims, signed: Signed::Ec(0) }
    }

    /// Signs what was drafted.
    pub fn sign(&self, draft: &Draft) -> String {
        self.sign_texts(&draft.header.to_string(), &draft.claims.to_string(), &draft.signed)
    }

    /// Signs any two texts as header and claims.
    pub fn sign_texts(&self, header: &str, claims: &str, signed: &Signed) -> String {
        let message = format!("{}.{}", base64(header.as_bytes()), base64(claims.as_bytes()));
        format!("{message}.{}", base64(&self.signature(message.as_bytes(), signed)))
    }

    pub fn signature(&self, message: &[u8], signed: &Signed) -> Vec<u8> {
        let random = SystemRandom::new();
        match signed {
            Signed::Ec(key) => self.ec[*key].sign(&random, message).unwrap().as_ref().to_vec(),
            Signed::Rsa => {
                let mut signature = vec![0; self.rsa.public().modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Signed::Hmac(key) => {
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
                ring::hmac::sign(&key, message).as_ref().to_vec()
            }
            Signed::By(signature) => signature.clone(),
        }
    }

    /// A good token.
    pub fn token(&self, now: Timestamp) -> String {
        self.sign(&self.draft(now))
    }

    /// Says that a repository is fetched from this place, such as `acme/app`, of the forge; answers from where it was before. Nobody may
    /// fetch it until that is taken back.
    pub fn adopt(&self, app: &TestApp, repo: RepoId, name: &str) -> String {
        fetched_from(app, repo, &format!("https://{}/{name}", self.server.host()))
    }
}

/// Says from where a repository is fetched; answers from where it was before.
pub fn fetched_from(app: &TestApp, repo: RepoId, remote: &str) -> String {
    let remote = remote.to_owned();
    app.app()
        .write_now(&plumbline::base::event::Actor::System, move |tx, _| {
            let before = tx.get::<Repository>(&repo)?.unwrap();
            tx.put(&Repository { remote: remote.clone(), ..before.clone() })?;
            Ok::<_, store::Error>(before.remote)
        })
        .unwrap()
}
