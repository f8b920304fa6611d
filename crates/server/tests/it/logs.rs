//! A log that cannot be written, an output nobody reads, and work in the background that fails: requests are answered all
//! the same.

use std::{
    fs::File,
    io::{self, Read as _},
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rusqlite::Connection;
use serde_json::Value;
use tapebase_conformance::http::Request;
use tempfile::TempDir;

use crate::server::{Server, command};

/// Far more than anything here takes.
const SOON: Duration = Duration::from_secs(20);

fn full_disk() -> File {
    File::options().write(true).open("/dev/full").expect("Linux has it")
}

/// Everything a user does, and what is answered.
fn expect_all_is_well(server: &Server) {
    let token = server.sign_up("ann");
    let upload = Request::new("POST", "/v1/recordings").bearer(&token).body("audio/mp4", vec![7; 100_000]);
    let id = server.send(&upload).expect(201).json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(server.list_all(&token).len(), 1);
    let audio = server.send(&Request::new("GET", format!("/v1/recordings/{id}/audio")).bearer(&token)).expect(200);
    assert_eq!(audio.body, vec![7; 100_000]);
    let _ = server.send(&Request::new("DELETE", format!("/v1/recordings/{id}")).bearer(&token)).expect(204);
}

#[test]
fn a_log_that_cannot_be_written_costs_no_answer() {
    let (reader, nobody_reads) = io::pipe().expect("made");
    drop(reader);
    let sinks: [(&str, Stdio); 2] =
        [("a full disk", full_disk().into()), ("a reader that is gone", nobody_reads.into())];

    for (sink, stderr) in sinks {
        let folder = TempDir::new().expect("a temporary folder");
        let mut command = command(&folder.path().join("data"), &[]);
        command.stderr(stderr);
        let server = Server::run(command, folder.path());

        expect_all_is_well(&server);

        assert!(server.terminate().success(), "{sink}");
    }
}

#[test]
fn a_log_that_is_closed_costs_no_answer_and_no_file() {
    let folder = TempDir::new().expect("a temporary folder");
    let data_dir = folder.path().join("data");
    let plain = command(&data_dir, &[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" 2>&-"]).arg(plain.get_program()).stdout(Stdio::piped()).stderr(Stdio::null());
    copy_environment(&plain, &mut shell);

    let server = Server::run(shell, &data_dir);
    expect_all_is_well(&server);
    assert!(server.terminate().success());

    // What is opened first must not become what the log is written to.
    let rows = Connection::open(data_dir.join("tapebase.db")).expect("opened");
    let check: String = rows.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("checked");
    assert_eq!(check, "ok");
}

#[test]
fn a_log_that_nobody_reads_holds_nobody_up() {
    let (mut log, stderr) = io::pipe().expect("made");
    let folder = TempDir::new().expect("a temporary folder");
    let mut command = command(&folder.path().join("data"), &[]);
    command.stderr(stderr);
    let server = Server::run(command, folder.path());
    let started = Instant::now();

    for _ in 0..1_000 {
        let _ = server.send(&Request::new("GET", "/healthz")).expect(200);
    }
    expect_all_is_well(&server);

    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    assert!(server.terminate().success());
    let mut lines = String::new();
    log.read_to_string(&mut lines).expect("read");
    assert!(lines.lines().filter(|line| line.contains("\"answered\"")).count() > 100, "what fitted is there: {lines}");
}

#[test]
fn a_server_starts_where_its_output_cannot_be_written() {
    let folder = TempDir::new().expect("a temporary folder");
    let address = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port");
    let mut command = command(&folder.path().join("data"), &[("TAPEBASE_LISTEN", &address.to_string())]);
    command.stdout(full_disk());

    let server = Server::run_at(command, folder.path(), address);

    expect_all_is_well(&server);
    assert!(server.terminate().success());
}

#[test]
fn a_command_goes_on_when_its_output_is_not_read() {
    let server = Server::start(&[]);
    let token = server.sign_up("ann");
    let _ =
        server.send(&Request::new("POST", "/v1/recordings").bearer(&token).body("audio/mp4", vec![7; 9])).expect(201);

    for arguments in [&["verify"][..], &["sweep"], &["user", "add", "bob@example.com"]] {
        let mut command = command(server.data_dir(), &[]);
        command.args(arguments).stdout(full_disk()).stdin(password(server.data_dir()));
        assert!(command.status().expect("it runs").success(), "{arguments:?}");
    }
    let mut command = command(server.data_dir(), &[]);
    assert_eq!(command.arg("check-config").stdout(full_disk()).status().expect("it runs").code(), Some(1));
}

fn password(data_dir: &Path) -> File {
    let path = data_dir.with_file_name("password");
    std::fs::write(&path, "correct horse\n").expect("written");
    File::open(path).expect("opened")
}

#[test]
fn a_sweep_that_fails_shows_in_readyz_until_one_succeeds() {
    let server = Server::start(&[("TAPEBASE_SWEEP__EVERY", "1s")]);
    let rows = Connection::open(server.data_dir().join("tapebase.db")).expect("opened");
    let failing = || server.send(&Request::new("GET", "/readyz")).expect(200).json()["failing"].clone();
    let until = |done: &dyn Fn(&Value) -> bool| {
        let started = Instant::now();
        loop {
            let failing = failing();
            if done(&failing) {
                return failing;
            }
            assert!(started.elapsed() < SOON, "{failing}");
        }
    };
    assert_eq!(failing(), Value::Null);

    rows.execute_batch("ALTER TABLE sessions RENAME TO elsewhere").expect("renamed");
    let first = until(&|failing| failing[0]["task"] == "sweep");
    assert!(first[0]["since"].is_string(), "{first}");
    rows.execute_batch("ALTER TABLE elsewhere RENAME TO sessions").expect("renamed");

    until(&Value::is_null);
}

/// `command`, run by a program that sets its limits first.
fn limited(plain: &Command, limit: &str) -> Command {
    let mut limited = Command::new("prlimit");
    limited.arg(limit).arg(plain.get_program()).stdout(Stdio::piped()).stderr(Stdio::null());
    copy_environment(plain, &mut limited);
    limited
}

fn copy_environment(from: &Command, to: &mut Command) {
    for (name, value) in from.get_envs() {
        match value {
            Some(value) => to.env(name, value),
            None => to.env_remove(name),
        };
    }
}

fn lift_limit(server: &Server) {
    let pid = server.pid().to_string();
    let lifted = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:"]).status();
    assert!(lifted.expect("prlimit runs").success());
}

#[test]
fn audio_past_the_limit_of_a_file_is_refused_as_no_room_and_the_server_stays() {
    let folder = TempDir::new().expect("a temporary folder");
    let data_dir = folder.path().join("data");
    let server = Server::run(limited(&command(&data_dir, &[]), "--fsize=3000000:"), &data_dir);
    let token = server.sign_up("ann");
    let upload =
        |size| server.send(&Request::new("POST", "/v1/recordings").bearer(&token).body("audio/mp4", vec![7; size]));

    // A pack is larger than that from the beginning.
    for size in [100, 3_100_000, 100] {
        let refused = upload(size);
        assert_eq!((refused.status, refused.problem()), (507, "storage-full".into()), "{size}");
    }

    lift_limit(&server);
    for size in [100, 3_100_000] {
        let _ = upload(size).expect(201);
    }
}

#[test]
fn rows_past_the_limit_of_a_file_are_refused_as_no_room_and_the_server_stays() {
    let folder = TempDir::new().expect("a temporary folder");
    let data_dir = folder.path().join("data");
    let server = Server::run(limited(&command(&data_dir, &[]), "--fsize=1000000:"), &data_dir);
    let token = server.sign_up("ann");
    let announce = || {
        let announcement = serde_json::json!({"size": 9, "sha256": "0".repeat(64), "name": "n".repeat(200)});
        server.send(&Request::new("POST", "/v1/direct").bearer(&token).json(&announcement))
    };

    let refused = (0..1_000).map(|_| announce()).find(|answer| answer.status != 201).expect("it is limited");
    assert_eq!((refused.status, refused.problem()), (507, "storage-full".into()));

    lift_limit(&server);
    let _ = announce().expect(201);
}
