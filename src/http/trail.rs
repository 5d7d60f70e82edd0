//! Refusals in the trail: what somebody was not let do, written where it is answered.
//!
//! Every answer passes here, whoever refused it: the permit of a route, the rule of origins, the look at a credential. A refusal is
//! written if it may be of interest afterwards: whoever asked is somebody and may not ([`Code::Forbidden`]), showed a credential that is
//! none, sent a delivery that is not signed, came from another site, followed a link that was used, did not get past the sign-in, or would
//! have changed a repository that is hidden from them. That something else is not there, or hidden, is the daily bread of whoever
//! mistypes; that nobody is signed in is how everybody begins.

use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::Response;

use super::auth::{self, Address, Lapsed};
use super::code::Code;
use super::error::{ApiError, Failed};
use super::layers;
use crate::app::App;
use crate::app::trail::Refused;
use crate::base::event::Actor;

/// Put on an answer: who asked, as the journal names them.
#[derive(Debug, Clone)]
pub struct By(pub Actor);

/// Put on an answer that refuses and is no error of the API, such as a page: what the API would have answered.
#[derive(Debug, Clone)]
pub struct Refuses {
    code: Code,
    wanted: Option<Box<str>>,
}

impl From<Code> for Refuses {
    fn from(code: Code) -> Refuses {
        Refuses { code, wanted: None }
    }
}

impl From<&ApiError> for Refuses {
    fn from(error: &ApiError) -> Refuses {
        Refuses { code: error.code, wanted: error.wanted.clone() }
    }
}

/// Writes down what was refused.
pub async fn refusals(State(app): State<App>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = format!("{} {}", request.method(), route.as_deref().unwrap_or("*"));
    // What matches no route may be anything.
    let path = if request.extensions().get::<MatchedPath>().is_some() { layers::told(&request) } else { "/…".to_owned() };
    let address = request.extensions().get::<Address>().and_then(|address| address.0.clone());
    let shows_a_token = request.headers().contains_key(header::AUTHORIZATION) || request.headers().contains_key("x-api-key");
    let is_unsafe = auth::is_unsafe(request.method());
    let mut response = next.run(request).await;
    let by = response.extensions_mut().remove::<By>();
    let has_lapsed = response.extensions_mut().remove::<Lapsed>().is_some();
    let said = response.extensions_mut().remove::<Refuses>();
    let refuses = response.extensions().get::<Failed>().map(|Failed(error)| Refuses::from(error)).or(said);
    // A typing error looks at what is not there; who would change what they may not see is somebody to look at.
    let is_somebody = by.as_ref().is_some_and(|By(actor)| !matches!(actor, Actor::Anonymous { .. }));
    let would_change = is_unsafe && is_somebody;
    if let Some(Refuses { code, wanted }) = refuses
        .filter(|refuses| is_of_interest(refuses.code, shows_a_token || has_lapsed) || would_change && refuses.code == Code::RepoNotFound)
    {
        let actor = by.map_or(Actor::Anonymous { address }, |By(actor)| actor);
        app.record_refusal(Refused { actor, wanted, route, path, code: code.as_str() }).await;
    }
    response
}

fn is_of_interest(code: Code, shows_a_credential: bool) -> bool {
    match code {
        Code::Forbidden | Code::CrossSite | Code::LinkSpent | Code::SignatureInvalid => true,
        Code::SignInRefused | Code::TotpRequired | Code::PasswordWrong | Code::SignInAgain | Code::TotpInvalid => true,
        Code::StateInvalid | Code::GithubDenied | Code::NotLetIn | Code::UserDisabled => true,
        Code::Unauthenticated => shows_a_credential,
        _ => false,
    }
}
