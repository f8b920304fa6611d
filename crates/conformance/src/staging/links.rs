//! What [`PresignParts`](tapebase_domain::ports::PresignParts) promise.

use std::time::Duration;

use bytes::Bytes;
use tapebase_domain::ports::{Assembled, PresignedRequest};

use super::{
    Parted,
    parted::{in_three_parts, send, send_part, small},
};
use crate::{
    blobs::walk,
    http::{Request, Response},
};

/// A link for one part MUST NOT let other bytes be written than those announced.
pub async fn a_part_link_takes_no_other_bytes_than_announced(store: Parted) {
    let sent = store.begin(&small("announced")).await;
    let link = store.ample_link(&sent, 1).await;
    let bare = PresignedRequest { headers: Vec::new(), ..link.clone() };

    for link in [link, bare] {
        is_refused(&send_part(link, small("different")).await);
    }

    assert_eq!(store.assemble(&sent).await, Assembled::MissingPart(1));
    assert_eq!(walk(&store.blobs).await, []);
}

/// A link for one part MUST NOT let another owner or recording be said than that it was made for, nor none.
pub async fn a_part_link_lets_no_other_owner_be_said(store: Parted) {
    let (mine, theirs) = (store.begin(&small("whose")).await, store.begin(&small("whose")).await);
    let (link, other) = (store.ample_link(&mine, 1).await, store.ample_link(&theirs, 1).await);
    for (number, (name, _)) in link.headers.iter().enumerate().filter(|(_, (name, _))| name.contains("-meta-")) {
        let mut without = link.clone();
        without.headers.remove(number);
        is_refused(&send_part(without, mine.part(1)).await);
        let mut altered = link.clone();
        altered.headers[number].1.push('0');
        is_refused(&send_part(altered, mine.part(1)).await);
        assert!(other.headers.iter().any(|(said, _)| said == name), "{name} is said of one alone");
    }
    let swapped = PresignedRequest { headers: other.headers, ..link };
    is_refused(&send_part(swapped, mine.part(1)).await);

    assert_eq!(store.assemble(&mine).await, Assembled::MissingPart(1));
}

/// A link for a part is good for its lifetime, and no longer.
pub async fn a_part_link_expires(store: Parted) {
    for audio in [small("late"), in_three_parts()] {
        let sent = store.begin(&audio).await;
        let link = store.link(&sent, 1, Duration::from_secs(1)).await;

        tokio::time::sleep(Duration::from_secs(2)).await;

        is_refused(&send_part(link, sent.part(1)).await);
        assert_eq!(store.assemble(&sent).await, Assembled::MissingPart(1));
    }
}

/// A link for a part of one blob MUST NOT let one of another be written.
pub async fn a_part_link_leads_to_its_own_blob_only(store: Parted) {
    for audio in [small("mine"), in_three_parts()] {
        let (one, other) = (store.begin(&audio).await, store.begin(&audio).await);
        let (link, elsewhere) = (store.ample_link(&one, 1).await, store.ample_link(&other, 1).await);

        let altered = PresignedRequest { url: with_the_path_of(&link.url, &elsewhere.url), ..link };
        is_refused(&send_part(altered, one.part(1)).await);

        assert_eq!(store.assemble(&other).await, Assembled::MissingPart(1));
    }
}

/// A link for a part MUST NOT let anything be read or removed.
pub async fn a_part_link_is_for_writing_alone(store: Parted) {
    for audio in [small("written"), in_three_parts()] {
        let sent = store.begin(&audio).await;
        store.send_all(&sent).await;
        let link = store.ample_link(&sent, 1).await;

        for method in ["GET", "DELETE"] {
            is_refused(&send(Request::new(method, &link.url)).await);
        }

        let stored = store.assembled(&sent).await;
        for method in ["GET", "DELETE"] {
            is_refused(&send(Request::new(method, &link.url)).await);
        }
        assert!(store.read(&stored).await == audio, "the blob is another now");
    }
}

/// A link for a part MUST NOT let a blob be changed that has been put together.
pub async fn a_part_link_changes_no_blob_that_is_put_together(store: Parted) {
    for audio in [small("put together"), in_three_parts()] {
        let sent = store.begin(&audio).await;
        store.send_all(&sent).await;
        let link = store.ample_link(&sent, 1).await;
        let stored = store.assembled(&sent).await;

        let other = Bytes::from(vec![b'x'; sent.part(1).len()]);
        is_refused(&send_part(link, other).await);

        assert!(store.read(&stored).await == audio, "the blob is another now");
        let again = store.assembled(&sent).await;
        assert_eq!(again.sha256, stored.sha256);
    }
}

#[track_caller]
pub(crate) fn is_refused(answer: &Response) {
    assert!((400..500).contains(&answer.status), "{answer:?}");
}

/// The query of one URL with the path of another.
pub(crate) fn with_the_path_of(url: &str, other: &str) -> String {
    let query = url.split_once('?').expect("it is signed").1;
    let path = other.split_once('?').expect("it is signed").0;
    format!("{path}?{query}")
}
