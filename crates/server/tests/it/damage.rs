//! Audio that went bad on the disk: it is never served as good, and whoever still has it mends it.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::json;
use tapebase_conformance::http::{
    Request, Response,
    cases::{
        User,
        fixtures::{fresh_ulid, noise},
        form::Form,
    },
};
use tapebase_domain::digest::Sha256;
use tempfile::TempDir;

use crate::server::{Server, command};

/// One that shares a pack and is kept while it is compared, one that has a file of its own.
const SIZES: [usize; 2] = [10_000, 600_000];

/// A recording on a server of its own, and its audio.
struct Scene {
    server: Server,
    id: String,
    audio: Vec<u8>,
    tag: String,
}

impl Scene {
    /// And the token of whose it is.
    fn new(size: usize) -> (Self, String) {
        Self::on(Server::start(&[]), size)
    }

    fn on(server: Server, size: usize) -> (Self, String) {
        let token = User::sign_up(&server.tcp(), "ann").token;
        let (id, audio) = (fresh_ulid(), noise(size));
        let put = Request::new("PUT", format!("/v1/recordings/{id}")).bearer(&token).body("audio/mp4", audio.clone());
        let stored = server.send(&put).expect(201);
        let tag = stored.header("etag").expect("a tag").to_owned();
        (Self { server, id, audio, tag }, token)
    }

    /// The file that has the audio, and where in it.
    fn file(&self) -> (PathBuf, u64) {
        let blobs = self.server.data_dir().join("blobs");
        let folders = fs::read_dir(blobs).expect("read").map(|entry| entry.expect("read").path());
        let files = folders.filter(|path| path.is_dir()).flat_map(|path| fs::read_dir(path).expect("read"));
        for file in files.map(|entry| entry.expect("read").path()).filter(|path| path.is_file()) {
            let bytes = fs::read(&file).expect("read");
            if let Some(place) = bytes.windows(64).position(|window| window == &self.audio[..64]) {
                return (file, place as u64);
            }
        }
        panic!("no file has the audio")
    }

    fn flip(&self, byte: u64) {
        let (path, begin) = self.file();
        let file = File::options().read(true).write(true).open(path).expect("opened");
        let mut flipped = [0];
        file.read_exact_at(&mut flipped, begin + byte).expect("read");
        file.write_all_at(&[flipped[0] ^ 1], begin + byte).expect("written");
    }

    fn ask(&self, token: &str, method: &'static str, range: Option<&str>) -> Response {
        let request = Request::new(method, format!("/v1/recordings/{}/audio", self.id)).bearer(token);
        self.server.send(&match range {
            Some(range) => request.header("Range", range),
            None => request,
        })
    }

    fn put(&self, token: &str) -> Response {
        let put = Request::new("PUT", format!("/v1/recordings/{}", self.id)).bearer(token);
        self.server.send(&put.body("audio/mp4", self.audio.clone()))
    }

    fn damaged(&self) -> u64 {
        self.server.send(&Request::new("GET", "/readyz")).expect(200).json()["damaged"].as_u64().expect("a number")
    }

    /// Whole, in part or not at all, it is the same problem.
    #[track_caller]
    fn assert_damaged(&self, token: &str) {
        for (method, range) in [("GET", None), ("GET", Some("bytes=0-9")), ("GET", Some("bytes=0-1,5-9"))] {
            let answer = self.ask(token, method, range);
            assert_eq!(answer.outcome(), "500 audio-damaged", "{method} {range:?}");
            assert_eq!(answer.json()["retryable"], false);
        }
        assert_eq!(self.ask(token, "HEAD", None).status, 500);
        let recording = Request::new("GET", format!("/v1/recordings/{}", self.id)).bearer(token);
        assert!(self.server.send(&recording).expect(200).json()["damaged_at"].is_string());
        assert_eq!(self.damaged(), 1);
    }

    #[track_caller]
    fn assert_mended(&self, token: &str, answer: &Response) {
        assert_eq!((answer.status, &answer.json()["repaired"]), (200, &json!(true)), "{answer:?}");
        assert_eq!(answer.header("etag"), Some(&*self.tag));
        assert!(answer.json().get("damaged_at").is_none(), "{answer:?}");
        assert!(self.ask(token, "GET", None).expect(200).body == self.audio, "it plays what was uploaded");
        assert_eq!(self.server.blobs(), 1, "what was damaged is gone");
        assert_eq!(self.damaged(), 0);
        assert_eq!(self.put(token).expect(200).json().get("repaired"), None, "there is nothing more to mend");
    }
}

#[test]
fn a_flipped_bit_is_never_served_as_good_and_mended_by_a_repeat() {
    for size in SIZES {
        for byte in [0, size as u64 - 1] {
            let (scene, token) = Scene::new(size);
            scene.flip(byte);

            let first = scene
                .server
                .tcp()
                .try_send(&Request::new("GET", format!("/v1/recordings/{}/audio", scene.id)).bearer(&token));

            // It is broken off, or refused before it begins.
            assert!(first.is_none_or(|answer| answer.status == 500 || answer.body.len() < size), "{size}");
            scene.assert_damaged(&token);
            scene.assert_mended(&token, &scene.put(&token));
        }
    }
}

#[test]
fn a_repeat_finds_what_nobody_has_played() {
    for size in SIZES {
        let (scene, token) = Scene::new(size);
        scene.flip(size as u64 / 2);

        let mut answer = scene.put(&token);
        if size > 256 << 10 {
            assert_eq!(answer.outcome(), "503 send-again");
            assert!(answer.header("retry-after").is_some());
            answer = scene.put(&token);
        }

        scene.assert_mended(&token, &answer);
    }
}

#[test]
fn audio_that_is_missing_or_short_is_mended_by_a_repeat() {
    for (cut, is_asked_for) in
        [None, Some(0), Some(1_000), Some(599_999)].into_iter().flat_map(|cut| [(cut, true), (cut, false)])
    {
        let (scene, token) = Scene::new(600_000);
        let (path, _) = scene.file();
        match cut {
            None => fs::remove_file(path).expect("removed"),
            Some(length) => File::options().write(true).open(path).and_then(|file| file.set_len(length)).expect("cut"),
        }

        if is_asked_for {
            assert_eq!(scene.ask(&token, "HEAD", None).status, 500, "{cut:?}");
            scene.assert_damaged(&token);
        }
        scene.assert_mended(&token, &scene.put(&token));
    }
}

/// Whoever opens the file looks where it ends: the range itself is sound.
#[test]
fn audio_that_was_cut_is_refused_whatever_is_asked_for_first() {
    for size in SIZES {
        for (method, range) in [("GET", Some("bytes=0-9")), ("GET", Some("bytes=0-1,5-9")), ("HEAD", None)] {
            let (scene, token) = Scene::new(size);
            let (path, begin) = scene.file();
            let cut = File::options().write(true).open(path);
            cut.and_then(|file| file.set_len(begin + size as u64 - 1)).expect("cut");

            assert_eq!(scene.ask(&token, method, range).status, 500, "{size} {method} {range:?}");
            scene.assert_damaged(&token);
            scene.assert_mended(&token, &scene.put(&token));
        }
    }
}

#[test]
fn a_file_that_lacks_its_last_byte_is_refused() {
    let (scene, token) = Scene::new(600_000);
    let file = File::options().write(true).open(scene.file().0).expect("opened");
    file.set_len(file.metadata().expect("open").len() - 1).expect("cut");

    assert_eq!(scene.ask(&token, "GET", Some("bytes=0-9")).outcome(), "500 audio-damaged");
    scene.assert_damaged(&token);
    scene.assert_mended(&token, &scene.put(&token));
}

#[test]
fn a_direct_upload_mends() {
    for size in SIZES {
        let (scene, token) = Scene::new(size);
        scene.flip(7);
        let sha256 = Sha256::of(&scene.audio).to_hex();
        let plan = json!({"id": scene.id, "size": size, "sha256": sha256});
        let announce = Request::new("POST", "/v1/direct").bearer(&token).json(&plan);

        let planned = scene.server.send(&announce).expect(201).json();
        let url = planned["parts"][0]["url"].as_str().expect("a link");
        let path = &url[url.find("/v1/direct/").expect("a path")..];
        let part = Request { body: scene.audio.clone(), ..Request::new("PUT", path) };
        let _ = scene.server.send(&part).expect(204);
        let complete = Request::new("POST", format!("/v1/direct/{}/complete", scene.id)).bearer(&token);

        scene.assert_mended(&token, &scene.server.send(&complete));
    }
}

/// A quota that is used up is no reason to leave damage as it is.
#[test]
fn what_is_mended_asks_for_no_quota() {
    let server = Server::start(&[("TAPEBASE_LIMITS__QUOTA", "20000")]);
    let tcp = server.tcp();
    let ann = User::sign_up(&tcp, "ann");
    let (id, audio) = (fresh_ulid(), noise(10_000));
    let put = Request::new("PUT", format!("/v1/recordings/{id}")).body("audio/mp4", audio.clone());
    let _ = ann.send(put.clone()).expect(201);
    let scene = Scene { server, id, audio, tag: String::new() };
    scene.flip(5);
    let mut form = Form::chrome().file("\"memo.m4a\"", "audio/mp4", noise(9_000)).finished();
    form.target = "/v1/recordings".to_owned();
    let _ = ann.send(form).expect(201);

    let repaired = ann.send(put).expect(200).json();

    assert_eq!(repaired["repaired"], true);
}

#[test]
fn damage_is_known_until_its_recording_is_gone() {
    let folder = TempDir::new().expect("a temporary folder");
    let (scene, token) = Scene::on(Server::start_on(folder.path(), &[]), SIZES[0]);
    scene.flip(5_000);
    scene.assert_damaged(&token);

    let Scene { server, id, audio, tag } = scene;
    assert!(server.terminate().success());
    let scene = Scene { server: Server::start_on(folder.path(), &[]), id, audio, tag };
    assert_eq!(scene.damaged(), 1, "it is no new one");

    let delete = Request::new("DELETE", format!("/v1/recordings/{}", scene.id)).bearer(&token);
    let _ = scene.server.send(&delete).expect(204);
    assert_eq!(scene.damaged(), 0);
}

#[test]
fn the_log_reminds_of_damage_until_it_is_mended() {
    let folder = TempDir::new().expect("a temporary folder");
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let mut command = command(&data, &[("TAPEBASE_SWEEP__EVERY", "1s")]);
    command.stderr(File::create(&log).expect("made"));
    let (scene, token) = Scene::on(Server::run(command, &data), SIZES[0]);
    let reminders = || {
        let log = fs::read_to_string(&log).expect("read");
        log.lines().filter(|line| line.contains("\"damaged\":1")).count()
    };
    let wait_for = |more: &dyn Fn() -> bool| {
        let since = Instant::now();
        while !more() {
            assert!(since.elapsed() < Duration::from_secs(10), "{}", fs::read_to_string(&log).expect("read"));
        }
    };
    scene.flip(5_000);
    scene.assert_damaged(&token);

    wait_for(&|| reminders() >= 2);

    let _ = scene.put(&token).expect(200);
    assert_eq!(scene.damaged(), 0);
    let lines = fs::read_to_string(&log).expect("read");
    let is_told = lines.lines().any(|line| line.contains(&scene.id) && line.contains("damaged audio was repaired"));
    assert!(is_told, "{lines}");
    let sweeps = || fs::read_to_string(&log).expect("read").matches("\"swept\"").count();
    let wait_for_sweeps = |more| {
        let before = sweeps();
        wait_for(&|| sweeps() >= before + more);
    };
    // One may have begun before it was mended.
    wait_for_sweeps(1);
    let before = reminders();
    wait_for_sweeps(2);
    assert_eq!(reminders(), before);
}
