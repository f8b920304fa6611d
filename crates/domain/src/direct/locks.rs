//! A lock for each upload, held by whoever completes it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use futures_util::lock;

use crate::id::{RecordingId, UserId};

/// Lets one at a time complete the same upload: each costs a copy, or a reading, of all of it.
#[derive(Clone, Default)]
pub struct UploadLocks(Arc<Mutex<HashMap<Upload, Weak<UploadLock>>>>);

type Upload = (UserId, RecordingId);
/// Held by whoever completes an upload.
pub type UploadLock = lock::Mutex<()>;

impl UploadLocks {
    /// The lock of this upload.
    pub fn of(&self, owner: UserId, id: &RecordingId) -> Arc<UploadLock> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| lock.strong_count() > 0);
        let key = (owner, id.clone());
        if let Some(lock) = locks.get(&key).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::default();
        locks.insert(key, Arc::downgrade(&lock));
        lock
    }
}
