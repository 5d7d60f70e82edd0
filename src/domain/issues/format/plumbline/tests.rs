use super::*;
use crate::domain::issues::finding::{Kind, Severity};

#[test]
fn the_schema_names_our_words() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let issue = &schema["$defs"]["issue"]["properties"];
    assert_eq!(issue["kind"]["enum"], serde_json::json!(Kind::ALL));
    assert_eq!(issue["severity"]["enum"], serde_json::json!(Severity::ALL));
    assert_eq!(schema["properties"]["scope"]["properties"]["paths"]["maxItems"], MAX_SCOPE);
    assert_eq!(issue["rule"]["maxLength"], super::super::Bounds::default().name);
}
