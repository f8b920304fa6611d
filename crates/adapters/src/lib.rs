//! Outbound adapters: everything behind the ports of the domain.
//!
//! | Adapter | Ports | Keeps |
//! |---|---|---|
//! | [`memory`] | all stores | nothing past the process |
//! | `fs` | `BlobStore` | one file per recording |
//! | `sqlite` | `RecordStore`, `UserStore` | one database file |
//! | [`argon2id`] | `PasswordHasher` | nothing |
//!
//! [`connect`] picks the stores by URL; nothing else chooses.

pub mod argon2id;
pub mod connect;
#[cfg(feature = "embedded")]
pub mod fs;
pub mod memory;
#[cfg(feature = "embedded")]
pub mod sqlite;
