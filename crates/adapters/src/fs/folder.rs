//! The folder the blobs are in, and its layout. Every function here blocks.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use rustix::fs::StatVfsMountFlags;
use tapebase_domain::id::random_bytes;

/// The layout in which audio says whose it is, and those before: without packs, and with them.
const VERSION: &str = "3\n";
const OLDER: [&str; 2] = ["1\n", "2\n"];

/// Makes what is missing of the folder, durably, and refuses the layout of a newer version.
pub fn lay_out(root: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(root)?;
    let prefixes = (0..=u8::MAX).map(|prefix| format!("{prefix:02x}"));
    for name in prefixes.chain(["parts", "packs", "open"].map(str::to_owned)) {
        DirBuilder::new().recursive(true).mode(0o700).create(root.join(name))?;
    }
    write_once(root, "VERSION", VERSION)?;
    let version = fs::read_to_string(root.join("VERSION"))?;
    if OLDER.contains(&&*version) {
        // An older program must refuse what it would take for lost.
        fs::rename(write_temporary(root, "VERSION", VERSION)?, root.join("VERSION"))?;
    } else if version != VERSION {
        let message = format!("{} has layout {}, this program knows 3", root.display(), version.trim());
        return Err(io::Error::new(ErrorKind::Unsupported, message));
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
    let temporary = write_temporary(root, name, content)?;
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(temporary)?;
    match linked {
        // Somebody else was first.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked.and_then(|()| sync(root)),
    }
}

fn write_temporary(root: &Path, name: &str, content: &str) -> io::Result<PathBuf> {
    let temporary = root.join(format!(".{name}-{}", HEXLOWER.encode(&random_bytes::<8>())));
    let mut file = File::create_new(&temporary)?;
    if let Err(error) = file.write_all(content.as_bytes()).and_then(|()| file.sync_all()) {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    Ok(temporary)
}

/// Fails unless the folder is there and can be written to.
pub fn probe(root: &Path) -> io::Result<()> {
    fs::metadata(root.join("VERSION"))?;
    if rustix::fs::statvfs(root)?.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err(ErrorKind::ReadOnlyFilesystem.into());
    }
    Ok(())
}

/// Makes the names in a directory survive a power cut.
pub fn sync(directory: &Path) -> io::Result<()> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    File::open(directory)?.sync_all()
}
