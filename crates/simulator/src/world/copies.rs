//! What an operator copies and puts back: the rows alone, or a whole backup.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::TryStreamExt as _;
use tapebase_domain::{
    backup::{Backup, BackupError, Outcome},
    id::{RecordingId, UserId},
};

use super::{SERVERS, STORES, World};
use crate::{
    dice::Dice,
    executor::Kind,
    in_memory::InMemory,
    invariant::Invariant,
    shared::{Known, Shared},
};

/// All copies there are.
#[derive(Clone, Default)]
pub struct Copies(Arc<Mutex<Vec<Arc<Copy>>>>);

/// What stores had at a moment.
struct Copy {
    stores: InMemory,
    /// Whether it has the audio, too.
    is_backup: bool,
    known: Known,
    /// What was there at the moment, and is not in the copy.
    left_out: Vec<(UserId, RecordingId)>,
}

impl Copies {
    fn add(&self, copy: Copy) {
        self.all().push(Arc::new(copy));
    }

    fn pick(&self, dice: &mut Dice, is_backup: bool) -> Option<Arc<Copy>> {
        let fitting: Vec<_> = self.all().iter().filter(|copy| copy.is_backup == is_backup).cloned().collect();
        dice.pick(&fitting).cloned()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Copy>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    pub(super) fn copy_rows(&mut self) {
        let Some(memory) = self.stores.in_memory() else { return };
        self.shared.note("the rows are copied");
        let known = self.shared.facts().known.clone();
        let left_out = Vec::new();
        self.copies.add(Copy { stores: memory.copy_rows(), is_backup: false, known, left_out });
    }

    /// Makes a backup, while everybody goes on.
    pub(super) fn back_up(&mut self, server: usize, dice: &mut Dice) {
        let Some(stores) = self.stores.in_memory().map(|memory| memory.copy_rows()) else { return };
        let Some(backup) = Backup::new(&self.servers[server].ports, &stores.ports()) else { return };
        self.shared.note("the operator makes a backup");
        let known = self.shared.facts().known.clone();
        let (shared, copies) = (self.shared.clone(), self.copies.clone());
        self.spawn(server, Kind::Operator, dice.fork(), async move {
            match copy_all(&shared, &backup).await {
                Ok(left_out) => copies.add(Copy { stores, is_backup: true, known, left_out }),
                Err(error) => shared.note(&format!("the backup fails: {error}")),
            }
        });
    }

    /// Stops all servers, puts the rows back, says so, and starts the servers again.
    pub(super) fn put_back(&mut self, dice: &mut Dice) {
        let (Some(copy), Some(now)) = (self.copies.pick(dice, false), self.stores.in_memory()) else { return };
        let rows = copy.stores.copy().with_audio_of(&now);
        self.begin_with(&copy, rows);
    }

    /// Stops all servers, and starts them on what is in a backup.
    pub(super) fn restore(&mut self, dice: &mut Dice) {
        let Some(copy) = self.copies.pick(dice, true) else { return };
        let restored = copy.stores.copy();
        self.begin_with(&copy, restored);
    }

    fn begin_with(&mut self, copy: &Copy, stores: InMemory) {
        (0..SERVERS).for_each(|server| self.kill(server));
        self.executor.drop_server(STORES);
        self.shared.note(if copy.is_backup { "a backup is restored" } else { "the rows are put back" });
        if copy.is_backup {
            self.stores.ledger().begin_anew();
        }
        let _ = self.stores.wait_for(self.stores.put_back(stores));
        let _ = self.stores.wait_for(self.stores.inner().feed.renew_history());
        (0..SERVERS).for_each(|server| self.kill(server));
        if copy.is_backup {
            self.check_backup();
        }
        let mut facts = self.shared.facts();
        let now = facts.now();
        facts.known.model.put_back(&copy.known.model, now);
        for (owner, id) in &copy.left_out {
            if let Some(person) = facts.people.iter().position(|person| person.user == Some(*owner)) {
                facts.known.model.leave_out(person, id);
            }
        }
        // Sessions and accounts of later have never been there.
        facts.known.sessions.clone_from(&copy.known.sessions);
        facts.known.newcomers.clone_from(&copy.known.newcomers);
    }

    /// A backup has all audio that its rows refer to.
    fn check_backup(&self) {
        let missing = self.stores.ledger().missing();
        if !missing.is_empty() {
            self.shared.wrong(Invariant::OwnersWord, format!("a backup has {missing:?} without audio"));
        }
    }
}

/// What is left out.
async fn copy_all(shared: &Shared, backup: &Backup) -> Result<Vec<(UserId, RecordingId)>, BackupError> {
    backup.forget_uploads().await?;
    let (mut after, mut left_out) = (None, Vec::new());
    loop {
        let page = backup.recordings(after.take()).await?;
        let Some(last) = page.last() else { return Ok(left_out) };
        after = Some((last.owner, last.id.clone()));
        let copied: Vec<_> = backup.copy(page).try_collect().await?;
        for (recording, outcome) in copied {
            if !matches!(outcome, Outcome::Copied) {
                shared.note(&format!("{} is not in the backup: {outcome:?}", recording.id));
                left_out.push((recording.owner, recording.id));
            }
        }
    }
}
