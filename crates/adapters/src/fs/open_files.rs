//! Files that were read from a moment ago, kept open for the next who does.
//!
//! To open a file and to close it takes half as long as to read 64 KiB from it, and a player asks for one range after
//! the other.

use std::{
    collections::HashMap,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::reading::{Wait, open};

/// How long a file is kept open. What another process deletes takes up its space until then.
const KEPT: Duration = Duration::from_secs(5);
/// How many files are kept open.
const MOST: usize = 64;

/// Open files, by path.
#[derive(Default)]
pub struct OpenFiles(Mutex<HashMap<PathBuf, (Arc<File>, Instant)>>);

impl OpenFiles {
    /// The file at `path`, open already or opened now; `None` if there is none.
    pub fn open(&self, path: &Path, wait: Wait) -> io::Result<Option<Arc<File>>> {
        let now = Instant::now();
        if let Some((file, opened)) = self.lock().get(path)
            && now - *opened < KEPT
        {
            return Ok(Some(file.clone()));
        }
        let Some(file) = open(path, wait)?.map(Arc::new) else { return Ok(None) };
        let mut files = self.lock();
        files.retain(|_, (_, opened)| now - *opened < KEPT);
        if files.len() < MOST {
            files.insert(path.to_owned(), (file.clone(), now));
        }
        Ok(Some(file))
    }

    /// Closes a file that was deleted, once nobody reads from it any more.
    pub fn close(&self, path: &Path) {
        self.lock().remove(path);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, (Arc<File>, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt as _};

    use super::*;

    fn open_one(files: &OpenFiles, path: &Path) -> Option<Arc<File>> {
        files.open(path, Wait::Yes).expect("readable")
    }

    #[test]
    fn a_file_is_opened_once_until_it_is_closed() {
        let folder = tempfile::tempdir().expect("made");
        let path = folder.path().join("audio");
        fs::write(&path, "la").expect("written");
        let files = OpenFiles::default();

        let first = open_one(&files, &path).expect("there");
        fs::remove_file(&path).expect("removed");
        let second = open_one(&files, &path).expect("still open");
        assert_eq!(first.metadata().expect("open").ino(), second.metadata().expect("open").ino());

        files.close(&path);
        assert!(open_one(&files, &path).is_none());
    }

    #[test]
    fn no_more_are_kept_open_than_that() {
        let folder = tempfile::tempdir().expect("made");
        let files = OpenFiles::default();
        for number in 0..=MOST {
            let path = folder.path().join(number.to_string());
            fs::write(&path, "la").expect("written");
            assert!(open_one(&files, &path).is_some());
        }

        assert_eq!(files.lock().len(), MOST);
    }
}
