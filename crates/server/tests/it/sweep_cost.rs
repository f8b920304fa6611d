//! What a sweep costs does not depend on how many recordings there are.

use std::{path::Path, process::Command};

use tapebase_adapters::sqlite::Sqlite;
use tokio::runtime::Runtime;

use crate::{
    rows::add_recordings,
    server::{Server, command},
    shelf::Shelf,
};

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
