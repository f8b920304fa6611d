//! Playing parts of a recording (RFC 9110 section 14).

use super::{
    fixtures::{MEMO, digest, noise, sha256},
    user::{User, id},
};
use crate::http::{Client, Request, Response};

const LAST: usize = MEMO.len() - 1;

/// Somebody's recording.
struct Tape<'a> {
    user: User<'a>,
    target: String,
}

impl<'a> Tape<'a> {
    fn of(client: &'a dyn Client, body: &[u8]) -> Self {
        let user = User::sign_up(client, "ann");
        let target = format!("/v1/recordings/{}/audio", id(&user.upload(body)));
        Self { user, target }
    }

    fn ask(&self, range: &str) -> Request {
        Request::new("GET", &self.target).header("Range", range)
    }

    fn play(&self, range: &str) -> Response {
        self.user.send(self.ask(range))
    }
}

/// The parts of a `multipart/byteranges`, by their `Content-Range`.
fn parts(response: &Response) -> Vec<(String, Vec<u8>)> {
    let content_type = response.header("content-type").unwrap_or_default();
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").expect(content_type);
    let separator = format!("\r\n--{boundary}");
    let mut rest = response.body.strip_prefix(separator.as_bytes()).expect("a first separator");
    let mut parts = Vec::new();
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let head = part.windows(4).position(|window| window == b"\r\n\r\n").expect("headers");
        let headers = std::str::from_utf8(&part[..head]).expect("ASCII");
        let (media_type, range) = headers.split_once("\r\nContent-Range: ").expect(headers);
        assert_eq!(media_type, "Content-Type: audio/mp4");
        let content = &part[head + 4..];
        let end = content.windows(separator.len()).position(|window| window == separator.as_bytes()).expect("an end");
        parts.push((range.to_owned(), content[..end].to_vec()));
        rest = &content[end + separator.len()..];
    }
    assert_eq!(rest, b"--\r\n");
    parts
}

fn expected_parts(body: &[u8], ranges: &[(usize, usize)]) -> Vec<(String, Vec<u8>)> {
    let part =
        |(first, last): (usize, usize)| (format!("bytes {first}-{last}/{}", body.len()), body[first..=last].to_vec());
    ranges.iter().copied().map(part).collect()
}

pub fn a_range_is_played(client: &dyn Client) {
    let tape = Tape::of(client, MEMO);

    for (range, first, last) in [
        ("bytes=0-1", 0, 1),
        ("bytes=0-0", 0, 0),
        ("bytes=0-", 0, LAST),
        ("bytes=1000-1999", 1_000, 1_999),
        ("bytes=24000-", 24_000, LAST),
        ("bytes=-1", LAST, LAST),
        ("bytes=-500", LAST - 499, LAST),
        ("bytes=-999999999", 0, LAST),
        (&format!("bytes={LAST}-{LAST}"), LAST, LAST),
        (&format!("bytes={LAST}-"), LAST, LAST),
        (&format!("bytes=10-{}", LAST + 1), 10, LAST),
        ("bytes=10-18446744073709551615", 10, LAST),
    ] {
        let part = tape.play(range);

        assert_eq!(part.status, 206, "{range}: {part:?}");
        let content_range = format!("bytes {first}-{last}/{}", MEMO.len());
        assert_eq!(part.header("content-range"), Some(&*content_range), "{range}");
        assert_eq!(part.header("content-length"), Some(&*(last - first + 1).to_string()), "{range}");
        assert!(part.body == MEMO[first..=last], "{range} came with other bytes");
    }
}

pub fn a_part_is_described_like_the_whole(client: &dyn Client) {
    let tape = Tape::of(client, MEMO);
    let whole = tape.user.get(&tape.target).expect(200);

    let part = tape.play("bytes=0-1").expect(206);

    for name in ["content-type", "accept-ranges", "etag", "repr-digest", "content-disposition", "cache-control"] {
        assert_eq!(part.header(name), whole.header(name), "{name}");
    }
    assert_eq!(part.header("repr-digest"), Some(&*digest(MEMO)));
}

pub fn ranges_of_a_long_recording_are_exact(client: &dyn Client) {
    let body = noise(1_500_000);
    let tape = Tape::of(client, &body);

    for (first, last) in
        [(0, 262_143), (0, 262_144), (262_143, 262_144), (262_144, 524_288), (1, 1_499_999), (700_001, 1_300_000)]
    {
        let part = tape.play(&format!("bytes={first}-{last}")).expect(206);
        assert!(part.body == body[first..=last], "{first}-{last} came with other bytes");
    }
    let ranges = [(0, 300_000), (300_001, 300_001), (400_000, 1_000_000)];
    let several = tape.play("bytes=0-300000,300001-300001,400000-1000000").expect(206);
    assert!(parts(&several) == expected_parts(&body, &ranges), "several ranges came with other bytes");
}

pub fn a_range_beyond_the_end_is_told_where_the_end_is(client: &dyn Client) {
    let tape = Tape::of(client, MEMO);
    let beyond = [
        format!("bytes={}-", MEMO.len()),
        format!("bytes={0}-{0}", MEMO.len()),
        "bytes=999999999-".to_owned(),
        "bytes=18446744073709551615-".to_owned(),
        "bytes=-0".to_owned(),
        "bytes=999999999-,888888888-".to_owned(),
    ];

    for range in beyond {
        let answer = tape.play(&range);
        assert_eq!(answer.outcome(), "416 range-not-satisfiable", "{range}");
        assert_eq!(answer.header("content-range"), Some(&*format!("bytes */{}", MEMO.len())), "{range}");
    }
}

pub fn several_ranges_come_in_one_answer(client: &dyn Client) {
    let tape = Tape::of(client, MEMO);

    for (range, ranges) in [
        ("bytes=0-1,10-19", &[(0, 1), (10, 19)][..]),
        ("bytes=0-1, 10-19", &[(0, 1), (10, 19)]),
        ("bytes=10-19,0-1", &[(10, 19), (0, 1)]),
        ("bytes=0-0,-1", &[(0, 0), (LAST, LAST)]),
        ("bytes=0-9,5-14", &[(0, 9), (5, 14)]),
        ("bytes=0-0,2-2,4-4,6-6,8-8,10-", &[(0, 0), (2, 2), (4, 4), (6, 6), (8, 8), (10, LAST)]),
        ("bytes=5-9,999999999-,20-29", &[(5, 9), (20, 29)]),
    ] {
        let answer = tape.play(range);
        assert_eq!(answer.status, 206, "{range}: {answer:?}");
        assert_eq!(answer.header("content-range"), None, "{range}");
        assert_eq!(answer.header("etag"), Some(&*format!("\"{}\"", sha256(MEMO))), "{range}");
        assert_eq!(answer.header("content-length"), Some(&*answer.body.len().to_string()), "{range}");
        assert!(parts(&answer) == expected_parts(MEMO, ranges), "{range}: {answer:?}");
    }
}

pub fn one_range_that_is_left_of_several_comes_alone(client: &dyn Client) {
    let tape = Tape::of(client, MEMO);

    let part = tape.play("bytes=999999999-,0-9").expect(206);

    assert_eq!(part.header("content-type"), Some("audio/mp4"));
    assert_eq!(part.header("content-range"), Some(&*format!("bytes 0-9/{}", MEMO.len())));
    assert_eq!(part.body, &MEMO[..10]);
}

/// A short request must not make a long answer (RFC 9110 section 14.2).
pub fn ranges_that_ask_for_more_than_there_is_get_the_whole(client: &dyn Client) {
    let tape = Tape::of(client, MEMO);
    let many = |range: &str, times| format!("bytes={}", vec![range; times].join(","));

    for range in ["bytes=0-,0-", "bytes=0-,-1", "bytes=0-20000,10000-", &many("0-", 1_000), &many("0-0", 1_000)] {
        let answer = tape.play(range);
        assert_eq!(answer.status, 200, "{range}: {answer:?}");
        assert!(answer.body == MEMO, "{range} came with other bytes");
    }
}

pub fn what_is_no_range_of_bytes_is_ignored(client: &dyn Client) {
    let tape = Tape::of(client, MEMO);
    let ranges = [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5-2",
        "bytes=1",
        "bytes=1-2-3",
        "bytes=0x0-0x1",
        "bytes=-1-2",
        "bytes:0-1",
        "0-1",
        "seconds=0-1",
        "items=0-1",
        "\u{ff}=0-1",
    ];

    for range in ranges {
        let answer = tape.play(range);
        assert_eq!(answer.status, 200, "{range}: {answer:?}");
        assert!(answer.body == MEMO, "{range} came with other bytes");
    }
}

pub fn one_malformed_range_of_several_spoils_them_all(client: &dyn Client) {
    let tape = Tape::of(client, MEMO);

    tape.user.expect_all(["bytes=0-1,5-2", "bytes=0-1,x", "bytes=-,0-1"].map(|range| (tape.ask(range), "200")));
}

pub fn a_range_counts_if_it_is_of_this_version(client: &dyn Client) {
    let tape = Tape::of(client, MEMO);
    let tag = format!("\"{}\"", sha256(MEMO));
    let others = [
        format!("W/{tag}"),
        "\"x\"".to_owned(),
        "\"r1\"".to_owned(),
        sha256(MEMO),
        "Mon, 23 Nov 2026 09:30:00 GMT".to_owned(),
        "*".to_owned(),
        String::new(),
    ];

    let part = tape.user.send(tape.ask("bytes=0-9").header("If-Range", &tag)).expect(206);
    assert_eq!(part.body, &MEMO[..10]);
    for other in others {
        let whole = tape.user.send(tape.ask("bytes=0-9").header("If-Range", &other)).expect(200);
        assert!(whole.body == MEMO, "If-Range: {other} came with other bytes");
    }
    let beyond = tape.ask("bytes=999999999-").header("If-Range", "\"x\"");
    assert_eq!(tape.user.send(beyond).outcome(), "200");
}
