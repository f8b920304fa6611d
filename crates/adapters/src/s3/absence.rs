//! Whether there is no object of a name. Whoever may not list the bucket is not told, but refused: S3 answers 403 then.

use aws_sdk_s3::error::SdkError;

use super::{S3, blobs::ROWS, error};
use crate::blob_name;

/// The id of no upload.
const NO_UPLOAD: &str = "none";

impl S3 {
    /// Whether the refusal of a HEAD says that there is no such blob.
    pub(super) async fn is_absent<E>(&self, refusal: &SdkError<E>) -> bool {
        error::has_status(refusal, 404) || self.is_hidden_blob(refusal).await
    }

    /// Whether a refusal says so to somebody who is not to know: where what is there is refused, too, it says nothing.
    pub(super) async fn is_hidden_blob<E>(&self, refusal: &SdkError<E>) -> bool {
        self.is_hidden(refusal).await && self.has_note(ROWS).await
    }

    /// Whether a refusal is that of what is not there, to somebody who may do other things.
    pub(super) async fn is_hidden<E>(&self, refusal: &SdkError<E>) -> bool {
        if !error::has_status(refusal, 403) {
            return false;
        }
        let nothing = blob_name::fresh();
        // Whoever may list is told: then the first refusal has another reason.
        let is_told = self.client.head_object().bucket(&self.place.bucket).key(self.place.key(&nothing)).send().await;
        is_told.is_err_and(|refusal| error::has_status(&refusal, 403))
            // And whoever may do nothing is refused this, too, which does nothing.
            && self.abort_multipart(&self.place.key(&nothing), NO_UPLOAD).await.is_ok()
    }

    async fn has_note(&self, name: &str) -> bool {
        self.client.head_object().bucket(&self.place.bucket).key(self.place.key(name)).send().await.is_ok()
    }
}
