//! Walks through everything that is kept: first the blobs in files of their own, then those in packs.

use std::{
    fs,
    io::{self, ErrorKind},
    path::Path,
};

use chrono::DateTime;
use tapebase_domain::ports::BlobEntry;

use super::{
    entry::BLOCK_BYTES,
    header::Header,
    name::FileName,
    pack::Pack,
    place::{PackId, Place},
};

/// No more packs are looked into for one page when it has so many blobs.
const PAGE: usize = 4_096;

/// The blobs that come after `after`, of the first subdirectory or packs that have some.
pub fn list(root: &Path, after: &str) -> io::Result<Vec<BlobEntry>> {
    let packs = root.join("packs");
    if let Some(place) = Place::parse(after) {
        return list_packs(&packs, Some(place));
    }
    let files = list_files(root, after)?;
    if files.is_empty() { list_packs(&packs, None) } else { Ok(files) }
}

/// The blobs of one pack, which is trimmed if nobody appends to it.
pub fn list_one_pack(packs: &Path, id: PackId) -> io::Result<Vec<BlobEntry>> {
    let Some(pack) = Pack::open(packs, id)? else { return Ok(Vec::new()) };
    let entries = list_pack(&pack, 0)?;
    pack.trim()?;
    Ok(entries)
}

/// The large blobs whose names begin like that, which is more than two digits.
pub fn list_beginning(root: &Path, begin: &str) -> io::Result<Vec<BlobEntry>> {
    let Some(prefix) = begin.get(..2) else { return Ok(Vec::new()) };
    let mut entries = Vec::new();
    for entry in fs::read_dir(root.join(prefix))? {
        let entry = entry?;
        let name = entry.file_name().into_string().ok().filter(|name| name.starts_with(begin));
        if let Some(name) = name.as_deref().and_then(FileName::parse) {
            entries.extend(describe(&entry, &name)?);
        }
    }
    entries.sort_by(|a, b| a.blob.cmp(&b.blob));
    Ok(entries)
}

fn list_files(root: &Path, after: &str) -> io::Result<Vec<BlobEntry>> {
    let first = after.get(..2).and_then(|prefix| u8::from_str_radix(prefix, 16).ok()).unwrap_or(0);
    for prefix in first..=u8::MAX {
        let mut entries = Vec::new();
        for entry in fs::read_dir(root.join(format!("{prefix:02x}")))? {
            let entry = entry?;
            match entry.file_name().into_string() {
                Ok(name) if name.as_str() > after => {
                    let name = FileName::parse(&name);
                    entries.extend(name.map(|name| describe(&entry, &name)).transpose()?.flatten());
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
fn describe(entry: &fs::DirEntry, name: &FileName) -> io::Result<Option<BlobEntry>> {
    match entry.metadata().and_then(|metadata| metadata.modified()) {
        Ok(modified) => Ok(Some(BlobEntry { blob: name.to_ref(), modified_at: DateTime::from(modified) })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The blobs behind `after`, of as many packs as it takes for a page.
fn list_packs(packs: &Path, after: Option<Place>) -> io::Result<Vec<BlobEntry>> {
    let mut entries = Vec::new();
    for id in Pack::all(packs)?.into_iter().filter(|id| after.is_none_or(|after| *id >= after.pack)) {
        if entries.len() >= PAGE {
            break;
        }
        let Some(pack) = Pack::open(packs, id)? else { continue };
        let behind = after.filter(|after| after.pack == id);
        entries.extend(list_pack(&pack, behind.map_or(0, |after| after.offset + BLOCK_BYTES))?);
        // Whoever walks comes by here.
        pack.trim()?;
    }
    Ok(entries)
}

fn list_pack(pack: &Pack, mut offset: u64) -> io::Result<Vec<BlobEntry>> {
    let mut entries = Vec::new();
    while let Some(header) = pack.next(offset)? {
        offset = header.place.offset + header.span();
        entries.extend(describe_entry(&header));
    }
    Ok(entries)
}

/// `None` for a time that is none, which nobody but a vandal writes into a header.
fn describe_entry(header: &Header) -> Option<BlobEntry> {
    let modified_at = DateTime::from_timestamp_micros(header.written_at)?;
    Some(BlobEntry { blob: header.place.to_ref(), modified_at })
}
