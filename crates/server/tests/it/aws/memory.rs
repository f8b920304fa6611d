//! Memory does not grow with the recording.

use super::stores;
use crate::memory::pass_a_large_recording;

#[test]
fn a_large_recording_passes_through_little_memory() {
    let server = stores::serve(&[]);

    pass_a_large_recording(&server, 256 << 20);

    let peak = server.peak_memory() >> 20;
    assert!(peak < 96, "the server took {peak} MiB");
}
