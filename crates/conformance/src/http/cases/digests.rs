//! Digests that clients announce (RFC 9530).

use super::{
    fixtures::{MEMO, digest, fresh_ulid, noise},
    user::User,
};
use crate::http::{Client, Request};

const SHA_512: &str =
    "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:";

/// An upload of the memo with these headers.
fn upload(headers: &[(&str, &str)]) -> Request {
    let upload = Request::new("POST", "/v1/recordings").body("audio/mp4", MEMO);
    headers.iter().fold(upload, |upload, (name, value)| upload.header(name, value))
}

pub fn a_right_digest_is_taken(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let right = &*digest(MEMO);
    let among_others = format!("{SHA_512}, {right}, md5=:AAAA:");

    ann.expect_all(
        [
            &[("Repr-Digest", right)][..],
            &[("Content-Digest", right)],
            &[("Repr-Digest", right), ("Content-Digest", right)],
            &[("Repr-Digest", &*among_others)],
            &[("Repr-Digest", SHA_512), ("Repr-Digest", right)],
            &[("Repr-Digest", SHA_512), ("Content-Digest", right)],
            &[("Repr-Digest", &*format!("{right};q=1"))],
        ]
        .map(|headers| (upload(headers), "201")),
    );
}

pub fn a_body_with_another_digest_is_not_stored(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let (right, wrong) = (&*digest(MEMO), &*digest(b"other"));

    ann.expect_all(
        [
            &[("Repr-Digest", wrong)][..],
            &[("Content-Digest", wrong)],
            &[("Repr-Digest", wrong), ("Content-Digest", wrong)],
            &[("Repr-Digest", &*format!("{SHA_512}, {wrong}"))],
            &[("Repr-Digest", &*format!("{right}, {wrong}"))],
        ]
        .map(|headers| (upload(headers), "400 digest-mismatch")),
    );
    let large = Request::new("POST", "/v1/recordings").body("audio/mp4", noise(600_000));
    ann.expect_all([(large.header("Repr-Digest", right), "400 digest-mismatch")]);

    assert!(ann.recordings().is_empty());
}

pub fn another_digest_under_a_taken_id_conflicts(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let put = |value: &str| Request {
        method: "PUT",
        target: format!("/v1/recordings/{}", "01JD9Z8Q3NVX4T6M2K7C5B1ARE"),
        ..upload(&[("Repr-Digest", value)])
    };

    ann.expect_all([
        (put(&digest(MEMO)), "201"),
        (put(&digest(MEMO)), "200"),
        (put(&digest(b"other")), "409 recording-conflict"),
    ]);
}

pub fn a_repeated_upload_that_arrives_damaged_is_told_so(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let target = format!("/v1/recordings/{}", fresh_ulid());
    let put = |body: &[u8]| Request::new("PUT", &target).body("audio/mp4", body).header("Repr-Digest", digest(MEMO));
    let mut damaged = MEMO.to_vec();
    damaged[7] ^= 1;

    ann.expect_all([(put(MEMO), "201"), (put(&damaged), "400 digest-mismatch"), (put(MEMO), "200")]);
}

pub fn digests_that_contradict_are_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let (right, wrong) = (&*digest(MEMO), &*digest(b"other"));

    ann.expect_all([
        (upload(&[("Repr-Digest", right), ("Content-Digest", wrong)]), "400 invalid-parameter"),
        (upload(&[("Repr-Digest", wrong), ("Content-Digest", right)]), "400 invalid-parameter"),
    ]);
    assert!(ann.recordings().is_empty());
}

pub fn a_malformed_digest_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let right = digest(MEMO);
    let unclosed = right.trim_end_matches(':');
    let base64 = unclosed.trim_start_matches("sha-256=:");
    let values = [
        "sha-256",
        "sha-256=",
        "sha-256=::",
        "sha-256=:AAAA:",
        "sha-256=:!!!!:",
        "sha-256=1",
        unclosed,
        base64,
        &format!("sha-256={base64}"),
        &format!("sha-256=\"{base64}\""),
        &format!("sha-256=(:{base64}:)"),
        &format!("SHA-256=:{base64}:"),
        &format!("sha-256=:{base64}:,"),
        &format!("{right} and more"),
    ];

    for name in ["Repr-Digest", "Content-Digest"] {
        ann.expect_all(values.map(|value| (upload(&[(name, value)]), "400 invalid-parameter")));
    }
    assert!(ann.recordings().is_empty());
}

pub fn algorithms_nobody_knows_are_ignored(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    ann.expect_all(
        [
            &[("Repr-Digest", SHA_512)][..],
            &[("Content-Digest", "md5=:AAAA:, sha=:AAAA:")],
            &[("Repr-Digest", "unixsum=30637")],
            &[("Digest", "SHA-256=AAAA")],
            &[("Want-Repr-Digest", "sha-256=1")],
        ]
        .map(|headers| (upload(headers), "201")),
    );
}

pub fn an_empty_recording_has_a_digest_too(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let put = |value: String| {
        let upload = Request::new("PUT", format!("/v1/recordings/{}", fresh_ulid())).body("audio/mp4", "");
        upload.header("Repr-Digest", value)
    };

    ann.expect_all([(put(digest(b"")), "201"), (put(digest(MEMO)), "400 digest-mismatch")]);
}
