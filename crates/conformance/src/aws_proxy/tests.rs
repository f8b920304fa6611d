//! The proxy itself, in front of an engine that says what it got.

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::aws_proxy::wire::{Head, pass};

/// Answers every request with its own body, and a HEAD with nothing.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.set_nodelay(true).expect("a socket can be so");
            tokio::spawn(async move {
                let (reader, mut writer) = stream.split();
                let mut reader = BufReader::new(reader);
                while let Ok(Some(request)) = Head::read(&mut reader).await {
                    let mut body = Vec::new();
                    pass(&mut reader, &mut body, request.request_length()).await.expect("a body");
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                    writer.write_all(head.as_bytes()).await.expect("written");
                    if request.method() != "HEAD" {
                        writer.write_all(&body).await.expect("written");
                    }
                }
            });
        }
    });
    address
}

async fn connect(proxy: &AwsProxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.expect("it listens")
}

/// Sends a request and reads an answer to its end, which may come early.
async fn ask(stream: &mut TcpStream, request: &[u8]) -> Option<(u16, Vec<u8>)> {
    stream.write_all(request).await.ok()?;
    let mut reader = BufReader::new(stream);
    let head = Head::read(&mut reader).await.ok()??;
    let method = String::from_utf8_lossy(request).split(' ').next().unwrap_or_default().to_owned();
    let mut body = Vec::new();
    pass(&mut reader, &mut body, head.response_length(&method)).await.ok()?;
    Some((head.status(), body))
}

fn put(body: &str) -> Vec<u8> {
    format!("PUT /bucket/key HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn dynamodb(action: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nX-Amz-Target: DynamoDB_20120810.{action}\r\nContent-Length: 2\r\n\r\n{{}}").into_bytes()
}

#[tokio::test]
async fn requests_pass_one_after_the_other_and_are_counted() {
    let proxy = AwsProxy::start(echo().await);
    let mut stream = connect(&proxy).await;
    let chunked = b"PUT /b/k?uploadId=1&partNumber=2 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n";

    assert_eq!(ask(&mut stream, &put("speech")).await, Some((200, b"speech".into())));
    assert_eq!(ask(&mut stream, chunked).await, Some((200, b"3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n".into())));
    assert_eq!(ask(&mut stream, b"HEAD /b/k HTTP/1.1\r\n\r\n").await, Some((200, vec![])));
    assert_eq!(ask(&mut stream, b"GET /b?list-type=2 HTTP/1.1\r\n\r\n").await, Some((200, vec![])));
    assert_eq!(ask(&mut stream, &dynamodb("GetItem")).await, Some((200, b"{}".into())));

    let expected = [("GetItem", 1), ("GetObject", 1), ("ListBucket", 1), ("PutObject", 1), ("UploadPart", 1)];
    assert_eq!(proxy.counts(), expected.map(|(name, count)| (name.to_owned(), count)).into());
    proxy.reset_counts();
    assert!(proxy.counts().is_empty());
}

#[tokio::test]
async fn a_large_body_passes_in_both_directions_at_once() {
    let proxy = AwsProxy::start(echo().await);
    let body = "speech ".repeat(1 << 20);

    let answer = ask(&mut connect(&proxy).await, &put(&body)).await;

    assert_eq!(answer, Some((200, body.into_bytes())));
}

#[tokio::test]
async fn faults_break_what_they_say() {
    let proxy = AwsProxy::start(echo().await);
    let inject = |kind| proxy.inject(Faults { seed: 1, rate: 1.0, kinds: vec![kind] });
    for (fault, status, code) in [
        (Fault::InternalError, 500, "InternalServerError"),
        (Fault::ThroughputExceeded, 400, "ProvisionedThroughputExceededException"),
        (Fault::Throttling, 400, "ThrottlingException"),
        (Fault::TransactionConflict, 400, "TransactionConflict"),
    ] {
        inject(fault);
        let (answered, body) =
            ask(&mut connect(&proxy).await, &dynamodb("TransactWriteItems")).await.expect("an answer");
        assert!(answered == status && String::from_utf8_lossy(&body).contains(code), "{fault:?}");
    }
    inject(Fault::SlowDown);
    let (status, body) = ask(&mut connect(&proxy).await, &put("speech")).await.expect("an answer");
    assert!(status == 503 && String::from_utf8_lossy(&body).contains("<Code>SlowDown</Code>"));

    for fault in [Fault::ResetBefore, Fault::ResetInBody, Fault::LostReply, Fault::CutReply] {
        inject(fault);
        let mut stream = connect(&proxy).await;
        assert_eq!(ask(&mut stream, &put("speech")).await, None, "{fault:?}");
        assert!(stream.read(&mut [0]).await.is_ok_and(|read| read == 0) || stream.write(b"x").await.is_err());
    }
    assert_eq!(proxy.injected(), 9);

    inject(Fault::Delay(Duration::from_millis(20)));
    assert_eq!(ask(&mut connect(&proxy).await, &put("speech")).await, Some((200, b"speech".into())));
    proxy.stop_injecting();
    assert_eq!(ask(&mut connect(&proxy).await, &put("speech")).await, Some((200, b"speech".into())));
}

#[tokio::test]
async fn what_is_held_passes_when_it_is_let_go() {
    let proxy = AwsProxy::start(echo().await);
    proxy.inject_next(Fault::Hold);
    let mut held = connect(&proxy).await;
    held.write_all(&put("first")).await.expect("sent");
    while proxy.injected() == 0 {
        tokio::task::yield_now().await;
    }

    assert_eq!(ask(&mut connect(&proxy).await, &put("second")).await, Some((200, b"second".into())));
    let nothing = tokio::time::timeout(Duration::from_millis(50), held.read(&mut [0])).await;
    assert!(nothing.is_err(), "{nothing:?}");
    proxy.let_go();

    let answer = Head::read(&mut BufReader::new(held)).await.expect("read").expect("a head");
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn equal_seeds_break_equal_requests() {
    let upstream = echo().await;
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let proxy = AwsProxy::start(upstream);
        proxy.inject(Faults { seed, rate: 0.3, kinds: vec![Fault::InternalError, Fault::TransactionConflict] });
        let mut stream = connect(&proxy).await;
        let mut statuses = Vec::new();
        for _ in 0..100 {
            statuses.push(ask(&mut stream, &put("x")).await.expect("an answer").0);
        }
        let broken = statuses.iter().filter(|status| **status == 500).count();
        assert!((15..45).contains(&broken), "{broken} of 100");
        runs.push(statuses);
    }
    assert!(runs[0] == runs[1] && runs[0] != runs[2]);
}

#[test]
fn actions_of_s3_go_by_the_names_of_their_permissions() {
    let head = |line: &str| {
        let text = format!("{line} HTTP/1.1\r\n\r\n");
        Head::read(&mut text.as_bytes()).now_or_never().expect("at once").expect("read").expect("a head")
    };
    for (line, name) in [
        ("PUT /b/k", "PutObject"),
        ("GET /b/k/l?x-id=GetObject", "GetObject"),
        ("DELETE /b/k?x-id=DeleteObject", "DeleteObject"),
        ("POST /b/k?uploads", "CreateMultipartUpload"),
        ("PUT /b/k?partNumber=1&uploadId=x", "UploadPart"),
        ("POST /b/k?uploadId=x", "CompleteMultipartUpload"),
        ("DELETE /b/k?uploadId=x", "AbortMultipartUpload"),
        ("GET /b/k?uploadId=x", "ListMultipartUploadParts"),
        ("GET /b/?uploads=", "ListBucketMultipartUploads"),
        ("GET /b?list-type=2&prefix=a/", "ListBucket"),
        ("HEAD /b", "ListBucket"),
    ] {
        assert_eq!(Action::of(&head(line)).name, name, "{line}");
    }
    assert_eq!(permission("UploadPart"), "PutObject");
    assert_eq!(permission("ListBucket"), "ListBucket");
}
