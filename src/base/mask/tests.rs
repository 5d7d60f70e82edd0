use proptest::prelude::*;

use super::*;

fn mask(values: &[&str]) -> Mask {
    let values: Vec<Secret<String>> = values.iter().map(|value| Secret::new((*value).to_owned())).collect();
    Mask::new(&values).unwrap()
}

fn masked(values: &[&str], text: &str) -> String {
    mask(values).text(text)
}

/// What comes out of a text that comes in pieces.
fn in_pieces(mask: &Mask, pieces: &[&[u8]]) -> Vec<u8> {
    let mut stream = mask.stream();
    let mut out: Vec<u8> = pieces.iter().flat_map(|piece| stream.push(piece)).collect();
    out.extend(stream.finish());
    out
}

/// The same by looking for each form at each place.
fn by_hand(values: &[String], text: &[u8]) -> Vec<u8> {
    let mut all = BTreeSet::new();
    values.iter().for_each(|value| forms::of(value, &mut all));
    let mut covered = vec![false; text.len()];
    let joined: Vec<usize> = (0..text.len()).filter(|at| !matches!(text[*at], b'\n' | b'\r')).collect();
    let without: Vec<u8> = joined.iter().map(|at| text[*at]).collect();
    for form in &all {
        for at in (0..text.len()).filter(|at| text[*at..].starts_with(form)) {
            covered[at..at + form.len()].fill(true);
        }
        for at in (0..without.len()).filter(|at| without[*at..].starts_with(form)) {
            covered[joined[at]..=joined[at + form.len() - 1]].fill(true);
        }
    }
    let mut out = Vec::new();
    for (at, byte) in text.iter().enumerate() {
        match covered[at] {
            false => out.push(*byte),
            true if at == 0 || !covered[at - 1] => out.extend_from_slice(STARS),
            true => {}
        }
    }
    out
}

#[test]
fn a_value_is_replaced_as_it_is_and_in_each_form() {
    assert_eq!(masked(&["hunter2!"], "login -p hunter2! ok"), "login -p *** ok");
    assert_eq!(masked(&["hunter2!"], "hunter2 hunter2!hunter2!"), "hunter2 ***");
    assert_eq!(masked(&["hunter2!"], "68756e7465723221 68756E7465723221 hunter2%21"), "*** *** ***");
    assert_eq!(masked(&["say \"hi\""], r#"{"a":"say \"hi\""} say+%22hi%22"#), r#"{"a":"***"} ***"#);
    assert_eq!(masked(&[], "hunter2!"), "hunter2!");
}

#[test]
fn what_is_broken_into_lines_is_seen_wherever_the_lines_end() {
    let value = "-a secret of more than fifty-seven bytes, as the private halves of keys are, and tokens";
    let long = mask(&[value]);
    let whole: Vec<u8> = {
        let mut all = BTreeSet::new();
        forms::of(value, &mut all);
        all.into_iter().find(|form| form.starts_with(b"LWEgc2Vjcm")).unwrap()
    };
    for width in [1, 19, 64, 76] {
        for end in ["\n", "\r\n"] {
            let lines: Vec<&str> = whole.chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
            assert_eq!(long.text(&format!("a\n{}\nz", lines.join(end))), "a\n***\nz", "{width}");
        }
    }
}

#[test]
fn base_64_is_seen_whatever_stands_before_the_value() {
    // `printf '%shunter2!' '' a ab | base64`, and what follows moves the padding.
    for (encoded, left) in [("aHVudGVyMiE=", 4), ("YWh1bnRlcjIh", 4), ("YWJodW50ZXIyIQ==", 8), ("YWJjaHVudGVyMiE=", 8), ("aHVudGVyMiF4", 4)]
    {
        let shown = masked(&["hunter2!"], encoded);
        assert!(shown.contains("***") && shown.len() - 3 <= left, "{encoded}: {shown}");
    }
}

#[test]
fn values_that_overlap_are_replaced_together() {
    assert_eq!(masked(&["abcdef", "defghi"], "xabcdefghix"), "x***x");
    assert_eq!(masked(&["abcdefghi", "cdefgh"], "abcdefgh abcdefghi"), "ab*** ***");
    assert_eq!(masked(&["aaaaaa"], "aaaaaaaaaaaaaaab"), "***b");
}

#[test]
fn only_what_may_become_a_value_is_held_back() {
    let mask = mask(&["secret-value", "secret-other"]);
    let mut stream = mask.stream();
    assert_eq!(stream.push(b"a line\n"), b"a line\n");
    assert_eq!(stream.push(b"then sec"), b"then ");
    assert_eq!(stream.push(b"ond secret-valu"), b"second ");
    assert_eq!(stream.push(b"e"), b"***");
    assert_eq!(stream.push(b" secret-va"), b" ");
    assert_eq!(stream.finish(), b"secret-va");
}

#[test]
fn what_is_too_short_or_too_much_is_refused_without_being_told() {
    let refused = |value: &str| Mask::new(&[Secret::new(value.to_owned())]).unwrap_err().to_string();
    assert!(refused("hunt5").contains("5 bytes is too short"));
    assert!(refused("  a \n    ").contains("1 bytes is too short"));
    assert!(refused(&"x".repeat(MOST_BYTES + 1)).starts_with("secrets of more than"));
    assert!(!refused("hunt5").contains("hunt5"));
    let plain = Mask::plain(["hunt5", "hunter2!", &"x".repeat(MOST_PLAIN_BYTES), "a third"]);
    assert_eq!(plain.text("hunt5 hunter2! hunter2%21 a third"), "hunt5 *** hunter2%21 a third");
}

#[test]
fn neither_a_mask_nor_a_stream_prints_what_it_masks() {
    let mut stream = mask(&["hunter2!"]).stream();
    stream.push(b"hunter");
    let printed = format!("{stream:?} {:?}", mask(&["hunter2!"]));
    assert!(printed.contains("redacted") && !printed.contains("hunter"), "{printed}");
}

#[test]
fn the_most_that_is_taken_makes_an_automaton_of_bounded_size() {
    let value: String = (0..MOST_BYTES).map(|at| char::from(b'!' + u8::try_from(at * at % 89).unwrap())).collect();
    let mask = mask(&[&value]);
    let Some(values) = &mask.0 else { panic!("it masks something") };
    let bytes = values.automaton.memory_usage() + values.held.capacity() * 17;
    assert!(bytes < MOST_BYTES * 1_500, "{bytes} bytes");
    assert_eq!(mask.text(&format!("<{value}>")), "<***>");
}

proptest! {
    #[test]
    fn however_a_text_is_cut_the_same_comes_out_and_no_value_is_in_it(
        values in prop::collection::vec("[ab/é]{6,8}", 1..4), text in "[abé/\n]{0,40}", cuts in prop::collection::vec(0usize..80, 0..4),
    ) {
        let mask = mask(&values.iter().map(String::as_str).collect::<Vec<_>>());
        let whole = mask.bytes(text.clone().into_bytes());
        prop_assert_eq!(&whole, &by_hand(&values, text.as_bytes()));
        for value in &values {
            prop_assert!(!String::from_utf8_lossy(&whole).contains(value.as_str()));
        }
        let bytes = text.as_bytes();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([0, bytes.len()]).collect();
        places.sort_unstable();
        let pieces: Vec<&[u8]> = places.windows(2).map(|ends| &bytes[ends[0]..ends[1]]).collect();
        prop_assert_eq!(&in_pieces(&mask, &pieces), &whole);
    }

    #[test]
    fn at_every_single_cut_every_form_is_masked(
        value in "[a-z&\"\\\\/ é]{6,12}", before in "[A-Z ]{0,4}", after in "[A-Z ]{0,4}", form in any::<prop::sample::Index>(),
    ) {
        prop_assume!(value.trim().len() >= LEAST_BYTES);
        let mut all = BTreeSet::new();
        forms::of(&value, &mut all);
        let all: Vec<Vec<u8>> = all.into_iter().collect();
        let form = form.get(&all);
        let text = [before.as_bytes(), form, after.as_bytes()].concat();
        let mask = mask(&[&value]);
        let longest = all.iter().map(Vec::len).max().unwrap();
        for cut in 0..=text.len() {
            let mut stream = mask.stream();
            let first = stream.push(&text[..cut]);
            prop_assert!(stream.rest.len() < longest);
            let out = [first, stream.push(&text[cut..]), stream.finish()].concat();
            prop_assert_eq!(&out, &mask.bytes(text.clone()));
            prop_assert!(memchr::memmem::find(&out, form).is_none());
        }
    }

    #[test]
    fn byte_by_byte_is_as_all_at_once(values in prop::collection::vec("[ab]{6,9}", 1..5), text in "[ab]{0,60}") {
        let mask = mask(&values.iter().map(String::as_str).collect::<Vec<_>>());
        let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        prop_assert_eq!(in_pieces(&mask, &single), by_hand(&values, text.as_bytes()));
    }
}
