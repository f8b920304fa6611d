//! A server with hardly any file descriptors gets by with them.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tapebase_conformance::http::Request;
use tempfile::TempDir;

use crate::server::{Server, command};

/// Starts a server that cannot have more than so many descriptors.
fn start_with(descriptors: u32, folder: &TempDir) -> Server {
    let data_dir = folder.path().join("data");
    let bare = command(&data_dir, &[]);
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -n {descriptors} && exec \"$0\""), env!("CARGO_BIN_EXE_tapebase")]);
    for (name, value) in bare.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited.current_dir(env!("CARGO_TARGET_TMPDIR"));
    limited.stdout(Stdio::piped()).stderr(Stdio::null());
    Server::run(limited, &data_dir)
}

/// How many files of audio the server has open.
fn open_audio(server: &Server) -> usize {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("there");
    let targets = descriptors.filter_map(|descriptor| fs::read_link(descriptor.ok()?.path()).ok());
    let blobs = server.data_dir().join("blobs");
    targets.filter(|target| target.starts_with(&blobs) && !target.starts_with(blobs.join("packs"))).count()
}

#[test]
fn whoever_plays_many_recordings_one_after_the_other_takes_no_descriptors_from_others() {
    let folder = TempDir::new().expect("a temporary folder");
    let server = start_with(96, &folder);
    let token = server.sign_up("ann");
    let upload =
        |fill: u8| Request::new("POST", "/v1/recordings").bearer(&token).body("audio/mp4", vec![fill; 300_000]);
    let ids: Vec<String> = (0..90)
        .map(|fill| server.send(&upload(fill)).expect(201).json()["id"].as_str().expect("an id").to_owned())
        .collect();

    for id in &ids {
        let audio = format!("/v1/recordings/{id}/audio");
        let _ = server.send(&Request::new("GET", audio).bearer(&token)).expect(200);
    }
    // What is kept open for the next time leaves descriptors to those who need some now.
    thread::scope(|scope| {
        let (server, upload) = (&server, &upload);
        for fill in 0..8 {
            scope.spawn(move || server.send(&upload(fill)).expect(201));
        }
    });

    // What is kept open is closed after a while, though nobody reads.
    let since = Instant::now();
    while open_audio(&server) > 0 {
        assert!(since.elapsed() < Duration::from_secs(20), "audio is still open");
        thread::yield_now();
    }
    let _ = server.send(&upload(7)).expect(201);
    assert!(server.terminate().success());
}
