//! What a [`RecordStore`] promises about lists and their pages.

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, FixedOffset, TimeDelta};
use tapebase_domain::{
    id::{RecordingId, UserId},
    page::{Limit, Order, PageRequest, Position, TimeField},
    ports::RecordStore,
    recording::Recording,
    time::Timestamp,
};

use super::insert;
use crate::samples::{assert_same, local, noon, recorded_at as recorded, recording, stranger};

const LISTS: [(TimeField, Order); 4] = [
    (TimeField::Received, Order::Newest),
    (TimeField::Received, Order::Oldest),
    (TimeField::Recorded, Order::Newest),
    (TimeField::Recorded, Order::Oldest),
];

/// List MUST list only recordings of the owner.
pub async fn lists_only_recordings_of_the_owner(store: Arc<dyn RecordStore>) {
    let hers = insert(&store, recording(stranger())).await;
    let his = insert(&store, recording(stranger())).await;
    let nobody = stranger();

    for own in [hers, his] {
        let [found] = &list(&store, own.owner, PageRequest::default()).await[..] else { panic!("not one recording") };
        assert_same(Some(found), &own);
    }
    assert_eq!(list(&store, nobody, PageRequest::default()).await, []);
}

/// List lists one more recording than the limit, if there are that many.
pub async fn lists_one_more_than_the_limit_if_there_are_that_many(store: Arc<dyn RecordStore>) {
    let owner = stranger();
    for _ in 0..4 {
        insert(&store, recording(owner)).await;
    }

    for (asked, listed) in [(1, 2), (2, 3), (3, 4), (4, 4), (200, 4)] {
        let request = PageRequest { limit: limit(asked), ..PageRequest::default() };
        assert_eq!(list(&store, owner, request).await.len(), listed, "limit {asked}");
    }
}

/// List MUST order by the time asked for, then by id, in the direction asked for.
pub async fn lists_by_the_time_asked_for_then_by_id_in_the_direction_asked_for(store: Arc<dyn RecordStore>) {
    let owner = stranger();
    let mut recordings = Vec::new();
    // Clocks in other zones, fractions of a second, long ago: text in any of these would sort differently.
    for (received_at, recorded_at) in [
        ("2026-11-23T12:00:00Z", "2026-11-23T21:00:00+09:00"),
        ("2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z"),
        ("2026-11-23T12:00:00Z", "2026-11-23T08:30:00-03:30"),
        ("2026-11-23T12:00:00.5Z", "2026-11-23T12:00:00.000001Z"),
        ("2026-11-23T12:00:00.000001Z", "1969-12-31T23:59:59.999999Z"),
        ("2026-11-23T11:59:59.999999Z", "9999-12-31T23:59:59-12:00"),
        ("2026-11-23T12:00:01Z", "2026-11-23T23:00:00+14:00"),
        ("2026-11-23T12:00:01Z", "2026-11-23T12:00:00Z"),
    ] {
        let (received_at, recorded_at) = (local(received_at).to_utc(), local(recorded_at));
        recordings.push(insert(&store, timed(owner, received_at, recorded_at)).await);
    }
    let twin = Recording { id: uuid(), blob: recording(owner).blob, ..recordings[0].clone() };
    recordings.push(insert(&store, twin).await);

    for (by, order) in LISTS {
        let listed = list(&store, owner, PageRequest { by, order, ..PageRequest::default() }).await;

        assert_eq!(ids(&listed), in_order(&recordings, by, order), "{by:?} {order:?}");
    }
}

/// List MUST keep to `from` (inclusive) and `to` (exclusive).
pub async fn lists_from_inclusive_to_exclusive(store: Arc<dyn RecordStore>) {
    let owner = stranger();
    let at = |microseconds| noon() + TimeDelta::microseconds(microseconds);
    let mut recordings = Vec::new();
    for step in 0..6 {
        let recorded_at = at(5 - step).with_timezone(local("2026-11-23T12:00:00-03:30").offset());
        recordings.push(insert(&store, timed(owner, at(step), recorded_at)).await);
    }

    for (by, order) in LISTS {
        for (from, to) in [(Some(2), Some(4)), (Some(2), None), (None, Some(4)), (Some(3), Some(3)), (Some(4), Some(2))]
        {
            let (from, to) = (from.map(at), to.map(at));
            let listed = list(&store, owner, PageRequest { by, order, from, to, ..PageRequest::default() }).await;

            let is_within = |time| from.is_none_or(|from| from <= time) && to.is_none_or(|to| time < to);
            let expected: Vec<_> = recordings.iter().filter(|found| is_within(by.of(found))).cloned().collect();
            assert_eq!(ids(&listed), in_order(&expected, by, order), "{by:?} {order:?} {from:?} {to:?}");
        }
    }
}

/// Pages joined by `after` MUST have every recording exactly once.
pub async fn pages_have_every_recording_exactly_once(store: Arc<dyn RecordStore>) {
    let owner = stranger();
    let recordings = crowd(&store, owner, 450).await;
    crowd(&store, stranger(), 10).await;

    for (by, order) in LISTS {
        let mut pages = Pages::of(owner, PageRequest { by, order, limit: Limit::MAX, ..PageRequest::default() });
        let (mut read, mut lengths) = (Vec::new(), Vec::new());
        while let Some(page) = pages.turn(&store).await {
            lengths.push(page.len());
            read.extend(ids(&page));
        }

        assert_eq!(read, in_order(&recordings, by, order), "{by:?} {order:?}");
        assert_eq!(lengths, [200, 200, 50], "{by:?} {order:?}");
    }
}

/// Pages joined by `after` MUST keep to `from` (inclusive) and `to` (exclusive).
pub async fn pages_keep_to_from_and_to(store: Arc<dyn RecordStore>) {
    let owner = stranger();
    let recordings = crowd(&store, owner, 40).await;
    let within = noon() + TimeDelta::seconds(2)..noon() + TimeDelta::seconds(8);

    for (by, order) in LISTS {
        let (from, to, limit) = (Some(within.start), Some(within.end), limit(3));
        let mut pages = Pages::of(owner, PageRequest { by, order, from, to, limit, ..PageRequest::default() });
        let mut read = Vec::new();
        while let Some(page) = pages.turn(&store).await {
            read.extend(ids(&page));
        }

        let expected: Vec<_> = recordings.iter().filter(|found| within.contains(&by.of(found))).cloned().collect();
        assert_eq!(read, in_order(&expected, by, order), "{by:?} {order:?}");
    }
}

/// Pages joined by `after` MUST have every recording exactly once, while others come and go.
pub async fn pages_have_what_stays_exactly_once_while_others_come_and_go(store: Arc<dyn RecordStore>) {
    for (by, order) in LISTS {
        let owner = stranger();
        let mut staying = in_order(&crowd(&store, owner, 60).await, by, order);
        let mut read = Vec::new();

        let mut pages = Pages::of(owner, PageRequest { by, order, limit: limit(7), ..PageRequest::default() });
        while let Some(page) = pages.turn(&store).await {
            read.extend(ids(&page));
            // The one the next page goes on from leaves, and one that was yet to be read.
            let leaving = page.last().map(|last| last.id.clone()).into_iter().chain(staying.pop());
            for id in leaving.collect::<Vec<_>>() {
                store.remove(owner, &id, None, noon(), 100).await.expect("removed");
                staying.retain(|staying| *staying != id);
            }
            // Others arrive at both ends and among those just read.
            for received_at in [noon() - TimeDelta::hours(1), by.of(&page[0]), noon() + TimeDelta::hours(1)] {
                let recorded_at = received_at.fixed_offset();
                insert(&store, timed(owner, received_at, recorded_at)).await;
            }
        }

        staying.retain(|id| !read.contains(id));
        assert_eq!(staying, [], "{by:?} {order:?}: these were not read");
    }
}

/// Turns pages as the use case does: the one recording too many only says that there is more.
/// Fails at what was read before, rather than turn in circles.
struct Pages {
    owner: UserId,
    next: Option<PageRequest>,
    read: HashSet<RecordingId>,
}

impl Pages {
    fn of(owner: UserId, first: PageRequest) -> Self {
        Self { owner, next: Some(first), read: HashSet::new() }
    }

    async fn turn(&mut self, store: &Arc<dyn RecordStore>) -> Option<Vec<Recording>> {
        let request = self.next.take()?;
        let mut page = list(store, self.owner, request.clone()).await;
        if page.len() > request.limit.get() {
            page.truncate(request.limit.get());
            let after = page.last().map(|last| Position { time: request.by.of(last), id: last.id.clone() });
            self.next = Some(PageRequest { after, ..request.clone() });
        }
        for recording in &page {
            assert!(self.read.insert(recording.id.clone()), "{} was read twice with {request:?}", recording.id);
        }
        Some(page)
    }
}

/// Recordings of which three or more at a time share an instant, differently by either time.
async fn crowd(store: &Arc<dyn RecordStore>, owner: UserId, count: usize) -> Vec<Recording> {
    let mut recordings = Vec::new();
    for (number, second) in (0..count).zip((0..12).cycle()) {
        let id = if number % 5 == 0 { uuid() } else { recording(owner).id };
        let received_at = noon() + TimeDelta::seconds(second);
        let recorded_at = (noon() + TimeDelta::seconds(second * 5 % 11)).fixed_offset();
        recordings.push(insert(store, Recording { id, ..timed(owner, received_at, recorded_at) }).await);
    }
    recordings
}

/// A recording of these two times.
fn timed(owner: UserId, received_at: Timestamp, recorded_at: DateTime<FixedOffset>) -> Recording {
    Recording { received_at, ..recorded(owner, recorded_at) }
}

/// A fresh id in the form of a UUID.
fn uuid() -> RecordingId {
    let digits = recording(stranger()).sha256.to_hex();
    let groups = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..32]];
    RecordingId::parse(&groups.join("-")).expect("a UUID")
}

fn limit(items: u64) -> Limit {
    Limit::new(items).expect("a limit")
}

async fn list(store: &Arc<dyn RecordStore>, owner: UserId, request: PageRequest) -> Vec<Recording> {
    store.list(owner, request).await.expect("listed")
}

fn ids(recordings: &[Recording]) -> Vec<RecordingId> {
    recordings.iter().map(|recording| recording.id.clone()).collect()
}

fn in_order(recordings: &[Recording], by: TimeField, order: Order) -> Vec<RecordingId> {
    let mut recordings = recordings.to_vec();
    recordings.sort_by_key(|recording| (by.of(recording), recording.id.clone()));
    if order == Order::Newest {
        recordings.reverse();
    }
    ids(&recordings)
}
