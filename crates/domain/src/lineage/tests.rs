use std::sync::Mutex;

use super::*;
use crate::{
    ports::{MockBlobStore, MockRecordStore},
    testing::TestPorts,
};

/// What rows and audio say, as everybody who looks has it.
#[derive(Clone)]
struct Both(Arc<Mutex<(LastStep, Option<Generation>)>>);

impl Both {
    fn say(last: LastStep, audio: Option<Generation>) -> Self {
        Self(Arc::new(Mutex::new((last, audio))))
    }

    fn now(&self) -> (LastStep, Option<Generation>) {
        *self.0.lock().expect("nobody panics")
    }

    fn change<T>(&self, change: impl FnOnce(&mut (LastStep, Option<Generation>)) -> T) -> T {
        change(&mut self.0.lock().expect("nobody panics"))
    }

    fn note(&self, last: LastStep, next: Step) -> bool {
        self.change(|(noted, _)| {
            let is_as_seen = *noted == last;
            if is_as_seen {
                *noted = LastStep::Noted(next);
            }
            is_as_seen
        })
    }

    fn step(&self, step: Step) -> bool {
        self.change(|(_, audio)| {
            if *audio == step.from {
                *audio = Some(step.to);
            }
            *audio == Some(step.to)
        })
    }

    fn records(&self) -> MockRecordStore {
        let mut records = MockRecordStore::new();
        let both = self.clone();
        records.expect_last_step().returning(move || Ok(both.now().0));
        let both = self.clone();
        records.expect_note_step().returning(move |last, next| Ok(both.note(last, next)));
        records
    }

    fn blobs(&self) -> MockBlobStore {
        let mut blobs = MockBlobStore::new();
        let both = self.clone();
        blobs.expect_generation().returning(move || Ok(both.now().1));
        let both = self.clone();
        blobs.expect_step().returning(move |step| Ok(both.step(step)));
        blobs
    }

    fn lineage(&self) -> Lineage {
        lineage(self.records(), self.blobs())
    }
}

fn lineage(records: MockRecordStore, blobs: MockBlobStore) -> Lineage {
    let mut ports = TestPorts::at("2026-11-30T12:00:00Z");
    (ports.records, ports.blobs) = (records, blobs);
    Lineage::new(&ports.build())
}

fn noted(from: Option<Generation>, to: Generation) -> LastStep {
    LastStep::Noted(Step { from, to })
}

#[tokio::test]
async fn both_go_on_together_from_nothing() {
    let both = Both::say(LastStep::None, None);
    let mut seen = Vec::new();

    for _ in 0..3 {
        both.lineage().advance().await.expect("together");
        both.lineage().check().await.expect("together");
        let (last, audio) = both.now();
        assert_eq!(last, noted(seen.last().copied(), audio.expect("some")));
        seen.extend(audio);
    }

    seen.dedup();
    assert_eq!(seen.len(), 3, "each is another");
}

#[tokio::test]
async fn what_was_put_back_is_told_and_nothing_is_changed() {
    let [first, second, third] = [(); 3].map(|()| Generation::generate());
    for (last, audio) in [
        (noted(Some(first), second), Some(third)),
        (noted(Some(first), second), None),
        (noted(None, first), Some(second)),
        (LastStep::None, Some(first)),
        (LastStep::Unknown, Some(first)),
        (LastStep::Unknown, None),
    ] {
        let both = Both::say(last, audio);

        let outcomes = [both.lineage().check().await, both.lineage().advance().await];

        assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(LineageError::Parted))), "{outcomes:?}");
        assert_eq!(both.now(), (last, audio));

        both.lineage().renew().await.expect("an operator says so");
        both.lineage().advance().await.expect("together");
    }
}

#[tokio::test]
async fn a_step_that_was_broken_off_is_taken_before_the_next() {
    let [first, second] = [(); 2].map(|()| Generation::generate());
    let both = Both::say(noted(Some(first), second), Some(first));

    both.lineage().check().await.expect("together");
    both.lineage().advance().await.expect("together");

    let (last, audio) = both.now();
    assert_eq!(last, noted(Some(second), audio.expect("some")));
}

#[tokio::test]
async fn whoever_goes_on_between_two_looks_is_not_taken_for_another_history() {
    let [first, second] = [(); 2].map(|()| Generation::generate());
    let both = Both::say(noted(None, first), Some(first));
    let mut blobs = MockBlobStore::new();
    let other = both.clone();
    blobs.expect_generation().times(1).returning(move || {
        assert!(other.note(noted(None, first), Step { from: Some(first), to: second }));
        assert!(other.step(Step { from: Some(first), to: second }));
        Ok(other.now().1)
    });
    let other = both.clone();
    blobs.expect_generation().returning(move || Ok(other.now().1));

    lineage(both.records(), blobs).check().await.expect("together");
}

#[tokio::test]
async fn of_several_at_once_all_end_up_together() {
    let both = Both::say(LastStep::None, None);
    // Each is where another left off: the rows are noted, and the audio is not there yet.
    let half = Generation::generate();
    assert!(both.note(LastStep::None, Step { from: None, to: half }));

    let (one, other) = (both.lineage(), both.lineage());
    let (one, other) = tokio::join!(one.advance(), other.advance());

    one.and(other).expect("together");
    assert!(!both.step(Step { from: None, to: half }), "who comes late changes nothing");
    both.lineage().check().await.expect("together");
}

#[test]
fn a_damaged_note_says_what_no_other_says() {
    let generation = Generation::generate();
    assert_eq!(Generation::of_note(format!("{generation}\n").as_bytes()), generation);
    let damaged = [&b""[..], b"0123", b"0123456789ABCDEF", b"\xff", b"0123456789abcdef0"];
    for (place, note) in damaged.iter().enumerate() {
        assert_eq!(Generation::of_note(note), Generation::of_note(note));
        assert!(damaged[..place].iter().all(|other| Generation::of_note(other) != Generation::of_note(note)));
    }
}

#[test]
fn a_generation_reads_back() {
    let generation = Generation::generate();
    assert_eq!(Generation::parse(&generation.to_string()), Ok(generation));
    for text in ["", "0123", "0123456789ABCDEF", "0123456789abcdef00", "회의회의"] {
        assert_eq!(Generation::parse(text), Err(InvalidGeneration), "{text}");
    }
}
