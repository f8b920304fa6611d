//! Threads that end with whoever started them.

use std::{
    io,
    thread::{self, JoinHandle},
};

/// A thread that is waited for when this is dropped. What it waits for itself must be gone by then.
pub struct Joined(Option<JoinHandle<()>>);

impl Joined {
    /// Starts a thread.
    ///
    /// # Errors
    /// If the system refuses one.
    pub fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        Ok(Self(Some(thread::Builder::new().name(name.into()).spawn(work)?)))
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        // If it panicked, everybody who waited for it knows.
        let _ = self.0.take().map(JoinHandle::join);
    }
}
