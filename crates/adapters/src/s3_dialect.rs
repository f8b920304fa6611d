//! What differs between stores that speak as S3 does; settings in every build, whether it has the adapter or not.

/// How to talk to a store that is S3 or like it.
#[derive(Debug, Clone, Default)]
pub struct S3Dialect {
    /// Whether the bucket goes into the path instead of the host's name.
    pub path_style: bool,
    /// The endpoint that clients reach, where it is another than this program's.
    pub public_endpoint: Option<String>,
    /// Whether the store does without SHA-256 checksums.
    pub without_checksums: bool,
    /// Whether clients download from the store itself.
    pub redirect: bool,
    /// The origins whose pages may send to the store; any if there are none.
    pub allowed_origins: Vec<String>,
}
