//! A sweep makes the same calls however many recordings there are.

use std::collections::BTreeMap;

use tapebase_conformance::{aws_proxy::AwsProxy, engines};
use tapebase_domain::blob::{self, Provenance};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::stores;
use crate::{
    rows::add_recordings,
    server::{borrowed, command, ports_of},
};

#[test]
fn a_sweep_makes_the_same_calls_for_many_recordings_as_for_a_few() {
    let (runtime, folder) = (Runtime::new().expect("a runtime"), TempDir::new().expect("a folder"));
    let proxies = runtime.block_on(async {
        [engines::DYNAMODB, engines::S3].map(|name| (name, AwsProxy::start(engines::address(name))))
    });
    let stores = stores::fresh();
    let ports = runtime.block_on(ports_of(&stores));
    let mut settings = stores.clone();
    settings.extend(proxies.iter().map(|(name, proxy)| (*name, proxy.url())));

    let calls = [100, 1_900].map(|count| {
        runtime.block_on(async {
            add_recordings(&*ports.records, count, 50).await;
            for recording in ports.inventory.recordings(None).await.expect("listed").recordings.iter().take(count / 10)
            {
                let kept = ports.blobs.put(&Provenance::from(recording), blob::once("speech".into())).await;
                ports.blobs.settle(&kept.expect("stored").blob);
            }
            ports.batches.end_batches().await.expect("ended");
        });
        for (_, proxy) in &proxies {
            proxy.reset_counts();
        }
        let swept = command(folder.path(), &borrowed(&settings)).arg("sweep").output().expect("it runs");
        assert!(swept.status.success(), "{swept:?}");
        proxies.iter().flat_map(|(_, proxy)| proxy.counts()).collect::<BTreeMap<_, _>>()
    });

    println!("calls of a sweep: {:?}", calls[0]);
    assert_eq!(calls[0], calls[1]);
}
