//! The function as AWS runs it: the real program, under AWS's own emulator of Lambda.
#![expect(clippy::expect_used, clippy::panic, reason = "a failed promise panics")]

mod buffered;
mod events;
mod flow;
mod mail;
mod openid;
mod policy;
mod rie;
mod stores;
mod streamed;
