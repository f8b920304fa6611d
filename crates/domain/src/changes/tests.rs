use std::{
    pin::pin,
    sync::{
        Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::FutureExt as _;
use mockall::predicate::eq;

use super::*;
use crate::{
    blob,
    damage::Damage,
    details::NewDetails,
    direct::Direct,
    history::{Deleted, HistoryId, Retention},
    list::List,
    media_type::MediaType,
    pending::{LinkKey, PendingUpload, StagedRef},
    ports::{Assembled, MockClock},
    recording::{Edit, Recording},
    testing::{LIMITS, TestPorts, body, recording, stored_blob, timestamp, using},
    time::Timestamp,
    upload::{NewRecording, Upload},
};

const NOW: &str = "2026-11-26T12:00:00Z";
const HISTORY: HistoryId = HistoryId::from_bytes([7; HistoryId::BYTES]);
const AT_ONCE: Duration = Duration::ZERO;
const A_WHILE: Duration = Duration::from_secs(20);

fn owner() -> UserId {
    UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID")
}

fn limit() -> Limit {
    Limit::new(2).expect("in range")
}

fn recorded(changed: u64) -> Entry {
    let recording = recording(owner(), b"speech");
    Entry::Recording(Box::new(Recording { changed: ChangeNumber(changed), ..recording }))
}

fn deleted(changed: u64) -> Entry {
    let id = recorded(changed).id().clone();
    Entry::Deleted(Deleted { id, owner: owner(), changed: ChangeNumber(changed), deleted_at: timestamp(NOW) })
}

/// What a feed answers that has these entries, and nothing after them.
fn read(entries: Vec<Entry>, latest: u64) -> Read {
    let latest = ChangeNumber(latest);
    Read { entries, reached: latest, has_more: false, forgotten: ChangeNumber(0), latest, history: HISTORY }
}

/// The cursor of a client that knows everything up to `after`, and began when nothing was there.
fn cursor(after: u64) -> String {
    begun_at(0, after)
}

/// The cursor of a client that knows everything up to `after`, and began when there were `began` changes.
fn begun_at(began: u64, after: u64) -> String {
    let (after, no_deleted_up_to) = (ChangeNumber(after), ChangeNumber(began));
    Place { history: HISTORY, after, no_deleted_up_to }.encode(owner())
}

fn request(after: u64, no_deleted_up_to: u64) -> ChangesRequest {
    ChangesRequest { after: ChangeNumber(after), no_deleted_up_to: ChangeNumber(no_deleted_up_to), limit: 2 }
}

/// A feed that answers this to that request.
fn answer(ports: &mut TestPorts, request: ChangesRequest, read: Read) {
    let answers = move |_, _| Ok(read.clone());
    ports.feed.expect_changes().with(eq(owner()), eq(request)).times(1).returning(answers);
}

fn changes(ports: TestPorts) -> Changes {
    Changes::new(&ports.build(), Waiters::default(), WaitPolicy::default())
}

/// What a client is told that has this cursor and does not wait.
async fn page(ports: TestPorts, cursor: Option<&str>) -> Result<ChangesPage, ChangesError> {
    changes(ports).page(owner(), cursor, limit(), AT_ONCE).await
}

/// What a client is told that knows everything up to 5, and began when there were 3 changes.
async fn page_of(read: Read) -> Result<ChangesPage, ChangesError> {
    let mut ports = TestPorts::at(NOW);
    answer(&mut ports, request(5, 3), read);
    page(ports, Some(&begun_at(3, 5))).await
}

#[tokio::test]
async fn a_first_run_begins_before_everything_and_leaves_out_what_is_deleted_by_then() {
    let mut ports = TestPorts::at(NOW);
    ports.feed.expect_latest_change().with(eq(owner())).times(1).returning(|_| Ok(ChangeNumber(9)));
    ports.feed.expect_history().times(1).returning(|| Ok(HISTORY));
    let entries = vec![recorded(2), recorded(4)];
    let first = Read { reached: ChangeNumber(4), has_more: true, ..read(entries.clone(), 9) };
    answer(&mut ports, request(0, 9), first);

    let page = page(ports, None).await.expect("a page");

    assert_eq!(page, ChangesPage { entries, cursor: begun_at(9, 4), has_more: true, poll_after: None });
}

#[tokio::test]
async fn a_run_goes_on_to_leave_out_what_was_deleted_before_it_and_tells_what_is_deleted_since() {
    let mut ports = TestPorts::at(NOW);
    let entries = vec![recorded(8), deleted(10)];
    answer(&mut ports, request(4, 9), read(entries.clone(), 10));

    let page = page(ports, Some(&begun_at(9, 4))).await.expect("a page");

    assert_eq!(page, ChangesPage { entries, cursor: begun_at(9, 10), has_more: false, poll_after: None });
}

#[tokio::test]
async fn a_first_run_over_nothing_ends_at_once() {
    let mut ports = TestPorts::at(NOW);
    ports.feed.expect_latest_change().returning(|_| Ok(ChangeNumber(0)));
    ports.feed.expect_history().returning(|| Ok(HISTORY));
    answer(&mut ports, request(0, 0), read(Vec::new(), 0));

    let page = page(ports, None).await.expect("a page");

    assert_eq!(page, ChangesPage { entries: Vec::new(), cursor: cursor(0), has_more: false, poll_after: None });
}

#[tokio::test]
async fn a_cursor_goes_on_where_the_page_ends_though_nothing_on_it_is_listed() {
    // A page's worth of tombstones that need not be told.
    let page = page_of(Read { reached: ChangeNumber(7), has_more: true, ..read(Vec::new(), 9) }).await.expect("a page");

    assert_eq!((page.cursor, page.has_more), (begun_at(3, 7), true));
}

#[tokio::test]
async fn a_cursor_from_before_what_is_forgotten_has_expired() {
    for (forgotten, is_good) in [(5, true), (6, false)] {
        let page = page_of(Read { forgotten: ChangeNumber(forgotten), ..read(vec![recorded(7)], 7) }).await;

        match page {
            Ok(_) => assert!(is_good),
            Err(ChangesError::CursorExpired) => assert!(!is_good),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_first_run_does_not_expire_by_what_was_forgotten_before_it() {
    for (forgotten, is_good) in [(9, true), (10, false)] {
        let mut ports = TestPorts::at(NOW);
        answer(&mut ports, request(4, 9), Read { forgotten: ChangeNumber(forgotten), ..read(vec![recorded(8)], 10) });

        let page = page(ports, Some(&begun_at(9, 4))).await;

        match page {
            Ok(_) => assert!(is_good),
            Err(ChangesError::CursorExpired) => assert!(!is_good),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_cursor_of_another_history_is_told_so() {
    // That deletions are forgotten as well is of no consequence: more than those may be lost.
    for forgotten in [0, 6] {
        let history = HistoryId::from_bytes([8; HistoryId::BYTES]);
        let page = page_of(Read { history, forgotten: ChangeNumber(forgotten), ..read(vec![recorded(7)], 7) }).await;

        assert!(matches!(page, Err(ChangesError::HistoryChanged)), "{page:?}");
    }
}

#[tokio::test]
async fn a_cursor_ahead_of_the_counter_is_of_another_history() {
    let page = page_of(read(Vec::new(), 4)).await;
    assert!(matches!(page, Err(ChangesError::HistoryChanged)), "{page:?}");

    // So is one of a first run that began ahead of it.
    let mut ports = TestPorts::at(NOW);
    answer(&mut ports, request(4, 9), read(Vec::new(), 8));
    let page = changes(ports).page(owner(), Some(&begun_at(9, 4)), limit(), AT_ONCE).await;
    assert!(matches!(page, Err(ChangesError::HistoryChanged)), "{page:?}");
}

#[tokio::test]
async fn a_cursor_is_good_for_its_owner_alone() {
    let other = UserId::generate(timestamp(NOW));

    for (caller, text) in [(other, cursor(5)), (owner(), "5".to_owned()), (owner(), String::new())] {
        // No store is asked.
        let page = changes(TestPorts::at(NOW)).page(caller, Some(&text), limit(), AT_ONCE).await;

        assert!(matches!(page, Err(ChangesError::InvalidCursor)), "{text}: {page:?}");
    }
}

#[tokio::test]
async fn a_failing_store_is_unavailable() {
    let mut ports = TestPorts::at(NOW);
    ports.feed.expect_changes().returning(|_, _| Err(StoreError::Unavailable("down".into())));

    let page = page(ports, Some(&cursor(5))).await;

    assert!(matches!(page, Err(ChangesError::Unavailable(_))), "{page:?}");
}

/// A world where changes happen while somebody waits for them.
#[derive(Clone)]
struct Scene {
    latest: Arc<AtomicU64>,
    elapsed: Arc<AtomicI64>,
    waiters: Waiters,
}

/// Lets time pass, and another process make a change after some pauses.
struct Passing {
    scene: Scene,
    pauses: Arc<Mutex<Vec<Duration>>>,
    change_after: Option<usize>,
}

#[async_trait]
impl Timer for Passing {
    async fn sleep(&self, duration: Duration) {
        let mut pauses = self.pauses.lock().expect("nobody panicked");
        pauses.push(duration);
        let millis = i64::try_from(duration.as_millis()).expect("short");
        self.scene.elapsed.fetch_add(millis, Ordering::Relaxed);
        if Some(pauses.len()) == self.change_after {
            self.scene.change();
        }
    }
}

/// Lets no time pass at all.
struct Standing;

#[async_trait]
impl Timer for Standing {
    async fn sleep(&self, _: Duration) {
        std::future::pending::<()>().await;
    }
}

impl Scene {
    /// Five changes were made so far.
    fn set() -> Self {
        let (latest, elapsed) = (Arc::new(AtomicU64::new(5)), Arc::default());
        Self { latest, elapsed, waiters: Waiters::default() }
    }

    /// One more, which nobody is told of.
    fn change(&self) {
        self.latest.fetch_add(1, Ordering::Relaxed);
    }

    fn changes(&self, timer: impl Timer + 'static, longest: Duration) -> Changes {
        let mut ports = TestPorts::at(NOW);
        let (began, elapsed) = (ports.now(), self.elapsed.clone());
        let latest = self.latest.clone();
        ports.feed.expect_latest_change().returning(move |_| Ok(ChangeNumber(latest.load(Ordering::Relaxed))));
        let latest = self.latest.clone();
        ports.feed.expect_changes().returning(move |_, request| {
            let latest = latest.load(Ordering::Relaxed);
            Ok(read((request.after.0 + 1..=latest).map(deleted).collect(), latest))
        });
        let mut clock = MockClock::new();
        clock
            .expect_now()
            .returning(move || -> Timestamp { began + TimeDelta::milliseconds(elapsed.load(Ordering::Relaxed)) });
        let ports = Ports { clock: Arc::new(clock), timer: Arc::new(timer), ..ports.build() };
        Changes::new(&ports, self.waiters.clone(), WaitPolicy { longest })
    }

    /// A client that knows of everything and waits while time stands still.
    fn standing(&self) -> Changes {
        self.changes(Standing, Duration::from_secs(25))
    }

    /// What a client is told that knows of everything and waits while time passes, and its pauses in seconds.
    async fn passing(&self, wait: f64, longest: f64, change_after: Option<usize>) -> (ChangesPage, Vec<f64>) {
        let pauses = Arc::<Mutex<Vec<Duration>>>::default();
        let timer = Passing { scene: self.clone(), pauses: pauses.clone(), change_after };
        let changes = self.changes(timer, Duration::from_secs_f64(longest));
        let page = changes.page(owner(), Some(&cursor(5)), limit(), Duration::from_secs_f64(wait)).await;
        let pauses = pauses.lock().expect("nobody panicked").iter().map(Duration::as_secs_f64).collect();
        (page.expect("a page"), pauses)
    }
}

/// What a client is told for whom nothing has changed.
fn nothing_new() -> ChangesPage {
    ChangesPage { entries: Vec::new(), cursor: cursor(5), has_more: false, poll_after: None }
}

fn numbers(page: &ChangesPage) -> Vec<u64> {
    page.entries.iter().map(|entry| entry.changed().0).collect()
}

#[tokio::test]
async fn what_is_there_already_is_not_waited_for() {
    let scene = Scene::set();
    let changes = scene.standing();

    let page = changes.page(owner(), Some(&cursor(4)), limit(), A_WHILE).now_or_never();

    assert_eq!(numbers(&page.expect("at once").expect("a page")), [5]);
}

#[tokio::test]
async fn whoever_waits_is_woken_by_a_change() {
    let scene = Scene::set();
    let (changes, known) = (scene.standing(), cursor(5));
    let mut waiting = pin!(changes.page(owner(), Some(&known), limit(), A_WHILE));
    assert!(waiting.as_mut().now_or_never().is_none());
    // Woken for nothing, as by a change of what it need not be told.
    scene.waiters.wake(owner());
    assert!(waiting.as_mut().now_or_never().is_none());

    scene.change();
    scene.waiters.wake(UserId::generate(timestamp(NOW)));
    assert!(waiting.as_mut().now_or_never().is_none(), "that was another's");
    scene.waiters.wake(owner());

    let page = waiting.now_or_never().expect("it is woken").expect("a page");
    assert_eq!((numbers(&page), page.cursor, page.poll_after), (vec![6], cursor(6), None));
}

#[tokio::test]
async fn a_change_that_another_process_makes_is_found_in_two_seconds() {
    let (page, pauses) = Scene::set().passing(20.0, 25.0, Some(2)).await;

    assert_eq!((numbers(&page), page.cursor, page.poll_after), (vec![6], cursor(6), None));
    assert_eq!(pauses, [2.0, 2.0]);
}

#[tokio::test]
async fn waiting_ends_when_the_client_or_the_policy_says_so() {
    for (wait, longest) in [(4.5, 25.0), (60.0, 4.5)] {
        let (page, pauses) = Scene::set().passing(wait, longest, None).await;

        assert_eq!(page, nothing_new());
        assert_eq!(pauses, [2.0, 2.0, 0.5]);
    }
}

#[tokio::test]
async fn a_change_in_the_last_moment_is_told() {
    let (page, pauses) = Scene::set().passing(3.0, 25.0, Some(2)).await;

    assert_eq!(numbers(&page), [6]);
    assert_eq!(pauses, [2.0, 1.0]);
}

#[tokio::test]
async fn nobody_waits_longer_because_the_clock_is_put_back() {
    let mut ports = TestPorts::at(NOW);
    ports.feed.expect_latest_change().returning(|_| Ok(ChangeNumber(5)));
    ports.feed.expect_changes().returning(|_, _| Ok(read(Vec::new(), 5)));
    ports.timer.expect_sleep().times(3).return_const(());
    let (now, asked) = (ports.now(), AtomicI64::new(0));
    let mut clock = MockClock::new();
    clock.expect_now().returning(move || now - TimeDelta::hours(asked.fetch_add(1, Ordering::Relaxed)));
    let ports = Ports { clock: Arc::new(clock), ..ports.build() };

    let changes = Changes::new(&ports, Waiters::default(), WaitPolicy::default());
    let page = changes.page(owner(), Some(&cursor(5)), limit(), Duration::from_secs(5)).await;

    assert_eq!(page.expect("a page"), nothing_new());
}

#[tokio::test]
async fn where_nobody_can_wait_the_client_is_told_when_to_ask_again() {
    let (page, pauses) = Scene::set().passing(20.0, 0.0, None).await;

    assert_eq!(page, ChangesPage { poll_after: Some(Duration::from_secs(30)), ..nothing_new() });
    assert!(pauses.is_empty());
}

#[tokio::test]
async fn four_may_wait_for_one_owner_and_the_fifth_is_told_when_to_ask_again() {
    let scene = Scene::set();
    let (changes, known) = (scene.standing(), cursor(5));
    let wait = || Box::pin(changes.page(owner(), Some(&known), limit(), A_WHILE));
    let mut waiting = [wait(), wait(), wait(), wait()];
    assert!(waiting.iter_mut().all(|waiting| waiting.now_or_never().is_none()));

    let fifth = wait().now_or_never().expect("at once").expect("a page");
    assert_eq!(fifth, ChangesPage { poll_after: Some(Duration::from_secs(30)), ..nothing_new() });

    // Another owner's places are their own.
    let other = UserId::generate(timestamp(NOW));
    let others = Place::parse(&known, owner()).expect("a cursor").encode(other);
    assert!(changes.page(other, Some(&others), limit(), A_WHILE).now_or_never().is_none());

    // Whoever hangs up makes room.
    let [gone, ..] = waiting;
    drop(gone);
    assert!(wait().now_or_never().is_none());
}

#[tokio::test]
async fn all_waiting_ends_when_the_process_is_about_to_stop() {
    let scene = Scene::set();
    let (changes, known) = (scene.standing(), cursor(5));
    let mut waiting = pin!(changes.page(owner(), Some(&known), limit(), A_WHILE));
    assert!(waiting.as_mut().now_or_never().is_none());

    changes.close();

    let page = waiting.now_or_never().expect("it has ended").expect("a page");
    assert_eq!(page, nothing_new());
    let next = changes.page(owner(), Some(&known), limit(), A_WHILE).now_or_never();
    let next = next.expect("at once").expect("a page");
    assert_eq!(next, ChangesPage { poll_after: Some(Duration::from_secs(30)), ..nothing_new() });
}

#[tokio::test]
async fn a_history_that_changes_while_somebody_waits_is_told() {
    let mut ports = TestPorts::at(NOW);
    let mut order = mockall::Sequence::new();
    let moved = HistoryId::from_bytes([8; HistoryId::BYTES]);
    for history in [HISTORY, moved] {
        let read = Read { history, ..read(Vec::new(), 5) };
        ports.feed.expect_changes().times(1).in_sequence(&mut order).returning(move |_, _| Ok(read.clone()));
    }
    ports.feed.expect_latest_change().returning(|_| Ok(ChangeNumber(4)));

    let page = changes(ports).page(owner(), Some(&cursor(5)), limit(), A_WHILE).await;

    assert!(matches!(page, Err(ChangesError::HistoryChanged)), "{page:?}");
}

/// Ports of a server that renames, deletes and takes in whatever it is told to, while nobody else does.
fn willing(existing: &Recording) -> Ports {
    let mut ports = TestPorts::at(NOW);
    let (edited, removed) = (existing.clone(), existing.clone());
    ports.records.expect_edit().returning(move |_, _, _, _| Ok(Some(edited.clone())));
    ports.records.expect_remove().returning(move |_, _, _, _, _| Ok(Some(removed.clone())));
    ports.records.expect_counters().returning(|_| Ok(using(0)));
    ports.records.expect_insert().returning(|recording, _| Ok(recording));
    ports.blobs.expect_put().returning(|_, _| Ok(stored_blob("new", b"speech")));
    ports.blobs.expect_delete().returning(|_| Ok(()));
    ports.deleted.expect_audio_removed().returning(|_, _| Ok(()));
    let upload = PendingUpload {
        id: existing.id.clone(),
        owner: owner(),
        details: existing.details.clone(),
        size: existing.size,
        sha256: existing.sha256,
        again: false,
        staged: StagedRef::new("parts".into()),
        key: LinkKey([7; 32]),
        expires_at: ports.now() + TimeDelta::hours(1),
    };
    ports.uploads.expect_upload().returning(move |_, _| Ok(Some(upload.clone())));
    ports.uploads.expect_settle().returning(|_, recording| Ok(recording));
    ports.staged.expect_assemble().returning(|_, _, _| Ok(Assembled::Whole(stored_blob("new", b"speech"))));
    ports.staged.expect_clear().returning(|_| Ok(()));
    ports.blobs.expect_open().returning(|_, _| Ok(Some(blob::once(b"speech".as_slice().into()))));
    ports.build()
}

#[tokio::test]
async fn whatever_an_owner_changes_wakes_those_who_wait_for_it() {
    let memo = recording(owner(), b"speech");
    let (ports, waiters) = (willing(&memo), Waiters::default());
    let damage = Damage::new(&ports, waiters.clone());
    let upload = Upload::new(&ports, waiters.clone(), damage.clone(), LIMITS, TimeDelta::hours(12));
    let direct = Direct::new(&ports, waiters.clone(), damage.clone(), LIMITS, TimeDelta::hours(12));
    let list = List::new(&ports, waiters.clone(), damage, Retention::default());
    let seat = waiters.enter(owner()).expect("a seat");
    let is_woken = || seat.woken().now_or_never().is_some();

    let new = NewRecording::of(NewDetails::of_type(MediaType::octet_stream()));
    upload.store(owner(), new, body(vec![Ok(b"speech")])).await.expect("it is stored");
    assert!(is_woken(), "stored");
    direct.complete(owner(), &memo.id).await.expect("it is complete");
    assert!(is_woken(), "completed");
    list.edit(owner(), &memo.id, Edit::default(), None).await.expect("it is edited");
    assert!(is_woken(), "edited");
    list.delete(owner(), &memo.id, None).await.expect("it is deleted");
    assert!(is_woken(), "deleted");
    assert!(!is_woken());
}
