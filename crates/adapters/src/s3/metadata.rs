//! What objects say of themselves: metadata (`x-amz-meta-…`) that goes with them for as long as they live.

use std::collections::HashMap;

use aws_sdk_s3::operation::{get_object::GetObjectOutput, head_object::HeadObjectOutput};
use chrono::DateTime;
use tapebase_domain::{
    blob::{BlobDescription, ByteRange, Provenance},
    digest::Sha256,
    id::{RecordingId, UserId},
    ports::BlobError,
    recording::DigestOrigin,
};

const OWNER: &str = "owner";
const RECORDING: &str = "recording";
const SHA256: &str = "sha256";

/// Whose an object is, and its digest where that is known when it is begun.
pub fn of(provenance: &Provenance, sha256: Option<Sha256>) -> HashMap<String, String> {
    let whose = [(OWNER, provenance.owner.to_string()), (RECORDING, provenance.recording.to_string())];
    let digest = sha256.map(|sha256| (SHA256, sha256.to_hex()));
    whose.into_iter().chain(digest).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The digest that an object says it has, if all of it was asked for. For an object that was sent in parts past this
/// program it is what the client announced: it was compared before there was a recording of it.
pub fn whole_digest(object: &GetObjectOutput, asked: ByteRange) -> Option<Sha256> {
    let (_, size) = object.content_range()?.rsplit_once('/')?;
    let is_whole = size.parse().is_ok_and(|size| asked == ByteRange::whole(size));
    object.metadata().filter(|_| is_whole)?.get(SHA256).and_then(|sha256| Sha256::from_hex(sha256))
}

/// What an object says; what is not said so that it can be read is not said.
pub fn describe(object: &HeadObjectOutput) -> Result<BlobDescription, BlobError> {
    let said = |name: &str| object.metadata().and_then(|metadata| metadata.get(name)).map(String::as_str);
    let owner = said(OWNER).and_then(|owner| UserId::parse(owner).ok());
    let recording = said(RECORDING).and_then(|recording| RecordingId::parse(recording).ok());
    let modified = object.last_modified();
    let written_at = modified.and_then(|at| DateTime::from_timestamp(at.secs(), at.subsec_nanos()));
    let size = object.content_length().and_then(|length| u64::try_from(length).ok());
    let (Some(written_at), Some(size)) = (written_at, size) else {
        return Err(BlobError::Unavailable("S3 says neither how large an object is nor when it was stored".into()));
    };
    Ok(BlobDescription {
        provenance: owner.zip(recording).map(|(owner, recording)| Provenance { owner, recording }),
        size,
        // Of an object that was sent past this program, it is what the client announced.
        sha256: said(SHA256).and_then(Sha256::from_hex).map(|sha256| (sha256, DigestOrigin::Declared)),
        written_at,
    })
}
