//! The REST API: routes, errors, identity, and the views that go over the wire.
//!
//! Every handler has the same four moves: take what is asked, let the [`Permit`](extract::Permit) decide, call one verb, answer a view.
//! The views stand beside the handlers, apart from what is stored; pages render the same ones.
//!
//! Assembly is here: [`router`] mounts the table, and with it the layers that every request passes. [`serve`] runs it on a listener
//! that is already bound.

use axum::Router;
use axum::extract::Request;
use axum::middleware;

use crate::app::App;

pub mod accounts;
pub mod admin;
pub mod auth;
pub mod badges;
pub mod checks;
pub mod code;
pub mod compare;
pub mod deployments;
pub mod error;
pub mod extract;
pub mod faults;
pub mod files;
pub mod github;
pub mod health;
pub mod hooks;
pub mod host;
pub mod issues;
pub mod layers;
pub mod limits;
pub mod live;
pub mod moved;
pub mod openapi;
pub mod page;
pub mod parts;
pub mod plugins;
pub mod proxies;
pub mod pulls;
pub mod repeat;
pub mod repos;
pub mod routes;
pub mod sarif;
pub mod schemas;
pub mod search;
pub mod secrets;
pub mod server;
pub mod trail;
pub mod trends;
pub mod usage;

use code::Code;
use error::ApiError;
pub use server::serve;

/// The API, with `pages` beside it; unknown paths are errors like all others. `dress` may say how errors look to a browser: once where it is
/// known who asks, and once around what refuses before that.
pub fn router(app: &App, pages: Router<App>, dress: impl Fn(Router<App>) -> Router<App>) -> Router {
    let api = mount(app, routes::table().into_iter());
    finish(app, dress(with_fallbacks(api.merge(pages))), &dress)
}

/// What the public address serves: the few routes that strangers may ask.
pub fn public_router(app: &App) -> Router {
    finish(app, with_fallbacks(mount(app, routes::table().into_iter().filter(|route| route.is_public))), |plain| plain)
}

/// What the address for measures serves: `/metrics`, to whoever asks.
pub fn metrics_router(app: &App) -> Router {
    let router = mount(app, routes::table().into_iter().filter(|route| route.path == admin::metrics::PATH));
    finish(app, with_fallbacks(router), |plain| plain).layer(axum::Extension(crate::domain::accounts::Caller::Host))
}

fn mount(app: &App, routes: impl Iterator<Item = routes::Route>) -> Router<App> {
    routes.fold(Router::new(), |router, route| {
        let path = route.path;
        router.route(path, route.into_handler(|handler| handler.layer(middleware::from_fn_with_state(app.clone(), repeat::layer))))
    })
}

fn with_fallbacks(router: Router<App>) -> Router<App> {
    router
        .fallback(
            |request: Request| async move { ApiError::new(Code::NotFound, format!("there is nothing at `{}`", request.uri().path())) },
        )
        .method_not_allowed_fallback(|| async { ApiError::of(Code::MethodNotAllowed) })
}

fn finish(app: &App, router: Router<App>, dress: impl Fn(Router<App>) -> Router<App>) -> Router {
    let guarded = router
        .layer(middleware::from_fn(layers::etag))
        .layer(middleware::from_fn_with_state(app.clone(), moved::lead))
        .layer(middleware::from_fn_with_state(app.clone(), limits::per_caller))
        .layer(middleware::from_fn_with_state(app.clone(), auth::identify))
        .layer(middleware::from_fn_with_state(app.clone(), trail::refusals))
        .layer(middleware::from_fn_with_state(app.clone(), limits::per_address))
        .layer(middleware::from_fn(layers::addressed))
        .layer(middleware::from_fn_with_state(app.clone(), proxies::origin));
    dress(guarded).layer(middleware::from_fn_with_state(app.clone(), layers::outermost)).with_state(app.clone())
}
