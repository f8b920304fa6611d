//! A store whose blobs come in parts, and a client that sends them.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use tapebase_domain::{
    blob::{Provenance, StoredBlob},
    digest::Sha256,
    pending::{Parts, StagedRef},
    ports::{Assembled, BlobStore, PartAccess, PartStore, PresignParts, PresignedRequest, Staging},
};
use tokio::task::spawn_blocking;

use crate::{
    blobs::{body, noise, pieces, read, whose},
    http::{Client as _, Request, Response, Web},
};

/// How long a link lasts in whose way nothing comes.
const AMPLE: Duration = Duration::from_mins(5);

/// A blob store, and what it takes parts with.
#[derive(Clone)]
pub struct Parted {
    /// Where blobs are once they are put together.
    pub blobs: Arc<dyn BlobStore>,
    /// Where their parts are until then.
    pub staging: Staging,
}

/// A blob whose parts are on their way.
#[derive(Clone)]
pub struct Sent {
    /// Where the parts go.
    pub staged: StagedRef,
    /// Whose it will be.
    pub of: Provenance,
    /// All of its bytes.
    pub audio: Bytes,
}

impl Sent {
    /// How it is cut.
    pub(crate) fn parts(&self) -> Parts {
        Parts::of(self.audio.len() as u64)
    }

    /// The bytes of one part.
    pub(crate) fn part(&self, number: u32) -> Bytes {
        let range = self.parts().range(number).expect("it is one of them");
        let [start, end] = [range.start, range.end()].map(|at| usize::try_from(at).expect("it fits in memory"));
        self.audio.slice(start..end)
    }
}

impl Parted {
    /// Makes a place for the parts of `audio`.
    pub(crate) async fn begin(&self, audio: &Bytes) -> Sent {
        let (parts, of) = (Parts::of(audio.len() as u64), whose());
        let staged = self.staging.blobs.begin(parts, &of, Sha256::of(audio)).await.expect("begun");
        Sent { staged, of, audio: audio.clone() }
    }

    /// Sends one part, as a client would.
    pub(crate) async fn send(&self, sent: &Sent, number: u32) {
        let part = sent.part(number);
        match &self.staging.parts {
            PartAccess::Server(store) => {
                let body = body(pieces(&part, 1 << 20));
                store.put_part(&sent.staged, number, body).await.expect("kept");
            }
            PartAccess::Presigned(_) => {
                let link = self.link(sent, number, AMPLE).await;
                let answer = send_part(link, part).await;
                assert!((200..300).contains(&answer.status), "{answer:?}");
            }
        }
    }

    /// Sends every part.
    pub(crate) async fn send_all(&self, sent: &Sent) {
        for number in sent.parts().numbers() {
            self.send(sent, number).await;
        }
    }

    /// Which parts are here.
    pub(crate) async fn sent(&self, sent: &Sent) -> Vec<u32> {
        self.staging.blobs.sent(&sent.staged, sent.parts()).await.expect("an answer")
    }

    /// Puts the parts together, if they are all there.
    pub(crate) async fn assemble(&self, sent: &Sent) -> Assembled {
        self.staging.blobs.assemble(&sent.staged, sent.parts(), &sent.of).await.expect("an answer")
    }

    /// Puts the parts together that are all there.
    pub(crate) async fn assembled(&self, sent: &Sent) -> StoredBlob {
        match self.assemble(sent).await {
            Assembled::Whole(stored) => stored,
            Assembled::MissingPart(number) => panic!("part {number} is not there"),
        }
    }

    /// The bytes of a blob.
    pub(crate) async fn read(&self, stored: &StoredBlob) -> Bytes {
        read(&self.blobs, stored).await
    }

    /// Where the store takes parts from this server's clients.
    pub(crate) fn part_store(&self) -> &dyn PartStore {
        match &self.staging.parts {
            PartAccess::Server(store) => &**store,
            PartAccess::Presigned(_) => panic!("this store takes parts through links"),
        }
    }

    /// The link of one part.
    pub(crate) async fn link(&self, sent: &Sent, number: u32, lifetime: Duration) -> PresignedRequest {
        let sha256 = Sha256::of(&sent.audio);
        let store: &dyn PresignParts = match &self.staging.parts {
            PartAccess::Server(_) => panic!("this store has no links"),
            PartAccess::Presigned(store) => &**store,
        };
        store.presign_part(&sent.staged, sent.parts(), number, &sent.of, sha256, lifetime).await.expect("a link")
    }

    /// The link of one part, good for as long as anybody needs it here.
    pub(crate) async fn ample_link(&self, sent: &Sent, number: u32) -> PresignedRequest {
        self.link(sent, number, AMPLE).await
    }
}

/// Sends a part to where a link leads.
pub async fn send_part(link: PresignedRequest, part: Bytes) -> Response {
    let request = Request { body: part.into(), ..Request::new("PUT", link.url) };
    send(link.headers.iter().fold(request, |request, (name, value)| request.header(name, value))).await
}

/// Sends a request over HTTP, wherever it leads.
pub async fn send(request: Request) -> Response {
    spawn_blocking(move || Web.send(&request)).await.expect("answered")
}

/// Bytes that are one part.
pub fn small(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// The fewest bytes that are three parts.
pub fn in_three_parts() -> Bytes {
    stamped(Parts::SINGLE_BYTES + 1)
}

/// As many bytes, of which no two kibibytes are alike.
pub fn stamped(size: u64) -> Bytes {
    let (size, kibibyte) = (usize::try_from(size).expect("it fits in memory"), noise(1 << 10));
    let mut bytes = BytesMut::with_capacity(size + kibibyte.len());
    while bytes.len() < size {
        let stamp = bytes.len().to_be_bytes();
        bytes.extend_from_slice(&stamp);
        bytes.extend_from_slice(&kibibyte[stamp.len()..]);
    }
    bytes.truncate(size);
    bytes.freeze()
}
