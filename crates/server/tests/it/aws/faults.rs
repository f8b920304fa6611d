//! AWS at its worst: errors, throttling, time-outs, resets and lost replies, while clients upload and delete.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, atomic::AtomicU32, atomic::Ordering},
    thread,
    time::Duration,
};

use chrono::TimeDelta;
use serde_json::json;
use tapebase_conformance::{
    aws_proxy::{AwsProxy, Fault, Faults},
    blobs::walk,
    engines,
    http::{
        Request, Response, Tcp, Web,
        cases::{
            fixtures::noise,
            sending::{request_to, url},
        },
    },
};
use tapebase_domain::{
    digest::Sha256,
    history::Retention,
    id::{RecordingId, UserId, random_bytes},
    ports::{Clock, Ports, SystemClock},
    quota::weight,
    sweep::Sweep,
};
use tokio::runtime::Runtime;

use super::stores;
use crate::{
    leftovers::InDays,
    server::{Server, borrowed, ports_of},
};

const UPLOADS: u32 = 500;
const CLIENTS: u32 = 8;
/// From one packet to an object in parts; most are small.
const SIZES: [usize; 16] = {
    const KIB: usize = 1 << 10;
    [
        0,
        700,
        700,
        700,
        9 * KIB,
        64 * KIB,
        64 * KIB,
        64 * KIB,
        64 * KIB,
        64 * KIB,
        64 * KIB,
        300 * KIB,
        300 * KIB,
        300 * KIB,
        9 << 20,
        LARGEST,
    ]
};
const LARGEST: usize = 17 << 20;
/// A client gives up after this many tries; it must never come to that.
const TRIES: usize = 60;

#[test]
fn every_acknowledged_recording_is_there_once_whatever_aws_does() {
    let runtime = Runtime::new().expect("a runtime");
    let proxies = runtime.block_on(async {
        [(engines::DYNAMODB, 1), (engines::S3, 2)]
            .map(|(name, seed)| (name, AwsProxy::start(engines::address(name)), seed))
    });
    let stores = stores::fresh();
    let mut settings = stores.clone();
    settings.extend(proxies.iter().map(|(name, proxy, _)| (*name, proxy.url())));
    let server = Server::start(&borrowed(&settings));
    let client = App::sign_in(&server);

    for (_, proxy, seed) in &proxies {
        proxy.inject(Faults { seed: *seed, rate: 0.08, kinds: kinds() });
    }
    let uploads = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while uploads.fetch_add(1, Ordering::Relaxed) < UPLOADS {
                    client.upload_one();
                }
            });
        }
    });
    for (name, proxy, _) in &proxies {
        proxy.stop_injecting();
        // What was late may yet come, and must not bring back what is gone.
        runtime.block_on(proxy.settle());
        assert!(proxy.injected() > 50, "only {} requests to {name} were broken", proxy.injected());
    }

    let acknowledged = client.acknowledged.lock().expect("no client panicked").clone();
    check_recordings(&client, &acknowledged);
    runtime.block_on(check_stores(&stores, client.user, &acknowledged));
}

fn kinds() -> Vec<Fault> {
    vec![
        Fault::InternalError,
        Fault::SlowDown,
        Fault::ThroughputExceeded,
        Fault::Throttling,
        Fault::TransactionConflict,
        Fault::ResetBefore,
        Fault::ResetInBody,
        Fault::LostReply,
        Fault::CutReply,
        // Longer than the server waits for DynamoDB.
        Fault::Delay(Duration::from_secs(4)),
    ]
}

/// An app that repeats whatever may be repeated, and knows what was acknowledged.
struct App {
    tcp: Tcp,
    token: String,
    user: UserId,
    /// Every upload is a part of it that starts somewhere else.
    noise: Vec<u8>,
    acknowledged: Mutex<HashMap<RecordingId, Sha256>>,
}

impl App {
    fn sign_in(server: &Server) -> Self {
        let token = server.sign_up("ann");
        let me = server.send(&Request::new("GET", "/v1/me").bearer(&token)).expect(200).json();
        let user = UserId::parse(me["id"].as_str().expect("an id")).expect("an id");
        let noise = noise(usize::from(u16::MAX) + LARGEST);
        Self { tcp: server.tcp(), token, user, noise, acknowledged: Mutex::default() }
    }

    /// Uploads one recording, every fourth past the server, and deletes every eighth again.
    fn upload_one(&self) {
        let id = RecordingId::generate(SystemClock.now());
        let [choice, way, seed] = random_bytes();
        let size = SIZES[usize::from(choice) % SIZES.len()];
        let start = usize::from(u16::from_be_bytes([way, seed]));
        let audio = self.noise[start..start + size].to_vec();
        if way % 4 == 0 {
            self.upload_directly(&id, &audio);
        } else {
            let upload = Request::new("PUT", format!("/v1/recordings/{id}")).bearer(&self.token);
            let _ = self.insist(&upload.body("audio/mp4", audio.clone()), &[200, 201]);
        }
        if way % 8 == 1 {
            let delete = Request::new("DELETE", format!("/v1/recordings/{id}")).bearer(&self.token);
            // 404 for a try whose answer was lost.
            let _ = self.insist(&delete, &[204, 404]);
        } else {
            self.acknowledged.lock().expect("no client panicked").insert(id, Sha256::of(&audio));
        }
    }

    fn upload_directly(&self, id: &RecordingId, audio: &[u8]) {
        let sha256 = Sha256::of(audio).to_hex();
        let announcement = json!({"id": id.as_str(), "size": audio.len(), "sha256": sha256});
        let announce = Request::new("POST", "/v1/direct").bearer(&self.token).json(&announcement);
        let plan = self.insist(&announce, &[200, 201]).json();
        let part_size = plan["part_size"].as_u64().and_then(|size| usize::try_from(size).ok()).expect("a size");
        let parts = plan["parts"].as_array().expect("a list");
        for (number, part) in parts.iter().enumerate() {
            let bytes = audio[number * part_size..audio.len().min((number + 1) * part_size)].to_vec();
            let send = request_to(url(part), part, bytes);
            let is_sent = (0..TRIES).any(|_| Web.try_send(&send).is_some_and(|answer| answer.status == 200));
            assert!(is_sent, "the store takes no part of {id}");
        }
        let complete = Request::new("POST", format!("/v1/direct/{id}/complete")).bearer(&self.token);
        let _ = self.insist(&complete, &[200, 201]);
    }

    /// Repeats a request for as long as its answers allow that.
    fn insist(&self, request: &Request, expected: &[u16]) -> Response {
        for _ in 0..TRIES {
            let Some(answer) = self.tcp.try_send(request).filter(is_whole) else { continue };
            if expected.contains(&answer.status) {
                return answer;
            }
            let problem = answer.json();
            assert_eq!(problem["retryable"], true, "{} {}: {problem}", request.method, request.target);
            assert!(answer.status != 503 || answer.header("retry-after").is_some(), "{answer:?}");
        }
        panic!("no luck with {} {}", request.method, request.target)
    }
}

/// An answer that ends early is none.
fn is_whole(answer: &Response) -> bool {
    answer.header("content-length").is_none_or(|length| length == answer.body.len().to_string())
}

/// Each acknowledged recording is listed once, and plays what was sent; nothing else is there.
///
/// Connections that were cut may still be met, so clients still repeat what may be repeated.
fn check_recordings(client: &App, acknowledged: &HashMap<RecordingId, Sha256>) {
    let mut listed = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let target = format!("/v1/recordings?limit=200{cursor}");
        let page = client.insist(&Request::new("GET", target).bearer(&client.token), &[200]).json();
        for item in page["items"].as_array().expect("a list") {
            let (id, sha256) = (item["id"].as_str().expect("an id"), item["sha256"].as_str().expect("a digest"));
            assert!(listed.insert(id.to_owned(), sha256.to_owned()).is_none(), "{item} is listed twice");
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let expected = acknowledged.iter().map(|(id, sha256)| (id.to_string(), sha256.to_hex()));
    assert_eq!(listed, expected.collect::<BTreeMap<_, _>>());
    for (id, sha256) in acknowledged {
        let play = Request::new("GET", format!("/v1/recordings/{id}/audio")).bearer(&client.token);
        assert_eq!(Sha256::of(&client.insist(&play, &[200]).body), *sha256, "{id} is what was sent");
    }
}

/// The quota is what the recordings have, and once the sweeper has been by there is no blob without a recording.
async fn check_stores(stores: &[(&str, String)], user: UserId, acknowledged: &HashMap<RecordingId, Sha256>) {
    let ports = Ports { clock: Arc::new(InDays(2)), ..ports_of(stores).await };
    let mut sizes = 0;
    for id in acknowledged.keys() {
        sizes += weight(ports.records.find(user, id).await.expect("read").expect("it is there").size);
    }

    let swept = Sweep::new(&ports, TimeDelta::hours(24), Retention::default()).run().await.expect("swept");
    // What has no recording was noted, and is asked for once more.
    let later = Ports { clock: Arc::new(InDays(10)), ..ports.clone() };
    let removed = Sweep::new(&later, TimeDelta::hours(24), Retention::default()).run().await.expect("swept");
    assert!(removed.failed == 0 && removed.deleted >= swept.orphans, "{swept:?}, {removed:?}");

    println!("swept after {} recordings: {swept:?}", acknowledged.len());
    assert_eq!(swept.failed, 0);
    assert_eq!(ports.records.counters(user).await.expect("read").used_bytes(), sizes, "the quota adds up");
    let blobs = walk(&ports.blobs).await;
    assert_eq!(blobs.len(), acknowledged.len(), "blobs without a recording are left");
    let again = Sweep::new(&ports, TimeDelta::hours(24), Retention::default()).run().await.expect("swept");
    assert_eq!((again.orphans, again.uploads, again.staged), (0, 0, 0));
}
