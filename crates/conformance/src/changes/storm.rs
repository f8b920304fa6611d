//! Many who write and read at once: whoever reads the changes has in the end what there is.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tapebase_domain::{
    history::{ChangeNumber, Entry},
    id::{RecordingId, UserId, random_bytes},
    page::{Limit, PageRequest, Position},
    ports::{ChangesRequest, StoreError},
    recording::Recording,
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{Rows, ids};
use crate::samples::{AMPLE, noon, recording, renaming, stranger};

/// How hard it blows.
#[derive(Debug, Clone, Copy)]
pub struct Storm {
    /// How many write.
    pub writers: usize,
    /// For how long.
    pub duration: Duration,
}

impl Storm {
    /// Eight who write, for ten seconds; `TAPEBASE_STORM_SECONDS` says otherwise.
    #[must_use]
    pub fn of_eight() -> Self {
        let seconds = std::env::var_os("TAPEBASE_STORM_SECONDS").and_then(|text| text.into_string().ok()?.parse().ok());
        Self { writers: 8, duration: Duration::from_secs(seconds.unwrap_or(10)) }
    }

    /// Thirty-two who write, for two seconds.
    #[must_use]
    pub const fn of_thirty_two() -> Self {
        Self { writers: 32, duration: Duration::from_secs(2) }
    }
}

/// Has writers upload, rename and delete recordings of one owner, through any of `stores`, which are the same rows,
/// while two read what has changed, with stalls. The union of the pages must be the final state.
///
/// Every write must succeed.
pub async fn storm(stores: Vec<Arc<dyn Rows>>, plan: Storm) {
    let (owner, is_over) = (stranger(), Arc::new(AtomicBool::new(false)));
    let readers: Vec<_> = (0..2)
        .map(|number| {
            let (store, is_over) = (stores[number % stores.len()].clone(), is_over.clone());
            tokio::spawn(async move { read(&*store, owner, &is_over).await })
        })
        .collect();
    let writers: JoinSet<u64> = (0..plan.writers)
        .map(|number| {
            let store = stores[number % stores.len()].clone();
            async move { write(&*store, owner, plan.duration).await }
        })
        .collect();
    let written: u64 = writers.join_all().await.into_iter().sum();
    is_over.store(true, Ordering::SeqCst);

    let there = everything(&*stores[0], owner).await;
    assert_eq!(stores[0].latest_change(owner).await.expect("an answer"), ChangeNumber(written));
    for reader in readers {
        let known = reader.await.expect("it read");
        assert_eq!(ids(&known), there.keys().collect::<Vec<_>>(), "after {written} changes");
        for (id, recording) in &there {
            assert_eq!(known[id], Entry::Recording(recording.clone().into()));
        }
    }
    let counters = stores[0].counters(owner).await.expect("counted");
    assert_eq!(stores[0].recount(owner).await.expect("counted"), counters);
}

/// Writes until the time is over; how many changes were made.
async fn write(store: &dyn Rows, owner: UserId, duration: Duration) -> u64 {
    let (began, mut own, mut changes) = (Instant::now(), Vec::<RecordingId>::new(), 0);
    while began.elapsed() < duration {
        let [die, which] = random_bytes::<2>();
        let chosen = usize::from(which) % own.len().max(1);
        match die % 4 {
            0 if own.len() > 3 => {
                let id = own.swap_remove(chosen);
                store.remove(owner, &id, None, noon(), 1_000_000).await.expect("removed").expect("it was there");
            }
            1 | 2 if !own.is_empty() => {
                let edit = renaming(&format!("take {changes}"));
                store.edit(owner, &own[chosen], edit, None).await.expect("renamed").expect("it is there");
            }
            _ => own.push(store.insert(recording(owner), AMPLE).await.expect("inserted").id),
        }
        changes += 1;
        let [stall] = random_bytes::<1>();
        sleep(Duration::from_millis(u64::from(stall % 4))).await;
    }
    changes
}

/// Reads changes as a client does, with stalls, until writing is over and there is nothing more to read.
async fn read(store: &dyn Rows, owner: UserId, is_over: &AtomicBool) -> BTreeMap<RecordingId, Entry> {
    let (mut known, mut after) = (BTreeMap::new(), ChangeNumber(0));
    loop {
        let was_over = is_over.load(Ordering::SeqCst);
        let request = ChangesRequest { after, no_deleted_up_to: ChangeNumber(0), limit: 17 };
        let page = match timeout(Duration::from_secs(30), store.changes(owner, request)).await.expect("an answer") {
            Ok(page) => page,
            // Whoever could not be answered asks again.
            Err(StoreError::Unavailable(_)) => continue,
            Err(error) => panic!("{error}"),
        };
        assert!(page.entries.is_sorted_by_key(Entry::changed) && page.reached >= after);
        after = page.reached;
        known.extend(page.entries.into_iter().map(|entry| (entry.id().clone(), entry)));
        if was_over && !page.has_more {
            return known;
        }
        let [stall] = random_bytes::<1>();
        sleep(Duration::from_millis(u64::from(stall % 16))).await;
    }
}

/// Every recording there is.
async fn everything(store: &dyn Rows, owner: UserId) -> BTreeMap<RecordingId, Recording> {
    let mut all = BTreeMap::new();
    let mut page = PageRequest { limit: Limit::MAX, ..PageRequest::default() };
    loop {
        let listed = store.list(owner, page.clone()).await.expect("listed");
        let is_last = listed.len() <= Limit::MAX.get();
        page.after = listed.last().map(|last| Position { time: page.by.of(last), id: last.id.clone() });
        all.extend(listed.into_iter().map(|recording| (recording.id.clone(), recording)));
        if is_last {
            return all;
        }
    }
}
