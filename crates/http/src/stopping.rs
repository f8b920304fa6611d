//! Whether the server is about to stop: whoever sends it requests is to send them elsewhere.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// That it is about to stop, once it is. Clones share one flag.
#[derive(Debug, Clone, Default)]
pub struct Stopping(Arc<AtomicBool>);

impl Stopping {
    /// From now on it is.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
