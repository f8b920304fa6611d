//! Audits of a table and a bucket beside uploads.

use super::stores;
use crate::{audits::touch_no_recording, uploaders::Uploaders};

#[test]
fn audits_beside_uploads_touch_no_recording() {
    touch_no_recording(&Uploaders::on(stores::fresh()));
}
