//! A log at the most talkative level has no secret in it: the SDK sends many.

use super::stores;
use crate::{secrets::expect_no_secret, server::borrowed};

#[test]
fn a_log_at_trace_has_no_secret() {
    let settings = stores::fresh();
    expect_no_secret(&borrowed(&settings));
}
