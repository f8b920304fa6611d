//! Players sent to the store itself find there what the server would have answer.

use tapebase_conformance::http::{Client as _, Request, Response, Web};

use super::stores;
use crate::server::Server;

const TARGET: &str = "/v1/recordings/01JD9Z8Q3NVX4T6M2K7C5B1ARE";

struct Player {
    server: Server,
    token: String,
}

impl Player {
    /// Somebody with one recording, of these bytes.
    fn with(audio: &[u8]) -> Self {
        let server = stores::serve(&[("TAPEBASE_DOWNLOADS", "redirect")]);
        let token = server.sign_up("ann");
        let upload = Request::new("PUT", format!("{TARGET}?name=%ED%9A%8C%EC%9D%98%EB%A1%9D.m4a")).bearer(&token);
        let _ = server.send(&upload.body("audio/mp4", audio)).expect(201);
        Self { server, token }
    }

    fn ask(&self, method: &'static str) -> Request {
        Request::new(method, format!("{TARGET}/audio")).bearer(&self.token)
    }

    fn send(&self, request: &Request) -> Response {
        self.server.send(request)
    }
}

#[test]
fn the_store_plays_what_the_server_would_have() {
    let audio: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let player = Player::with(&audio);
    let described = player.send(&player.ask("HEAD")).expect(200);

    let sent = player.send(&player.ask("GET")).expect(307);
    assert_eq!(sent.header("cache-control"), Some("no-store"));
    for same in ["etag", "repr-digest", "content-disposition"] {
        assert_eq!(sent.header(same), described.header(same), "{same}");
    }
    let answer = Web.send(&Request::new("GET", sent.header("location").expect("somewhere"))).expect(200);
    assert_eq!(answer.body, audio);
    for same in ["content-type", "content-length", "content-disposition", "accept-ranges"] {
        assert_eq!(answer.header(same), described.header(same), "{same}");
    }
    assert!(answer.header("etag").is_some_and(|tag| tag.starts_with('"')), "{answer:?}");
}

#[test]
fn the_store_plays_ranges() {
    let player = Player::with(b"0123456789");
    let sent = player.send(&player.ask("GET").header("Range", "bytes=2-4")).expect(307);
    let link = sent.header("location").expect("somewhere");

    let answer = Web.send(&Request::new("GET", link).header("Range", "bytes=2-4")).expect(206);

    assert_eq!((answer.body.as_slice(), answer.header("content-range")), (&b"234"[..], Some("bytes 2-4/10")));
    let _ = Web.send(&Request::new("GET", link).header("Range", "bytes=10-")).expect(416);
}

#[test]
fn what_a_player_has_already_is_not_sent_for() {
    let player = Player::with(b"speech");
    let tag = player.send(&player.ask("HEAD")).expect(200).header("etag").expect("a tag").to_owned();

    let _ = player.send(&player.ask("GET").header("If-None-Match", tag)).expect(304);
    assert_eq!(player.send(&player.ask("GET").header("If-Match", "\"another\"")).problem(), "precondition-failed");
}

#[test]
fn nobody_elses_recording_has_a_link() {
    let player = Player::with(b"speech");
    let other = player.server.sign_up("bob");

    let answer = player.send(&Request::new("GET", format!("{TARGET}/audio")).bearer(&other));

    assert_eq!((answer.problem().as_str(), answer.header("location")), ("not-found", None));
}

#[test]
fn a_link_leads_to_the_store_which_plays_it_in_the_browser() {
    let audio: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let player = Player::with(&audio);
    let link = |query: &str| {
        let ask = Request::new("POST", format!("{TARGET}/link{query}")).bearer(&player.token);
        player.send(&ask).expect(200).json()["path"].as_str().expect("a path").to_owned()
    };

    for (query, kind) in [("", "inline; "), ("?download=1", "attachment; ")] {
        let path = link(query);
        let sent = player.send(&Request::new("GET", &*path)).expect(307);
        assert_eq!(
            (sent.header("cache-control"), sent.header("referrer-policy")),
            (Some("no-store"), Some("no-referrer"))
        );
        let location = sent.header("location").expect("somewhere");
        let answer = Web.send(&Request::new("GET", location).header("Range", "bytes=1000-")).expect(206);
        assert!(answer.body == audio[1_000..]);
        assert_eq!(answer.header("content-type"), Some("audio/mp4"));
        assert!(answer.header("content-disposition").is_some_and(|it| it.starts_with(kind)), "{answer:?}");
    }
    let path = link("");
    let everywhere = Request::new("DELETE", "/v1/me/sessions").bearer(&player.token);
    let _ = player.send(&everywhere).expect(204);
    assert_eq!(player.send(&Request::new("GET", &*path)).expect(403).problem(), "invalid-link");
}
