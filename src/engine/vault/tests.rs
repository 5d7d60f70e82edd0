use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

const OF: Binding = Binding { kind: "secret", id: 7, version: 1 };

fn started(dir: &Path, present: Option<&Recipient>) -> Vault {
    Vault::at(dir.join("vault.key"), present.cloned())
}

fn sealed(vault: &Vault, value: &str) -> Sealed {
    vault.seal(&vault.newest().unwrap(), OF, value.as_bytes()).unwrap()
}

fn opened(vault: &Vault, sealed: &Sealed) -> String {
    String::from_utf8(vault.open(sealed, OF).unwrap().expose().clone()).unwrap()
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_is_sealed_is_opened_by_the_key_file_and_by_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let vault = started(dir.path(), None);
    let key = vault.newest().unwrap();
    let one = sealed(&vault, "marigold");
    assert_eq!(std::fs::metadata(dir.path().join("vault.key")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(opened(&started(dir.path(), Some(&key)), &one), "marigold");
    assert!(one.wrapped.starts_with(b"age-encryption.org/v1\n-> X25519 "), "it is a file that age itself reads");
    assert!(matches!(Vault::fleeting().open(&one, OF), Err(Error::KeyGone { .. })));
    assert_ne!(sealed(&vault, "marigold"), one, "no two seals are alike");
    assert!(!format!("{one:?} {vault:?}").contains("AGE-SECRET"));
}

#[test]
fn a_value_is_opened_as_what_it_is_of_alone() {
    let vault = Vault::fleeting();
    let one = sealed(&vault, "marigold");
    for other in [Binding { id: 8, ..OF }, Binding { version: 2, ..OF }, Binding { kind: "key", ..OF }] {
        assert!(matches!(vault.open(&one, other), Err(Error::Altered)), "{other:?}");
    }
}

#[test]
fn two_values_whose_parts_changed_places_are_refused() {
    let vault = Vault::fleeting();
    let (one, other) = (sealed(&vault, "marigold"), vault.seal(&vault.newest().unwrap(), Binding { id: 8, ..OF }, b"narcissus").unwrap());
    let swapped = [
        other.clone(),
        Sealed { wrapped: other.wrapped.clone(), ..one.clone() },
        Sealed { text: other.text.clone(), nonce: other.nonce, ..one.clone() },
        Sealed { text: other.text.clone(), nonce: other.nonce, wrapped: other.wrapped.clone(), ..one.clone() },
    ];
    for swapped in swapped {
        assert!(matches!(vault.open(&swapped, OF), Err(Error::Altered)));
    }
}

#[test]
fn a_byte_that_was_changed_anywhere_is_noticed() {
    let vault = Vault::fleeting();
    let one = sealed(&vault, "marigold");
    for at in 0..one.text.len() {
        let mut bent = one.clone();
        bent.text[at] ^= 1;
        assert!(vault.open(&bent, OF).is_err(), "byte {at} of the text");
    }
    for at in 0..one.wrapped.len() {
        let mut bent = one.clone();
        bent.wrapped[at] ^= 1;
        assert!(vault.open(&bent, OF).is_err(), "byte {at} of the key");
        bent.wrapped.truncate(at);
        assert!(vault.open(&bent, OF).is_err(), "a key of {at} bytes");
    }
}

#[test]
fn a_key_file_that_is_not_as_it_should_be_is_told_of_in_a_sentence_and_looked_at_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vault.key");
    let vault = started(dir.path(), None);
    let key = vault.newest().unwrap();
    let one = sealed(&vault, "marigold");
    let good = std::fs::read(&path).unwrap();
    let other = tempfile::tempdir().unwrap();
    started(other.path(), None);
    let foreign = std::fs::read(other.path().join("vault.key")).unwrap();

    type Spoil<'a> = &'a dyn Fn();
    let write = |content: &[u8]| std::fs::write(&path, content).unwrap();
    let cases: [(&str, Spoil<'_>); 7] = [
        ("is not there", &|| std::fs::remove_file(&path).unwrap()),
        ("its mode is 0644", &|| mode(&path, 0o644)),
        ("of another instance", &|| write(&foreign)),
        ("line 1 is no key of age", &|| write(b"AGE-SECRET-KEY-1NONSENSE\n")),
        ("there is no key in it", &|| write(b"# nothing\n\n")),
        ("it is no text", &|| write(&[0xff, 0xfe])),
        ("larger than a file of keys is", &|| write(&vec![b'#'; 70 << 10])),
    ];
    for (words, spoil) in cases {
        spoil();
        let vault = started(dir.path(), Some(&key));
        let told = vault.fault().expect(words).to_string();
        assert!(told.contains(words) && told.contains("vault.key"), "{words}: {told}");
        assert_eq!(vault.open(&one, OF).err().map(|error| error.to_string()), Some(told.clone()));
        assert_eq!(vault.seal(&key, OF, b"narcissus").err().map(|error| error.to_string()), Some(told));
        if path.exists() {
            mode(&path, 0o600);
        }
        write(&good);
        mode(&path, 0o600);
        assert_eq!(opened(&vault, &one), "marigold", "it was put right");
    }
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let told = started(dir.path(), Some(&key)).fault().unwrap().to_string();
    assert!(told.contains("it is no file"), "{told}");
}

#[test]
fn keys_are_exchanged_step_by_step_and_each_step_may_be_the_last() {
    let dir = tempfile::tempdir().unwrap();
    let vault = started(dir.path(), None);
    let old = vault.newest().unwrap();
    let one = sealed(&vault, "marigold");
    let again = |present: &Recipient| started(dir.path(), Some(present));

    let new = vault.add_key().unwrap();
    assert_eq!(opened(&again(&old), &one), "marigold", "killed after the file has both");
    let vault = again(&old);
    let moved = vault.rewrap(&one, &new).unwrap();
    assert_eq!((&moved.text, &moved.nonce, &moved.recipient), (&one.text, &one.nonce, &new), "the value itself is not touched");
    for at in [&old, &new] {
        assert_eq!((opened(&again(at), &one), opened(&again(at), &moved)), ("marigold".to_owned(), "marigold".to_owned()));
    }
    let vault = again(&new);
    vault.retire(std::slice::from_ref(&old)).unwrap();
    vault.retire(std::slice::from_ref(&old)).unwrap();
    assert_eq!(opened(&again(&new), &moved), "marigold");
    assert!(matches!(again(&new).open(&one, OF), Err(Error::KeyGone { needed }) if needed == old));
    assert!(matches!(again(&old).fault(), Some(Error::Foreign { .. })));
    vault.retire(std::slice::from_ref(&new)).unwrap();
    assert_eq!(opened(&again(&new), &moved), "marigold", "the last key stays whatever is said");
}

#[test]
fn a_file_that_was_half_written_when_the_process_ended_is_no_hindrance() {
    let dir = tempfile::tempdir().unwrap();
    let vault = started(dir.path(), None);
    std::fs::write(dir.path().join("vault.key.new"), "AGE-SEC").unwrap();
    let old = vault.newest().unwrap();
    let new = vault.add_key().unwrap();
    assert_eq!(started(dir.path(), Some(&old)).newest().unwrap(), new);
    assert!(!dir.path().join("vault.key.new").exists());
}

#[test]
fn a_file_that_is_lost_for_good_is_begun_anew_and_what_was_there_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vault.key");
    let vault = started(dir.path(), None);
    let old = vault.newest().unwrap();
    let one = sealed(&vault, "marigold");
    let lost = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, "spoilt").unwrap();
    let vault = started(dir.path(), Some(&old));
    let new = vault.replace_lost().unwrap();
    vault.note_present(&new);
    assert_eq!(std::fs::read_to_string(dir.path().join("vault.key.lost-1")).unwrap(), "spoilt");
    assert!(matches!(vault.open(&one, OF), Err(Error::KeyGone { .. })));
    // It is found, and its line is added.
    let both = lost + &std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, both).unwrap();
    assert_eq!(opened(&started(dir.path(), Some(&new)), &one), "marigold");
}

#[test]
fn keys_that_can_be_read_go_along_when_a_file_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let vault = started(dir.path(), None);
    let one = sealed(&vault, "marigold");
    // A file from before the last exchange was put back.
    let needed = Recipient::of(&Identity::generate());
    let vault = started(dir.path(), Some(&needed));
    assert!(matches!(vault.fault(), Some(Error::Foreign { .. })));
    let new = vault.replace_lost().unwrap();
    vault.note_present(&new);
    assert_eq!(vault.newest().unwrap(), new);
    assert_eq!(opened(&started(dir.path(), Some(&new)), &one), "marigold");
}

#[test]
fn a_file_that_is_taken_away_from_a_running_vault_takes_nothing_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vault.key");
    let vault = started(dir.path(), None);
    let old = vault.newest().unwrap();
    vault.note_present(&old);
    let one = sealed(&vault, "marigold");
    let file = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(vault.add_key(), Err(Error::Missing { .. })));
    assert!(matches!(vault.retire(std::slice::from_ref(&old)), Err(Error::Missing { .. })));
    assert_eq!(opened(&vault, &one), "marigold", "it has the key in memory");
    assert!(matches!(vault.fault(), Some(Error::Missing { .. })), "and says that the file is gone");
    assert!(matches!(vault.seal(&old, OF, b"aster"), Err(Error::Missing { .. })), "what is sealed now would be lost with the process");
    std::fs::write(&path, file).unwrap();
    mode(&path, 0o600);
    vault.add_key().unwrap();
    assert_eq!(opened(&vault, &sealed(&vault, "aster")), "aster");
}

#[test]
fn keys_that_are_in_memory_go_along_when_a_file_that_was_taken_away_is_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let vault = started(dir.path(), None);
    let old = vault.newest().unwrap();
    vault.note_present(&old);
    let one = sealed(&vault, "marigold");
    std::fs::remove_file(dir.path().join("vault.key")).unwrap();
    let new = vault.replace_lost().unwrap();
    assert_eq!(opened(&started(dir.path(), Some(&new)), &one), "marigold");
}

#[test]
fn a_key_file_that_age_made_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vault.key");
    let identity = Identity::generate();
    let made =
        format!("# created: 2026-01-01T00:00:00Z\n# public key: x\n{}\n", age::secrecy::ExposeSecret::expose_secret(&identity.to_string()));
    std::fs::write(&path, made).unwrap();
    mode(&path, 0o400);
    assert_eq!(started(dir.path(), None).newest().unwrap(), Recipient::of(&identity));
}
