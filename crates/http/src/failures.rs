//! What a server does beside answering, where it fails: for operators, who see it at `/readyz`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tapebase_api as api;
use tapebase_domain::time::Timestamp;

/// The tasks in the background that do not succeed, and since when. Clones share one record.
#[derive(Debug, Clone, Default)]
pub struct Failures(Arc<Mutex<BTreeMap<&'static str, Timestamp>>>);

impl Failures {
    /// `task` failed; what counts is the first time since it last succeeded.
    pub fn add(&self, task: &'static str, at: Timestamp) {
        self.lock().entry(task).or_insert(at);
    }

    /// `task` succeeded.
    pub fn clear(&self, task: &'static str) {
        self.lock().remove(task);
    }

    pub(crate) fn list(&self) -> Vec<api::Failure> {
        let failure = |(task, since): (&&str, &Timestamp)| api::Failure { task: (*task).to_owned(), since: *since };
        self.lock().iter().map(failure).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
