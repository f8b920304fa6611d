//! The server as its users meet it: the real program, listening, on a real disk.
#![expect(clippy::expect_used, clippy::panic, reason = "a failed promise panics")]

mod addresses;
mod aws;
mod backup;
mod cancel;
mod crash;
mod damage;
mod descriptors;
mod disk_full;
mod door;
mod flips;
mod flush_errors;
mod hostile;
mod http;
mod limits;
mod links;
mod logs;
mod many;
mod memory;
mod names;
mod old_folder;
mod players;
mod rebuild;
mod secrets;
mod seed;
mod server;
mod settings;
mod shelf;
mod stall;
mod stop;
mod strace;
mod sweep;
mod sync;
mod users;
mod verify;
mod wire;
