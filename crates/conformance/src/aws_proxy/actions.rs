//! What a request asks for, by the name AWS has for it.

use super::wire::Head;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub service: Service,
}

/// Who answers, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    DynamoDb,
    S3,
}

impl Action {
    pub fn of(request: &Head) -> Self {
        match request.field("x-amz-target").and_then(|target| target.rsplit_once('.')) {
            Some((_, name)) => Self { name: name.to_owned(), service: Service::DynamoDb },
            None => Self { name: s3(request).to_owned(), service: Service::S3 },
        }
    }
}

/// The permission an action of S3 needs: all that writes an object needs one.
#[must_use]
pub fn permission(action: &str) -> &str {
    match action {
        "CreateMultipartUpload" | "UploadPart" | "CompleteMultipartUpload" | "CopyObject" => "PutObject",
        other => other,
    }
}

/// By the method, whether the path has a key, and the subresource.
fn s3(request: &Head) -> &'static str {
    let (method, target) = (request.method(), request.target());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let path = path.trim_start_matches('/');
    let key = path.split_once('/').map_or("", |(_, key)| key);
    let of_upload = has("uploadId");
    match (method, key.is_empty()) {
        _ if path.is_empty() => "ListAllMyBuckets",
        ("GET" | "HEAD", true) if has("uploads") => "ListBucketMultipartUploads",
        ("GET", true) if has("lifecycle") => "GetLifecycleConfiguration",
        ("GET", true) if has("cors") => "GetBucketCORS",
        ("GET", true) if has("versioning") => "GetBucketVersioning",
        ("GET", true) if has("encryption") => "GetEncryptionConfiguration",
        ("GET", true) if has("publicAccessBlock") => "GetBucketPublicAccessBlock",
        ("GET", true) if has("location") => "GetBucketLocation",
        ("GET" | "HEAD", true) => "ListBucket",
        ("PUT", true) if has("lifecycle") => "PutLifecycleConfiguration",
        ("PUT", true) if has("cors") => "PutBucketCORS",
        ("PUT", true) if has("encryption") => "PutEncryptionConfiguration",
        ("PUT", true) if has("publicAccessBlock") => "PutBucketPublicAccessBlock",
        ("PUT", true) => "CreateBucket",
        ("DELETE", true) => "DeleteBucket",
        ("POST", true) if has("delete") => "DeleteObject",
        ("GET", false) if of_upload => "ListMultipartUploadParts",
        ("GET" | "HEAD", false) => "GetObject",
        ("PUT", false) if of_upload => "UploadPart",
        ("PUT", false) if request.field("x-amz-copy-source").is_some() => "CopyObject",
        ("PUT", false) => "PutObject",
        ("POST", false) if has("uploads") => "CreateMultipartUpload",
        ("POST", false) if of_upload => "CompleteMultipartUpload",
        ("DELETE", false) if of_upload => "AbortMultipartUpload",
        ("DELETE", false) => "DeleteObject",
        _ => "Unknown",
    }
}
