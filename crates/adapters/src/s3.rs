//! `BlobStore` in S3, or a store that is like it, and what goes past this program: parts and downloads.
//!
//! A blob is one private object of a random name below the prefix, never overwritten and never renamed:
//!
//! ```text
//! s3://bucket/prefix/7f3a…       one blob: 32 random hexadecimal digits
//! s3://bucket/prefix/ROWS        the id of the row store that knows what is an orphan here
//! s3://bucket/prefix/GENERATION  how far the blobs have come with those rows
//! s3://bucket/prefix/OPEN/7f3a09c1d2e4  a note that blobs whose names begin like that may have no row, see [`batches`]
//! ```
//!
//! Each says whose it is in its metadata, and its SHA-256 where that is known when it is begun.
//! Up to 8 MiB are sent in one request, more in parts of 8 MiB, a few at a time; S3 checks the SHA-256 of each.

mod as_client;
mod batches;
mod blobs;
mod cors;
mod doctor;
mod error;
mod generation;
mod keeping;
mod links;
mod metadata;
mod setup;
mod staging;
mod upload;

use std::sync::Arc;

use aws_sdk_s3::Client;
use tapebase_domain::{blob::BlobRef, memory::Budget, ports::BlobError};

use crate::{
    batches::{Names, OwnBatches},
    blob_name,
    s3_dialect::S3Dialect,
};

/// Blobs below one prefix of one bucket.
#[derive(Debug, Clone)]
pub struct S3 {
    /// For calls that carry little, and are answered at once or not at all.
    client: Client,
    /// For those that carry megabytes, or have S3 handle them.
    sender: Client,
    /// The same store as clients reach it.
    signer: Client,
    place: Place,
    names: Arc<Names>,
    own_batches: Arc<OwnBatches>,
    without_checksums: bool,
    without_conditions: bool,
    /// Whose pages may send parts; any if there are none.
    allowed_origins: Vec<String>,
    memory: Budget,
}

/// A bucket, and what all keys in it begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    bucket: String,
    prefix: String,
}

impl Place {
    /// Reads `bucket`, or `bucket/prefix`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        let is_bucket = (3..=63).contains(&bucket.len())
            && bucket.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'));
        let prefix = prefix.trim_end_matches('/');
        let is_clean = |segment: &str| !matches!(segment, "" | "." | "..") && !segment.chars().any(char::is_control);
        match prefix {
            _ if !is_bucket => None,
            "" => Some(Self { bucket: bucket.to_owned(), prefix: String::new() }),
            _ if prefix.split('/').all(is_clean) => {
                Some(Self { bucket: bucket.to_owned(), prefix: format!("{prefix}/") })
            }
            _ => None,
        }
    }

    /// The name of the blob that has this key, if one does.
    fn name<'k>(&self, key: &'k str) -> Option<&'k str> {
        key.strip_prefix(&self.prefix).filter(|name| blob_name::is_one(name))
    }

    /// The key of the object of this name.
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl S3 {
    /// Blobs at `place`, over `client`, or `sender` where it takes longer; links are signed by `signer`, which
    /// differs if clients reach the store elsewhere.
    #[must_use]
    pub fn new(client: Client, sender: Client, signer: Client, place: Place, dialect: &S3Dialect) -> Self {
        let S3Dialect { without_checksums, without_conditions, allowed_origins, .. } = dialect.clone();
        let (names, own_batches, memory) = (Arc::default(), Arc::default(), Budget::unlimited());
        Self {
            client,
            sender,
            signer,
            place,
            names,
            own_batches,
            without_checksums,
            without_conditions,
            allowed_origins,
            memory,
        }
    }

    /// The same, where memory is short now and then.
    #[must_use]
    pub fn with_memory(self, memory: Budget) -> Self {
        Self { memory, ..self }
    }

    /// On condition that nothing is there (`If-None-Match`), where the store knows that.
    fn create_only(&self) -> Option<String> {
        (!self.without_conditions).then(|| "*".to_owned())
    }

    /// The key of a blob, if the reference is one this store makes.
    fn blob_key(&self, blob: &BlobRef) -> Result<String, BlobError> {
        let name = blob.as_str();
        if blob_name::is_one(name) {
            Ok(self.place.key(name))
        } else {
            Err(BlobError::Unavailable(format!("{name:?} is not a blob of this store").into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_bucket_and_a_prefix() {
        let place = |text| Place::parse(text).map(|place| (place.bucket.clone(), place.key("x")));
        assert_eq!(place("tapes"), Some(("tapes".into(), "x".into())));
        assert_eq!(place("tapes/"), Some(("tapes".into(), "x".into())));
        assert_eq!(place("my.tapes-1/a/b/"), Some(("my.tapes-1".into(), "a/b/x".into())));
        for text in ["", "/", "ab", "Tapes", "tapes//x", "tapes/../x", "tapes/a\nb", "user:secret@tapes"] {
            assert_eq!(place(text), None, "{text}");
        }
    }
}
