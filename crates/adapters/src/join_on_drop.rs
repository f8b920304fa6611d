//! Threads that end with whoever started them.

use std::{
    io,
    thread::{self, JoinHandle},
};

/// A thread that is joined when this is dropped. What ends it, such as the last sender of its channel, must be dropped
/// before.
pub struct JoinOnDrop(Option<JoinHandle<()>>);

impl JoinOnDrop {
    /// Starts a thread.
    ///
    /// # Errors
    /// If the system refuses one.
    pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        Ok(Self(Some(thread::Builder::new().name(name.into()).spawn(work)?)))
    }
}

impl Drop for JoinOnDrop {
    fn drop(&mut self) {
        // If it panicked, everybody who waited for it knows.
        let _ = self.0.take().map(JoinHandle::join);
    }
}
