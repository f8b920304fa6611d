//! Uploads under way, and what of them is here.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{Direct, DirectError};
use crate::{
    id::{RecordingId, UserId},
    page::Limit,
    pending::PendingUpload,
};

/// An upload under way, and the numbers of the parts that are here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// The upload.
    pub upload: PendingUpload,
    /// Which parts are here, in order.
    pub sent: Vec<u32>,
}

/// Some uploads under way, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWayPage {
    /// By their ids.
    pub items: Vec<UnderWay>,
    /// After which there was more when this page was read.
    pub next: Option<RecordingId>,
}

impl Direct {
    /// Of how many uploads the parts are asked for at once.
    const ASKED_AT_ONCE: usize = 8;

    /// Some uploads of `owner` that are under way: until they have expired and are swept, they take up the quota.
    ///
    /// # Errors
    /// [`DirectError::Upload`] if a store fails.
    pub async fn under_way(
        &self,
        owner: UserId,
        limit: Limit,
        after: Option<RecordingId>,
    ) -> Result<UnderWayPage, DirectError> {
        let mut uploads = self.uploads.uploads(owner, limit, after).await?;
        let has_more = uploads.len() > limit.get();
        uploads.truncate(limit.get());
        let next = uploads.last().map(|last| last.id.clone()).filter(|_| has_more);
        let items = stream::iter(uploads).map(|upload| self.progress(upload)).buffered(Self::ASKED_AT_ONCE);
        Ok(UnderWayPage { items: items.try_collect().await?, next })
    }

    /// One upload of `owner` that is under way.
    ///
    /// # Errors
    /// [`DirectError::NotFound`], or [`DirectError::Upload`] if a store fails.
    pub async fn find(&self, owner: UserId, id: &RecordingId) -> Result<UnderWay, DirectError> {
        let upload = self.uploads.upload(owner, id).await?.ok_or(DirectError::NotFound)?;
        self.progress(upload).await
    }

    async fn progress(&self, upload: PendingUpload) -> Result<UnderWay, DirectError> {
        let sent = self.staging.blobs.sent(&upload.staged, upload.parts()).await?;
        Ok(UnderWay { upload, sent })
    }
}
