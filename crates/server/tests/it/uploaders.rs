//! People who upload and delete for as long as they are let, and what they were told.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    process::Command,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use tapebase_conformance::{
    blobs::walk,
    http::{Request, Response, Tcp},
};
use tapebase_domain::{
    digest::Sha256,
    history::Retention,
    id::{RecordingId, random_bytes},
    ports::{Clock as _, Ports, SystemClock},
    sweep::Sweep,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    erasure::GRACE,
    leftovers::InDays,
    server::{Server, borrowed, command, ports_of},
};

const UPLOADERS: usize = 4;
/// From one packet to several pieces of a megabyte.
const SIZES: [usize; 4] = [700, 64 << 10, 300 << 10, 2_500 << 10];

/// What the clients know: the server's answers, and nothing else.
#[derive(Default)]
pub struct Ledger {
    /// Uploads that were answered with 201 or 200.
    pub stored: HashMap<RecordingId, Sha256>,
    /// Uploads and deletes that were sent, but to which no answer came.
    unknown: HashMap<RecordingId, Sha256>,
    /// Deletes that were answered with 204.
    pub deleted: HashSet<RecordingId>,
}

/// Stores with a server on them now and then, and somebody whose apps use it.
pub struct Uploaders {
    folder: TempDir,
    stores: Vec<(&'static str, String)>,
    token: String,
    ledger: Mutex<Ledger>,
}

impl Uploaders {
    /// On stores of their own in a folder.
    pub fn on_disk() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let within = |name| folder.path().join("data").join(name).display().to_string();
        let stores = vec![
            ("TAPEBASE_RECORDS", format!("sqlite:{}", within("tapebase.db"))),
            ("TAPEBASE_BLOBS", format!("file:{}", within("blobs"))),
        ];
        Self::within(folder, stores)
    }

    /// On these stores.
    pub fn on(stores: Vec<(&'static str, String)>) -> Self {
        Self::within(TempDir::new().expect("a temporary folder"), stores)
    }

    fn within(folder: TempDir, stores: Vec<(&'static str, String)>) -> Self {
        let mut uploaders = Self { folder, stores, token: String::new(), ledger: Mutex::default() };
        uploaders.token = uploaders.serve().sign_up("ann");
        uploaders
    }

    pub fn serve(&self) -> Server {
        Server::start_on(&self.data_dir(), &borrowed(&self.stores))
    }

    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("no uploader panicked")
    }

    /// They upload and delete until something else is over. However slow the machine is, some uploads are over when it begins.
    pub fn upload_during(&self, server: Tcp, act: impl FnOnce()) {
        let is_over = AtomicBool::new(false);
        let (over, uploads_over) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..UPLOADERS {
                let (over, is_over) = (over.clone(), &is_over);
                scope.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        self.upload_one(server);
                        over.send(()).expect("the round is not over");
                    }
                });
            }
            let _over = Over(&is_over);
            uploads_over.iter().take(UPLOADERS).for_each(drop);
            act();
        });
    }

    /// Uploads one recording, and deletes every fourth again.
    fn upload_one(&self, tcp: Tcp) {
        let id = RecordingId::generate(SystemClock.now());
        let [choice, seed] = random_bytes();
        let size = SIZES[usize::from(choice) % SIZES.len()];
        let audio: Vec<u8> = (0..=u8::MAX).map(|byte| byte ^ seed).cycle().take(size).collect();
        let sha256 = Sha256::of(&audio);
        let target = format!("/v1/recordings/{id}");
        let upload = Request::new("PUT", &target).bearer(&self.token).body("audio/mp4", audio);
        match send(tcp, &upload).map(|response| response.status) {
            Some(200 | 201) => self.ledger().stored.insert(id.clone(), sha256),
            Some(status) => panic!("an upload was answered with {status}"),
            None => self.ledger().unknown.insert(id.clone(), sha256),
        };
        if choice % 4 == 0 {
            let delete = Request::new("DELETE", &target).bearer(&self.token);
            let answer = send(tcp, &delete).map(|response| response.status);
            let mut ledger = self.ledger();
            ledger.stored.remove(&id);
            match answer {
                Some(204) => assert!(ledger.deleted.insert(id), "deleted twice"),
                Some(404) => assert!(ledger.unknown.contains_key(&id), "an acknowledged recording was not found"),
                Some(status) => panic!("a delete was answered with {status}"),
                None => assert!(ledger.unknown.insert(id, sha256).is_none_or(|known| known == sha256)),
            }
        }
    }

    /// Compares what the server shows with what its clients know; at the end every byte of it.
    pub fn check(&self, server: &Server, is_end: bool) {
        let (ledger, items) = (self.ledger(), server.list_all(&self.token));
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
        let to_fetch: Vec<&RecordingId> =
            shown.keys().filter(|id| is_end || ledger.unknown.contains_key(*id)).collect();
        for id in to_fetch {
            let audio =
                server.send(&Request::new("GET", format!("/v1/recordings/{id}/audio")).bearer(&self.token)).expect(200);
            assert_eq!(Sha256::of(&audio.body).to_hex(), shown[id], "{id} is what was sent");
        }
    }

    /// One sweep, once all is old enough, leaves nothing open that was written down; a week later there is no audio without a
    /// recording. Nothing serves meanwhile.
    pub fn check_leftovers(&self) {
        let runtime = Runtime::new().expect("a runtime");
        let ports = runtime.block_on(self.ports());
        for days in [2, 10] {
            let then = Ports { clock: Arc::new(InDays(days)), ..ports.clone() };
            let swept = runtime.block_on(Sweep::new(&then, GRACE, Retention::default()).run()).expect("swept");
            assert!(swept.failed == 0 && swept.doubtful == 0, "{swept:?}");
            let now = then.clock.now();
            assert_eq!(runtime.block_on(ports.batches.open_batches(now, None)).expect("listed"), []);
        }
        let (mut rows, mut after) = (0, None);
        loop {
            let page = runtime.block_on(ports.inventory.recordings(after.take())).expect("listed").recordings;
            let Some(last) = page.last() else { break };
            rows += page.len();
            after = Some((last.owner, last.id.clone()));
        }
        assert_eq!(runtime.block_on(walk(&ports.blobs)).len(), rows, "audio without a recording is left");
    }

    /// The program, with these stores.
    pub fn command(&self) -> Command {
        command(&self.data_dir(), &borrowed(&self.stores))
    }

    fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The stores themselves, past any server.
    pub async fn ports(&self) -> Ports {
        ports_of(&self.stores).await
    }
}

/// Has the uploaders end, however what they waited for does.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// `None` where the server dies before its whole answer is here.
fn send(tcp: Tcp, request: &Request) -> Option<Response> {
    tcp.try_send(request).filter(|response| {
        let announced = response.header("content-length").and_then(|length| length.parse().ok());
        announced.is_none_or(|length: usize| length == response.body.len())
    })
}
