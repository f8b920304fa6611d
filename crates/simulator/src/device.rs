//! A device that keeps a copy of what its user has, by the rules of docs/sync.md.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tapebase_domain::{
    changes::{ChangesError, ChangesPage},
    history::Entry,
    id::RecordingId,
    page::Limit,
};

use crate::{
    app,
    client::{Client, Sending},
    invariant::Invariant,
    model::Found,
};

/// What it keeps.
#[derive(Debug, Default)]
pub struct Device {
    cursor: Option<String>,
    recordings: BTreeMap<RecordingId, Kept>,
    /// While it reads from the beginning, for deletions are forgotten: what the server had, and has not listed yet.
    unlisted: Option<BTreeSet<RecordingId>>,
}

/// Its copy of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    found: Found,
    /// Whether the server has it.
    is_there: bool,
}

/// A device that is busy; it is free again when this is dropped.
struct Busy {
    client: Client,
    device: Device,
}

impl Busy {
    fn begin(client: &Client) -> Option<Self> {
        let device = client.shared.facts().people[client.person].device.take()?;
        Some(Self { client: client.clone(), device })
    }

    /// Learns everything new; `false` if that did not work.
    async fn read(&mut self, limit: Limit, wait: Duration) -> bool {
        loop {
            let cursor = self.device.cursor.clone();
            let changes = &self.client.services.changes;
            match changes.page(self.client.user, cursor.as_deref(), limit, wait).await {
                Ok(page) => {
                    let has_more = page.has_more;
                    self.apply(page);
                    if !has_more {
                        return true;
                    }
                }
                Err(ChangesError::HistoryChanged) => self.begin_anew(None),
                Err(ChangesError::CursorExpired) => {
                    let there = self.device.recordings.iter().filter(|(_, kept)| kept.is_there);
                    self.begin_anew(Some(there.map(|(id, _)| id.clone()).collect()));
                }
                Err(ChangesError::InvalidCursor) => {
                    self.client.shared.wrong(Invariant::Devices, "its own cursor is refused".into());
                    return false;
                }
                Err(error @ ChangesError::Unavailable(_)) => {
                    self.client.excuse_failure(&error);
                    return false;
                }
            }
        }
    }

    fn begin_anew(&mut self, unlisted: Option<BTreeSet<RecordingId>>) {
        self.client.shared.note(&format!("the device of {} begins anew", self.client.person));
        if unlisted.is_none() {
            self.device.recordings.values_mut().for_each(|kept| kept.is_there = false);
        }
        self.device.cursor = None;
        self.device.unlisted = unlisted;
    }

    fn apply(&mut self, page: ChangesPage) {
        for entry in page.entries {
            if let Some(unlisted) = &mut self.device.unlisted {
                unlisted.remove(entry.id());
            }
            match entry {
                Entry::Recording(recording) => {
                    let Some(found) = self.client.found(&recording) else { continue };
                    self.device.recordings.insert(recording.id.clone(), Kept { found, is_there: true });
                }
                Entry::Deleted(deleted) => self.delete(&deleted.id),
            }
        }
        self.device.cursor = Some(page.cursor);
        if !page.has_more {
            self.device.unlisted.take().into_iter().flatten().for_each(|id| self.delete(&id));
        }
    }

    fn delete(&mut self, id: &RecordingId) {
        let Client { shared, person, .. } = &self.client;
        if self.device.recordings.remove(id).is_some() && !shared.facts().known.model.was_asked_to_go(*person, id) {
            shared.wrong(Invariant::Devices, format!("the device of {person} deletes {id}, which nobody has deleted"));
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let device = std::mem::take(&mut self.device);
        self.client.shared.facts().people[self.client.person].device = Some(device);
    }
}

/// Has a device learn what has changed, unless it is doing so.
pub async fn read(client: Client, limit: Limit, wait: Duration) {
    if let Some(mut busy) = Busy::begin(&client) {
        busy.read(limit, wait).await;
    }
}

/// Has a device catch up in a world where nothing goes wrong any more: then it has what the server has.
pub async fn catch_up(client: Client) {
    let Some(mut busy) = Busy::begin(&client) else { return };
    for _ in 0..3 {
        if !busy.read(Limit::MAX, Duration::ZERO).await {
            return;
        }
        let lost = busy.device.recordings.iter().filter(|(_, kept)| !kept.is_there);
        let lost: Vec<_> = lost.map(|(id, kept)| (id.clone(), kept.found.take)).collect();
        for (id, take) in lost {
            app::upload(client.clone(), id, take, Sending::GOOD).await;
        }
    }
    let kept = busy.device.recordings.iter().filter(|(_, kept)| kept.is_there);
    let kept: BTreeMap<_, _> = kept.map(|(id, kept)| (id.clone(), kept.found)).collect();
    let there = app::everything(&client).await;
    if kept != there {
        let what = format!("the device of {} has {kept:?}, and the server {there:?}", client.person);
        client.shared.wrong(Invariant::Devices, what);
    }
}
