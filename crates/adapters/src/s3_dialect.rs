//! What differs between stores that speak as S3 does; settings in every build, whether it has the adapter or not.

use std::fmt;

/// How to talk to a store that is S3 or like it.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting, and says nothing of the others")]
pub struct S3Dialect {
    /// Whether the bucket goes into the path instead of the host's name.
    pub path_style: bool,
    /// The endpoint that clients reach, where it is another than this program's.
    pub public_endpoint: Option<String>,
    /// Whether the store does without SHA-256 checksums.
    pub without_checksums: bool,
    /// Whether the store does without conditions of a write (`If-None-Match`, `If-Match`).
    pub without_conditions: bool,
    /// The store's region, where it is another than that of AWS.
    pub region: Option<String>,
    /// What opens the store, where it is not what opens AWS.
    pub credentials: Option<S3Credentials>,
    /// Whether clients download from the store itself.
    pub redirect: bool,
    /// The origins whose pages may send to the store; any if there are none.
    pub allowed_origins: Vec<String>,
}

/// An access key of a store.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Credentials {
    /// Its public part.
    pub access_key_id: String,
    /// Its secret part.
    pub secret_access_key: String,
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "S3Credentials({}, [redacted])", self.access_key_id)
    }
}
