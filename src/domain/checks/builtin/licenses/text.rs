//! Which license a text is: by phrases that stand in it and in no other.

/// The first of these whose phrases all stand in a text is its license. Longer lists come before shorter ones that they contain.
const LICENSES: [(&str, &[&str]); 28] = [
    ("AGPL-3.0", &["gnu affero general public license version 3"]),
    ("LGPL-3.0", &["gnu lesser general public license version 3"]),
    ("LGPL-2.1", &["gnu lesser general public license version 2.1"]),
    ("LGPL-2.0", &["gnu library general public license version 2"]),
    ("GPL-3.0", &["gnu general public license version 3"]),
    ("GPL-2.0", &["gnu general public license version 2"]),
    ("Apache-2.0", &["apache license version 2.0"]),
    ("MPL-2.0", &["mozilla public license version 2.0"]),
    ("EPL-2.0", &["eclipse public license - v 2.0"]),
    ("EPL-1.0", &["eclipse public license - v 1.0"]),
    ("EUPL-1.2", &["european union public licence v. 1.2"]),
    ("BUSL-1.1", &["business source license 1.1"]),
    ("Elastic-2.0", &["elastic license 2.0"]),
    ("SSPL-1.0", &["server side public license version 1"]),
    ("BSL-1.0", &["boost software license - version 1.0"]),
    ("CC0-1.0", &["cc0 1.0 universal"]),
    ("CC-BY-SA-4.0", &["attribution-sharealike 4.0 international"]),
    ("CC-BY-4.0", &["attribution 4.0 international"]),
    ("Unlicense", &["free and unencumbered software released into the public domain"]),
    ("Unicode-3.0", &["unicode license v3", "data files"]),
    ("MIT", &["permission is hereby granted, free of charge, to any person obtaining a copy", "permission notice shall be included"]),
    ("MIT-0", &["permission is hereby granted, free of charge, to any person obtaining a copy"]),
    ("BSD-3-Clause", &["redistribution and use in source and binary forms", "neither the name"]),
    ("BSD-2-Clause", &["redistribution and use in source and binary forms"]),
    (
        "ISC",
        &["permission to use, copy, modify, and", "distribute this software for any purpose", "provided that the above copyright notice"],
    ),
    ("0BSD", &["permission to use, copy, modify, and", "distribute this software for any purpose"]),
    ("Zlib", &["this software is provided 'as-is', without any express or implied warranty"]),
    ("WTFPL", &["do what the fuck you want to public license"]),
];

/// Licenses that name others in their text are told by their titles, which stand within so many characters.
const TITLE: usize = 400;
/// So many of them are told by their titles.
const TITLED: usize = 18;

/// The license that a text is, as SPDX names it without `-only` and `-or-later`.
pub fn detect(text: &[u8]) -> Option<&'static str> {
    let plain = plain(text);
    let title = plain.char_indices().nth(TITLE).map_or(&plain[..], |(end, _)| &plain[..end]);
    LICENSES
        .iter()
        .enumerate()
        .find(|(at, (_, phrases))| {
            let within = if *at < TITLED { title } else { &plain[..] };
            phrases.iter().all(|phrase| within.contains(phrase))
        })
        .map(|(_, (name, _))| *name)
}

/// A text in lower case on one line, without commas behind titles and without marks of emphasis.
fn plain(text: &[u8]) -> String {
    let text =
        String::from_utf8_lossy(text).to_lowercase().replace(['*', '#', '_', '='], " ").replace("license, version", "license version");
    let text = text.replace('\u{2019}', "'").replace(['"', '\u{201c}', '\u{201d}'], "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_license_is_known_by_its_title_or_its_words() {
        for (text, name) in [
            ("                 Apache License\n           Version 2.0, January 2004\n", Some("Apache-2.0")),
            ("GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007\n", Some("GPL-3.0")),
            ("GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3\n … the GNU General Public License version 3 …", Some("AGPL-3.0")),
            ("Mozilla Public License, version 2.0\n", Some("MPL-2.0")),
            (
                "UNICODE LICENSE V3\n\nPermission is hereby granted, free of charge, to any person obtaining a\ncopy of data files",
                Some("Unicode-3.0"),
            ),
            ("All rights reserved. Do not read.", None),
        ] {
            assert_eq!(detect(text.as_bytes()), name, "{text}");
        }
    }

    #[test]
    fn our_own_license_is_what_our_manifest_says() {
        assert_eq!(detect(include_bytes!("../../../../../LICENSE")), Some("MIT"));
    }
}
