//! `Batches` in S3: blobs whose names begin alike. The note of one is an empty object below `OPEN/`.

use async_trait::async_trait;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use chrono::DateTime;
use tapebase_domain::{
    blob::BlobRef,
    ports::{BatchRef, Batches, BlobEntry, BlobError},
    time::Timestamp,
};

use super::{S3, error};
use crate::batches::{self, LIFETIME, Notes};

/// What the keys of notes begin with.
const OPEN: &str = "OPEN/";

impl Notes for S3 {
    async fn write(&self, batch: &str) -> Result<(), BlobError> {
        let put = self.client.put_object().bucket(&self.place.bucket).key(self.note_key(batch)).send().await;
        put.map(|_| ()).map_err(error::unavailable)
    }

    async fn remove(&self, batch: &str) -> Result<(), BlobError> {
        self.delete_object(&self.note_key(batch)).await
    }
}

#[async_trait]
impl Batches for S3 {
    async fn open_batches(&self, then: Timestamp, after: Option<BatchRef>) -> Result<Vec<BatchRef>, BlobError> {
        self.names.end_in_time(&self.own_batches).await;
        let mut after = self.note_key(after.as_ref().map_or("", BatchRef::as_str));
        loop {
            let page = self.list_beginning(&self.note_key(""), &after).await?;
            let left = page.contents().iter().filter(|note| is_older(note, then - LIFETIME));
            let names = left.filter_map(|note| note.key()?.strip_prefix(&self.note_key("")));
            let open = names.filter(|name| batches::is_one(name) && !self.own_batches.need_not_look_into(name));
            let open: Vec<_> = open.map(|name| BatchRef::new(name.to_owned())).collect();
            match page.contents().last().and_then(|note| note.key()) {
                Some(last) if open.is_empty() && page.is_truncated() == Some(true) => last.clone_into(&mut after),
                _ => return Ok(open),
            }
        }
    }

    async fn blobs_in(&self, batch: &BatchRef, after: Option<BlobRef>) -> Result<Vec<BlobEntry>, BlobError> {
        let begin = self.place.key(batch.as_str());
        let after = after.map_or_else(|| begin.clone(), |after| self.place.key(after.as_str()));
        let page = self.list_beginning(&begin, &after).await?;
        Ok(page.contents().iter().filter_map(|object| self.entry(object)).collect())
    }

    async fn close_batch(&self, batch: &BatchRef) -> Result<(), BlobError> {
        self.remove(batch.as_str()).await?;
        self.own_batches.forget(batch.as_str());
        Ok(())
    }

    async fn end_batches(&self) -> Result<(), BlobError> {
        self.names.end(&self.own_batches).await;
        for settled in self.own_batches.take_finished() {
            self.remove(&settled).await?;
        }
        Ok(())
    }
}

impl S3 {
    /// A name for a blob, in a batch that is noted.
    pub(super) async fn draw_name(&self) -> Result<String, BlobError> {
        self.names.draw(&self.own_batches, self).await
    }

    fn note_key(&self, batch: &str) -> String {
        self.place.key(&format!("{OPEN}{batch}"))
    }

    async fn list_beginning(&self, begin: &str, after: &str) -> Result<ListObjectsV2Output, BlobError> {
        let list = self.client.list_objects_v2().bucket(&self.place.bucket).prefix(begin).start_after(after);
        list.send().await.map_err(error::unavailable)
    }
}

fn is_older(note: &aws_sdk_s3::types::Object, then: Timestamp) -> bool {
    let noted_at = note.last_modified().and_then(|at| DateTime::from_timestamp(at.secs(), at.subsec_nanos()));
    noted_at.is_some_and(|noted_at| noted_at < then)
}
