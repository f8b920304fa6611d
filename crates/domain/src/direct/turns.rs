//! Turns for those who complete one upload at the same time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use futures_util::lock;

use crate::id::{RecordingId, UserId};

/// Lets uploads be completed one after the other that are the same: each costs a copy, or a reading, of all of it.
#[derive(Clone, Default)]
pub struct Turns(Arc<Mutex<HashMap<Upload, Weak<Turn>>>>);

type Upload = (UserId, RecordingId);
/// Held by whoever completes an upload.
pub type Turn = lock::Mutex<()>;

impl Turns {
    /// The turn that whoever completes this upload must hold.
    pub fn of(&self, owner: UserId, id: &RecordingId) -> Arc<Turn> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        let key = (owner, id.clone());
        if let Some(turn) = turns.get(&key).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        turns.insert(key, Arc::downgrade(&turn));
        turn
    }
}
