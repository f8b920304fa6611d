//! What an app does, with the function as it is deployed: parts and playback go past it.

use serde_json::json;
use tapebase_conformance::http::{Client, Request, Response, Web, cases::sending::put};
use tapebase_domain::digest::Sha256;

use crate::{
    rie::{Caller, Function},
    stores,
};

/// Longer than an event or an answer can be.
const SIZE: usize = 20 << 20;

#[test]
fn an_app_signs_up_uploads_lists_plays_and_deletes() {
    let caller = deployed(&[]);
    let token = sign_up(&caller);
    let audio: Vec<u8> = (0..=255).cycle().take(SIZE).collect();

    let recording = upload_directly(&caller, &token, &audio).expect(201).json();
    let id = recording["id"].as_str().expect("an id");
    let list = caller.send(&Request::new("GET", "/v1/recordings").bearer(&token)).expect(200).json();
    assert_eq!(list["items"], json!([recording]));
    let play = Request::new("GET", format!("/v1/recordings/{id}/audio")).bearer(&token);
    let sent = caller.send(&play).expect(307);
    let link = sent.header("location").expect("somewhere");
    let played = Web.send(&Request::new("GET", link)).expect(200);
    assert!(played.body == audio, "something else is played");
    let _ = caller.send(&Request::new("DELETE", format!("/v1/recordings/{id}")).bearer(&token)).expect(204);
    let _ = Web.send(&Request::new("GET", link)).expect(404);
    let _ = caller.send(&play).expect(404);
}

#[test]
fn a_recording_too_large_for_an_event_is_shown_the_way() {
    let caller = deployed(&[]);
    let token = sign_up(&caller);

    // The largest that gets here; larger ones are refused by Lambda itself.
    let upload = Request::new("POST", "/v1/recordings").bearer(&token).body("audio/mp4", vec![0; 4_710_000]);
    let refused = caller.send(&upload);

    assert_eq!(refused.problem(), "too-large");
    assert!(refused.json()["detail"].as_str().is_some_and(|detail| detail.contains("POST /v1/direct")), "{refused:?}");
}

#[test]
fn a_player_gets_as_much_of_the_rest_as_fits_into_an_answer() {
    let caller = deployed(&[("TAPEBASE_DOWNLOADS", "stream")]);
    let token = sign_up(&caller);
    let audio: Vec<u8> = (0..=255).cycle().take(10_000_000).collect();
    let recording = upload_directly(&caller, &token, &audio).expect(201).json();
    let play = || {
        let target = format!("/v1/recordings/{}/audio", recording["id"].as_str().expect("an id"));
        Request::new("GET", target).bearer(&token)
    };

    let mut played = Vec::new();
    while played.len() < audio.len() {
        let some = caller.send(&play().header("Range", format!("bytes={}-", played.len()))).expect(206);
        let last = (played.len() + (4 << 20)).min(audio.len()) - 1;
        let range = format!("bytes {}-{last}/{}", played.len(), audio.len());
        assert_eq!(some.header("content-range"), Some(&*range));
        played.extend(some.body);
    }

    assert!(played == audio, "something else is played");
    assert_eq!(caller.send(&play()).expect(413).problem(), "answer-too-large");
}

/// A function with its own defaults.
pub fn deployed(settings: &[(&'static str, &str)]) -> Caller {
    let mut stores = stores::fresh();
    stores.retain(|(name, _)| *name != "TAPEBASE_DOWNLOADS");
    Function::start_on(&stores, settings).into_caller()
}

pub fn sign_up(caller: &Caller) -> String {
    let credentials = json!({"email": "ann@example.com", "password": "correct horse"});
    let grant = caller.send(&Request::new("POST", "/v1/auth/signup").json(&credentials)).expect(201).json();
    grant["access_token"].as_str().expect("a token").to_owned()
}

/// Announces a recording, sends its parts to the store, and completes it.
pub fn upload_directly(caller: &Caller, token: &str, audio: &[u8]) -> Response {
    let announcement = json!({"size": audio.len(), "sha256": Sha256::of(audio).to_hex(), "media_type": "audio/mp4"});
    let plan = caller.send(&Request::new("POST", "/v1/direct").bearer(token).json(&announcement)).expect(201).json();
    let mut rest = audio;
    for part in plan["parts"].as_array().expect("a list") {
        let size = part["size"].as_u64().and_then(|size| usize::try_from(size).ok()).expect("a size");
        let (bytes, left) = rest.split_at(size);
        rest = left;
        let _ = put(&Web, part, bytes).expect(200);
    }
    let id = plan["id"].as_str().expect("an id");
    caller.send(&Request::new("POST", format!("/v1/direct/{id}/complete")).bearer(token))
}
