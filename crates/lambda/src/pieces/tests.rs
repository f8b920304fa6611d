use std::future::ready;

use actix_web::body::{BodyStream, SizedStream};
use futures_util::{FutureExt as _, StreamExt as _, stream};

use super::*;

fn pieces(end: Option<Result<Bytes, &'static str>>) -> impl Stream<Item = Result<Bytes, &'static str>> {
    stream::iter([Ok(Bytes::from("ID")), Ok(Bytes::from("3"))]).chain(stream::iter(end))
}

#[actix_web::test]
async fn a_body_comes_out_piece_by_piece_and_ends() {
    for body in [BoxBody::new(BodyStream::new(pieces(None))), BoxBody::new(SizedStream::new(3, pieces(None)))] {
        let abort = Abort::default();

        let sent: Vec<_> = pump(body, &abort).map(|Ok(bytes)| bytes).collect().await;

        assert_eq!(sent, ["ID", "3"]);
        assert!(abort.called().now_or_never().is_none());
    }
}

#[actix_web::test]
async fn a_body_that_breaks_off_never_ends_and_calls_for_help() {
    let broken = || pieces(Some(Err("the disk is gone")));
    for body in [
        BoxBody::new(BodyStream::new(broken())),
        BoxBody::new(SizedStream::new(5, broken())),
        BoxBody::new(SizedStream::new(4, pieces(None))),
        BoxBody::new(SizedStream::new(2, pieces(None))),
    ] {
        let abort = Abort::default();
        let mut pieces = pump(body, &abort);
        let mut sent = 0;

        let ended = tokio::select! {
            biased;
            () = async { while let Some(Ok(bytes)) = pieces.next().await { sent += bytes.len(); } } => true,
            () = abort.called() => false,
        };

        assert!(!ended && sent >= 2, "{sent}");
        assert!(pieces.next().now_or_never().is_none());
    }
}

#[actix_web::test]
async fn a_body_too_large_to_collect_is_not_even_begun() {
    let unread = stream::once(ready(())).map(|()| -> Result<Bytes, &str> { panic!("it was read") });

    let collected = collect(BoxBody::new(SizedStream::new(4, unread)), 3).await;

    assert!(matches!(collected, Err(CollectError::TooLarge)));
}
