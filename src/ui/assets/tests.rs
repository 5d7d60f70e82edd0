use std::collections::BTreeMap;

use super::*;

fn text(name: &str) -> String {
    String::from_utf8(get(name).unwrap().bytes.into_owned()).unwrap()
}

#[test]
fn every_file_is_found_by_its_address_and_by_no_other_version() {
    assert!(names().len() >= 9);
    for name in names() {
        let path = url(&name);
        let asset = find(path.strip_prefix("/assets/").unwrap()).unwrap_or_else(|| panic!("{name}"));
        assert!(!asset.bytes.is_empty(), "{name} is empty");
        assert!(asset.etag.starts_with('"') && asset.etag.ends_with('"'));
    }
    for path in ["", "style/plumbline.css", "000000000000/style/plumbline.css", "../Cargo.toml", "x/../../Cargo.toml"] {
        assert!(find(path).is_none(), "{path}");
    }
    assert!(get("../../Cargo.toml").is_none() && get("style/../../../Cargo.toml").is_none());
}

#[test]
fn every_module_imports_files_that_are_there() {
    for name in names().iter().filter(|name| name.ends_with(".js")) {
        for import in text(name).lines().filter(|line| line.starts_with("import")) {
            let path = import.split('"').nth(1).unwrap();
            let target = path.strip_prefix("./").unwrap_or_else(|| panic!("{name} imports {path} from elsewhere"));
            assert!(get(&format!("app/{target}")).is_some(), "{name} imports {path}");
        }
    }
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    for name in names() {
        let text = text(&name).replace("http://www.w3.org/2000/svg", "");
        for sign in ["http:", "https:", "@import", "url(", "eval(", "innerHTML"] {
            assert!(!text.contains(sign), "{name} holds {sign}");
        }
    }
}

#[test]
fn squeezing_leaves_every_rule_and_every_string() {
    let css = String::from_utf8(Style::get("style/plumbline.css").unwrap().data.into_owned()).unwrap();
    let squeezed = squeezed(&css);
    let strings = |text: &str| text.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(strings(&squeezed), strings(&css));
    for sign in ['{', '}', '(', '#', '@', '>'] {
        assert_eq!(squeezed.matches(sign).count(), css.matches(sign).count(), "{sign}");
    }
    assert_eq!(super::squeezed("a { b: c; }\n/* x */\n  d > e, f {\n  g: h;\n}\n/*"), "a{b:c}\nd>e,f{\ng:h;\n}\n");
}

#[test]
fn the_stylesheet_stays_small() {
    let bytes = get("style/plumbline.css").unwrap().bytes.len();
    assert!(bytes < 32_000, "{bytes} bytes");
}

/// The custom properties of a theme that are colours.
fn colours(block: &str) -> BTreeMap<String, [f64; 3]> {
    let property = |line: &str| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(':')?;
        let hex = value.trim().trim_end_matches(';').strip_prefix('#').filter(|hex| hex.len() == 6)?;
        let channel = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).ok().map(f64::from);
        Some((name.to_owned(), [channel(0)?, channel(2)?, channel(4)?]))
    };
    block.lines().filter_map(property).collect()
}

/// The relative luminance of WCAG 2.
fn luminance(colour: [f64; 3]) -> f64 {
    let [red, green, blue] = colour.map(|channel| {
        let share = channel / 255.0;
        if share <= 0.040_45 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn text_can_be_read_on_every_ground_in_both_themes() {
    let css = text("style/plumbline.css");
    let light = css.split("@media (prefers-color-scheme:dark)").next().unwrap();
    let dark = css.split("@media (prefers-color-scheme:dark)").nth(1).unwrap().split("\n}").next().unwrap();
    let (light, dark) = (colours(light), colours(dark));
    assert_eq!(light.keys().collect::<Vec<_>>(), dark.keys().collect::<Vec<_>>(), "a theme lacks a colour");
    for (theme, colours) in [("light", light), ("dark", dark)] {
        for (name, colour) in &colours {
            let least = match name.as_str() {
                "paper" | "raised" | "sunken" | "hit" | "rule" => continue,
                "brass" | "edge" => 3.0,
                _ => 4.5,
            };
            let code_only = if name.starts_with("code-") || name == "faint" { &["hit"][..] } else { &[] };
            for ground in ["paper", "raised", "sunken"].iter().chain(code_only) {
                let found = contrast(*colour, colours[*ground]);
                assert!(found >= least, "{theme}: {name} on {ground} has {found:.2}, less than {least}");
            }
        }
    }
}

#[test]
fn contrast_is_computed_as_wcag_does() {
    assert!((contrast([0.0; 3], [255.0; 3]) - 21.0).abs() < 1e-9);
    assert!((contrast([119.0; 3], [255.0; 3]) - 4.48).abs() < 0.01);
}

#[test]
fn no_template_says_safe_or_holds_anything_inline() {
    let pages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/pages");
    let mut folders = vec![pages];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            seen += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            for sign in ["|safe", "| safe", "style=", "<style", "onclick", "onload", "javascript:", "http://", "https://", "<script>"] {
                let text = text.replace("https://example.org/app.git", "").replace("http://127.0.0.1", "");
                assert!(!text.contains(sign), "{} holds {sign}", path.display());
            }
        }
    }
    assert!(seen > 15, "only {seen} templates were read");
}

#[test]
fn every_configuration_key_that_a_page_names_is_one() {
    let page = include_str!("../../../assets/pages/signin.html");
    let named: Vec<&str> = page.split("<code>").skip(1).filter_map(|rest| rest.split("</code>").next()).collect();
    let keys: Vec<&&str> = named.iter().filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '_' | '.'))).collect();
    assert!(!keys.is_empty());
    for key in keys {
        assert!(crate::app::config::KEYS.iter().any(|known| known.name == *key), "`{key}` is no key of the configuration");
    }
}
