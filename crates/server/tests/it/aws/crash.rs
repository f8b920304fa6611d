//! `kill -9` at random moments, of servers on a table and a bucket.

use super::stores;
use crate::{crash::loses_nothing, uploaders::Uploaders};

#[test]
fn kill_9_loses_nothing_acknowledged_and_leaves_nothing_for_good() {
    loses_nothing(&Uploaders::on(stores::fresh()));
}
