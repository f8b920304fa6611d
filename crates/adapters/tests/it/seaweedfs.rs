//! `SeaweedFS` before 4.48 deletes the bytes of an object with what is left of its upload (issues 10663 and 11382): it is
//! left, and not mistaken for leftovers.
//!
//! `cargo xtask test` runs this beside both releases; `cargo xtask engines run --old-seaweedfs` starts the older one.

use std::{
    io::Write as _,
    process::{Command, Stdio},
    time::Duration,
};

use aws_sdk_s3::primitives::AggregatedBytes;
use bytes::{Bytes, BytesMut};
use chrono::TimeDelta;
use futures_util::TryStreamExt as _;
use tapebase_adapters::{
    aws::Sdk,
    finding::{Finding, Outcome},
    s3::{Place, S3},
};
use tapebase_conformance::{
    engines::{self, said},
    staging::send_part,
};
use tapebase_domain::{
    blob::{ByteRange, Provenance, StoredBlob},
    digest::Sha256,
    id::{RecordingId, UserId, random_bytes},
    pending::Parts,
    ports::{Assembled, BlobError, BlobStore as _, Clock as _, PresignParts as _, StagedBlobs as _, SystemClock},
};
use tokio::time::sleep;

use crate::s3::{client, dialect};

/// How long a link lasts in whose way nothing comes.
const AMPLE: Duration = Duration::from_mins(5);

/// Whether it is the release that deletes what it should not.
fn is_old() -> bool {
    let version = Command::new(said("SEAWEEDFS")).arg("version").output().expect("it starts");
    String::from_utf8(version.stdout).expect("a text").contains(" 4.47 ")
}

/// Has the shell of its operators do something, and says what that prints.
fn shell(commands: &str) -> String {
    assert!(engines::address(engines::S3).ip().is_loopback(), "never another's");
    let [master, filer] = ["SEAWEEDFS_MASTER", "SEAWEEDFS_FILER"].map(said);
    let mut shell = Command::new(said("SEAWEEDFS"));
    shell.arg("shell").arg(format!("-master={master}")).arg(format!("-filer={filer}"));
    let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    shell.stdin.take().expect("an input").write_all(commands.as_bytes()).expect("it listens");
    let output = shell.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("a text")
}

/// A store in a bucket of its own, and a client that can do what the store does not.
struct Bucket {
    name: String,
    store: S3,
    client: aws_sdk_s3::Client,
}

impl Bucket {
    async fn fresh() -> Self {
        let name = format!("leftovers-{:016x}", u64::from_be_bytes(random_bytes()));
        let place = Place::parse(&name).expect("a place");
        let store = Sdk::default().s3(&place, &dialect()).await.expect("a region is set");
        Self { name, store, client: client().await }
    }

    /// Gives back the room of what was deleted, beside the first bytes of an object: each place takes ten seconds.
    fn vacuum(&self, left: &Left) {
        let object = shell(&format!("fs.meta.cat /buckets/{}/{}\n", self.name, left.stored.blob));
        let (_, volume) = object.split_once("\"fileId\":").expect("it names its bytes");
        let is_digit = |letter: &char| letter.is_ascii_digit();
        let volume: String = volume.chars().skip_while(|letter| !is_digit(letter)).take_while(is_digit).collect();
        shell(&format!("lock\nvolume.vacuum -volumeId {volume} -garbageThreshold 0.0001\nunlock\n"));
    }

    /// Uploads audio in parts, and has its upload be listed still, as after a crash at the end of it.
    async fn leave_listed(&self, audio: &Bytes) -> Left {
        let now = SystemClock.now();
        let of = Provenance { owner: UserId::generate(now), recording: RecordingId::generate(now) };
        let (parts, sha256) = (Parts::of(audio.len() as u64), Sha256::of(audio));
        let staged = self.store.begin(parts, &of, sha256).await.expect("begun");
        for number in parts.numbers() {
            let link = self.store.presign_part(&staged, parts, number, &of, sha256, AMPLE).await.expect("a link");
            let range = parts.range(number).expect("one of them");
            let [start, end] = [range.start, range.end()].map(|at| usize::try_from(at).expect("it fits in memory"));
            assert_eq!(send_part(link, audio.slice(start..end)).await.status, 200);
        }
        let (_, upload) = staged.as_str().split_once('.').expect("an upload of parts");
        let note = tempfile::NamedTempFile::new().expect("a file");
        let note = note.path().display();
        shell(&format!("fs.meta.save -o {note} /buckets/{}/.uploads/{upload}\n", self.name));
        let Assembled::Whole(stored) = self.store.assemble(&staged, parts, &of).await.expect("put together") else {
            panic!("a part is missing");
        };
        shell(&format!("fs.meta.load {note}\n"));
        Left { stored, upload: upload.to_owned() }
    }

    /// Ends an upload, whatever it has come to.
    async fn abort(&self, left: &Left) {
        let abort = self.client.abort_multipart_upload().bucket(&self.name).key(left.stored.blob.as_str());
        abort.upload_id(&left.upload).send().await.expect("aborted");
    }

    /// Its bytes as a client gets them that asks once or twice, and no longer.
    async fn get(&self, left: &Left) -> Option<Bytes> {
        let object = self.client.get_object().bucket(&self.name).key(left.stored.blob.as_str()).send().await.ok()?;
        object.body.collect().await.ok().map(AggregatedBytes::into_bytes)
    }

    async fn uploads(&self) -> usize {
        let list = self.client.list_multipart_uploads().bucket(&self.name).send().await.expect("listed");
        list.uploads().len()
    }

    async fn read(&self, left: &Left) -> Result<Bytes, BlobError> {
        let Left { stored: StoredBlob { blob, size, .. }, .. } = left;
        let opened = self.store.open(blob, ByteRange::whole(*size)).await?.expect("there");
        opened.try_collect::<BytesMut>().await.map(BytesMut::freeze)
    }
}

/// An object whose upload is still listed.
struct Left {
    stored: StoredBlob,
    upload: String,
}

#[tokio::test]
async fn what_is_left_of_an_upload_never_costs_its_object_its_bytes() {
    let (is_old, bucket) = (is_old(), Bucket::fresh().await);
    let findings = bucket.store.set_up().await;
    let is_warned_of = |findings: Vec<Finding>| {
        findings.into_iter().any(|it| matches!(it.outcome, Outcome::Warning(why) if why.contains("before 4.48")))
    };
    assert_eq!(is_warned_of(findings), is_old);
    assert_eq!(is_warned_of(bucket.store.diagnose().await), is_old);
    let rules = bucket.client.get_bucket_lifecycle_configuration().bucket(&bucket.name).send().await;
    assert_eq!(rules.is_err(), is_old, "the store itself would abort it: {rules:?}");
    let audio: Bytes =
        (0..=Parts::SINGLE_BYTES).map(|place| place.to_le_bytes()[usize::from(place % 3 == 0)]).collect();
    let [left, aborted] = [bucket.leave_listed(&audio).await, bucket.leave_listed(&audio).await];
    assert_eq!(bucket.uploads().await, 2);
    let later = SystemClock.now() + TimeDelta::hours(1);

    assert_eq!(bucket.store.abort_begun_before(later).await.expect("swept"), 0);

    // What it would have come to, once the room was given back.
    bucket.abort(&aborted).await;
    let mut is_whole = true;
    for _ in 0..if is_old { 30 } else { 1 } {
        bucket.vacuum(&aborted);
        is_whole &= bucket.get(&aborted).await.is_some_and(|bytes| bytes == audio);
        if !is_whole {
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(is_whole, !is_old);
    bucket.vacuum(&left);
    assert!(bucket.read(&left).await.expect("read") == audio, "it is other audio by now");
}
