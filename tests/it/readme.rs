//! The README keeps its promises: what it says of the configuration is what the code says.

use plumbline::app::config::KEYS;

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

#[test]
fn the_table_of_configuration_keys_is_the_codes_own() {
    let rows: Vec<String> =
        KEYS.iter().map(|key| format!("| `{}` | `{}` | {} | {} |", key.name, key.env, key.default, key.about)).collect();
    let readme = readme();
    let table: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `") && line.contains("PLUMBLINE_")).collect();
    assert_eq!(table, rows, "the README's table of keys differs from `config::KEYS`");
}

#[test]
fn every_file_that_the_readme_names_is_there() {
    let readme = readme();
    let named = readme.split(['`', '(', ')']).filter(|word| word.starts_with("src/") || word.starts_with("assets/") || *word == ".ci/run");
    let missing: Vec<&str> = named.filter(|path| !std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists()).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
