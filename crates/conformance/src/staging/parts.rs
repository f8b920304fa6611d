//! What a [`PartStore`](tapebase_domain::ports::PartStore) promises.

use bytes::Bytes;
use futures_util::future::join;
use tapebase_domain::{
    blob::BodyError,
    ports::{Assembled, BlobError},
};
use tokio::task::JoinSet;

use super::{
    Parted,
    parted::{in_three_parts, small, stamped},
};
use crate::blobs::{body, pieces, walk};

/// Put part keeps everything the body yields; sent again, the last one counts.
pub async fn put_part_counts_the_last_one_that_was_sent(store: Parted) {
    let sent = store.begin(&small("the last one")).await;
    for text in ["not this one", "nor this one", "the last one"] {
        let body = body(pieces(&small(text), 5));
        store.part_store().put_part(&sent.staged, 1, body).await.expect("kept");
    }

    let stored = store.assembled(&sent).await;

    assert_eq!(store.read(&stored).await, "the last one");
}

/// Put part keeps one of many that are sent at once, whole.
pub async fn put_part_keeps_one_of_many_at_once_whole(store: Parted) {
    let sent = store.begin(&stamped(1 << 20)).await;
    let bodies: Vec<Bytes> = (0..8).map(|number| vec![number; sent.audio.len()].into()).collect();

    let rivals = bodies.clone().into_iter().map(|bytes| {
        let (store, staged) = (store.clone(), sent.staged.clone());
        async move { store.part_store().put_part(&staged, 1, body(pieces(&bytes, 65_521))).await.expect("kept") }
    });
    rivals.collect::<JoinSet<_>>().join_all().await;

    let stored = store.assembled(&sent).await;
    assert!(bodies.contains(&store.read(&stored).await), "it is a mixture");
}

/// When the body fails, put part MUST return that error and keep what was sent before.
pub async fn put_part_answers_the_error_of_a_failing_body_and_keeps_what_was_sent_before(store: Parted) {
    for error in [BodyError::Incomplete, BodyError::Stalled, BodyError::TooLarge { limit: 7 }] {
        let sent = store.begin(&small("sent before")).await;
        let failing = || body([Ok(small("sent ")), Err(error), Ok(small("after"))]);

        for was_sent in [false, true] {
            if was_sent {
                store.send_all(&sent).await;
            }
            let refused = store.part_store().put_part(&sent.staged, 1, failing()).await;

            assert!(matches!(refused, Err(BlobError::Body(answered)) if answered == error), "{refused:?}");
            assert_eq!(walk(&store.blobs).await, []);
            assert!(was_sent || store.assemble(&sent).await == Assembled::MissingPart(1));
        }

        let stored = store.assembled(&sent).await;
        assert_eq!(store.read(&stored).await, sent.audio);
        store.blobs.delete(&stored.blob).await.expect("deleted");
    }
}

/// When the body of one part fails, put part keeps the others.
pub async fn put_part_keeps_the_other_parts_when_a_body_fails(store: Parted) {
    let sent = store.begin(&in_three_parts()).await;
    store.send_all(&sent).await;

    let failing = body([Ok(sent.part(2)), Err(BodyError::Incomplete)]);
    assert!(store.part_store().put_part(&sent.staged, 2, failing).await.is_err());

    let stored = store.assembled(&sent).await;
    assert!(store.read(&stored).await == sent.audio, "a part changed");
}

/// Whoever clears what was sent succeeds while more of it arrives.
pub async fn clear_succeeds_while_parts_arrive(store: Parted) {
    let sent = store.begin(&small("over")).await;
    let senders: JoinSet<()> = (0..4)
        .map(|_| {
            let (store, staged) = (store.clone(), sent.staged.clone());
            async move {
                for _ in 0..100 {
                    // Whether there is still a place for it is left open.
                    let _ = store.part_store().put_part(&staged, 1, body([Ok(small("over"))])).await;
                }
            }
        })
        .collect();
    let cleared = async {
        for _ in 0..100 {
            store.staging.blobs.clear(&sent.staged).await.expect("cleared");
        }
    };
    join(senders.join_all(), cleared).await;

    store.staging.blobs.clear(&sent.staged).await.expect("cleared");
    assert_eq!(store.sent(&sent).await, Vec::<u32>::new());
}
