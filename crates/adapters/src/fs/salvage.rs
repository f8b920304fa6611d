//! `Salvage` on a directory: headers in packs that went wrong, and what is left of entries that were torn.

use std::{
    fs::File,
    io::{self, ErrorKind, Read as _},
    path::Path,
};

use async_trait::async_trait;
use chrono::DateTime;
use tapebase_domain::{
    blob::StoredBlob,
    digest::{Hasher, Sha256},
    ports::{BlobError, Salvage, Timestamp, TornWrite},
};

use super::{
    Fs, READ_BYTES, blocking,
    entry::{Header, PackId, Place},
    pack::{Pack, Torn},
};

#[async_trait]
impl Salvage for Fs {
    async fn has_bad_header(&self, stored: &StoredBlob) -> Result<bool, BlobError> {
        let (path, place) = self.locate(&stored.blob)?;
        let (packs, size, sha256) = (self.packs.clone(), stored.size, stored.sha256);
        blocking(move || match place {
            Some(place) => match Pack::open(packs.directory(), place.pack)? {
                Some(pack) => has_bad_header_in(&pack, place, size, sha256),
                None => Ok(false),
            },
            None => has_bad_length(&path, size, sha256),
        })
        .await
    }

    async fn rewrite_header(&self, stored: &StoredBlob, written_at: Timestamp) -> Result<bool, BlobError> {
        // A file of its own has no label but its length, and to cut it would lose what is behind.
        let (_, Some(place)) = self.locate(&stored.blob)? else { return Ok(false) };
        let (packs, length, sha256) = (self.packs.clone(), stored.size, stored.sha256);
        blocking(move || {
            let Some(pack) = Pack::open(packs.directory(), place.pack)? else { return Ok(false) };
            if !pack.holds(place.offset, length, sha256)? {
                return Ok(false);
            }
            pack.rewrite_header(&Header { place, length, written_at: written_at.timestamp_micros(), sha256 })?;
            Ok(true)
        })
        .await
    }

    async fn remains(&self) -> Result<Vec<TornWrite>, BlobError> {
        let packs = self.packs.clone();
        blocking(move || {
            let mut all = Vec::new();
            for id in Pack::all(packs.directory())? {
                let Some(pack) = Pack::open(packs.directory(), id)? else { continue };
                let modified_at = DateTime::from(pack.modified()?);
                all.extend(pack.torn()?.iter().map(|torn| describe(&pack, id, torn, modified_at)));
            }
            Ok(all)
        })
        .await
    }

    async fn clear(&self, remains: &TornWrite) -> Result<bool, BlobError> {
        let gap = remains.blobs.first().and_then(|first| Place::parse(first.as_str()));
        let Some((first, gap)) = Place::parse(remains.place.as_str()).zip(gap) else { return Ok(false) };
        let torn = Torn { bytes: first.offset..first.offset + remains.size, gap_begins: gap.offset };
        let packs = self.packs.clone();
        blocking(move || match Pack::open(packs.directory(), first.pack)? {
            Some(pack) => pack.clear(&torn),
            None => Ok(true),
        })
        .await
    }
}

fn has_bad_header_in(pack: &Pack, place: Place, size: u64, sha256: Sha256) -> io::Result<bool> {
    match pack.header(place.offset)? {
        Some(header) if header.length == size && header.sha256 == sha256 => Ok(false),
        _ => pack.holds(place.offset, size, sha256),
    }
}

/// Whether a file has the bytes of a blob, and more behind them.
fn has_bad_length(path: &Path, size: u64, sha256: Sha256) -> io::Result<bool> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    if file.metadata()?.len() <= size {
        return Ok(false);
    }
    let (mut rest, mut hasher) = (file.take(size), Hasher::default());
    let mut piece = vec![0; usize::try_from(READ_BYTES).unwrap_or_default()];
    loop {
        match rest.read(&mut piece)? {
            0 => return Ok(hasher.finish().1 == sha256),
            read => hasher.update(&piece[..read]),
        }
    }
}

fn describe(pack: &Pack, id: PackId, torn: &Torn, modified_at: Timestamp) -> TornWrite {
    TornWrite {
        place: Place { pack: id, offset: torn.bytes.start }.to_ref(),
        size: torn.bytes.end - torn.bytes.start,
        blobs: torn.places(pack).map(Place::to_ref).collect(),
        modified_at,
    }
}
