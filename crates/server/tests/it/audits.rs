//! Audits beside uploads: whatever is under way, no living recording is touched.

use std::sync::Arc;

use tapebase_domain::{audit::Audit, ports::Ports};
use tokio::runtime::Runtime;

use crate::{erasure::GRACE, leftovers::InDays, uploaders::Uploaders};

const AUDITS: usize = 20;

#[test]
fn audits_beside_uploads_touch_no_recording() {
    touch_no_recording(&Uploaders::on_disk());
}

/// Audits while people upload and delete, by a clock for which all of it is old: what has no row yet is noted, too.
pub fn touch_no_recording(uploaders: &Uploaders) {
    let runtime = Runtime::new().expect("a runtime");
    let ports = Ports { clock: Arc::new(InDays(2)), ..runtime.block_on(uploaders.ports()) };
    let audit = Audit::new(&ports, GRACE);
    let server = uploaders.serve();
    let mut looked_at = 0;
    uploaders.upload_during(server.tcp(), || {
        for _ in 0..AUDITS {
            let orphans = runtime.block_on(audit.orphans()).expect("looked through");
            runtime.block_on(audit.note(&orphans)).expect("noted");
            looked_at += orphans.looked_at;
        }
        let verify = uploaders.command().args(["verify", "--repair"]).output();
        assert!(verify.expect("it runs").status.success());
    });
    assert!(looked_at > 0, "nothing was there to look at");
    assert!(server.terminate().success());

    // Eight days on, a week after the last audit, all that was noted is due.
    uploaders.check_leftovers();
    uploaders.check(&uploaders.serve(), true);
}
