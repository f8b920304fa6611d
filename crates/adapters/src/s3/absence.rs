//! Whether there is no object of a name. Whoever may not list the bucket is not told, but refused: S3 answers 403 then.

use aws_sdk_s3::error::SdkError;

use super::{S3, blobs::ROWS, error};
use crate::blob_name;

impl S3 {
    /// Whether the refusal of a HEAD says that there is no such blob.
    pub(super) async fn is_absent<E>(&self, refusal: &SdkError<E>) -> bool {
        error::has_status(refusal, 404) || self.is_hidden_blob(refusal).await
    }

    /// Whether a refusal says so to somebody who is not to know: where what is there is refused, too, it says nothing.
    pub(super) async fn is_hidden_blob<E>(&self, refusal: &SdkError<E>) -> bool {
        self.is_hidden(refusal).await && self.reads_notes().await
    }

    /// Whether a refusal is that of what is not there, to somebody who is not to know.
    pub(super) async fn is_hidden<E>(&self, refusal: &SdkError<E>) -> bool {
        let nothing = self.place.key(&blob_name::fresh());
        error::has_status(refusal, 403)
            && self.client.head_object().bucket(&self.place.bucket).key(nothing).send().await.is_err_and(|refusal| {
                // Whoever may list would have been told: then the first refusal has another reason.
                error::has_status(&refusal, 403)
            })
    }

    async fn reads_notes(&self) -> bool {
        self.client.head_object().bucket(&self.place.bucket).key(self.place.key(ROWS)).send().await.is_ok()
    }
}
