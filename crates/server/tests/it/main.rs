//! The server as its users meet it: the real program, listening, on a real disk.
#![expect(clippy::panic, reason = "a failed promise panics")]

mod server;
mod smoke;
