//! What a sweep costs does not depend on how many recordings there are.

use std::{path::Path, process::Command};

use futures_util::future::join_all;
use tapebase_adapters::sqlite::Sqlite;
use tapebase_domain::{
    blob::BlobRef,
    details::NewDetails,
    digest::Sha256,
    history::ChangeNumber,
    id::{RecordingId, UserId},
    media_type::MediaType,
    ports::{Clock as _, RecordStore, SystemClock, Terms},
    quota::Quota,
    recording::{DigestOrigin, Recording, Revision},
};
use tokio::runtime::Runtime;

use crate::{
    server::{Server, command},
    shelf::Shelf,
};

/// Adds so many recordings of a hundred people, without audio.
pub async fn add_recordings(rows: &dyn RecordStore, count: usize, at_once: usize) {
    let (now, terms) = (SystemClock.now(), Terms { quota: Quota::UNLIMITED, again: false });
    let people: Vec<UserId> = (0..100).map(|_| UserId::generate(now)).collect();
    for some in (0..count).collect::<Vec<_>>().chunks(at_once) {
        let inserts = some.iter().map(|number| rows.insert(recording(people[number % people.len()]), terms));
        join_all(inserts).await.into_iter().for_each(|inserted| drop(inserted.expect("inserted")));
    }
}

fn recording(owner: UserId) -> Recording {
    let (now, media_type) = (SystemClock.now(), MediaType::octet_stream());
    let id = RecordingId::generate(now);
    Recording {
        blob: BlobRef::new(format!("none/{id}")),
        id,
        owner,
        details: NewDetails::of_type(media_type.clone()).complete(now, &media_type),
        media_type,
        size: 1_000,
        sha256: Sha256::of(b""),
        digest: DigestOrigin::Computed,
        received_at: now,
        revision: Revision(1),
        changed: ChangeNumber::default(),
        verified_at: None,
        damaged_at: None,
    }
}

/// How many bytes a sweep reads, from whatever file, and in how many calls.
fn read_by_a_sweep(data_dir: &Path) -> [u64; 2] {
    let program = command(data_dir, &[]);
    let mut sweep = Command::new("sh");
    sweep.args(["-c", "\"$0\" sweep >&2 && cat /proc/$$/io"]).arg(program.get_program());
    sweep.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = sweep.output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    ["rchar: ", "syscr: "].map(|name| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect(&text);
        line.parse().expect(line)
    })
}

#[test]
fn a_sweep_reads_as_much_of_many_recordings_as_of_a_few() {
    let (shelf, runtime) = (Shelf::new(), Runtime::new().expect("a runtime"));
    let data_dir = shelf.path("data");
    assert!(Server::start_on(&data_dir, &[]).terminate().success());
    let read = [10, 10_000].map(|count| {
        let rows = Sqlite::open(&data_dir.join("tapebase.db")).expect("opened");
        runtime.block_on(add_recordings(&rows, count, 1_000));
        drop(rows);
        // Once to take up what the log has, which costs what was written.
        let _ = read_by_a_sweep(&data_dir);
        read_by_a_sweep(&data_dir)
    });

    let [few, many] = read;
    println!("bytes and calls of a sweep: {few:?} of a few, {many:?} of many");
    // An index of many has a page more on its way down.
    assert!(many[0] <= few[0] + (256 << 10), "{read:?}");
    assert!(many[1] <= few[1] + 64, "{read:?}");
}
