//! `Salvage` on a directory: headers and trailers that went wrong, and what is left of entries that were torn.

mod file;

use std::io;

use async_trait::async_trait;
use chrono::DateTime;
use tapebase_domain::{
    blob::{Provenance, StoredBlob},
    ports::{BlobError, Salvage, TornWrite},
    time::Timestamp,
};

use self::file::{has_bad_end, rewrite_trailer};
use super::{
    Fs, blocking,
    header::{Header, More},
    locate,
    name::Location,
    pack::{Pack, Torn},
    place::{PackId, Place, Version},
};

#[async_trait]
impl Salvage for Fs {
    async fn has_bad_header(&self, stored: &StoredBlob, of: &Provenance) -> Result<bool, BlobError> {
        let location = locate(&stored.blob)?;
        let (root, stored, of) = (self.root.clone(), stored.clone(), of.clone());
        blocking(move || match location {
            Location::Pack(place) => match Pack::open(&root.join("packs"), place.pack)? {
                Some(pack) => has_bad_header_in(&pack, place, &stored, &of),
                None => Ok(false),
            },
            Location::File(name) => has_bad_end(&name, &name.path(&root), &stored),
        })
        .await
    }

    async fn rewrite_header(
        &self,
        stored: &StoredBlob,
        of: &Provenance,
        written_at: Timestamp,
    ) -> Result<bool, BlobError> {
        let location = locate(&stored.blob)?;
        let (root, stored, of) = (self.root.clone(), stored.clone(), of.clone());
        let written_at = written_at.timestamp_micros();
        blocking(move || match location {
            Location::Pack(place) => match Pack::open(&root.join("packs"), place.pack)? {
                Some(pack) => rewrite_header_in(&pack, place, &stored, &of, written_at),
                None => Ok(false),
            },
            // A file of the first version has nothing but its length, and to cut it would lose what is behind.
            Location::File(name) if name.provenance.is_none() => Ok(false),
            Location::File(name) => rewrite_trailer(&name.path(&root), &stored, written_at),
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

fn has_bad_header_in(pack: &Pack, place: Place, stored: &StoredBlob, of: &Provenance) -> io::Result<bool> {
    let says = |header: Header| {
        let is_of = header.more.is_none_or(|more| more.is_of(of));
        header.length == stored.size && header.sha256 == stored.sha256 && is_of
    };
    match pack.header(place.offset)? {
        Some(header) if says(header) => Ok(false),
        _ => Ok(pack.holds(place.offset, stored.size, stored.sha256)?.is_some()),
    }
}

fn rewrite_header_in(
    pack: &Pack,
    place: Place,
    stored: &StoredBlob,
    of: &Provenance,
    written_at: i64,
) -> io::Result<bool> {
    let Some(checked) = pack.holds(place.offset, stored.size, stored.sha256)? else { return Ok(false) };
    let more = match place.pack.version {
        Version::First => None,
        Version::Second => Some(More::new(of, &checked)),
    };
    pack.rewrite_header(&Header { place, length: checked.length, written_at, sha256: checked.sha256, more })?;
    Ok(true)
}

fn describe(pack: &Pack, id: PackId, torn: &Torn, modified_at: Timestamp) -> TornWrite {
    TornWrite {
        place: Place { pack: id, offset: torn.bytes.start }.to_ref(),
        size: torn.bytes.end - torn.bytes.start,
        blobs: torn.places(pack).map(Place::to_ref).collect(),
        modified_at,
    }
}
