//! The administration of the instance over REST: the trail, the work that waits, repositories and sessions of everybody, settings, health.
//!
//! Everything here asks for [`Permission::Admin`](crate::domain::accounts::Permission::Admin) on the instance; the line of the console asks
//! for the host itself. The pages of `/admin` render the same views.

pub mod audit;
pub mod console;
pub mod deliveries;
pub mod github;
pub mod health;
pub mod hidden;
pub mod metrics;
pub mod repos;
pub mod sessions;
pub mod settings;
pub mod work;
