//! What `tapebase verify --repair` puts right, and that it does no harm beside a busy server.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use tapebase_conformance::http::{Client as _, Request, Tcp};

use super::*;

/// A block of zeros.
const ZEROS: &[u8] = &[0; 4 << 10];
/// How much of a pack a recording of the smaller of [`SIZES`] takes.
const SPAN: u64 = 12 << 10;
/// How much stands behind the larger in its file: five checksums and the footer.
const TRAILER: u64 = 5 * 4 + 64;

/// Two days ago.
fn past() -> SystemTime {
    SystemTime::now() - Duration::from_hours(48)
}

/// The header of an entry, with another time; see docs/adapters/disk.md.
fn date(pack: &File, offset: u64, written_at: SystemTime) {
    let mut header = [0; 128];
    pack.read_exact_at(&mut header, offset).expect("read");
    let since = written_at.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let micros = u64::try_from(since.as_micros()).expect("in range");
    header[40..48].copy_from_slice(&micros.to_le_bytes());
    let checksum = crc32fast::hash(&header[12..]);
    header[8..12].copy_from_slice(&checksum.to_le_bytes());
    pack.write_all_at(&header, offset).expect("written");
}

#[test]
fn a_header_that_is_damaged_is_written_anew_from_its_row() {
    let store = Store::with_recordings();
    flip(&store.pack(), SPAN + 33);

    store.assert_repairs("its audio is sound, but its header");

    store.assert_sound();
}

#[test]
fn a_trailer_that_is_damaged_is_written_anew_from_its_row() {
    let store = Store::with_recordings();
    flip(&store.file(), 300_000 + 3);

    store.assert_repairs("its audio is sound, but its header");

    store.assert_sound();
}

#[test]
fn an_entry_without_a_recording_is_removed_a_week_after_it_was_found() {
    let store = Store::with_recordings();
    let removed = store.rows().execute("DELETE FROM recordings WHERE blob LIKE '%-00000000'", []).expect("deleted");
    assert_eq!(removed, 1);
    let young = store.verify(&["--repair"]);
    assert!(!text(&young).contains("audio without a recording"), "{young:?}");

    date(&store.open_pack(), 0, past());
    let noted = store.verify(&["--repair"]);
    assert_eq!(text(&noted).matches("sweeps remove them in 7 days").count(), 1, "{noted:?}");
    pass_a_week(&store.data_dir());
    let swept = command(&store.data_dir(), &[]).arg("sweep").output().expect("it runs");
    assert!(text(&swept).contains("audio that was due            1"), "{swept:?}");

    let after = store.verify(&[]);
    assert!(after.status.success() && text(&after).contains("3 recordings were checked"), "{after:?}");
}

#[test]
fn a_torn_tail_is_cut_off_once_it_is_old() {
    let store = Store::with_recordings();
    let pack = store.open_pack();
    pack.write_all_at(&[7; 5_000], 2 * SPAN).expect("written");
    store.assert_sound();

    pack.set_modified(past()).expect("aged");
    store.assert_repairs("torn bytes of no recording");

    assert_eq!(pack.metadata().expect("there").len(), 2 * SPAN);
    store.assert_sound();
}

#[test]
fn torn_bytes_that_a_recording_may_be_missing_stay() {
    let store = Store::with_recordings();
    let pack = store.open_pack();
    // The first block of an entry is lost: the rest is all there is of that recording.
    pack.write_all_at(ZEROS, SPAN).expect("written");
    pack.set_modified(past()).expect("aged");
    let before = fs::read(store.pack()).expect("read");

    store.assert_finds("its audio is missing");

    assert_eq!(fs::read(store.pack()).expect("read"), before);
}

#[test]
fn a_row_that_leads_nowhere_stays() {
    let store = Store::with_recordings();
    store.move_row("7f3a7f3a7f3a7f3a-00000000");

    store.assert_finds("its audio is missing");

    let rows = store.rows().query_row("SELECT count(*) FROM recordings", [], |row| row.get::<_, u64>(0));
    assert_eq!(rows.expect("counted"), 4);
}

#[test]
fn a_size_that_differs_between_row_and_audio_is_found() {
    let store = Store::with_recordings();
    let file = store.file();

    File::options().append(true).open(&file).and_then(|file| file.write_all_at(b"more", 300_000)).expect("written");

    store.assert_finds("its header or length on disk is wrong");
    assert_eq!(fs::metadata(file).expect("there").len(), 300_000 + TRAILER + 4, "an operator decides");
}

#[test]
fn counters_that_are_not_the_sum_are_counted_anew() {
    let store = Store::with_recordings();
    for (wrong, said) in [
        ("UPDATE counters SET bytes = bytes + 7", "620007 bytes are counted, 620000 are there"),
        ("UPDATE counters SET bytes = -1", "bytes are counted, 620000 are there"),
        ("UPDATE counters SET recordings = 3", "3 recordings are counted, 4 are there"),
        ("UPDATE counters SET changed = 2", "2 changes are counted, 4 are there"),
        ("DELETE FROM counters", "0 bytes are counted, 620000 are there"),
    ] {
        assert_eq!(store.rows().execute(wrong, []).expect("changed"), 1);

        store.assert_repairs(said);

        store.assert_sound();
    }
}

#[test]
fn a_busy_server_is_verified_and_repaired_without_a_false_alarm() {
    let store = Store::with_recordings();
    let server = Server::start_on(&store.data_dir(), &[]);
    let (token, is_over) = (server.sign_up("bea"), AtomicBool::new(false));

    thread::scope(|scope| {
        for seed in 1..4 {
            scope.spawn({
                let (tcp, token, is_over) = (server.tcp(), &token, &is_over);
                move || come_and_go(tcp, token, seed, is_over)
            });
        }
        for options in [&[][..], &["--repair"], &[]] {
            let output = store.verify(options);
            assert!(output.status.success(), "{output:?}");
            assert_eq!(text(&output).lines().count(), 1, "{output:?}");
        }
        is_over.store(true, Ordering::Relaxed);
    });

    for item in server.list_all(&token) {
        let audio = format!("/v1/recordings/{}/audio", item["id"].as_str().expect("an id"));
        let _ = server.send(&Request::new("GET", audio).bearer(&token)).expect(200);
    }
    assert!(server.terminate().success());
}

/// Uploads, and deletes two of three again.
fn come_and_go(tcp: Tcp, token: &str, seed: u8, is_over: &AtomicBool) {
    for round in 0.. {
        let upload = Request::new("POST", "/v1/recordings").bearer(token);
        let created = tcp.send(&upload.body("audio/mp4", vec![seed; SIZES[round % 2]])).expect(201).json();
        if round % 3 != 0 {
            let target = format!("/v1/recordings/{}", created["id"].as_str().expect("an id"));
            let _ = tcp.send(&Request::new("DELETE", target).bearer(token)).expect(204);
        }
        if is_over.load(Ordering::Relaxed) && round > 20 {
            return;
        }
    }
}
