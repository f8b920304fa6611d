//! Small blobs, appended to packs by a thread of their own, as many together as are there.
//!
//! A write and its flush cost nearly the same however much they make safe, so whoever comes while one runs shares
//! the next; alone, nobody waits. The next pack is made ready while one is filled.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use tapebase_domain::{
    blob::StoredBlob,
    ports::{BlobError, Clock as _, SystemClock},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    batches,
    buffer::Buffer,
    entry::{Entry, span},
    from_io,
    new_pack::NewPack,
    place::{Place, Version},
};
use crate::{batches::OwnBatches, join_on_drop::JoinOnDrop};

/// Blobs up to this size go into packs.
pub const MOST_BYTES: u64 = 256 << 10;
/// How large the first pack of a process is: whoever uploads little should not find much of the disk taken.
const FIRST_PACK_BYTES: u64 = 4 << 20;
/// How large packs get, each twice as large as the one before.
const LARGEST_PACK_BYTES: u64 = 64 << 20;
/// How many blobs may wait before senders are held up.
const QUEUE: usize = 1_024;
/// How many bytes are written together at most.
const BATCH_BYTES: usize = 2 << 20;

/// The packs below one directory.
pub struct Packs {
    root: Arc<Path>,
    directory: PathBuf,
    batches: Arc<OwnBatches>,
    /// Started with the first blob: most commands of the program write none.
    writer: Mutex<Option<Thread>>,
}

/// The way to the writing thread, which ends with it.
struct Thread {
    /// Dropped first: without it there is nothing to wait for.
    arrivals: mpsc::Sender<Arrival>,
    _thread: JoinOnDrop,
}

/// What comes to the writing thread.
enum Arrival {
    Blob(Waiting),
    /// The open pack is to be full, as it is.
    EndPack(oneshot::Sender<()>),
}

/// A blob on its way, and who waits for it.
struct Waiting {
    entry: Entry,
    answer: oneshot::Sender<io::Result<Place>>,
}

impl Packs {
    /// Nothing is made or opened before the first blob.
    pub fn new(root: &Path, batches: Arc<OwnBatches>) -> Self {
        Self { root: root.into(), directory: root.join("packs"), batches, writer: Mutex::default() }
    }

    /// Where they are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Appends a blob, and answers when it would survive a power cut.
    pub async fn append(&self, entry: Entry) -> Result<StoredBlob, BlobError> {
        let (size, sha256) = (entry.checked.length, entry.checked.sha256);
        let (answer, answered) = oneshot::channel();
        let gone = || io::Error::other("the writing thread gave no answer");
        let arrivals = self.arrivals().map_err(from_io)?;
        arrivals.send(Arrival::Blob(Waiting { entry, answer })).await.map_err(|_| from_io(gone()))?;
        let place = answered.await.unwrap_or_else(|_| Err(gone())).map_err(from_io)?;
        Ok(StoredBlob { blob: place.to_ref(), size, sha256 })
    }

    /// Has the open pack be full, if there is one: somebody wants to look through it.
    pub async fn end_open_pack(&self) {
        let arrivals = {
            let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.as_ref().map(|thread| thread.arrivals.clone())
        };
        let (done, ended) = oneshot::channel();
        if let Some(arrivals) = arrivals
            && arrivals.send(Arrival::EndPack(done)).await.is_ok()
        {
            let _ = ended.await;
        }
    }

    /// The way to the writing thread, which is started if there is none, or none any more.
    fn arrivals(&self) -> io::Result<mpsc::Sender<Arrival>> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let thread = match writer.take().filter(|thread| !thread.arrivals.is_closed()) {
            Some(thread) => thread,
            None => Thread::start(self.root.clone(), self.batches.clone())?,
        };
        Ok(writer.insert(thread).arrivals.clone())
    }
}

impl Thread {
    fn start(root: Arc<Path>, batches: Arc<OwnBatches>) -> io::Result<Self> {
        let (sender, arrivals) = mpsc::channel(QUEUE);
        let size = FIRST_PACK_BYTES;
        let buffer = Buffer::of_zeros(BATCH_BYTES)?;
        let writer = Writer { root, batches, arrivals, left_over: None, open: None, ahead: None, size };
        let thread = JoinOnDrop::spawn("pack-writer", move || writer.run(buffer))?;
        Ok(Self { arrivals: sender, _thread: thread })
    }
}

/// What the writing thread has.
struct Writer {
    root: Arc<Path>,
    batches: Arc<OwnBatches>,
    arrivals: mpsc::Receiver<Arrival>,
    /// What did not fit into the last write.
    left_over: Option<Arrival>,
    open: Option<NewPack>,
    /// The pack after the open one, on its way.
    ahead: Option<JoinHandle<io::Result<NewPack>>>,
    /// How large the next one is to be.
    size: u64,
}

impl Writer {
    fn run(mut self, mut buffer: Buffer) {
        while let Some(first) = self.left_over.take().or_else(|| self.arrivals.blocking_recv()) {
            match first {
                Arrival::Blob(first) => match self.pack_for(first.entry.span()) {
                    Ok(pack) => self.write(pack, first, buffer.bytes_mut()),
                    Err(error) => answer(first.answer, Err(error)),
                },
                Arrival::EndPack(done) => {
                    drop(self.open.take());
                    let _ = done.send(());
                }
            }
        }
        // It removes itself, unused as it is.
        self.ahead.take().map(JoinHandle::join);
    }

    /// A pack with room for one more entry of `bytes`: the open one, the one made ready, or one made now.
    fn pack_for(&mut self, bytes: u64) -> io::Result<NewPack> {
        if let Some(open) = self.open.take_if(|open| open.has_room(bytes)) {
            return Ok(open);
        }
        let ready = self.ahead.take().and_then(|ahead| ahead.join().ok()?.ok());
        let pack = match ready.filter(|ready| ready.has_room(bytes)) {
            Some(ready) => ready,
            None => self.make(bytes)()?,
        };
        // Whoever finds none made ready tries again, and is told why there is none.
        self.ahead = thread::Builder::new().name("pack-maker".into()).spawn(self.make(0)).ok();
        Ok(pack)
    }

    fn make(&mut self, needed: u64) -> impl FnOnce() -> io::Result<NewPack> + Send + 'static {
        let (root, batches, size) = (self.root.clone(), self.batches.clone(), self.size);
        self.size = (2 * size).min(LARGEST_PACK_BYTES);
        move || {
            batches::forget(&root, &batches.take_finished());
            NewPack::create(&root, &batches, size, needed)
        }
    }

    /// Writes one blob and all who wait with it, flushes them, and answers; a pack that fails is not used again.
    fn write(&mut self, mut pack: NewPack, first: Waiting, room: &mut [u8]) {
        let (mut filled, mut answers) = (0, Vec::new());
        let mut next = Some(first);
        while let Some(Waiting { entry, answer }) = next.take() {
            let place = Place { pack: pack.id, offset: pack.end() + filled as u64 };
            let written_at = SystemClock.now().timestamp_micros();
            let end = filled + usize::try_from(entry.span()).unwrap_or(usize::MAX);
            entry.fill(&entry.header(place, written_at), &mut room[filled..end]);
            answers.push((answer, place));
            filled = end;
            let fits = |waiting: &Waiting| {
                let together = filled as u64 + waiting.entry.span();
                together <= room.len() as u64 && pack.has_room(together)
            };
            match self.arrivals.try_recv().ok() {
                Some(Arrival::Blob(waiting)) if fits(&waiting) => next = Some(waiting),
                other => self.left_over = other,
            }
        }
        let outcome = pack.append(&room[..filled]);
        // Of those that failed there may be some, too.
        self.batches.add(&pack.id.to_string(), answers.len() as u64);
        for (answer_to, place) in answers {
            // An error is told to each in its own copy.
            let outcome = outcome.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()));
            answer(answer_to, outcome.map(|()| place));
        }
        self.open = outcome.is_ok().then_some(pack);
    }
}

/// Whoever asked may have left.
fn answer(waiting: oneshot::Sender<io::Result<Place>>, outcome: io::Result<Place>) {
    let _ = waiting.send(outcome);
}

const LONGEST: u64 = span(Version::Second, MOST_BYTES);
const _: () = assert!(LONGEST <= BATCH_BYTES as u64 && LONGEST <= FIRST_PACK_BYTES);
