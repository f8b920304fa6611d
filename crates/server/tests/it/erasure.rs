//! Who leaves is gone: from the database, the packs and the files, and whatever the sweeper is interrupted by.

use std::{
    fs,
    path::Path,
    process::Stdio,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use serde_json::{Value, json};
use tapebase_adapters::connect::{Locations, S3Dialect};
use tapebase_conformance::http::{Client, Request, text};
use tapebase_domain::{
    digest::Sha256,
    history::Retention,
    id::random_bytes,
    ports::{Clock, Ports, SystemClock},
    sweep::{Sweep, Swept},
    time::Timestamp,
};
use tempfile::TempDir;

use crate::leftovers::InDays;
use crate::server::{Server, command, operators_token};

/// As `sweep.grace` is, unless it is set.
pub const GRACE: TimeDelta = TimeDelta::hours(24);

/// Somebody with a bit of everything, and what would give them away.
pub struct Resident {
    token: String,
    password: String,
    email: String,
    /// Texts and bytes that are nobody else's.
    pub traces: Vec<Vec<u8>>,
}

impl Resident {
    /// Signs up, and records much that is small and some that is large; deletes some of it, announces more, makes a link.
    pub fn settle_in(client: &dyn Client, name: &str) -> Self {
        let mark = format!("{name}-{:016x}", u64::from_be_bytes(random_bytes()));
        let (email, password) = (format!("{mark}@example.com"), "correct horse battery".to_owned());
        let credentials = json!({"email": email, "password": password});
        let grant = client.send(&Request::new("POST", "/v1/auth/signup").json(&credentials)).expect(201).json();
        let mut resident = Self { token: text(&grant, "access_token").to_owned(), password, email, traces: Vec::new() };
        resident.traces.push(mark.clone().into_bytes());
        resident.traces.push(text(&grant["user"], "id").to_lowercase().into_bytes());
        resident.traces.push(text(&grant["user"], "id").to_uppercase().into_bytes());
        for (number, size) in [700; 40].into_iter().chain([300_000; 2]).enumerate() {
            let audio = format!("{mark}!").repeat(size / mark.len()).into_bytes();
            let upload = Request::new("POST", format!("/v1/recordings?name={mark}-{number}.m4a"));
            let recording = resident.send(client, &upload.body("audio/mp4", audio)).expect(201).json();
            let path = format!("/v1/recordings/{}", text(&recording, "id"));
            match number {
                0..3 => _ = resident.send(client, &Request::new("DELETE", path)).expect(204),
                3 => _ = resident.send(client, &Request::new("POST", path + "/link")).expect(200),
                _ => {}
            }
        }
        let audio = mark.as_bytes();
        let sha256 = Sha256::of(audio).to_hex();
        let announcement = json!({"name": mark, "media_type": "audio/mp4", "size": audio.len(), "sha256": sha256});
        let _ = resident.send(client, &Request::new("POST", "/v1/direct").json(&announcement)).expect(201);
        let wrong = json!({"email": resident.email, "password": "another battery"});
        let _ = client.send(&Request::new("POST", "/v1/auth/login").json(&wrong)).expect(401);
        resident
    }

    pub fn send(&self, client: &dyn Client, request: &Request) -> tapebase_conformance::http::Response {
        client.send(&request.clone().bearer(&self.token))
    }

    pub fn leave(&self, client: &dyn Client) -> Value {
        self.send(client, &Request::new("DELETE", "/v1/me")).expect(202).json()
    }

    /// Fails unless they have what they had, and so many uploads under way.
    #[track_caller]
    pub fn assert_settled(&self, client: &dyn Client, uploads: u64) {
        let usage = self.send(client, &Request::new("GET", "/v1/me")).expect(200).json()["usage"].clone();
        assert_eq!((&usage["recordings"], &usage["uploads"]), (&json!(39), &json!(uploads)), "{usage}");
        let list = self.send(client, &Request::new("GET", "/v1/recordings?limit=200")).expect(200).json();
        for recording in list["items"].as_array().expect("a list") {
            let audio = Request::new("GET", format!("/v1/recordings/{}/audio", text(recording, "id")));
            let played = self.send(client, &audio).expect(200).body;
            assert!(played.starts_with(&self.traces[0]), "{recording}");
        }
    }

    fn log_in(&self, client: &dyn Client) -> String {
        let credentials = json!({"email": self.email, "password": self.password});
        client.send(&Request::new("POST", "/v1/auth/login").json(&credentials)).outcome()
    }
}

/// Sweeps as a server does two days later.
pub async fn sweep_in_two_days(ports: Ports) -> Swept {
    let ports = Ports { clock: Arc::new(InDays(2)), ..ports };
    Sweep::new(&ports, GRACE, Retention::default()).run().await.expect("swept")
}

/// Sweeps twenty times for a moment, and then to the end.
pub fn kill_sweeps(data_dir: &Path, settings: &[(&str, &str)]) {
    for _ in 0..20 {
        let mut sweep = command(data_dir, settings).arg("sweep").spawn().expect("it starts");
        #[expect(clippy::disallowed_methods, reason = "the moment of death is to be random")]
        thread::sleep(Duration::from_millis(u64::from(random_bytes::<1>()[0])));
        sweep.kill().expect("killed");
        sweep.wait().expect("dead");
    }
    let swept = command(data_dir, settings).arg("sweep").output().expect("it runs");
    assert!(swept.status.success(), "{swept:?}");
}

/// The files below a folder that have one of these in them.
fn files_with(folder: &Path, traces: &[Vec<u8>]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("readable").path()) {
        if entry.is_dir() {
            found.extend(files_with(&entry, traces));
            continue;
        }
        let (name, bytes) = (entry.display().to_string(), fs::read(&entry).expect("readable"));
        let has = |trace: &Vec<u8>| bytes.windows(trace.len()).any(|some| some == trace);
        let (is_named, holds) = (
            traces.iter().any(|trace| name.as_bytes().windows(trace.len()).any(|it| it == trace)),
            traces.iter().filter(|trace| has(trace)),
        );
        let holds: Vec<_> = holds.map(|trace| String::from_utf8_lossy(trace).into_owned()).collect();
        if is_named || !holds.is_empty() {
            found.push(format!("{name}: {holds:?}"));
        }
    }
    found
}

#[test]
fn nothing_is_left_of_who_has_left_however_often_the_sweeper_is_killed() {
    let folder = TempDir::new().expect("a temporary folder");
    let data_dir = folder.path().join("data");
    let server = Server::start_on(&data_dir, &[]);
    let (ann, bob) = (Resident::settle_in(&server.tcp(), "ann"), Resident::settle_in(&server.tcp(), "bob"));
    let receipt = ann.leave(&server.tcp());
    assert!(text(&receipt, "begins_at") < text(&receipt, "completed_by"), "{receipt}");
    assert!(server.terminate().success());

    kill_sweeps(&data_dir, &[]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let rows = format!("sqlite:{}", data_dir.join("tapebase.db").display());
    let blobs = format!("file:{}", data_dir.join("blobs").display());
    let locations = Locations::parse(&rows, &blobs, S3Dialect::default()).expect("known");
    let swept = runtime.block_on(async { sweep_in_two_days(locations.connect().await.expect("opened")).await });

    assert_eq!(swept.erased, 1, "{swept:?}");
    assert_eq!(files_with(&data_dir, &ann.traces), Vec::<String>::new());
    let verified = command(&data_dir, &[]).arg("verify").output().expect("it runs");
    assert!(verified.status.success(), "{verified:?}");
    let server = Server::start_on(&data_dir, &[]);
    // His announcement is not of two days later.
    bob.assert_settled(&server.tcp(), 0);
    assert_eq!(ann.log_in(&server.tcp()), "401 wrong-credentials");
}

#[test]
fn while_the_grace_lasts_the_operator_can_let_somebody_in_again() {
    let server = Server::start(&[("TAPEBASE_ERASURE__GRACE", "30days"), ("TAPEBASE_ERASURE__BACKUPS_KEPT", "35days")]);
    let ann = Resident::settle_in(&server.tcp(), "ann");

    let receipt = ann.leave(&server.tcp());

    let times =
        ["begins_at", "completed_by", "backups_expire_by"].map(|name| text(&receipt, name).parse::<Timestamp>());
    let [begins_at, completed_by, gone_at] = times.map(|time| time.expect("a time"));
    assert!((begins_at - SystemClock.now() - TimeDelta::days(30)).abs() < TimeDelta::minutes(5), "{receipt}");
    assert_eq!((completed_by - begins_at, gone_at - completed_by), (TimeDelta::days(2), TimeDelta::days(35)));
    assert_eq!(ann.log_in(&server.tcp()), "403 account-erased");
    let run = |arguments: &[&str]| {
        let output = command(server.data_dir(), &[]).arg("user").args(arguments).output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(run(&["show", &ann.email]).contains("erased from"));
    run(&["enable", &ann.email]);
    assert_eq!(ann.log_in(&server.tcp()), "200");
    assert!(!run(&["show", &ann.email]).contains("erased from"));
}

#[test]
fn over_http_enabling_somebody_leaves_their_deletion_and_restoring_takes_it_back() {
    let server = Server::start(&[("TAPEBASE_ERASURE__GRACE", "30days")]);
    let tcp = server.tcp();
    let _ = server.sign_up("operator");
    let token = operators_token(server.data_dir(), &[], "operator@example.com");
    let ann = Resident::settle_in(&tcp, "ann");
    let id = text(&ann.leave(&tcp), "user_id").to_owned();
    let user = format!("/v1/admin/users/{id}");
    let send = |request: Request| server.send(&request.bearer(&token)).expect(200).json();

    let enabled = send(Request::new("PATCH", user.clone()).json(&json!({"disabled": false})));

    assert!(enabled["erase_at"].is_string(), "{enabled}");
    assert_eq!(ann.log_in(&tcp), "403 account-erased");
    for _ in 0..2 {
        let restored = send(Request::new("POST", format!("{user}/restore")));
        assert!(restored["erase_at"].is_null(), "{restored}");
    }
    assert_eq!(ann.log_in(&tcp), "200");
}

#[test]
fn the_operator_erases_somebody_when_it_is_said_twice() {
    let server = Server::start(&[]);
    let ann = Resident::settle_in(&server.tcp(), "ann");
    let run = |arguments: &[&str]| {
        let mut remove = command(server.data_dir(), &[]);
        remove.args(["user", "remove", &ann.email]).args(arguments);
        let output = remove.stderr(Stdio::piped()).output().expect("it runs");
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };

    let (is_done, said) = run(&[]);
    assert!(is_done && said.contains("39 recordings") && said.contains("--yes"), "{said}");
    ann.assert_settled(&server.tcp(), 1);
    let (is_done, said) = run(&["--yes"]);

    assert!(is_done && said.contains("is gone by"), "{said}");
    assert_eq!(ann.log_in(&server.tcp()), "401 wrong-credentials");
    let since = Instant::now();
    while ann.send(&server.tcp(), &Request::new("GET", "/v1/me")).status != 401 {
        assert!(since.elapsed() < Duration::from_secs(10), "a session has not ended");
    }
    let (is_done, said) = run(&["--yes"]);
    assert!(!is_done && said.contains("no such user"), "{said}");
}
