//! What answers: one file for each noun of the API, and the routes of 2018.

pub mod about;
pub mod accounts;
pub mod admin;
pub mod changes;
pub mod delete_account;
pub mod direct;
pub mod docs;
pub mod health;
pub mod identities;
pub mod legacy;
pub mod oidc;
pub mod password_reset;
pub mod playback;
pub mod recordings;
pub mod tokens;
pub mod web_login;
