//! What [`PresignDownloads`] promise.

use std::{sync::Arc, time::Duration};

use tapebase_domain::{
    blob::{BlobRef, StoredBlob},
    ports::{BlobStore, Presentation, PresignDownloads},
};

use crate::{
    blobs::{LARGE, noise, put, read},
    http::{Request, Response},
    staging::{is_refused, send, with_the_path_of},
};

/// A store of blobs that clients read from it themselves.
pub trait LinkedBlobs: BlobStore + PresignDownloads {}

impl<S: BlobStore + PresignDownloads> LinkedBlobs for S {}

/// How long a link lasts in whose way nothing comes.
const AMPLE: Duration = Duration::from_mins(5);

/// A download link MUST yield exactly the blob's bytes, presented as told.
pub async fn a_download_link_yields_exactly_the_bytes_presented_as_told(store: Arc<dyn LinkedBlobs>) {
    for (size, content_type, content_disposition) in [
        (0, "audio/mp4", "attachment; filename=\"memo.m4a\"; filename*=UTF-8''memo.m4a"),
        (1, "audio/ogg", "inline"),
        (10_000, "video/webm", "attachment; filename=\"_.webm\"; filename*=UTF-8''%ED%9A%8C%EC%9D%98%20%2B%26.webm"),
        (LARGE, "application/octet-stream", "attachment; filename=\"a b;c=d\""),
    ] {
        let bytes = noise(size);
        let stored = put(&as_blobs(&store), &bytes).await;
        let told =
            Presentation { content_type: content_type.to_owned(), content_disposition: content_disposition.to_owned() };
        let url = store.presign_download(&stored.blob, told, AMPLE).await.expect("a link");

        let answer = get(&url).await.expect(200);

        assert!(answer.body == bytes, "{size} bytes came as {} others", answer.body.len());
        assert_eq!(answer.header("content-type"), Some(content_type));
        assert_eq!(answer.header("content-disposition"), Some(content_disposition));
    }
}

/// A download link MUST yield any range of the blob's bytes.
pub async fn a_download_link_yields_any_range(store: Arc<dyn LinkedBlobs>) {
    let bytes = noise(LARGE);
    let stored = put(&as_blobs(&store), &bytes).await;
    let url = link(&store, &stored.blob, AMPLE).await;
    let (middle, end) = (LARGE / 2, LARGE);

    for (range, from, to) in [
        ("bytes=0-0".to_owned(), 0, 1),
        (format!("bytes={middle}-{}", middle + 99), middle, middle + 100),
        (format!("bytes={middle}-"), middle, end),
        (format!("bytes={}-{}", end - 1, end - 1), end - 1, end),
        ("bytes=-7".to_owned(), end - 7, end),
        (format!("bytes=0-{}", end + 5), 0, end),
    ] {
        let answer = send(Request::new("GET", &url).header("Range", &range)).await.expect(206);

        assert!(answer.body == bytes[from..to], "{range} yielded {} other bytes", answer.body.len());
        let described = format!("bytes {from}-{}/{end}", to - 1);
        assert_eq!(answer.header("content-range"), Some(&*described), "{range}");
    }
}

/// A download link is good for its lifetime, and no longer.
pub async fn a_download_link_expires(store: Arc<dyn LinkedBlobs>) {
    let stored = put(&as_blobs(&store), b"speech").await;
    let url = link(&store, &stored.blob, Duration::from_secs(1)).await;

    tokio::time::sleep(Duration::from_secs(2)).await;

    is_refused(&get(&url).await);
}

/// A download link MUST NOT let anything else be read.
pub async fn a_download_link_leads_to_its_own_blob_only(store: Arc<dyn LinkedBlobs>) {
    let (hers, his) = (put(&as_blobs(&store), b"hers").await, put(&as_blobs(&store), b"his").await);
    let (to_hers, to_his) = (link(&store, &hers.blob, AMPLE).await, link(&store, &his.blob, AMPLE).await);
    let unsigned = to_his.split_once('?').expect("it is signed").0;

    is_refused(&get(&with_the_path_of(&to_hers, &to_his)).await);
    is_refused(&get(unsigned).await);

    assert_eq!(get(&to_his).await.expect(200).body, b"his");
}

/// A download link MUST NOT let anything be written.
pub async fn a_download_link_is_for_reading_alone(store: Arc<dyn LinkedBlobs>) {
    let stored = put(&as_blobs(&store), b"speech").await;
    let url = link(&store, &stored.blob, AMPLE).await;

    let put = Request { body: b"sqeech".to_vec(), ..Request::new("PUT", &url) };
    for request in [put, Request::new("DELETE", &url)] {
        is_refused(&send(request).await);
    }

    assert_eq!(read(&as_blobs(&store), &stored).await, "speech");
    assert_eq!(get(&url).await.expect(200).body, b"speech");
}

/// A download link of a blob that is gone yields nothing.
pub async fn a_download_link_outlives_no_blob(store: Arc<dyn LinkedBlobs>) {
    let StoredBlob { blob, .. } = put(&as_blobs(&store), b"gone").await;
    let url = link(&store, &blob, AMPLE).await;
    store.delete(&blob).await.expect("deleted");

    is_refused(&get(&url).await);
}

async fn link(store: &Arc<dyn LinkedBlobs>, blob: &BlobRef, lifetime: Duration) -> String {
    let told = Presentation { content_type: "audio/mp4".to_owned(), content_disposition: "attachment".to_owned() };
    store.presign_download(blob, told, lifetime).await.expect("a link")
}

async fn get(url: &str) -> Response {
    send(Request::new("GET", url)).await
}

fn as_blobs(store: &Arc<dyn LinkedBlobs>) -> Arc<dyn BlobStore> {
    store.clone()
}
