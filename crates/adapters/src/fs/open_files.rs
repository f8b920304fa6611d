//! Files that were read from a moment ago, kept open for the next who does.
//!
//! To open a file and to close it takes half as long as to read 64 KiB from it, and a player asks for one range after
//! the other.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError, SyncSender},
    },
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    process::{Resource, getrlimit},
};

use super::{
    name::Location,
    open_file::OpenFile,
    reading::{Wait, open},
};
use crate::join_on_drop::JoinOnDrop;

/// How long a file is kept open. What another process deletes takes up its space until then.
const KEPT: Duration = Duration::from_secs(5);
/// How often it is looked whether one is to be closed.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many files are kept open, where there may be many.
const MOST: usize = 64;
/// The part of all descriptors there may be that is kept for later, where they are few: uploads need some, too.
const SHARE: u64 = 4;

type Files = HashMap<PathBuf, (Arc<OpenFile>, Instant)>;

/// Open files, by path. A thread closes them, which ends with this.
pub struct OpenFiles {
    files: Arc<Mutex<Files>>,
    most: usize,
    /// Dropped first: without it there is nothing to wait for.
    opened: SyncSender<()>,
    _thread: JoinOnDrop,
}

impl OpenFiles {
    /// Starts the thread, which sleeps as long as nothing is open.
    pub fn start() -> io::Result<Self> {
        let files = Arc::<Mutex<Files>>::default();
        let (opened, openings) = mpsc::sync_channel(1);
        let all = files.clone();
        let thread = JoinOnDrop::spawn("open-files", move || {
            while openings.recv().is_ok() {
                while !close_old(&mut lock(&all)) {
                    if matches!(openings.recv_timeout(LOOK_EVERY), Err(RecvTimeoutError::Disconnected)) {
                        return;
                    }
                }
            }
        })?;
        let descriptors = getrlimit(Resource::Nofile).current;
        let share = descriptors.and_then(|descriptors| usize::try_from(descriptors / SHARE).ok());
        Ok(Self { files, most: share.map_or(MOST, |share| share.min(MOST)), opened, _thread: thread })
    }

    /// The file at `path`, open already or opened now; `None` if there is none. What lies there as the location says is
    /// checked when it is opened, and not again while it stays open.
    pub fn open(&self, path: &Path, location: &Location, wait: Wait) -> io::Result<Option<Arc<OpenFile>>> {
        let kept = {
            let mut files = lock(&self.files);
            close_old(&mut files);
            files.get(path).map(|(file, _)| file.clone())
        };
        if kept.is_some() {
            return Ok(kept);
        }
        let opened = match open(path, wait) {
            Err(error) if is_out_of_descriptors(&error) => {
                // Those that are kept for later are wanted now.
                lock(&self.files).clear();
                open(path, wait)
            }
            opened => opened,
        };
        let Some(file) = opened? else { return Ok(None) };
        let file = Arc::new(OpenFile::new(file)?);
        file.check(location, wait)?;
        let mut files = lock(&self.files);
        if files.len() < self.most {
            files.insert(path.to_owned(), (file.clone(), Instant::now()));
            // If it was told already and has not looked yet, it will see this one, too.
            let _ = self.opened.try_send(());
        }
        Ok(Some(file))
    }

    /// Closes a file that was deleted, once nobody reads from it any more.
    pub fn close(&self, path: &Path) {
        lock(&self.files).remove(path);
    }
}

/// Closes what was opened too long ago; `true` if nothing is open any more.
fn close_old(files: &mut Files) -> bool {
    let now = Instant::now();
    files.retain(|_, (_, opened)| now.saturating_duration_since(*opened) < KEPT);
    files.is_empty()
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

fn lock(files: &Mutex<Files>) -> MutexGuard<'_, Files> {
    files.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt as _};

    use tapebase_domain::blob::BlobRef;

    use super::*;

    fn open_one(files: &OpenFiles, path: &Path) -> Option<Arc<OpenFile>> {
        let location = Location::parse(&BlobRef::new("7f3a".repeat(8))).expect("a file of the first version");
        files.open(path, &location, Wait::Yes).expect("readable")
    }

    #[test]
    fn a_file_is_opened_once_until_it_is_closed() {
        let folder = tempfile::tempdir().expect("made");
        let path = folder.path().join("audio");
        fs::write(&path, "la").expect("written");
        let files = OpenFiles::start().expect("started");

        let first = open_one(&files, &path).expect("there");
        fs::remove_file(&path).expect("removed");
        let second = open_one(&files, &path).expect("still open");
        let inodes = [first, second].map(|file| file.file.metadata().expect("open").ino());
        assert_eq!(inodes[0], inodes[1]);

        files.close(&path);
        assert!(open_one(&files, &path).is_none());
    }

    #[test]
    fn no_more_are_kept_open_than_that() {
        let folder = tempfile::tempdir().expect("made");
        let files = OpenFiles::start().expect("started");
        for number in 0..=MOST {
            let path = folder.path().join(number.to_string());
            fs::write(&path, "la").expect("written");
            assert!(open_one(&files, &path).is_some());
        }

        assert_eq!(lock(&files.files).len(), MOST);
    }

    #[test]
    fn a_file_is_closed_after_a_while_though_nobody_opens_another() {
        let folder = tempfile::tempdir().expect("made");
        let path = folder.path().join("audio");
        fs::write(&path, "la").expect("written");
        let files = OpenFiles::start().expect("started");
        let file = Arc::downgrade(&open_one(&files, &path).expect("there"));
        assert!(file.upgrade().is_some());

        let since = Instant::now();
        while file.upgrade().is_some() {
            assert!(since.elapsed() < 3 * KEPT, "it is still open");
            std::thread::yield_now();
        }
    }
}
