//! The files of the database, as they were opened.
//!
//! A file that is renamed or removed stays open, and takes what is committed with it when the process ends: SQLite does
//! not notice. So nothing is written unless the files are where they were.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// What SQLite appends to the database's name for its other files: the log, and the index of that.
const ENDINGS: [&str; 3] = ["", "-wal", "-shm"];

/// Where the files are, and which they were.
#[derive(Clone)]
pub struct Files {
    files: Vec<(PathBuf, Option<Identity>)>,
    /// Whether somebody was told already.
    is_reported: bool,
}

/// What tells a file from any other for as long as it is open: its file system and its number there.
type Identity = (u64, u64);

impl Files {
    /// The files of a database that was just opened.
    pub fn opened(path: &Path) -> io::Result<Self> {
        let file = |ending: &str| {
            let path = beside(path, ending);
            identity(&path).map(|identity| (path, identity))
        };
        Ok(Self { files: ENDINGS.into_iter().map(file).collect::<io::Result<_>>()?, is_reported: false })
    }

    /// Fails unless every file is where it was; says so once until all are back.
    pub fn check(&mut self) -> io::Result<()> {
        let checked = self.files.iter_mut().try_for_each(check_one);
        match &checked {
            Err(error) if !self.is_reported => {
                tracing::error!(cause = %error, "nothing is written until the database's files are back; put them back and restart");
            }
            _ => {}
        }
        self.is_reported = checked.is_err();
        checked
    }
}

/// The file of the database at `path` whose name ends so.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// A file that was not there yet is whatever is there first.
fn check_one((path, opened): &mut (PathBuf, Option<Identity>)) -> io::Result<()> {
    match (identity(path)?, *opened) {
        (there, None) => {
            *opened = there;
            Ok(())
        }
        (Some(there), Some(opened)) if there == opened => Ok(()),
        (there, Some(_)) => {
            let what = if there.is_some() { "is another file now" } else { "is not there any more" };
            Err(io::Error::other(format!("{} {what}", path.display())))
        }
    }
}

fn identity(path: &Path) -> io::Result<Option<Identity>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        metadata => metadata.map(|metadata| Some((metadata.dev(), metadata.ino()))),
    }
}
