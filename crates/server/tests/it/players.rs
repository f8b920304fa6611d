//! Players that take what they asked for slowly, or not at all.

use std::net::TcpStream;

use tapebase_conformance::http::{Request, cases::fixtures::noise};

use crate::{server::Server, stall::SETTINGS};

/// Far more than the kernel takes for a client that reads nothing.
const SIZE: usize = 12 << 20;
/// Each has a sixteenth of the memory at most for what is sent to them, and all together half.
const USERS: usize = 9;
/// How many answers that is, of 256 KiB each.
const SHARE: usize = 16;

#[test]
fn whoever_plays_slowly_keeps_no_recording_from_being_stored() {
    let server = Server::start(&SETTINGS);
    let tcp = server.tcp();
    let upload =
        |token: &str, size| Request::new("POST", "/v1/recordings").bearer(token).body("audio/mp4", noise(size));
    let users: Vec<(String, Request)> = (0..USERS)
        .map(|number| {
            let token = server.sign_up(&format!("user{number}"));
            let recording = server.send(&upload(&token, SIZE)).expect(201).json();
            let audio = format!("/v1/recordings/{}/audio", recording["id"].as_str().expect("an id"));
            let play = Request::new("GET", audio).bearer(&token);
            (token, play)
        })
        .collect();

    let begin = |play: &Request| (0..SHARE).map(|_| tcp.begin(play)).collect();
    let (token, play) = &users[0];
    let mut playing: Vec<TcpStream> = begin(play);
    for stream in &playing {
        assert_eq!(stream.peek(&mut [0]).expect("an answer"), 1);
    }
    playing.extend(users[1..].iter().flat_map(|(_, play)| begin(play)));

    let refused = server.send(play);
    assert_eq!(refused.outcome(), "503 busy");
    assert!(refused.header("retry-after").is_some());
    for (token, _) in &users {
        let _ = server.send(&upload(token, 1 << 20)).expect(201);
    }
    drop(playing);
    assert_eq!(server.send(play).expect(200).body.len(), SIZE);
    let _ = server.send(&upload(token, SIZE)).expect(201);
}
