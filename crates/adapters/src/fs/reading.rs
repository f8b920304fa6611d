//! Reads blobs, wherever they lie: at once what the kernel has in memory, and where it holds nobody up what it has not.

use std::{
    fs::File,
    io::{self, ErrorKind, IoSliceMut},
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use futures_util::stream;
use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat2},
    io::{Errno, ReadWriteFlags, preadv2},
};
use tapebase_domain::{
    blob::{ByteRange, ByteStream},
    ports::BlobError,
};

use super::{
    blocking,
    checksums::{CHECKED_BYTES, compare},
    from_io,
    header::{Header, RawHeader},
    name::Location,
    open_file::OpenFile,
    place::Place,
    read_buffer,
    trailer::Trailer,
};

/// How many bytes are read in one piece.
pub const READ_BYTES: u64 = 256 << 10;

/// Whether to wait for the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Fail with `WouldBlock` instead.
    No,
    /// As long as it takes.
    Yes,
}

/// A blob that can be read, even after its name is gone.
#[derive(Debug)]
pub struct OpenBlob {
    file: Arc<OpenFile>,
    lies: Lies,
    /// What every piece is compared with, once it is known that all of a large blob is read.
    checksums: Option<Vec<u32>>,
}

/// How a blob lies in its file.
#[derive(Debug, Clone, Copy)]
enum Lies {
    /// Alone.
    Bare,
    /// With a trailer behind it.
    Trailed,
    /// Where a header stands before it, among others.
    Packed(Place),
}

impl OpenBlob {
    /// What lies in a file as the location says.
    pub fn new(file: Arc<OpenFile>, location: &Location) -> Self {
        let lies = match location {
            Location::File(name) if name.provenance.is_some() => Lies::Trailed,
            Location::File(_) => Lies::Bare,
            Location::Pack(place) => Lies::Packed(*place),
        };
        Self { file, lies, checksums: None }
    }

    /// What is all of a file.
    pub fn bare(file: Arc<OpenFile>) -> Self {
        Self { file, lies: Lies::Bare, checksums: None }
    }

    /// Checks that the blob is there and has the bytes of `range`, and reads the `first` of them; `None` if it is not.
    ///
    /// If the range is all of the blob, whatever is read of it is compared with its checksums.
    pub fn begin(&mut self, range: ByteRange, first: ByteRange, wait: Wait) -> io::Result<Option<Bytes>> {
        let bytes = self.read_bytes(first, wait);
        match self.lies {
            // That they can be read is proof enough. All of a blob with a trailer is more than one piece.
            Lies::Bare | Lies::Trailed if first == range => return bytes.map(Some),
            Lies::Bare => self.file.reaches(range.end())?,
            Lies::Trailed => {
                let length = self.file.audio_bytes();
                has_bytes(length, range)?;
                if range == ByteRange::whole(length) {
                    self.checksums = Some(Trailer::read(&self.file.file, length, wait)?.checksums);
                }
            }
            Lies::Packed(place) => {
                let Some(header) = header_at(&self.file.file, place, wait)? else { return Ok(None) };
                has_bytes(header.length, range)?;
                self.file.reaches(place.audio() + header.length)?;
                if let Some(more) = header.more.filter(|_| range == ByteRange::whole(header.length)) {
                    return bytes.and_then(|bytes| compare(&bytes, more.checksums()).map(|()| Some(bytes)));
                }
            }
        }
        bytes.and_then(|bytes| self.compare(first, bytes).map(Some))
    }

    /// Reads the bytes of `range`, all of them; fails with `NotFound` if the blob is gone from its pack.
    pub fn read(&self, range: ByteRange, wait: Wait) -> io::Result<Bytes> {
        let bytes = self.read_bytes(range, wait)?;
        match self.lies {
            Lies::Packed(place) if header_at(&self.file.file, place, wait)?.is_none() => {
                Err(ErrorKind::NotFound.into())
            }
            _ => self.compare(range, bytes),
        }
    }

    /// Reads what lies there. In a pack the header is the first to go: these are the blob's bytes if it is still there
    /// afterwards.
    fn read_bytes(&self, range: ByteRange, wait: Wait) -> io::Result<Bytes> {
        let begins = match self.lies {
            Lies::Bare | Lies::Trailed => 0,
            Lies::Packed(place) => place.audio(),
        };
        let length = usize::try_from(range.length).map_err(io::Error::other)?;
        read_buffer::filled(length, |bytes| read_exact_at(&self.file.file, bytes, begins + range.start, wait))
    }

    /// The bytes of `range`, unless they are to be compared and have other checksums.
    fn compare(&self, range: ByteRange, bytes: Bytes) -> io::Result<Bytes> {
        if let Some(checksums) = &self.checksums {
            let before = usize::try_from(range.start / CHECKED_BYTES).map_err(io::Error::other)?;
            compare(&bytes, checksums.get(before..).unwrap_or_default())?;
        }
        Ok(bytes)
    }
}

/// Fails if a blob of `length` bytes ends within `range`.
fn has_bytes(length: u64, range: ByteRange) -> io::Result<()> {
    if length < range.end() { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

// Pieces end where blocks with a checksum do.
const _: () = assert!(READ_BYTES.is_multiple_of(CHECKED_BYTES));

/// The header that begins at `place` of an open pack, if one does.
pub fn header_at(file: &File, place: Place, wait: Wait) -> io::Result<Option<Header>> {
    let mut bytes: RawHeader = [0; size_of::<RawHeader>()];
    let room = &mut bytes[..place.pack.version.header_size()];
    match read_exact_at(file, room, place.offset, wait) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        read => read.map(|()| Header::decode(&bytes, place)),
    }
}

/// The rest of a blob, piece by piece.
pub fn read_on(blob: Arc<OpenBlob>, range: ByteRange) -> ByteStream<BlobError> {
    Box::pin(stream::try_unfold((blob, range), |(blob, rest)| async move {
        if rest.length == 0 {
            return Ok(None);
        }
        let next = ByteRange { length: rest.length.min(READ_BYTES), ..rest };
        let rest = ByteRange { start: next.end(), length: rest.length - next.length };
        let reader = blob.clone();
        let bytes = here_or_blocking(move |wait| reader.read(next, wait)).await?;
        Ok(Some((bytes, (blob, rest))))
    }))
}

/// Runs file system calls at once if they need not wait for the disk, and otherwise where they hold nobody up.
pub async fn here_or_blocking<T: Send + 'static>(
    work: impl Fn(Wait) -> io::Result<T> + Send + 'static,
) -> Result<T, BlobError> {
    match work(Wait::No) {
        // Some kernels and file systems cannot say that they would have to wait.
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Unsupported) => {
            blocking(move || work(Wait::Yes)).await
        }
        result => result.map_err(from_io),
    }
}

/// Opens the file at `path`; `None` if there is none.
pub fn open(path: &Path, wait: Wait) -> io::Result<Option<File>> {
    let file = match wait {
        Wait::No => open_cached(path),
        Wait::Yes => File::open(path),
    };
    match file {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Opens a file if the kernel has its name and all above it in memory.
fn open_cached(path: &Path) -> io::Result<File> {
    match openat2(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::CACHED) {
        Ok(file) => Ok(file.into()),
        Err(Errno::NOENT) => Err(ErrorKind::NotFound.into()),
        // Whatever it is, among it a container that knows no such call: whoever waits is told.
        Err(_) => Err(ErrorKind::WouldBlock.into()),
    }
}

/// Fills `bytes` with what begins at `offset`.
pub fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64, wait: Wait) -> io::Result<()> {
    let flags = match wait {
        Wait::No => ReadWriteFlags::NOWAIT,
        Wait::Yes => ReadWriteFlags::empty(),
    };
    while !bytes.is_empty() {
        match preadv2(file, &mut [IoSliceMut::new(bytes)], offset, flags) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                bytes = &mut bytes[read..];
                offset += read as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
