//! Blobs in S3 keep every promise of their port.

use std::{net::TcpListener, sync::Arc};

use aws_config::BehaviorVersion;
use aws_sdk_s3::config::RequestChecksumCalculation;
use bytes::BytesMut;
use chrono::TimeDelta;
use futures_util::{StreamExt as _, TryStreamExt as _, future};
use tapebase_adapters::{
    aws::Sdk,
    connect::S3Dialect,
    finding::{Finding, Outcome},
    s3::{Place, S3},
};
use tapebase_conformance::{
    aws_proxy::{AwsProxy, Fault, Faults},
    batches::{blobs_in, open_batches},
    engines,
};
use tapebase_domain::{
    blob::{self, ByteRange, Provenance},
    digest::Sha256,
    id::{RecordingId, StoreId, UserId, random_bytes},
    lineage::{Generation, Step},
    pending::Parts,
    ports::{Batches as _, BlobError, BlobStore as _, Clock as _, StagedBlobs as _, SystemClock},
};

/// A prefix of its own, in a bucket set up as an operator would.
async fn fresh() -> (Arc<S3>, ()) {
    (Arc::new(store_at(&prefix(), &dialect()).await), ())
}

pub fn dialect() -> S3Dialect {
    S3Dialect { path_style: true, ..S3Dialect::default() }
}

fn prefix() -> String {
    format!("test/{:016x}", u64::from_be_bytes(random_bytes()))
}

/// Whose all audio here is.
fn whose() -> Provenance {
    let owner = UserId::parse("01JD9Z8Q3NVX4T6M2K7C5B1ARE").expect("a ULID");
    Provenance { owner, recording: RecordingId::parse("0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e").expect("a UUID") }
}

pub async fn store_at(prefix: &str, dialect: &S3Dialect) -> S3 {
    assert!(engines::address(engines::S3).ip().is_loopback(), "never the real one");
    let place = Place::parse(&format!("tapebase-tests/{prefix}")).expect("a place");
    let store = Sdk::default().s3(&place, dialect).await.expect("a region is set");
    let made = store.set_up().await;
    assert!(made[0].is_fine(), "{made:?}");
    store
}

#[tokio::test]
async fn what_somebody_else_uploads_below_the_prefix_is_not_swept() {
    let prefix = prefix();
    let outer = store_at(&prefix, &dialect()).await;
    let inner = store_at(&format!("{prefix}/other"), &dialect()).await;
    let parts = Parts::of(Parts::SINGLE_BYTES + 1);
    for store in [&outer, &inner] {
        store.begin(parts, &whose(), Sha256::of(b"")).await.expect("begun");
    }
    let later = SystemClock.now() + TimeDelta::hours(1);

    assert_eq!(outer.abort_begun_before(later).await.expect("swept"), 1);
    assert_eq!(inner.abort_begun_before(later).await.expect("swept"), 1);
}

#[tokio::test]
async fn setup_changes_nothing_the_second_time_and_the_doctor_finds_nothing_wrong() {
    // In a bucket of its own, whose rules nobody else adds to meanwhile.
    let place = Place::parse(&format!("setup-{:016x}", u64::from_be_bytes(random_bytes()))).expect("a place");
    let store = Sdk::default().s3(&place, &dialect()).await.expect("a region is set");
    assert_eq!(store.set_up().await[0].outcome, Outcome::Done);

    let again = store.set_up().await;
    let examined = store.diagnose().await;

    assert!(again.iter().all(|finding| finding.outcome != Outcome::Done), "{again:?}");
    assert!(examined.iter().all(Finding::is_fine), "{examined:?}");
    assert!(examined.len() > again.len() && store.list(None).await.expect("listed").is_empty());
}

#[tokio::test]
async fn several_may_set_the_same_bucket_up_at_once() {
    for _ in 0..5 {
        let place = Place::parse(&format!("setup-{:016x}", u64::from_be_bytes(random_bytes()))).expect("a place");
        let store = || async { Sdk::default().s3(&place, &dialect()).await.expect("a region is set") };
        let stores = future::join_all((0..8).map(|_| store())).await;

        let made = future::join_all(stores.iter().map(S3::set_up)).await;

        assert!(made.iter().flatten().all(Finding::is_fine), "{made:?}");
    }
}

#[tokio::test]
async fn setup_brings_the_origins_that_may_send_parts_up_to_date() {
    let place = Place::parse(&format!("origins-{:016x}", u64::from_be_bytes(random_bytes()))).expect("a place");
    let store = async |origins: &[&str]| {
        let allowed_origins = origins.iter().map(ToString::to_string).collect();
        Sdk::default().s3(&place, &S3Dialect { allowed_origins, ..dialect() }).await.expect("a region is set")
    };
    let cors = |findings: Vec<Finding>| findings.into_iter().find(|it| it.what.contains("CORS")).expect("looked at");
    store(&[]).await.set_up().await;

    // Any other origins were too many, and others are too few.
    for origins in [&["https://a.example"][..], &["https://a.example", "https://b.example"], &["https://b.example"]] {
        let store = store(origins).await;
        assert!(!cors(store.diagnose().await).is_fine(), "{origins:?}");
        assert_eq!(cors(store.set_up().await).outcome, Outcome::Done, "{origins:?}");
        assert!(cors(store.diagnose().await).is_fine(), "{origins:?}");
        assert_eq!(cors(store.set_up().await).outcome, Outcome::AlreadyRight, "{origins:?}");
    }
}

#[tokio::test]
async fn the_doctor_looks_whether_old_versions_are_kept_and_go() {
    use aws_sdk_s3::types::{
        BucketLifecycleConfiguration, BucketVersioningStatus, ExpirationStatus, LifecycleRule, LifecycleRuleFilter,
        NoncurrentVersionExpiration, VersioningConfiguration,
    };
    let bucket = format!("versions-{:016x}", u64::from_be_bytes(random_bytes()));
    let store = Sdk::default().s3(&Place::parse(&bucket).expect("a place"), &dialect()).await.expect("a region is set");
    store.set_up().await;
    let client = client().await;
    let versions = async || found(&store, "brought back").await;

    assert!(matches!(versions().await, Outcome::Warning(why) if why.contains("switch versioning on")));

    let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    client.put_bucket_versioning().bucket(&bucket).versioning_configuration(on).send().await.expect("switched on");
    assert!(matches!(versions().await, Outcome::Warning(why) if why.contains("for ever")));

    let week = NoncurrentVersionExpiration::builder().noncurrent_days(7).build();
    let rule = LifecycleRule::builder().id("old").status(ExpirationStatus::Enabled);
    let rule = rule.filter(LifecycleRuleFilter::builder().prefix("").build()).noncurrent_version_expiration(week);
    let rules = BucketLifecycleConfiguration::builder().rules(rule.build().expect("whole")).build().expect("whole");
    let put = client.put_bucket_lifecycle_configuration().bucket(&bucket).lifecycle_configuration(rules);
    put.send().await.expect("ruled");
    assert_eq!(versions().await, Outcome::AlreadyRight);
}

/// What the doctor finds of something.
async fn found(store: &S3, what: &str) -> Outcome {
    let findings = store.diagnose().await;
    findings.into_iter().find(|it| it.what.contains(what)).expect("looked at").outcome
}

#[tokio::test]
async fn the_doctor_tries_links_where_clients_find_the_store() {
    let prefix = prefix();
    drop(store_at(&prefix, &dialect()).await);
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let proxy = AwsProxy::start(engines::address(engines::S3));
    proxy.inject(Faults { seed: 1, rate: 1.0, kinds: vec![Fault::Forbidden] });
    for (endpoint, is_there) in [(format!("http://{closed}"), false), (proxy.url(), true)] {
        let store = store_at(&prefix, &S3Dialect { public_endpoint: Some(endpoint.clone()), ..dialect() }).await;
        for link in ["clients play by links", "clients send parts by links"] {
            match found(&store, link).await {
                Outcome::Warning(why) => assert!(!is_there && why.contains(&endpoint), "{why}"),
                Outcome::Failed(why) => assert!(is_there && why.contains("403"), "{why}"),
                outcome => panic!("{link}: {outcome:?}"),
            }
        }
    }
    proxy.stop_injecting();
    let store = store_at(&prefix, &S3Dialect { public_endpoint: Some(proxy.url()), ..dialect() }).await;
    assert_eq!(found(&store, "clients send parts by links").await, Outcome::AlreadyRight);
    assert!(store.list(None).await.expect("listed").is_empty());
}

#[tokio::test]
async fn the_doctor_tells_of_locks_and_keys_of_a_bucket() {
    use aws_sdk_s3::types::{
        DefaultRetention, ObjectLockConfiguration, ObjectLockEnabled, ObjectLockRetentionMode, ObjectLockRule,
        ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
        ServerSideEncryptionRule,
    };
    let bucket = format!("locked-{:016x}", u64::from_be_bytes(random_bytes()));
    let client = client().await;
    client.create_bucket().bucket(&bucket).object_lock_enabled_for_bucket(true).send().await.expect("made");
    let store = Sdk::default().s3(&Place::parse(&bucket).expect("a place"), &dialect()).await.expect("a region is set");
    assert_eq!(found(&store, "Object Lock").await, Outcome::AlreadyRight);
    assert_eq!(found(&store, "key of KMS").await, Outcome::AlreadyRight);

    let retention = DefaultRetention::builder().mode(ObjectLockRetentionMode::Governance).days(1).build();
    let rule = ObjectLockRule::builder().default_retention(retention).build();
    let lock = ObjectLockConfiguration::builder().object_lock_enabled(ObjectLockEnabled::Enabled).rule(rule).build();
    client.put_object_lock_configuration().bucket(&bucket).object_lock_configuration(lock).send().await.expect("put");
    assert!(matches!(found(&store, "Object Lock").await, Outcome::Warning(why) if why.contains("1 day")));

    let kms = ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::AwsKms);
    let kms = kms.kms_master_key_id("alias/audio").build().expect("whole");
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(kms).build();
    let rules = ServerSideEncryptionConfiguration::builder().rules(rule).build().expect("whole");
    let put = client.put_bucket_encryption().bucket(&bucket).server_side_encryption_configuration(rules);
    put.send().await.expect("put");
    assert!(matches!(found(&store, "key of KMS").await, Outcome::Warning(why) if why.contains("alias/audio")));
}

#[tokio::test]
async fn the_doctor_misses_a_bucket_and_makes_none() {
    let place = Place::parse(&format!("missing-{:016x}", u64::from_be_bytes(random_bytes()))).expect("a place");
    let store = Sdk::default().s3(&place, &dialect()).await.expect("a region is set");

    for _ in 0..2 {
        let examined = store.diagnose().await;
        assert!(matches!(&examined[0].outcome, Outcome::Failed(why) if why.contains("tapebase setup")), "{examined:?}");
    }
}

/// A store behind a proxy, and the proxy.
async fn behind_proxy(dialect: &S3Dialect) -> (S3, AwsProxy, String) {
    let (proxy, prefix) = (AwsProxy::start(engines::address(engines::S3)), prefix());
    drop(store_at(&prefix, dialect).await);
    let place = Place::parse(&format!("tapebase-tests/{prefix}")).expect("a place");
    let config = aws_sdk_s3::config::Builder::from(&sdk_config().await).force_path_style(true);
    let config =
        config.endpoint_url(proxy.url()).request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
    let [client, sender, signer] = [(); 3].map(|()| aws_sdk_s3::Client::from_conf(config.clone().build()));
    (S3::new(client, sender, signer, place, dialect), proxy, prefix)
}

/// A client that can do what a store does not.
pub async fn client() -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&sdk_config().await).force_path_style(true);
    aws_sdk_s3::Client::from_conf(config.build())
}

async fn sdk_config() -> aws_config::SdkConfig {
    let http = aws_smithy_http_client::Builder::new().build_http();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(http).load().await
}

#[tokio::test]
async fn a_bit_that_turns_over_on_the_way_is_noticed_by_the_store() {
    for without_checksums in [false, true] {
        let (store, proxy, _) = behind_proxy(&S3Dialect { without_checksums, ..dialect() }).await;
        for size in [1, 300_000, 9 << 20] {
            proxy.inject(Faults { seed: 1, rate: 1.0, kinds: vec![Fault::FlipBit] });
            let refused = store.put(&whose(), blob::once(vec![7; size].into())).await;
            assert!(matches!(refused, Err(BlobError::Unavailable(_))), "{without_checksums}, {size}: {refused:?}");
            assert!(proxy.injected() > 0);

            proxy.stop_injecting();
            store.put(&whose(), blob::once(vec![7; size].into())).await.expect("kept");
        }
    }
}

#[tokio::test]
async fn a_store_without_conditional_writes_is_used_without_them() {
    let first = Step { from: None, to: Generation::generate() };
    let second = Step { from: Some(first.to), to: Generation::generate() };
    for without_conditions in [false, true] {
        let (store, proxy, _) = behind_proxy(&S3Dialect { without_conditions, ..dialect() }).await;
        proxy.inject(Faults { seed: 1, rate: 1.0, kinds: vec![Fault::NoConditions] });
        let rows = StoreId::generate(SystemClock.now());

        let claimed = store.claim(rows).await;
        let stepped = [store.step(first).await, store.step(second).await];
        let mut stored = Vec::new();
        for size in [1, 9 << 20] {
            stored.push(store.put(&whose(), blob::once(vec![7; size].into())).await);
        }

        assert_eq!(claimed.is_ok_and(|is_claimed| is_claimed), without_conditions);
        assert!(stepped.into_iter().all(|step| step.is_ok_and(|is_taken| is_taken) == without_conditions));
        assert!(stored.iter().all(|stored| stored.is_ok() == without_conditions), "{stored:?}");
        let findings = store.diagnose().await;
        let finding = findings.iter().find(|it| it.what.contains("If-None-Match")).expect("looked at");
        match &finding.outcome {
            Outcome::Failed(why) => assert!(!without_conditions && why.contains("set s3.conditional"), "{why}"),
            outcome => assert!(without_conditions && *outcome == Outcome::Unsupported, "{outcome:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_left_of_an_upload_is_not_aborted_while_its_object_is_there() {
    let (store, proxy, prefix) = behind_proxy(&dialect()).await;
    let client = client().await;
    let stored = store.put(&whose(), blob::once(vec![7; 300_000].into())).await.expect("kept");
    let key = format!("{prefix}/{}", stored.blob);
    // As a store keeps it that has put the parts together, and forgets them later.
    let left = client.create_multipart_upload().bucket("tapebase-tests").key(&key).send().await.expect("begun");
    store.begin(Parts::of(Parts::SINGLE_BYTES + 1), &whose(), Sha256::of(b"")).await.expect("begun");
    let later = SystemClock.now() + TimeDelta::minutes(1);

    assert_eq!(store.abort_begun_before(later).await.expect("swept"), 1, "the one without an object");

    assert_eq!(proxy.counts().get("AbortMultipartUpload"), Some(&1));
    let parts = client.list_parts().bucket("tapebase-tests").key(&key).upload_id(left.upload_id.expect("an id"));
    parts.send().await.expect("it is left");
    let opened = store.open(&stored.blob, ByteRange::whole(stored.size)).await.expect("opened").expect("there");
    assert_eq!(opened.try_collect::<BytesMut>().await.expect("read").len(), 300_000);
}

/// Has an object be of other bytes, and say of itself what it said before.
async fn overwrite(key: &str, bytes: Vec<u8>) {
    let client = client().await;
    let head = client.head_object().bucket("tapebase-tests").key(key).send().await.expect("it is there");
    let put = client.put_object().bucket("tapebase-tests").key(key).set_metadata(head.metadata);
    put.body(bytes.into()).send().await.expect("overwritten");
}

#[tokio::test]
async fn whoever_reads_all_of_an_object_that_is_another_by_now_never_gets_to_its_end() {
    let prefix = prefix();
    let store = store_at(&prefix, &dialect()).await;
    for size in [1, 300_000] {
        let stored = store.put(&whose(), blob::once(vec![7; size].into())).await.expect("kept");
        let mut other = vec![7; size];
        other[0] ^= 1;
        overwrite(&format!("{prefix}/{}", stored.blob), other).await;

        let opened = store.open(&stored.blob, ByteRange::whole(stored.size)).await.expect("opened").expect("there");
        let mut pieces: Vec<_> = opened.collect().await;

        let end = pieces.pop().expect("an error at least");
        assert!(matches!(end, Err(BlobError::Damaged(_))), "{end:?}");
        let sent: usize = pieces.into_iter().map(|piece| piece.expect("sent before the end").len()).sum();
        assert!(sent < size, "all of it was sent");
        // A part of it is sent as it is: only all of it could be compared.
        let rest = ByteRange { start: 1, length: stored.size - 1 };
        let rest = store.open(&stored.blob, rest).await.expect("opened").expect("there");
        assert_eq!(rest.try_collect::<BytesMut>().await.expect("read").len(), size - 1);
    }
}

#[tokio::test]
async fn what_a_process_left_is_looked_through_by_the_next_and_closed() {
    let prefix = prefix();
    let store = store_at(&prefix, &dialect()).await;
    let mut kept = Vec::new();
    for size in [10, (8 << 20) + 1] {
        let stored = store.put(&whose(), blob::once(vec![7; size].into())).await.expect("kept");
        kept.push(stored.blob);
    }
    kept.sort();
    let direct = store.begin(Parts::of(10), &whose(), Sha256::of(b"")).await.expect("begun");
    assert!(store.destination(&direct).is_some(), "it is written down with its upload");
    drop(store);

    let next = store_at(&prefix, &dialect()).await;
    let batches = open_batches(&next).await;
    assert_eq!(batches.len(), 1);
    assert_eq!(blobs_in(&next, &batches[0]).await, kept);
    next.close_batch(&batches[0]).await.expect("closed");

    assert_eq!(open_batches(&next).await, []);
    assert_eq!(next.list(None).await.expect("listed").len(), 2);
}

/// The same promises where the store is told no checksums.
mod without_checksums {
    use super::{Arc, S3, S3Dialect, dialect, prefix, store_at};

    async fn fresh() -> (Arc<S3>, ()) {
        (Arc::new(store_at(&prefix(), &S3Dialect { without_checksums: true, ..dialect() }).await), ())
    }

    tapebase_conformance::blob_store_tests!(fresh());
    tapebase_conformance::staged_blob_tests!(fresh(), Presigned);
}

tapebase_conformance::blob_store_tests!(fresh());
tapebase_conformance::batch_tests!(fresh());
tapebase_conformance::staged_blob_tests!(fresh(), Presigned);
tapebase_conformance::part_link_tests!(fresh());
tapebase_conformance::download_link_tests!(fresh());
