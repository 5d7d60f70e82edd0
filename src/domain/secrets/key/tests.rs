use super::*;

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[test]
fn a_key_that_is_made_reads_back_as_itself() {
    let made = generate();
    assert!(made.public.starts_with("ssh-ed25519 AAAA") && made.fingerprint.starts_with("SHA256:") && made.was_made_here);
    let read = parse(&made.private, None).unwrap();
    assert_eq!((&read.public, &read.fingerprint, read.private.expose()), (&made.public, &made.fingerprint, made.private.expose()));
    assert_ne!(generate().fingerprint, made.fingerprint);
    let windows = made.private.expose().replace('\n', "\r\n");
    assert_eq!(parse(&secret(&format!("  {windows}\r\n\r\n")), None).unwrap().public, made.public, "whatever its lines end with");
}

#[test]
fn a_passphrase_is_asked_for_tried_and_taken_off() {
    let made = generate();
    let key = PrivateKey::from_openssh(made.private.expose()).unwrap();
    let locked = key.encrypt(&mut ssh_key::rand_core::OsRng, "tulip bulb").unwrap().to_openssh(LineEnding::LF).unwrap();
    let locked = secret(&locked);
    assert_eq!(parse(&locked, None).err(), Some(Unusable::PassphraseNeeded));
    assert_eq!(parse(&locked, Some(&secret(""))).err(), Some(Unusable::PassphraseNeeded));
    assert_eq!(parse(&locked, Some(&secret("tulip"))).err(), Some(Unusable::PassphraseWrong));
    assert_eq!(parse(&locked, Some(&secret(&"x".repeat(2_000)))).err(), Some(Unusable::PassphraseWrong));
    let open = parse(&locked, Some(&secret("tulip bulb"))).unwrap();
    assert_eq!(open.fingerprint, made.fingerprint);
    assert!(!PrivateKey::from_openssh(open.private.expose()).unwrap().is_encrypted());
}

#[test]
fn a_passphrase_that_costs_too_much_is_not_tried() {
    let key = PrivateKey::from_openssh(generate().private.expose()).unwrap();
    let kdf = ssh_key::Kdf::Bcrypt { salt: vec![7; 16], rounds: 1 };
    let locked = key.encrypt_with(ssh_key::Cipher::Aes256Ctr, kdf, 7, "tulip").unwrap();
    let mut bytes = locked.to_bytes().unwrap().to_vec();
    // The rounds stand after the salt.
    let at = bytes.windows(16).position(|window| window == [7; 16]).unwrap() + 16;
    assert_eq!(bytes[at..at + 4], [0, 0, 0, 1]);
    bytes[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    let dear = PrivateKey::from_bytes(&bytes).unwrap().to_openssh(LineEnding::LF).unwrap();
    assert_eq!(parse(&secret(&dear), Some(&secret("tulip"))).err(), Some(Unusable::TooDear));
}

/// Keys that `openssl` and `ssh-keygen` made for these tests, each with the fingerprint that `ssh-keygen -l` says. They open nothing.
const GIVEN: &[(&str, &str, &str)] = &include!("tests/given.in");

#[test]
fn keys_in_the_forms_that_others_write_are_read() {
    assert!(GIVEN.len() >= 8);
    for (what, fingerprint, text) in GIVEN {
        let read = parse(&secret(text), None).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(&read.fingerprint, fingerprint, "{what}");
        let again = parse(&read.private, None).unwrap_or_else(|error| panic!("{what} as it is kept: {error}"));
        assert_eq!(again.public, read.public, "{what}");
    }
}

#[test]
fn what_cannot_be_used_says_why() {
    let made = generate();
    let said = |text: &str| parse(&secret(text), None).expect_err(text).to_string();
    assert!(said(&made.public).contains("public half"));
    assert!(said("").contains("no private key"));
    assert!(said("hello").contains("no private key"));
    assert!(said(&"x".repeat(MOST_KEY_BYTES + 1)).contains("at most"));
    for label in ["ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY"] {
        let told =
            said(&format!("-----BEGIN {label}-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END {label}-----\n"));
        assert!(told.contains("ssh-keygen -p -f FILE"), "{told}");
    }
    assert!(said("-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----").contains("DSA"));
    let whole = made.private.expose();
    assert!(said(&whole[..whole.len() - 80]).contains("no private key"), "cut off");
}

#[test]
fn nothing_that_is_given_is_more_than_refused() {
    let texts: Vec<String> = GIVEN.iter().map(|(_, _, text)| (*text).to_owned()).collect();
    for text in &texts {
        for at in (0..text.len()).step_by(7) {
            let _ = parse(&secret(&text[..at]), None);
            let mut bent = text.clone().into_bytes();
            bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
            let _ = parse(&secret(&String::from_utf8(bent).unwrap()), None);
        }
    }
}

#[test]
fn two_halves_that_do_not_belong_together_are_refused() {
    let (one, other) = (generate(), generate());
    let halves = |pair: &KeyPair| PrivateKey::from_openssh(pair.private.expose()).unwrap().key_data().ed25519().unwrap().clone();
    let (one, other) = (halves(&one), halves(&other));
    let forged = blob::ed25519(&one.private.to_bytes(), &other.public.0);
    assert!(forged.and_then(|key| pair(&key)).is_err());
}
