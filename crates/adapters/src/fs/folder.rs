//! The folder the blobs are in: its layout, and walks through it. Every function here blocks.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::Path,
};

use chrono::DateTime;
use data_encoding::HEXLOWER;
use rustix::fs::StatVfsMountFlags;
use tapebase_domain::{blob::BlobRef, id::random_bytes, ports::BlobEntry};

use crate::blob_name;

const VERSION: &str = "1\n";

/// Makes what is missing of the folder, durably, and refuses the layout of a newer version.
pub fn lay_out(root: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(root)?;
    write_once(root, "VERSION", VERSION)?;
    let version = fs::read_to_string(root.join("VERSION"))?;
    if version != VERSION {
        let message = format!("{} has layout {}, this program knows 1", root.display(), version.trim());
        return Err(io::Error::new(ErrorKind::Unsupported, message));
    }
    let prefixes = (0..=u8::MAX).map(|prefix| format!("{prefix:02x}"));
    for name in prefixes.chain(["parts".to_owned()]) {
        DirBuilder::new().recursive(true).mode(0o700).create(root.join(name))?;
    }
    sync(root)?;
    root.parent().map_or(Ok(()), sync)
}

/// Writes a small file, whole or not at all, unless it is there already.
pub fn write_once(root: &Path, name: &str, content: &str) -> io::Result<()> {
    let path = root.join(name);
    if path.exists() {
        return Ok(());
    }
    let temporary = root.join(format!(".{name}-{}", HEXLOWER.encode(&random_bytes::<8>())));
    let mut file = File::create_new(&temporary)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(temporary)?;
    match linked {
        // Somebody else was first.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked.and_then(|()| sync(root)),
    }
}

/// Fails unless the folder is there and can be written to.
pub fn probe(root: &Path) -> io::Result<()> {
    fs::metadata(root.join("VERSION"))?;
    if rustix::fs::statvfs(root)?.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err(ErrorKind::ReadOnlyFilesystem.into());
    }
    Ok(())
}

fn sync(directory: &Path) -> io::Result<()> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    File::open(directory)?.sync_all()
}

/// The blobs of the first subdirectory that has some whose names come after `after`.
pub fn list(root: &Path, after: &str) -> io::Result<Vec<BlobEntry>> {
    let first = after.get(..2).and_then(|prefix| u8::from_str_radix(prefix, 16).ok()).unwrap_or(0);
    for prefix in first..=u8::MAX {
        let mut entries = Vec::new();
        for entry in fs::read_dir(root.join(format!("{prefix:02x}")))? {
            let entry = entry?;
            match entry.file_name().into_string() {
                Ok(name) if blob_name::is_one(&name) && name.as_str() > after => {
                    entries.extend(describe(&entry, name)?);
                }
                _ => {}
            }
        }
        if !entries.is_empty() {
            entries.sort_by(|a, b| a.blob.cmp(&b.blob));
            return Ok(entries);
        }
    }
    Ok(Vec::new())
}

/// `None` if the blob is deleted at this moment.
fn describe(entry: &fs::DirEntry, name: String) -> io::Result<Option<BlobEntry>> {
    match entry.metadata().and_then(|metadata| metadata.modified()) {
        Ok(modified) => Ok(Some(BlobEntry { blob: BlobRef::new(name), modified_at: DateTime::from(modified) })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
