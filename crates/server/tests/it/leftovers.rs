//! What is left behind in a data folder, and how time passes for it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use chrono::TimeDelta;
use tapebase_domain::{
    id::{RecordingId, UserId},
    ports::{Clock, SystemClock},
    time::Timestamp,
};

/// So many days from now.
pub struct InDays(pub i64);

impl Clock for InDays {
    fn now(&self) -> Timestamp {
        SystemClock.now() + TimeDelta::days(self.0)
    }
}

/// Has all audio in files of its own, and all notes of batches, look two days old: a sweep takes what is older than one.
pub fn age(data_dir: &Path) {
    let past = SystemTime::now() - Duration::from_hours(48);
    let folders = entries(&data_dir.join("blobs")).into_iter().filter(|path| path.is_dir() && !path.ends_with("packs"));
    for file in folders.flat_map(|folder| entries(&folder)).filter(|path| path.is_file()) {
        File::options().write(true).open(file).and_then(|file| file.set_modified(past)).expect("aged");
    }
}

/// Writes audio of somebody who has no such recording, whose name begins like that.
pub fn write_orphan(data_dir: &Path, begin: &str) -> PathBuf {
    let (now, digits) = (SystemClock.now(), 32 - begin.len());
    let name = format!("{begin}{:0digits$x}.{}.{}", 0, UserId::generate(now), RecordingId::generate(now));
    let path = data_dir.join("blobs").join(&begin[..2]).join(name);
    fs::write(&path, b"nobody's audio").expect("written");
    path
}

/// Notes that audio whose names begin like that, twelve digits, may have no recording.
pub fn note_batch(data_dir: &Path, begin: &str) {
    fs::write(data_dir.join("blobs/open").join(begin), b"").expect("written");
}

/// How many batches are noted.
pub fn batches(data_dir: &Path) -> usize {
    entries(&data_dir.join("blobs/open")).len()
}

/// Has a week pass for what is due.
pub fn pass_a_week(data_dir: &Path) {
    let rows = rusqlite::Connection::open(data_dir.join("tapebase.db")).expect("opened");
    let week = Duration::from_hours(8 * 24).as_micros();
    rows.execute(&format!("UPDATE due SET due_at = due_at - {week} WHERE kind = 'audio'"), []).expect("written");
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("read").path()).collect()
}
