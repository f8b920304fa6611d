//! What an operator copies and puts back: the rows alone, or a whole backup.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::TryStreamExt as _;
use tapebase_domain::{
    backup::{Backup, BackupError, Outcome},
    id::{RecordingId, UserId},
    lineage::{Lineage, LineageError},
    recording::Recording,
};

use super::{SERVERS, STORES, World};
use crate::{
    dice::Dice,
    executor::Role,
    in_memory::InMemory,
    invariant::Invariant,
    shared::{Known, Openness, Shared},
    stores::Stores,
};

/// What was copied so far.
#[derive(Clone, Default)]
pub struct Copies {
    rows: Arc<Mutex<Vec<Arc<Snapshot>>>>,
    backups: Arc<Mutex<Vec<Arc<Snapshot>>>>,
}

/// What stores had at a moment.
struct Snapshot {
    stores: InMemory,
    known: Known,
    /// What was there at the moment, and is not in the copy.
    left_out: Vec<(UserId, RecordingId)>,
}

fn add(copies: &Mutex<Vec<Arc<Snapshot>>>, snapshot: Snapshot) {
    copies.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(snapshot));
}

fn pick(copies: &Mutex<Vec<Arc<Snapshot>>>, dice: &mut Dice) -> Option<Arc<Snapshot>> {
    dice.pick(&copies.lock().unwrap_or_else(PoisonError::into_inner)).cloned()
}

impl World {
    pub(super) fn copy_rows(&mut self) {
        let Some(memory) = self.stores.in_memory() else { return };
        self.shared.note("the rows are copied");
        let known = self.shared.facts().known.clone();
        add(&self.copies.rows, Snapshot { stores: memory.copy_rows(), known, left_out: Vec::new() });
    }

    /// Makes a backup, while everybody goes on.
    pub(super) fn back_up(&mut self, server: usize, dice: &mut Dice) {
        let Some(stores) = self.stores.in_memory().map(|memory| memory.copy_rows()) else { return };
        let backup = Backup::new(&self.servers[server].ports, &stores.ports());
        self.shared.note("the operator makes a backup");
        let known = self.shared.facts().known.clone();
        let (shared, source, copies) = (self.shared.clone(), self.stores.clone(), self.copies.clone());
        self.spawn(server, Role::Operator, dice.fork(), async move {
            match copy_all(&shared, &source, &backup).await {
                Ok(left_out) => add(&copies.backups, Snapshot { stores, known, left_out }),
                Err(error) => shared.note(&format!("the backup fails: {error}")),
            }
        });
    }

    /// Puts the rows back, and says so.
    pub(super) fn put_back(&mut self, dice: &mut Dice) {
        let (Some(snapshot), Some(now)) = (pick(&self.copies.rows, dice), self.stores.in_memory()) else { return };
        self.shared.note("the rows are put back");
        self.stop_everything();
        // A server that stops has copies told from what goes on, if they are not yet.
        let stopped = self.stores.wait_for(Lineage::new(&self.stores.inner()).advance());
        self.must(stopped.or_else(|error| if matches!(error, LineageError::Parted) { Ok(()) } else { Err(error) }));
        self.begin_with(&snapshot, snapshot.stores.copy().with_audio_of(&now));
    }

    pub(super) fn restore(&mut self, dice: &mut Dice) {
        let Some(snapshot) = pick(&self.copies.backups, dice) else { return };
        self.shared.note("a backup is restored");
        self.stop_everything();
        self.stores.ledger().begin_anew();
        self.begin_with(&snapshot, snapshot.stores.copy());
        self.must(self.stores.wait_for(Lineage::new(&self.stores.inner()).renew()));
        let missing = self.stores.ledger().missing();
        if !missing.is_empty() {
            self.shared.wrong(Invariant::Backups, format!("{missing:?} are in the backup without their audio"));
        }
    }

    fn stop_everything(&mut self) {
        (0..=STORES).for_each(|server| self.stop(server));
        // Nothing comes late from stores that are not there any more.
        drop(self.faults.take_late());
        self.faults.forget_late();
    }

    /// Starts all servers on these stores.
    fn begin_with(&mut self, snapshot: &Snapshot, stores: InMemory) {
        self.must(self.stores.wait_for(self.stores.put_back(stores)));
        self.stores.ledger().lose_notes();
        self.must(self.stores.wait_for(self.stores.inner().feed.renew_history()));
        (0..SERVERS).for_each(|server| self.start(server));
        let mut facts = self.shared.facts();
        let now = facts.now();
        facts.known.model.put_back(&snapshot.known.model, now);
        for (owner, id) in &snapshot.left_out {
            if let Some(person) = facts.people.iter().position(|person| person.user == Some(*owner)) {
                facts.known.model.leave_out(person, id);
            }
        }
        // The history is another, and the copy has no link that counts here.
        facts.links.iter_mut().for_each(|link| link.state = Openness::Closed);
        // Sessions and accounts of later have never been there.
        facts.known.sessions.clone_from(&snapshot.known.sessions);
        facts.known.newcomers.clone_from(&snapshot.known.newcomers);
        // Those who have left since are there again.
        facts.known.erased.clone_from(&snapshot.known.erased);
    }
}

/// Copies all audio; what is left out, and why that may be.
async fn copy_all(
    shared: &Shared,
    source: &Stores,
    backup: &Backup,
) -> Result<Vec<(UserId, RecordingId)>, BackupError> {
    backup.forget_uploads().await?;
    let (mut after, mut left_out) = (None, Vec::new());
    loop {
        let page = backup.recordings(after.take()).await?.recordings;
        let Some(last) = page.last() else { return Ok(left_out) };
        after = Some((last.owner, last.id.clone()));
        let copied: Vec<_> = backup.copy(page).try_collect().await?;
        for (Recording { owner, id, blob, .. }, outcome) in copied {
            let is_due = match &outcome {
                Outcome::Copied => continue,
                Outcome::Deleted | Outcome::Unreadable(_) => true,
                Outcome::Missing => !source.ledger().is_recorded(&blob),
                Outcome::Damaged => source.ledger().rot(&blob).is_some(),
            };
            let what = format!("{id} is not in the backup: {outcome:?}");
            if is_due {
                shared.note(&what);
            } else {
                shared.wrong(Invariant::Backups, what);
            }
            left_out.push((owner, id));
        }
    }
}
