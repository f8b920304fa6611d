//! A disk that fails: whoever is told so may send again, what was acknowledged stays, and nothing is there twice.
//!
//! The faults are injected by strace into the one thread that writes.

use std::{collections::BTreeMap, thread};

use tapebase_conformance::http::{Client as _, Request, Response, Tcp};
use tapebase_domain::{
    digest::Sha256,
    id::RecordingId,
    ports::{Clock as _, SystemClock},
};
use tempfile::TempDir;

use crate::{
    server::Server,
    strace::{Strace, number_of},
};

const AT_ONCE: usize = 16;

#[test]
fn a_pack_that_fails_is_told_to_its_uploaders_alone() {
    for fault in ["fdatasync:error=EIO", "pwrite64:error=EIO", "pwrite64:error=ENOSPC", "pwrite64:retval=0"] {
        let kept = Case::start("pack-writer").fail(&format!("{fault}:when=1")).send_again().restart().check();
        assert_eq!(kept, AT_ONCE + 1, "{fault} left entries that nobody was promised");
    }
}

#[test]
fn a_pack_that_fails_again_and_again_is_told_to_its_uploaders_alone() {
    let kept = Case::start("pack-writer").fail("fdatasync:error=EIO:when=1+2").send_again().restart().check();
    assert_eq!(kept, AT_ONCE + 1, "entries are left that nobody was promised");
}

#[test]
fn a_log_of_rows_that_fails_is_told_to_its_uploaders_alone() {
    for fault in ["fsync,fdatasync:error=EIO", "pwrite64:error=EIO", "pwrite64:error=ENOSPC"] {
        Case::start("sqlite-writer").fail(&format!("{fault}:when=1")).send_again().restart().check();
    }
}

#[test]
fn rows_whose_flush_failed_have_their_audio_after_a_crash() {
    let case = Case::start("sqlite-writer").fail("fsync,fdatasync:error=EIO:when=1").restart();
    for (id, audio) in case.shown() {
        assert_eq!(audio, Some(Sha256::of(&bytes_of(&id))), "{id} is listed");
    }
    case.send_again().check();
}

/// A server, and what was sent to it.
struct Case {
    folder: TempDir,
    server: Server,
    /// The thread that faults are injected into.
    thread: &'static str,
    token: String,
    sent: Vec<RecordingId>,
    /// What was answered with a failure, and not sent again yet.
    refused: Vec<RecordingId>,
}

impl Case {
    /// Starts a server that has written before, so that all its threads are there.
    fn start(thread: &'static str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let server = Server::start_on(&folder.path().join("data"), &[]);
        let token = server.sign_up("ann");
        let first = fresh_id();
        let _ = upload(server.tcp(), &token, &first).expect(201);
        Self { folder, server, thread, token, sent: vec![first], refused: Vec::new() }
    }

    /// Uploads much at once while the disk fails.
    fn fail(mut self, fault: &str) -> Self {
        let writer = number_of(self.server.pid(), self.thread);
        let strace = Strace::inject(writer, fault);
        let ids: Vec<_> = (0..AT_ONCE).map(|_| fresh_id()).collect();
        let answers: Vec<_> = thread::scope(|scope| {
            let (tcp, token) = (self.server.tcp(), &self.token);
            let uploads: Vec<_> = ids.iter().map(|id| scope.spawn(move || upload(tcp, token, id))).collect();
            uploads.into_iter().map(|upload| upload.join().expect("answered")).collect()
        });
        drop(strace);
        for (id, answer) in ids.iter().zip(answers) {
            if answer.status != 201 {
                assert!(matches!(answer.status, 503 | 507), "{fault}: {}", answer.status);
                assert_eq!(answer.json()["retryable"], true, "{fault}");
                self.refused.push(id.clone());
            }
        }
        assert!(!self.refused.is_empty(), "{fault}: nobody noticed");
        assert_eq!(number_of(self.server.pid(), self.thread), writer, "{fault}: the thread died");
        self.sent.extend(ids);
        self
    }

    /// Sends again what was refused.
    fn send_again(mut self) -> Self {
        for id in self.refused.drain(..) {
            let answer = upload(self.server.tcp(), &self.token, &id);
            assert!(matches!(answer.status, 200 | 201), "{id} was sent again, and answered with {}", answer.status);
        }
        self
    }

    /// Kills the server, and starts another.
    fn restart(mut self) -> Self {
        self.server.kill();
        self.server = Server::start_on(&self.folder.path().join("data"), &[]);
        self
    }

    /// Fails unless all that was sent is there, once and whole; how much audio is kept.
    fn check(self) -> usize {
        let wanted = self.sent.iter().map(|id| (id.clone(), Some(Sha256::of(&bytes_of(id))))).collect();
        assert_eq!(self.shown(), wanted);
        self.server.blobs()
    }

    /// Every recording that is listed, and the digest of its audio if there is some.
    fn shown(&self) -> BTreeMap<RecordingId, Option<Sha256>> {
        let items = self.server.list_all(&self.token);
        let ids = items.iter().map(|item| RecordingId::parse(item["id"].as_str().expect("an id")).expect("an id"));
        let shown: BTreeMap<_, _> = ids.map(|id| (id.clone(), self.audio(&id))).collect();
        assert_eq!(shown.len(), items.len(), "something is listed twice");
        shown
    }

    fn audio(&self, id: &RecordingId) -> Option<Sha256> {
        let request = Request::new("GET", format!("/v1/recordings/{id}/audio")).bearer(&self.token);
        let answer = self.server.send(&request);
        (answer.status == 200).then(|| Sha256::of(&answer.body))
    }
}

fn fresh_id() -> RecordingId {
    RecordingId::generate(SystemClock.now())
}

fn upload(tcp: Tcp, token: &str, id: &RecordingId) -> Response {
    tcp.send(&Request::new("PUT", format!("/v1/recordings/{id}")).bearer(token).body("audio/mp4", bytes_of(id)))
}

/// Audio that no other recording has.
fn bytes_of(id: &RecordingId) -> Vec<u8> {
    let text = id.as_str().as_bytes();
    text.iter().copied().cycle().take(1_000 + 100 * usize::from(text[text.len() - 1])).collect()
}
