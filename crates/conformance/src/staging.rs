//! What [`StagedBlobs`](tapebase_domain::ports::StagedBlobs) promises, apart from surviving a power cut, which no
//! test in a process can show.

mod links;
mod parted;
mod parts;

use std::time::Duration;

use chrono::TimeDelta;
#[doc(hidden)]
pub use tapebase_domain::ports::{PartAccess, Staging};
use tapebase_domain::{
    digest::Sha256,
    pending::Parts,
    ports::{Assembled, Clock as _, SystemClock},
};
use tokio::task::JoinSet;

use self::parted::{in_three_parts, small, stamped};
pub use self::{
    links::*,
    parted::{Parted, send_part},
    parts::*,
};
pub(crate) use self::{
    links::{is_refused, with_the_path_of},
    parted::send,
};
use crate::blobs::{blobs, describe, walk};

/// Begin MUST give every blob a place of its own.
pub async fn begin_gives_every_blob_a_place_of_its_own(store: Parted) {
    let (one, other) = (store.begin(&small("one")).await, store.begin(&small("six")).await);
    assert_ne!(one.staged, other.staged);

    store.send_all(&one).await;
    store.send_all(&other).await;

    for sent in [one, other] {
        let stored = store.assembled(&sent).await;
        assert_eq!(store.read(&stored).await, sent.audio);
    }
}

/// Sent MUST list every part that was sent, in order, and no other; also once the blob is put together.
pub async fn sent_lists_every_part_that_was_sent_and_no_other(store: Parted) {
    let (alone, some) = (store.begin(&small("alone")).await, store.begin(&in_three_parts()).await);
    assert!(store.sent(&alone).await.is_empty() && store.sent(&some).await.is_empty());

    for (number, there) in [(3, vec![3]), (1, vec![1, 3]), (1, vec![1, 3]), (2, vec![1, 2, 3])] {
        store.send(&some, number).await;
        assert_eq!(store.sent(&some).await, there);
    }
    store.send(&alone, 1).await;
    assert_eq!(store.sent(&alone).await, [1]);
    for whole in [&alone, &some] {
        store.assembled(whole).await;
    }
    assert_eq!([store.sent(&alone).await, store.sent(&some).await], [vec![1], vec![1, 2, 3]]);
}

/// Sent MUST list none when the parts are gone.
pub async fn sent_lists_nothing_that_is_gone(store: Parted) {
    for audio in [small("gone"), in_three_parts()] {
        let gone = store.begin(&audio).await;
        store.send_all(&gone).await;

        store.staging.blobs.abort(&gone.staged).await.expect("aborted");

        assert!(store.sent(&gone).await.is_empty());
    }
}

/// Assemble MUST return the size and the SHA-256 of exactly the bytes it kept, however they are cut.
pub async fn assemble_answers_the_size_and_digest_of_exactly_what_was_sent(store: Parted) {
    for size in [0, 1, Parts::SINGLE_BYTES, Parts::SINGLE_BYTES + 1] {
        let sent = store.begin(&stamped(size)).await;
        store.send_all(&sent).await;

        let stored = store.assembled(&sent).await;

        assert_eq!((stored.size, stored.sha256), (size, Sha256::of(&sent.audio)), "{size} bytes");
        assert!(store.read(&stored).await == sent.audio, "{size} bytes were kept otherwise");
    }
}

/// Parts may be sent in any order, and at once.
pub async fn assemble_puts_parts_together_that_were_sent_in_any_order(store: Parted) {
    let backwards = store.begin(&in_three_parts()).await;
    for number in [3, 1, 2] {
        store.send(&backwards, number).await;
    }
    let at_once = store.begin(&in_three_parts()).await;
    let sending = at_once.parts().numbers().map(|number| {
        let (store, sent) = (store.clone(), at_once.clone());
        async move { store.send(&sent, number).await }
    });
    sending.collect::<JoinSet<_>>().join_all().await;

    for sent in [backwards, at_once] {
        let stored = store.assembled(&sent).await;
        assert!(store.read(&stored).await == sent.audio, "the parts were put together otherwise");
    }
}

/// A part may be sent again, for a client that has no answer does.
pub async fn assemble_has_a_part_once_that_was_sent_again(store: Parted) {
    let (alone, some) = (store.begin(&small("again")).await, store.begin(&in_three_parts()).await);
    for number in [1, 1] {
        store.send(&alone, number).await;
    }
    for number in [1, 2, 3, 3, 2, 1] {
        store.send(&some, number).await;
    }

    let stored = [store.assembled(&alone).await, store.assembled(&some).await];
    // What was sent in vain may be cleared away by the store itself, a little later.
    tokio::time::sleep(Duration::from_secs(4)).await;

    for (sent, stored) in [alone, some].iter().zip(stored) {
        assert!(store.read(&stored).await == sent.audio, "{} bytes were kept as {}", sent.audio.len(), stored.size);
    }
}

/// Assemble MUST return `MissingPart` with the first part that was never sent, and keep the others.
pub async fn assemble_answers_the_first_part_that_was_never_sent_and_keeps_the_others(store: Parted) {
    let single = store.begin(&small("single")).await;
    assert_eq!(store.assemble(&single).await, Assembled::MissingPart(1));
    let sent = store.begin(&in_three_parts()).await;
    assert_eq!(store.assemble(&sent).await, Assembled::MissingPart(1));

    for (number, lacks) in [(2, 1), (1, 3)] {
        store.send(&sent, number).await;
        assert_eq!(store.assemble(&sent).await, Assembled::MissingPart(lacks));
    }
    store.send(&sent, 3).await;

    let stored = store.assembled(&sent).await;
    assert!(store.read(&stored).await == sent.audio, "the parts that were there are others now");
}

/// Assemble MUST return the blob again when it is repeated before clear.
pub async fn assemble_answers_the_blob_again_until_the_parts_are_cleared(store: Parted) {
    for audio in [small("again"), in_three_parts()] {
        let sent = store.begin(&audio).await;
        store.send_all(&sent).await;

        let (first, second) = (store.assembled(&sent).await, store.assembled(&sent).await);

        for stored in [first, second] {
            assert_eq!((stored.size, stored.sha256), (audio.len() as u64, Sha256::of(&audio)));
            assert!(store.read(&stored).await == audio, "it was kept otherwise");
        }
    }
}

/// Assemble MUST return the blob to each of many at once.
pub async fn assemble_answers_the_blob_to_each_of_many_at_once(store: Parted) {
    for audio in [small("at once"), in_three_parts()] {
        let sent = store.begin(&audio).await;
        store.send_all(&sent).await;

        let rivals = (0..6).map(|_| {
            let (store, sent) = (store.clone(), sent.clone());
            async move { store.assembled(&sent).await }
        });
        let outcomes = rivals.collect::<JoinSet<_>>().join_all().await;

        assert!(outcomes.iter().all(|stored| stored.sha256 == Sha256::of(&audio)), "{outcomes:?}");
        for stored in outcomes {
            assert!(store.read(&stored).await == audio, "{} was kept otherwise", stored.blob);
        }
    }
}

/// An assembled blob MUST say whose it is.
pub async fn an_assembled_blob_says_whose_it_is(store: Parted) {
    for audio in [small("mine"), in_three_parts()] {
        let sent = store.begin(&audio).await;
        store.send_all(&sent).await;
        let stored = store.assembled(&sent).await;

        let described = describe(&store.blobs, &stored.blob).await.expect("it is there");

        assert_eq!((described.provenance, described.size), (Some(sent.of), stored.size));
        assert!(described.sha256.is_none_or(|(sha256, _)| sha256 == stored.sha256));
    }
}

/// Assemble MUST return a blob again after one was taken apart.
pub async fn assemble_answers_a_blob_again_that_was_taken_apart(store: Parted) {
    for audio in [small("apart"), in_three_parts()] {
        let sent = store.begin(&audio).await;
        store.send_all(&sent).await;
        let first = store.assembled(&sent).await;

        store.staging.blobs.take_apart(&sent.staged, &first.blob).await.expect("taken apart");

        let again = store.assembled(&sent).await;
        assert!(store.read(&again).await == audio, "it was kept otherwise");
        // One that could not be taken apart is the same as it is now.
        let is_left = store.blobs.describe(&first.blob).await.expect("an answer").is_some();
        assert_eq!(is_left, first.blob == again.blob);
    }
}

/// Clear removes the parts and keeps the blob they were put together to.
pub async fn clear_keeps_the_blob_and_nothing_else(store: Parted) {
    let mut kept = Vec::new();
    for audio in [small("kept"), in_three_parts()] {
        let sent = store.begin(&audio).await;
        store.send_all(&sent).await;
        let stored = store.assembled(&sent).await;

        store.staging.blobs.clear(&sent.staged).await.expect("cleared");

        assert!(store.read(&stored).await == audio, "the blob went with its parts");
        kept.push(stored.blob);
    }
    let mut walked = blobs(&walk(&store.blobs).await);
    walked.sort_unstable();
    kept.sort_unstable();
    assert_eq!(walked, kept);
}

/// Clear MUST succeed when the parts are already gone.
pub async fn clear_succeeds_when_the_parts_are_already_gone(store: Parted) {
    for audio in [small("gone"), in_three_parts()] {
        let sent = store.begin(&audio).await;
        store.send_all(&sent).await;
        let stored = store.assembled(&sent).await;

        for _ in 0..2 {
            let cleared = store.staging.blobs.clear(&sent.staged).await;
            assert!(cleared.is_ok(), "{cleared:?}");
        }
        assert!(store.read(&stored).await == audio, "the blob went with its parts");
    }
}

/// Abort removes everything that was sent, and no other blob's.
pub async fn abort_removes_everything_that_was_sent(store: Parted) {
    let bystander = store.begin(&small("bystander")).await;
    for audio in [small("aborted"), in_three_parts()] {
        let sent = store.begin(&audio).await;
        store.send_all(&sent).await;

        store.staging.blobs.abort(&sent.staged).await.expect("aborted");

        assert_eq!(store.assemble(&sent).await, Assembled::MissingPart(1));
        assert_eq!(walk(&store.blobs).await, []);
    }
    store.send_all(&bystander).await;
    let stored = store.assembled(&bystander).await;
    assert_eq!(store.read(&stored).await, bystander.audio);
}

/// Abort MUST succeed when everything is already gone.
pub async fn abort_succeeds_when_everything_is_already_gone(store: Parted) {
    for audio in [small("gone"), in_three_parts()] {
        let sent = store.begin(&audio).await;

        for _ in 0..2 {
            let aborted = store.staging.blobs.abort(&sent.staged).await;
            assert!(aborted.is_ok(), "{aborted:?}");
        }
    }
}

/// Abort begun before MUST leave what was begun later.
pub async fn abort_begun_before_leaves_what_was_begun_later(store: Parted) {
    let single = store.begin(&small("single")).await;
    let several = store.begin(&in_three_parts()).await;
    store.send_all(&single).await;
    store.send(&several, 1).await;

    assert_eq!(store.abort_begun_before(TimeDelta::hours(-1)).await, 0);

    store.send(&several, 2).await;
    store.send(&several, 3).await;
    for sent in [single, several] {
        let stored = store.assembled(&sent).await;
        assert!(store.read(&stored).await == sent.audio, "it was removed in part");
    }
}

/// Abort begun before removes parts of blobs that were never put together, and says of how many blobs.
///
/// What has only one part may be a blob as soon as it is sent; then it is no part any longer.
pub async fn abort_begun_before_removes_parts_that_were_never_put_together(store: Parted) {
    let mut left = Vec::new();
    for sends in [0, 1, 3] {
        let sent = store.begin(&in_three_parts()).await;
        for number in 1..=sends {
            store.send(&sent, number).await;
        }
        left.push(sent);
    }
    let whole = store.begin(&in_three_parts()).await;
    store.send_all(&whole).await;
    let stored = store.assembled(&whole).await;
    store.staging.blobs.clear(&whole.staged).await.expect("cleared");

    assert_eq!(store.abort_begun_before(TimeDelta::hours(1)).await, 3);

    for sent in &left {
        assert_eq!(store.assemble(sent).await, Assembled::MissingPart(1));
    }
    assert!(store.read(&stored).await == whole.audio, "the blob went with the parts of others");
    assert_eq!(blobs(&walk(&store.blobs).await), [stored.blob]);
    assert_eq!(store.abort_begun_before(TimeDelta::hours(1)).await, 0);
}

impl Parted {
    /// How many blobs' parts are removed that were begun before so long from now.
    async fn abort_begun_before(&self, from_now: TimeDelta) -> u64 {
        self.staging.blobs.abort_begun_before(SystemClock.now() + from_now).await.expect("an answer")
    }
}
