//! `kill -9` at random moments, while clients upload and delete: nothing acknowledged is lost, nothing half is shown.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use tapebase_conformance::http::{Request, Response, Tcp};
use tapebase_domain::{
    digest::Sha256,
    id::{RecordingId, random_bytes},
    ports::{Clock as _, SystemClock},
};
use tempfile::TempDir;

use crate::server::{Server, command};

const ROUNDS: u32 = 20;
const UPLOADERS: usize = 4;
/// From one packet to several pieces of a megabyte.
const SIZES: [usize; 4] = [700, 64 << 10, 300 << 10, 2_500 << 10];

/// What the clients know: the server's answers, and nothing else.
#[derive(Default)]
struct Ledger {
    /// Uploads that were answered with 201 or 200.
    stored: HashMap<RecordingId, Sha256>,
    /// Uploads and deletes that were sent, but to which no answer came.
    unknown: HashMap<RecordingId, Sha256>,
    /// Deletes that were answered with 204.
    deleted: HashSet<RecordingId>,
}

#[test]
fn kill_9_loses_nothing_acknowledged_and_shows_nothing_half() {
    let folder = TempDir::new().expect("a temporary folder");
    let data_dir = folder.path().join("data");
    let token = Server::start_on(&data_dir, &[]).sign_up("ann");
    let ledger = Mutex::new(Ledger::default());

    for round in 0..ROUNDS {
        let mut server = Server::start_on(&data_dir, &[]);
        upload_until_killed(&mut server, &token, &ledger);
        let server = Server::start_on(&data_dir, &[]);
        let mut ledger = ledger.lock().expect("no uploader panicked");
        check(&server, &token, &mut ledger, round == ROUNDS - 1);
    }

    let verified = command(&data_dir, &[]).arg("verify").output().expect("it runs");
    assert!(verified.status.success(), "{verified:?}");
    let ledger = ledger.into_inner().expect("no uploader panicked");
    assert!(ledger.stored.len() > ROUNDS as usize, "hardly anything was uploaded: {}", ledger.stored.len());
    assert!(!ledger.deleted.is_empty(), "nothing was deleted");
}

/// However slow the machine is, some uploads are over by the time the server dies.
fn upload_until_killed(server: &mut Server, token: &str, ledger: &Mutex<Ledger>) {
    let tcp = server.tcp();
    let is_over = AtomicBool::new(false);
    let (over, uploads_over) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..UPLOADERS {
            let (over, is_over) = (over.clone(), &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    upload_one(tcp, token, ledger);
                    over.send(()).expect("the round is not over");
                }
            });
        }
        uploads_over.iter().take(UPLOADERS).for_each(drop);
        let [a, b] = random_bytes::<2>();
        #[expect(clippy::disallowed_methods, reason = "the moment of death is to be random")]
        thread::sleep(Duration::from_millis(u64::from(u16::from_be_bytes([a, b]) % 400)));
        server.kill();
        is_over.store(true, Ordering::Relaxed);
    });
}

/// Uploads one recording, and deletes every fourth again.
fn upload_one(tcp: Tcp, token: &str, ledger: &Mutex<Ledger>) {
    let id = RecordingId::generate(SystemClock.now());
    let [choice, seed] = random_bytes();
    let size = SIZES[usize::from(choice) % SIZES.len()];
    let audio: Vec<u8> = (0..=u8::MAX).map(|byte| byte ^ seed).cycle().take(size).collect();
    let sha256 = Sha256::of(&audio);
    let target = format!("/v1/recordings/{id}");
    let upload = Request::new("PUT", &target).bearer(token).body("audio/mp4", audio);
    match send(tcp, &upload).map(|response| response.status) {
        Some(200 | 201) => ledger.lock().expect("no uploader panicked").stored.insert(id.clone(), sha256),
        Some(status) => panic!("an upload was answered with {status}"),
        None => ledger.lock().expect("no uploader panicked").unknown.insert(id.clone(), sha256),
    };
    if choice % 4 == 0 {
        let delete = Request::new("DELETE", &target).bearer(token);
        let answer = send(tcp, &delete).map(|response| response.status);
        let mut ledger = ledger.lock().expect("no uploader panicked");
        ledger.stored.remove(&id);
        match answer {
            Some(204) => assert!(ledger.deleted.insert(id), "deleted twice"),
            Some(404) => assert!(ledger.unknown.contains_key(&id), "an acknowledged recording was not found"),
            Some(status) => panic!("a delete was answered with {status}"),
            None => assert!(ledger.unknown.insert(id, sha256).is_none_or(|known| known == sha256)),
        }
    }
}

/// `None` where the server dies before its whole answer is here.
fn send(tcp: Tcp, request: &Request) -> Option<Response> {
    tcp.try_send(request).filter(|response| {
        let announced = response.header("content-length").and_then(|length| length.parse().ok());
        announced.is_none_or(|length: usize| length == response.body.len())
    })
}

/// Compares what the server shows with what its clients know; at the end every byte of it.
fn check(server: &Server, token: &str, ledger: &mut Ledger, is_end: bool) {
    let items = server.list_all(token);
    let mut shown = HashMap::new();
    for item in &items {
        let id = RecordingId::parse(item["id"].as_str().expect("an id")).expect("an id");
        let sha256 = item["sha256"].as_str().expect("a digest").to_owned();
        assert!(shown.insert(id, sha256).is_none(), "{item} is listed twice");
    }
    for (id, sha256) in &ledger.stored {
        assert_eq!(shown.get(id), Some(&sha256.to_hex()), "{id} was acknowledged");
    }
    for id in &ledger.deleted {
        assert!(!shown.contains_key(id), "{id} was deleted");
    }
    for (id, sha256) in &shown {
        let known = ledger.stored.get(id).or_else(|| ledger.unknown.get(id));
        assert_eq!(known.map(|known| known.to_hex()), Some(sha256.clone()), "{id} is listed");
    }
    let to_fetch: Vec<&RecordingId> = shown.keys().filter(|id| is_end || ledger.unknown.contains_key(*id)).collect();
    for id in to_fetch {
        let audio = server.send(&Request::new("GET", format!("/v1/recordings/{id}/audio")).bearer(token)).expect(200);
        assert_eq!(Sha256::of(&audio.body).to_hex(), shown[id], "{id} is what was sent");
    }
}
