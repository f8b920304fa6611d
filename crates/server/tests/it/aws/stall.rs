//! S3 that reads nothing for a while.

use std::time::{Duration, Instant};

use tapebase_conformance::{
    aws_proxy::{AwsProxy, Fault, Faults},
    engines,
    http::Request,
};
use tokio::runtime::Runtime;

use super::stores;
use crate::{
    server::{Server, borrowed},
    stall::{ABANDONED, Flood, SETTINGS, SMALL, WAITING},
};

#[test]
fn a_bucket_that_stalls_costs_no_more_memory_than_there_may_be() {
    stall(SMALL, ABANDONED, WAITING);
}

/// Each is collected, to be sent to S3 in one request.
#[test]
fn a_bucket_that_stalls_while_much_is_uploaded_costs_no_more_memory_than_there_may_be() {
    stall(8_000_000, 60, 60);
}

fn stall(bytes: usize, hung_up_on: usize, waited_for: usize) {
    let runtime = Runtime::new().expect("a runtime");
    let proxy = runtime.block_on(async { AwsProxy::start(engines::address(engines::S3)) });
    let mut settings = stores::fresh();
    settings.push((engines::S3, proxy.url()));
    let server = Server::start(&[&borrowed(&settings), &SETTINGS[..]].concat());
    let flood = Flood::prepare(&server, bytes);
    proxy.inject(Faults { seed: 1, rate: 1.0, kinds: vec![Fault::Hold] });

    flood.pour(hung_up_on, waited_for, || {
        proxy.stop_injecting();
        proxy.let_go();
    });
}

#[test]
fn whoever_asks_whether_the_server_is_ready_waits_for_no_store() {
    let runtime = Runtime::new().expect("a runtime");
    let proxy = runtime.block_on(async { AwsProxy::start(engines::address(engines::S3)) });
    let mut settings = stores::fresh();
    settings.push((engines::S3, proxy.url()));
    let server = Server::start(&borrowed(&settings));
    let ready = || server.send(&Request::new("GET", "/readyz"));
    let _ = ready().expect(200);
    proxy.inject(Faults { seed: 1, rate: 1.0, kinds: vec![Fault::Hold] });

    // What was answered a moment ago is remembered.
    let since = Instant::now();
    while ready().status == 200 {
        assert!(since.elapsed() < Duration::from_secs(5), "it says that it is ready");
    }
    let since = Instant::now();
    assert_eq!(ready().expect(503).json()["code"], "unavailable");
    assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());

    proxy.stop_injecting();
    proxy.let_go();
    let _ = ready().expect(200);
}
