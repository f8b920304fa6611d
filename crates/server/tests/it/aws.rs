//! The server on DynamoDB and S3: every case of the API again, and what only these stores can do to it.

mod admin;
mod audits;
mod cancel;
mod crash;
mod elsewhere;
mod erasure;
mod faults;
mod http;
mod mail;
mod memory;
mod openid;
mod rebuild;
mod redirect;
mod secrets;
mod seed;
mod several;
mod stall;
mod stores;
mod sweep_cost;
mod verify;
