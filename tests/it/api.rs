//! Each endpoint over the wire: as it is meant, refused, and malformed. What holds for every answer is checked by the client itself.

mod accounts;
mod accounts_github;
mod accounts_members;
mod accounts_people;
mod accounts_signin;
mod accounts_tokens;
mod adding;
mod admin;
mod audit;
mod badges;
mod checks;
mod compare;
mod health;
mod hooks;
mod idempotency;
mod issues;
mod lists;
mod live;
mod openapi;
mod plugins;
mod reads;
mod repos;
mod rim;
mod search;
mod secrets;
