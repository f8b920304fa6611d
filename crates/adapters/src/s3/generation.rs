//! Which generation the blobs are of.

use aws_sdk_s3::primitives::ByteStream;
use tapebase_domain::{
    lineage::{Generation, Step},
    ports::BlobError,
};

use super::{S3, error};

/// The object that says so.
const GENERATION: &str = "GENERATION";

impl S3 {
    /// What it says, and its tag, if it is there.
    pub(super) async fn read_generation(&self) -> Result<Option<(Generation, Option<String>)>, BlobError> {
        let note = self.read_note(GENERATION).await?;
        Ok(note.map(|(text, tag)| (Generation::of_note(text.as_bytes()), tag)))
    }

    /// Goes on to another generation from that where the step begins; `false` if the blobs are elsewhere.
    pub(super) async fn go_on(&self, step: Step) -> Result<bool, BlobError> {
        let found = self.read_generation().await?;
        let generation = found.as_ref().map(|(generation, _)| *generation);
        if generation != step.from {
            return Ok(generation == Some(step.to));
        }
        let put = self.client.put_object().bucket(&self.place.bucket).key(self.place.key(GENERATION));
        let put = match found {
            Some((_, tag)) => put.set_if_match(tag.filter(|_| !self.without_conditions)),
            None => put.set_if_none_match(self.create_only()),
        };
        match put.body(ByteStream::from(step.to.to_string().into_bytes())).send().await {
            // Somebody else was first, or this program in a try whose answer was lost.
            Err(error) if !error::has_status(&error, 412) && !error::has_status(&error, 409) => {
                Err(error::unavailable(error))
            }
            _ => Ok(self.read_generation().await?.is_some_and(|(generation, _)| generation == step.to)),
        }
    }
}
