//! The lines of the host's console, on their way into the trail.
//!
//! The console carries out each command through the routes that everybody uses; that it was entered there is said beforehand, here.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::base::event::Event;
use crate::base::text::{clip, quiet};
use crate::http::error::ApiError;
use crate::http::extract::{JsonBody, Permit};

/// The longest line that is kept, in bytes.
const LINE_BYTES: usize = 200;

/// A line that was entered.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandBody {
    /// The line, its words as they were entered.
    pub line: String,
}

/// The line as it is kept: on one line, not too long, and without what looks like a token of ours.
fn told(line: &str) -> String {
    let words = line.split_whitespace().map(|word| if word.contains("plb_") { "…" } else { word });
    clip(&quiet(&words.collect::<Vec<_>>().join(" ")), LINE_BYTES).into_owned()
}

/// `POST /api/v1/admin/console`.
pub async fn entered(State(app): State<App>, permit: Permit, JsonBody(body): JsonBody<CommandBody>) -> Result<StatusCode, ApiError> {
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        permit.instance(tx)?;
        Ok(tx.record(Event::CommandEntered { line: told(&body.line) }, now)?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_kept_without_a_token_and_without_what_steers_a_terminal() {
        assert_eq!(told("token  revoke plb_pat_abc \u{1b}[2Jx\n"), "token revoke … \\x1b[2Jx");
        assert!(told(&"x ".repeat(10_000)).len() <= LINE_BYTES);
    }
}
