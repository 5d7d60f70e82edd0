//! Lists on the wire: a page as JSON, or the same rows as CSV.

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::error::ApiError;
use super::extract::Format;
use crate::base::page::{Cursor, Page};

/// A page of a list.
#[derive(Debug, Clone, Serialize)]
pub struct PageView<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; null at the end.
    pub next: Option<Cursor>,
}

/// A list as it was asked for.
pub enum List<T> {
    /// As JSON.
    Json(PageView<T>),
    /// As a table.
    Csv(Vec<Value>),
}

impl<T: Serialize> List<T> {
    /// The page in a form.
    pub fn of(page: Page<T>, format: Format) -> Result<List<T>, ApiError> {
        match format {
            Format::Json => Ok(List::Json(PageView { items: page.items, next: page.next })),
            Format::Csv => {
                let rows = page.items.iter().map(serde_json::to_value).collect::<Result<_, _>>().map_err(ApiError::internal)?;
                Ok(List::Csv(rows))
            }
        }
    }
}

impl<T: Serialize> IntoResponse for List<T> {
    fn into_response(self) -> Response {
        match self {
            List::Json(page) => Json(page).into_response(),
            List::Csv(rows) => ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], csv(&rows)).into_response(),
        }
    }
}

/// Rows as CSV (RFC 4180): nested values as `outer.inner` columns, lists joined by spaces.
pub fn csv(rows: &[Value]) -> String {
    let flat: Vec<Vec<(String, String)>> = rows
        .iter()
        .map(|row| {
            let mut cells = Vec::new();
            flatten("", row, &mut cells);
            cells
        })
        .collect();
    let mut columns: Vec<&str> = Vec::new();
    for (name, _) in flat.iter().flatten() {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    let mut out = String::new();
    let line = |cells: &mut dyn Iterator<Item = &str>| cells.map(quote).collect::<Vec<_>>().join(",") + "\r\n";
    out += &line(&mut columns.iter().copied());
    for row in &flat {
        let cell = |column: &&str| row.iter().find(|(name, _)| name == column).map_or("", |(_, value)| value.as_str());
        out += &line(&mut columns.iter().map(cell));
    }
    out
}

fn flatten(prefix: &str, value: &Value, cells: &mut Vec<(String, String)>) {
    let name = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| flatten(&name(key), value, cells)),
        Value::Array(items) => cells.push((prefix.to_owned(), items.iter().map(plain).collect::<Vec<_>>().join(" "))),
        other => cells.push((prefix.to_owned(), plain(other))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A cell. One that a spreadsheet would take for a formula is marked as text.
fn quote(cell: &str) -> String {
    let cell = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_become_a_table_with_dotted_columns() {
        let rows = [json!({"name": "a", "author": {"name": "Ada, L."}, "branches": ["x", "y"]}), json!({"name": "=1+1", "extra": 3})];
        assert_eq!(csv(&rows), "author.name,branches,name,extra\r\n\"Ada, L.\",x y,a,\r\n,,'=1+1,3\r\n");
    }
}
