//! Outbound adapters: everything behind the ports of the domain.
//!
//! | Adapter | Ports | Keeps |
//! |---|---|---|
//! | [`memory`] | all stores | nothing past the process |
//! | `fs` | `BlobStore`, `Batches`, `StagedBlobs`, `PartStore`, `Salvage` | large recordings in files of their own, small ones in shared ones |
//! | `sqlite` | `RecordStore`, `ChangeFeed`, `DeletedStore`, `Inventory`, `UploadStore`, `UserStore`, `TokenStore`, `ErasureStore`, `AttemptStore`, `SingleUse` | one database file |
//! | `s3` | `BlobStore`, `Batches`, `StagedBlobs`, `PresignParts`, `PresignDownloads` | one object per recording |
//! | `dynamodb` | `RecordStore`, `ChangeFeed`, `DeletedStore`, `Inventory`, `UploadStore`, `UserStore`, `TokenStore`, `ErasureStore`, `AttemptStore`, `SingleUse` | one table |
//! | [`oidc`] | `IdentityProviders` | the keys that OpenID providers publish |
//! | [`smtp`] | `Mailer` | nothing |
//! | [`argon2id`] | `PasswordHasher` | nothing |
//! | [`tokio_timer`] | `Timer` | nothing |
//!
//! [`connect`] picks the stores by URL; nothing else chooses.

pub mod argon2id;
#[cfg(feature = "aws")]
pub mod aws;
#[cfg(any(feature = "embedded", feature = "aws"))]
mod batches;
#[cfg(any(feature = "embedded", feature = "aws"))]
mod blob_name;
pub mod connect;
#[cfg(feature = "aws")]
pub mod dynamodb;
pub mod finding;
#[cfg(feature = "embedded")]
pub mod fs;
#[cfg(feature = "embedded")]
mod join_on_drop;
pub mod memory;
pub mod oidc;
#[cfg(feature = "aws")]
pub mod s3;
mod s3_dialect;
#[cfg(feature = "embedded")]
mod serving_lock;
pub mod smtp;
#[cfg(feature = "embedded")]
pub mod sqlite;
pub mod tokio_timer;
