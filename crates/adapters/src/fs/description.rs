//! What blobs say of themselves. Every function here blocks.

use std::{fs::File, io, path::Path};

use chrono::DateTime;
use tapebase_domain::{
    blob::{BlobDescription, Provenance},
    recording::DigestOrigin,
    time::Timestamp,
};

use super::{
    name::{FileName, Location},
    open_file::OpenFile,
    place::Place,
    reading::{Wait, header_at, open},
    trailer::{Trailer, audio_bytes},
};

/// What the blob at a location says; `None` if there is none.
pub fn describe(root: &Path, location: Location) -> io::Result<Option<BlobDescription>> {
    let Some(file) = open(&location.path(root), Wait::Yes)? else { return Ok(None) };
    match location {
        Location::Pack(place) => in_pack(file, place),
        Location::File(name) => in_file(&file, name).map(Some),
    }
}

/// Whose the blob at a place of a pack is, whether all of it is there or not.
pub fn provenance(root: &Path, place: Place) -> io::Result<Option<Provenance>> {
    let Some(file) = open(&Location::Pack(place).path(root), Wait::Yes)? else { return Ok(None) };
    Ok(header_at(&file, place, Wait::Yes)?.and_then(|header| header.more).map(|more| more.provenance()))
}

fn in_pack(file: File, place: Place) -> io::Result<Option<BlobDescription>> {
    let Some(header) = header_at(&file, place, Wait::Yes)? else { return Ok(None) };
    OpenFile::new(file)?.reaches(place.audio() + header.length)?;
    Ok(Some(BlobDescription {
        provenance: header.more.map(|more| more.provenance()),
        size: header.length,
        sha256: Some((header.sha256, DigestOrigin::Computed)),
        written_at: time(header.written_at),
    }))
}

fn in_file(file: &File, name: FileName) -> io::Result<BlobDescription> {
    let metadata = file.metadata()?;
    let Some(provenance) = name.provenance else {
        let written_at = metadata.modified()?.into();
        return Ok(BlobDescription { provenance: None, size: metadata.len(), sha256: None, written_at });
    };
    let Trailer { length, written_at, sha256, .. } = Trailer::read(file, audio_bytes(metadata.len()), Wait::Yes)?;
    let written_at = time(written_at);
    Ok(BlobDescription {
        provenance: Some(provenance),
        size: length,
        sha256: Some((sha256, DigestOrigin::Computed)),
        written_at,
    })
}

/// Nobody but a vandal writes down a time that is none.
fn time(microseconds: i64) -> Timestamp {
    DateTime::from_timestamp_micros(microseconds).unwrap_or_default()
}
