//! How stores that name their blobs keep them in batches: the names of one begin alike, and a note of that beginning lies
//! there until all of them are settled.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::TimeDelta;
use tapebase_domain::{
    blob::BlobRef,
    ports::{BlobError, Clock as _, SystemClock},
    time::Timestamp,
};
use tokio::time::timeout;

use crate::blob_name;

/// For how long names of one batch are drawn. Who draws one has half the grace for the upload.
pub const LIFETIME: TimeDelta = TimeDelta::hours(1);
/// How many are drawn: whoever looks through a batch has so many to ask for, and so many in a row lie next to each other in
/// whatever is sorted by them.
const MOST_NAMES: u32 = 1_000;
/// How long whoever begins a batch is waited for.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many digits of a name are its batch's.
const DIGITS: usize = 12;

/// Where the notes of batches lie.
pub trait Notes: Sync {
    /// Writes a note, so that it survives a power cut.
    fn write(&self, batch: &str) -> impl Future<Output = Result<(), BlobError>> + Send;

    /// Removes a note, if it is there.
    fn remove(&self, batch: &str) -> impl Future<Output = Result<(), BlobError>> + Send;
}

/// The batch of a blob that has such a name.
pub fn of_name(blob: &BlobRef) -> &str {
    blob.as_str().get(..DIGITS).unwrap_or_default()
}

/// Whether `text` is such a batch.
pub fn is_one(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Draws names, batch by batch.
#[derive(Debug, Default)]
pub struct Names {
    current: tokio::sync::Mutex<Option<Current>>,
}

/// The batch that names are drawn of.
#[derive(Debug)]
struct Current {
    batch: String,
    since: Timestamp,
    names: u32,
}

impl Current {
    fn is_over(&self, now: Timestamp) -> bool {
        self.names >= MOST_NAMES || !(TimeDelta::zero()..LIFETIME).contains(&(now - self.since))
    }
}

impl Names {
    /// A name no blob has had, whose batch is noted; it counts as one that is not settled.
    ///
    /// # Errors
    /// If a batch cannot be noted.
    pub async fn draw(&self, own: &OwnBatches, notes: &impl Notes) -> Result<String, BlobError> {
        let name = blob_name::fresh();
        let current = timeout(PATIENCE, self.current.lock()).await;
        let mut current = current.map_err(|_| BlobError::Unavailable("no batch can be noted".into()))?;
        let now = SystemClock.now();
        if let Some(current) = current.as_mut().filter(|current| !current.is_over(now)) {
            current.names += 1;
            own.add(&current.batch, 1);
            return Ok(format!("{}{}", current.batch, &name[DIGITS..]));
        }
        let batch = name[..DIGITS].to_owned();
        notes.write(&batch).await?;
        own.add(&batch, 1);
        if let Some(before) = current.replace(Current { batch, since: now, names: 1 }) {
            own.fill(&before.batch);
        }
        drop(current);
        for finished in own.take_finished() {
            // If this fails, a sweep comes by.
            let _ = notes.remove(&finished).await;
        }
        Ok(name)
    }

    /// Ends the batch that names are drawn of, if its time is over.
    pub async fn end_in_time(&self, own: &OwnBatches) {
        let ended = self.current.lock().await.take_if(|current| current.is_over(SystemClock.now()));
        if let Some(ended) = ended {
            own.fill(&ended.batch);
        }
    }

    /// Ends it, whether its time is over or not.
    pub async fn end(&self, own: &OwnBatches) {
        if let Some(ended) = self.current.lock().await.take() {
            own.fill(&ended.batch);
        }
    }
}

/// The batches of this process, and how much of them is not settled.
#[derive(Debug, Default)]
pub struct OwnBatches(Mutex<HashMap<String, Own>>);

#[derive(Debug, Default)]
struct Own {
    /// How many of its blobs are not settled.
    unsettled: u64,
    /// Whether nothing is added to it any more.
    is_full: bool,
}

impl OwnBatches {
    /// So many blobs are kept in a batch from now on.
    pub fn add(&self, batch: &str, count: u64) {
        let mut all = self.all();
        match all.get_mut(batch) {
            Some(own) => own.unsettled += count,
            None => {
                all.insert(batch.to_owned(), Own { unsettled: count, is_full: false });
            }
        }
    }

    /// What became of one of its blobs is known.
    pub fn settle(&self, batch: &str) {
        if let Some(own) = self.all().get_mut(batch) {
            own.unsettled = own.unsettled.saturating_sub(1);
        }
    }

    /// Nothing is added to a batch any more.
    pub fn fill(&self, batch: &str) {
        if let Some(own) = self.all().get_mut(batch) {
            own.is_full = true;
        }
    }

    /// Whether a batch need not be looked into: this process adds to it, or has settled all of it.
    pub fn need_not_look_into(&self, batch: &str) -> bool {
        self.all().get(batch).is_some_and(|own| !own.is_full || own.unsettled == 0)
    }

    /// Whether this process adds to a batch in which something is not settled.
    #[cfg(feature = "embedded")]
    pub fn is_filling_unsettled(&self, batch: &str) -> bool {
        self.all().get(batch).is_some_and(|own| !own.is_full && own.unsettled > 0)
    }

    /// Whether this process has a batch.
    #[cfg(feature = "embedded")]
    pub fn has(&self, batch: &str) -> bool {
        self.all().contains_key(batch)
    }

    /// Forgets a batch.
    pub fn forget(&self, batch: &str) {
        self.all().remove(batch);
    }

    /// Takes out the batches that are full, and in which all is settled.
    pub fn take_finished(&self) -> Vec<String> {
        let finished = |_: &String, own: &mut Own| own.is_full && own.unsettled == 0;
        self.all().extract_if(finished).map(|(batch, _)| batch).collect()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Own>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was done, in its order.
    #[derive(Default)]
    struct Noted(Mutex<Vec<String>>);

    impl Notes for Noted {
        async fn write(&self, batch: &str) -> Result<(), BlobError> {
            self.0.lock().unwrap().push(format!("+{batch}"));
            Ok(())
        }

        async fn remove(&self, batch: &str) -> Result<(), BlobError> {
            self.0.lock().unwrap().push(format!("-{batch}"));
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_batch_is_noted_before_its_names_and_forgotten_once_all_are_settled() {
        let (names, own, notes) = (Names::default(), OwnBatches::default(), Noted::default());
        let mut drawn = Vec::new();
        for _ in 0..MOST_NAMES {
            drawn.push(names.draw(&own, &notes).await.expect("noted"));
        }
        let first = drawn[0][..DIGITS].to_owned();
        assert!(drawn.iter().all(|name| blob_name::is_one(name) && name.starts_with(&first)));

        let next = names.draw(&own, &notes).await.expect("noted");

        assert!(!next.starts_with(&first));
        assert_eq!(*notes.0.lock().unwrap(), [format!("+{first}"), format!("+{}", &next[..DIGITS])]);
        assert!(own.take_finished().is_empty());
        for name in drawn {
            own.settle(of_name(&BlobRef::new(name)));
        }
        assert_eq!(own.take_finished(), [first]);
    }

    #[test]
    fn a_batch_is_over_after_its_time_and_when_the_clock_was_put_back() {
        let since = SystemClock.now();
        let current = Current { batch: String::new(), since, names: 1 };
        for (later, is_over) in [(-1, true), (0, false), (3_599, false), (3_600, true)] {
            assert_eq!(current.is_over(since + TimeDelta::seconds(later)), is_over, "{later} s later");
        }
    }

    #[test]
    fn one_that_is_being_filled_is_nobodys_concern() {
        let own = OwnBatches::default();
        own.add("filling", 1);
        own.add("full", 2);
        own.fill("full");

        assert!(
            own.need_not_look_into("filling")
                && !own.need_not_look_into("full")
                && !own.need_not_look_into("another's")
        );
        own.settle("filling");
        own.settle("full");
        assert!(own.take_finished().is_empty());
        own.settle("full");
        assert_eq!(own.take_finished(), ["full"]);
        own.fill("filling");
        assert_eq!(own.take_finished(), ["filling"]);
    }
}
