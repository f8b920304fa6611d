//! `tapebase verify` on a table and a bucket: what is planted is found, repaired, and what is sound is not touched.

use std::{
    process::{Output, Stdio},
    sync::Arc,
};

use serde_json::json;
use tapebase_conformance::http::Request;
use tapebase_domain::{
    audit::Audit,
    blob::{self, Provenance},
    history::Retention,
    id::RecordingId,
    ports::{Clock as _, Ports, SystemClock},
    recording::Recording,
    sweep::{Sweep, Swept},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::stores;
use crate::{
    erasure::GRACE,
    leftovers::InDays,
    server::{Server, borrowed, command, ports_of},
};

/// A server with recordings, and an operator beside it.
struct Served {
    stores: Vec<(&'static str, String)>,
    server: Server,
    token: String,
    ports: Ports,
    folder: TempDir,
    runtime: Runtime,
}

impl Served {
    fn with_recordings(count: u8) -> Self {
        let (stores, folder, runtime) =
            (stores::fresh(), TempDir::new().expect("a folder"), Runtime::new().expect("one"));
        let server = Server::start(&borrowed(&stores));
        let token = server.sign_up("ann");
        for fill in 0..count {
            let upload = Request::new("POST", "/v1/recordings").bearer(&token).body("audio/mp4", vec![fill; 2_000]);
            let _ = server.send(&upload).expect(201);
        }
        let ports = runtime.block_on(ports_of(&stores));
        Self { stores, server, token, ports, folder, runtime }
    }

    fn verify(&self, options: &[&str]) -> Output {
        let mut verify = command(self.folder.path(), &borrowed(&self.stores));
        verify.arg("verify").args(options).stderr(Stdio::piped()).output().expect("it runs")
    }

    fn recordings(&self) -> Vec<Recording> {
        self.runtime.block_on(self.ports.inventory.recordings(None)).expect("listed").recordings
    }

    /// Sweeps as a server does so many days later.
    fn sweep(&self, days: i64) -> Swept {
        let ports = Ports { clock: Arc::new(InDays(days)), ..self.ports.clone() };
        self.runtime.block_on(Sweep::new(&ports, GRACE, Retention::default()).run()).expect("swept")
    }

    fn audio(&self) -> usize {
        self.runtime.block_on(self.ports.blobs.list(None)).expect("listed").len()
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_row_without_an_object_and_a_wrong_count_are_found_and_repaired() {
    let served = Served::with_recordings(5);
    let sound = served.verify(&["--repair"]);
    assert!(sound.status.success() && text(&sound).contains("5 recordings were checked"), "{sound:?}");

    let Recording { owner, id, blob, .. } = served.recordings().remove(2);
    served.runtime.block_on(served.ports.blobs.delete(&blob)).expect("deleted");
    let table = served.stores[0].1.trim_start_matches("dynamodb://");
    let _ = stores::call(
        "UpdateItem",
        &json!({
            "TableName": table,
            "Key": {"pk": {"S": format!("U#{owner}")}, "sk": {"S": "COUNTERS"}},
            "UpdateExpression": "ADD recordings :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}}
        }),
    );

    for (options, notes, counts) in [(&[][..], 0, 1), (&["--repair"], 1, 1), (&["--repair"], 0, 0)] {
        let found = served.verify(options);
        assert!(!found.status.success(), "the audio stays missing: {found:?}");
        let said = text(&found);
        assert_eq!(said.matches("its audio is missing").count(), 1, "{said}");
        assert_eq!(said.matches(&format!("recording {owner}/{id}")).count(), 1 + notes, "{said}");
        assert_eq!(said.matches("6 recordings are counted, 5 are there").count(), counts, "{said}");
    }
    let memo = served.server.send(&Request::new("GET", format!("/v1/recordings/{id}")).bearer(&served.token));
    assert!(memo.expect(200).json()["damaged_at"].is_string());

    // A run that is broken off goes on where it was.
    let stopped = served.verify(&["--time-limit", "0s"]);
    let said = String::from_utf8_lossy(&stopped.stderr).into_owned();
    let place = said.rsplit_once("--after ").expect(&said).1.trim().to_owned();
    let rest = served.verify(&["--after", &place]);
    assert!(text(&rest).contains("4 recordings were checked"), "{rest:?}");
}

#[test]
fn an_object_without_a_row_is_removed_a_week_after_it_was_found() {
    let served = Served::with_recordings(3);
    let owner = served.recordings()[0].owner;
    let of = Provenance { owner, recording: RecordingId::generate(SystemClock.now()) };
    let stored = served.runtime.block_on(served.ports.blobs.put(&of, blob::once("nobody's".into()))).expect("stored");
    // Somebody took it for settled.
    served.ports.blobs.settle(&stored.blob);
    served.runtime.block_on(served.ports.batches.end_batches()).expect("ended");
    assert_eq!((served.sweep(2).orphans, served.audio()), (0, 4));
    let young = served.verify(&["--repair"]);
    assert!(young.status.success() && !text(&young).contains("without a recording"), "{young:?}");

    let later = Ports { clock: Arc::new(InDays(2)), ..served.ports.clone() };
    let audit = Audit::new(&later, GRACE);
    let orphans = served.runtime.block_on(audit.orphans()).expect("looked through");
    assert_eq!((orphans.looked_at, orphans.nobodys.len(), orphans.kept.len()), (4, 1, 0));
    served.runtime.block_on(audit.note(&orphans)).expect("noted");

    assert_eq!((served.sweep(8).deleted, served.audio()), (0, 4));
    assert_eq!((served.sweep(10).deleted, served.audio()), (1, 3));
    let sound = served.verify(&[]);
    assert!(sound.status.success() && text(&sound).contains("3 recordings were checked"), "{sound:?}");
}
