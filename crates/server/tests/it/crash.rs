//! `kill -9` at random moments, while clients upload and delete: nothing acknowledged is lost, nothing half is shown, and
//! nothing is left for good.

use std::{thread, time::Duration};

use tapebase_domain::id::random_bytes;

use crate::{server::Server, uploaders::Uploaders};

const ROUNDS: u32 = 20;

#[test]
fn kill_9_loses_nothing_acknowledged_and_shows_nothing_half() {
    loses_nothing(&Uploaders::on_disk());
}

/// Kills server after server, and looks what is left.
pub fn loses_nothing(uploaders: &Uploaders) {
    for round in 0..ROUNDS {
        let mut server = uploaders.serve();
        let tcp = server.tcp();
        uploaders.upload_during(tcp, || kill_after_a_while(&mut server));
        uploaders.check(&uploaders.serve(), round == ROUNDS - 1);
    }

    uploaders.check_leftovers();
    uploaders.check(&uploaders.serve(), true);
    let verified = uploaders.command().arg("verify").output().expect("it runs");
    assert!(verified.status.success(), "{verified:?}");
    let ledger = uploaders.ledger();
    assert!(ledger.stored.len() > ROUNDS as usize, "hardly anything was uploaded: {}", ledger.stored.len());
    assert!(!ledger.deleted.is_empty(), "nothing was deleted");
}

fn kill_after_a_while(server: &mut Server) {
    let [a, b] = random_bytes::<2>();
    #[expect(clippy::disallowed_methods, reason = "the moment of death is to be random")]
    thread::sleep(Duration::from_millis(u64::from(u16::from_be_bytes([a, b]) % 400)));
    server.kill();
}
