//! Memory does not grow with the recording.

use super::stores;
use crate::memory::{after_a_sign_in, pass_a_large_recording};

#[test]
fn a_large_recording_passes_through_little_memory() {
    let server = stores::serve(&[]);
    let before = after_a_sign_in(&server);

    pass_a_large_recording(&server, 256 << 20);

    // Two parts of 8 MiB, as they are sent, and what of the program does so, which is most of it in a build without
    // optimisation.
    let grown = (server.peak_memory() - before) >> 20;
    assert!(grown < 32, "the server took {grown} MiB more");
}
