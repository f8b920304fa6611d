//! A store that takes nothing for a while: what waits for it takes no more memory than there may be, whoever hangs up,
//! and all is well once it goes on.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use socket2::SockRef;
use tapebase_conformance::http::{
    Request, Response, Tcp,
    cases::fixtures::{fresh_ulid, noise},
};

use crate::{
    server::Server,
    strace::{Strace, number_of},
};

/// The smallest budget there is.
pub const SETTINGS: [(&str, &str); 1] = [("TAPEBASE_LIMITS__MEMORY", "64MiB")];
/// What a server may take: its budget, what it always takes, and what actix reads ahead on each connection.
const BUDGET: u64 = 64 << 20;
const ALWAYS: u64 = 64 << 20;
const AHEAD: u64 = 160 << 10;
/// Where there is more to be read than a buffer of 128 KiB, which is twice as large when the last byte fits in.
const FAR_AHEAD: u64 = 400 << 10;

/// So many that nobody's share is what limits them.
const USERS: usize = 20;
/// How many hang up at the same time.
const AT_ONCE: usize = 32;
/// Far longer than anybody waits for memory, on a machine that has a thousand requests to answer before.
const LONG: Duration = Duration::from_mins(5);
/// How long what is left may take when the store goes on.
const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_disk_that_stalls_costs_no_more_memory_than_there_may_be() {
    let server = Server::start(&SETTINGS);
    // The thread that writes is there with the first.
    let _ = server.send(&upload(&server.sign_up("ann"), b"speech".to_vec()).1).expect(201);
    let flood = Flood::prepare(&server, SMALL);
    let disk = Strace::inject(number_of(server.pid(), "pack-writer"), "fdatasync:delay_enter=3000000");

    flood.pour(ABANDONED, WAITING, || drop(disk));
}

/// Each is let in for as much as a large body needs, until no memory is left; the others wait, and are refused.
#[test]
fn large_uploads_that_stop_half_way_cost_no_more_memory_than_there_may_be() {
    const STOPPED: usize = 500;
    let server = Server::start(&SETTINGS);
    let tcp = server.tcp();
    let tokens: Vec<String> = (0..USERS).map(|number| server.sign_up(&format!("user{number}"))).collect();
    let half = noise(600_000);

    let stopped: Vec<TcpStream> = (0..STOPPED)
        .map(|number| {
            let mut stream = tcp.connect();
            stream.set_nonblocking(true).expect("set");
            let head = format!(
                "POST /v1/recordings HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {}\r\n\
                 Content-Type: audio/mp4\r\nContent-Length: 1200000\r\n\r\n",
                tokens[number % USERS]
            );
            stream.write_all(head.as_bytes()).expect("sent");
            // As much of it as the kernel takes for a server that may read nothing.
            let _ = stream.write_all(&half);
            stream
        })
        .collect();

    let mut statuses = BTreeMap::new();
    for mut stream in stopped {
        stream.set_nonblocking(false).expect("set");
        let mut status = [0; 12];
        stream.read_exact(&mut status).expect("answered");
        *statuses.entry(String::from_utf8_lossy(&status[9..]).into_owned()).or_insert(0) += 1;
    }
    assert!(statuses.keys().all(|status| ["408", "503"].contains(&&**status)), "{statuses:?}");
    assert!(statuses.len() == 2, "some are let in and given up, some are not let in: {statuses:?}");
    let most = BUDGET + ALWAYS + FAR_AHEAD * STOPPED as u64;
    let peak = server.peak_memory();
    assert!(peak < most, "it took {} of {} MiB", peak >> 20, most >> 20);
    let _ = server.send(&upload(&tokens[0], half).1).expect(201);
}

/// What is kept in one piece on its way.
pub const SMALL: usize = 250_000;
/// How many uploads of that size are hung up on, and how many are waited for.
pub const ABANDONED: usize = 3_000;
pub const WAITING: usize = 300;

/// Uploads while a store takes nothing.
pub struct Flood<'server> {
    server: &'server Server,
    tokens: Vec<String>,
    audio: Vec<u8>,
}

/// An upload that waits for an answer.
struct Waiting {
    token: String,
    id: String,
    answer: Option<Response>,
}

impl<'server> Flood<'server> {
    /// Has users sign up, each of whose uploads is to have so many bytes.
    pub fn prepare(server: &'server Server, bytes: usize) -> Self {
        let tokens = (0..USERS).map(|number| server.sign_up(&format!("user{number}"))).collect();
        Self { server, tokens, audio: noise(bytes) }
    }

    /// Uploads to a server whose store has stalled, hangs up on so many, waits with so many, has the store `go_on` once
    /// somebody was refused, and looks at what is left.
    pub fn pour(self, hung_up_on: usize, waited_for: usize, go_on: impl FnOnce()) {
        let (left, (refusal, refused)) = (AtomicUsize::new(hung_up_on), mpsc::channel());
        let take = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).ok();
        let answers: Vec<Waiting> = thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    while let Some(number) = take() {
                        hang_up_on(self.server.tcp(), &self.upload(number).1);
                    }
                });
            }
            let flood = &self;
            let wait = |number| {
                let refusal = refusal.clone();
                scope.spawn(move || flood.wait_for(number, &refusal))
            };
            let waiting: Vec<_> = (0..waited_for).map(wait).collect();
            refused.recv_timeout(LONG).expect("somebody is refused while the store stalls");
            go_on();
            waiting.into_iter().map(|waiting| waiting.join().expect("sent")).collect()
        });
        self.is_well_after(&answers);
        let ahead = if self.audio.len() > 256 << 10 { FAR_AHEAD } else { AHEAD };
        let most = BUDGET + ALWAYS + ahead * (hung_up_on + waited_for) as u64;
        let peak = self.server.peak_memory();
        assert!(peak < most, "it took {} of {} MiB", peak >> 20, most >> 20);
    }

    fn upload(&self, number: usize) -> (String, Request) {
        upload(&self.tokens[number % USERS], self.audio.clone())
    }

    /// Uploads, and tells at once if that is refused for want of memory.
    fn wait_for(&self, number: usize, refusal: &mpsc::Sender<()>) -> Waiting {
        let (id, request) = self.upload(number);
        let token = self.tokens[number % USERS].clone();
        let since = Instant::now();
        let answer = loop {
            let answer = self.server.tcp().try_send(&request);
            let refused_as = |code| answer.as_ref().is_some_and(|it| it.status == 503 && it.problem() == code);
            if refused_as("busy") {
                // Only the first is waited for.
                let _ = refusal.send(());
            }
            // A machine with too much to do may be too slow for a token to be looked up: that is asked again.
            if !refused_as("unavailable") || since.elapsed() > LONG {
                break answer;
            }
        };
        Waiting { token, id, answer }
    }

    /// Some were refused for want of memory, and all that was acknowledged is there.
    fn is_well_after(&self, answers: &[Waiting]) {
        let mut refused = 0;
        for Waiting { token, id, answer } in answers {
            let answer = answer.as_ref().unwrap_or_else(|| panic!("{id} got no answer"));
            if answer.status == 201 {
                let audio = Request::new("GET", format!("/v1/recordings/{id}/audio")).bearer(token);
                assert!(self.server.send(&audio).expect(200).body == self.audio, "{id} is not what was sent");
            } else {
                // A store may be too slow for those who were let in, too.
                assert!(matches!(answer.problem().as_str(), "busy" | "unavailable"), "{answer:?}");
                assert!(answer.status == 503 && answer.header("retry-after").is_some(), "{answer:?}");
                refused += usize::from(answer.problem() == "busy");
            }
        }
        assert!((1..answers.len()).contains(&refused), "{refused} were refused");
        let since = Instant::now();
        while self.server.send(&Request::new("GET", "/readyz")).expect(200).json()["tasks"] != 0 {
            assert!(since.elapsed() < SOON, "what was begun does not end");
        }
        let _ = self.server.send(&self.upload(0).1).expect(201);
    }
}

fn upload(token: &str, audio: Vec<u8>) -> (String, Request) {
    let id = fresh_ulid();
    let request = Request::new("PUT", format!("/v1/recordings/{id}")).bearer(token).body("audio/mp4", audio);
    (id, request)
}

/// Sends a request, and resets the connection.
fn hang_up_on(tcp: Tcp, request: &Request) {
    let stream = tcp.begin(request);
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("set");
}
