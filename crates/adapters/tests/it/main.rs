//! What the adapters promise, each on the real thing: one program, for each links the SDK of AWS.

#![expect(clippy::expect_used, clippy::panic, reason = "a failed promise panics")]

#[cfg(feature = "embedded")]
mod checksums;
#[cfg(feature = "aws")]
mod dynamodb;
#[cfg(feature = "embedded")]
mod fs;
mod guessing;
mod memory;
mod oidc;
#[cfg(feature = "embedded")]
mod packs;
mod passwords;
#[cfg(feature = "embedded")]
mod rows;
#[cfg(feature = "aws")]
mod s3;
#[cfg(feature = "embedded")]
mod salvage;
#[cfg(feature = "aws")]
mod seaweedfs;
#[cfg(feature = "embedded")]
mod sqlite;
