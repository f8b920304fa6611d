//! `Batches` in the folder: a pack is a batch, and so are large blobs whose names begin alike. The note of one is an empty file
//! of its name in `open`.
//!
//! A note is removed after the blobs it was for, and file systems keep to that order: none vanishes in a power cut before what
//! it was to be found by.

use std::{
    fs::{self, File},
    io::{self, ErrorKind},
    path::Path,
};

use async_trait::async_trait;
use tapebase_domain::{
    blob::BlobRef,
    ports::{BatchRef, Batches, BlobEntry, BlobError},
    time::Timestamp,
};

use super::{Fs, blocking, folder, name::Location, pack::Pack, place::PackId, remove_file, walk};
use crate::batches::{self, LIFETIME, Notes, OwnBatches};

/// The folder of the notes.
const OPEN: &str = "open";
/// How many are listed at once.
const PAGE: usize = 1_000;

/// What a batch is, by its name.
enum Kind {
    Pack(PackId),
    Files,
}

impl Kind {
    fn parse(batch: &str) -> Option<Self> {
        match PackId::parse(batch) {
            Some(id) => Some(Self::Pack(id)),
            None => batches::is_one(batch).then_some(Self::Files),
        }
    }
}

/// The batch of a blob.
pub fn batch_of(blob: &BlobRef) -> &str {
    match blob.as_str().split_once('-') {
        Some((pack, _)) if Location::is_in_pack(blob) => pack,
        _ => batches::of_name(blob),
    }
}

/// Notes a batch, durably.
pub fn note(root: &Path, batch: &str) -> io::Result<()> {
    let open = root.join(OPEN);
    File::create(open.join(batch))?;
    folder::sync(&open)
}

/// Forgets batches. What resists is forgotten by a sweep.
pub fn forget(root: &Path, batches: &[String]) {
    for batch in batches {
        let _ = remove_file(&root.join(OPEN).join(batch));
    }
}

impl Notes for Fs {
    async fn write(&self, batch: &str) -> Result<(), BlobError> {
        let (root, batch) = (self.root.clone(), batch.to_owned());
        blocking(move || note(&root, &batch)).await
    }

    async fn remove(&self, batch: &str) -> Result<(), BlobError> {
        let path = self.root.join(OPEN).join(batch);
        blocking(move || remove_file(&path)).await
    }
}

#[async_trait]
impl Batches for Fs {
    async fn open_batches(&self, then: Timestamp, after: Option<BatchRef>) -> Result<Vec<BatchRef>, BlobError> {
        self.names.end_in_time(&self.own_batches).await;
        let (root, own) = (self.root.clone(), self.own_batches.clone());
        let after = after.map_or_else(String::new, |after| after.as_str().to_owned());
        let listed = blocking(move || {
            let noted = noted_before(&root, then - LIFETIME, &after)?;
            let is_open = noted.iter().any(|name| own.is_filling_unsettled(name));
            Ok((open_batches(&root, &own, noted)?, is_open))
        });
        let (open, is_open) = listed.await?;
        if is_open {
            // It is looked through the next time.
            self.packs.end_open_pack().await;
        }
        Ok(open)
    }

    async fn blobs_in(&self, batch: &BatchRef, after: Option<BlobRef>) -> Result<Vec<BlobEntry>, BlobError> {
        let (root, batch) = (self.root.clone(), batch.as_str().to_owned());
        let mut entries = blocking(move || match Kind::parse(&batch) {
            Some(Kind::Pack(id)) => walk::list_one_pack(&root.join("packs"), id),
            Some(Kind::Files) => walk::list_beginning(&root, &batch),
            None => Ok(Vec::new()),
        })
        .await?;
        entries.retain(|entry| after.as_ref().is_none_or(|after| entry.blob > *after));
        Ok(entries)
    }

    async fn close_batch(&self, batch: &BatchRef) -> Result<(), BlobError> {
        self.remove(batch.as_str()).await?;
        self.own_batches.forget(batch.as_str());
        Ok(())
    }

    async fn end_batches(&self) -> Result<(), BlobError> {
        self.names.end(&self.own_batches).await;
        self.packs.end_open_pack().await;
        let (root, settled) = (self.root.clone(), self.own_batches.take_finished());
        blocking(move || {
            forget(&root, &settled);
            Ok(())
        })
        .await
    }
}

/// What was noted before `then`, in order and behind `after`.
fn noted_before(root: &Path, then: Timestamp, after: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(OPEN))? {
        let entry = entry?;
        let Some(name) = entry.file_name().to_str().filter(|name| *name > after).map(str::to_owned) else { continue };
        match entry.metadata().and_then(|metadata| metadata.modified()) {
            Ok(noted_at) if Timestamp::from(noted_at) < then => names.push(name),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The batches of others that are gone, and those of this process that are full and in which something is not settled.
fn open_batches(root: &Path, own: &OwnBatches, noted: Vec<String>) -> io::Result<Vec<BatchRef>> {
    let mut open = Vec::new();
    for name in noted {
        if open.len() < PAGE && !own.need_not_look_into(&name) && (own.has(&name) || is_left(root, &name)?) {
            open.push(BatchRef::new(name));
        }
    }
    Ok(open)
}

/// Whether whoever added to a batch does so no more.
fn is_left(root: &Path, batch: &str) -> io::Result<bool> {
    let Some(Kind::Pack(id)) = Kind::parse(batch) else { return Ok(true) };
    Pack::open(&root.join("packs"), id)?.map_or(Ok(true), |pack| pack.is_finished())
}
