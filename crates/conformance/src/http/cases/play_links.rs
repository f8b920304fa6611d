//! Playback links: a recording for whoever has one, and nothing else.

use serde_json::Value;

use super::{
    expect_all,
    fixtures::{MEMO, digest, fresh_ulid},
    user::{User, id},
};
use crate::http::{Client, Request, Response};

/// Somebody with a recording, of this id.
fn with_recording(client: &dyn Client) -> (User<'_>, String) {
    let ann = User::sign_up(client, "ann");
    let upload = Request::new("POST", "/v1/recordings?name=%ED%9A%8C%EC%9D%98.m4a").body("audio/mp4", MEMO);
    let recording = id(&ann.send(upload).expect(201).json());
    (ann, recording)
}

/// A fresh link to one of their recordings: its path.
fn link(user: &User, recording: &str) -> String {
    path(&ask(user, recording, "").expect(200).json())
}

fn ask(user: &User, recording: &str, query: &str) -> Response {
    user.send(Request::new("POST", format!("/v1/recordings/{recording}/link{query}")))
}

fn path(link: &Value) -> String {
    let (path, url) = (link["path"].as_str().expect("a path"), link["url"].as_str().expect("a URL"));
    assert!(url.starts_with("http") && url.ends_with(path), "{link}");
    assert!(link["expires_at"].as_str().is_some_and(|time| time.ends_with('Z')), "{link}");
    path.to_owned()
}

fn play(client: &dyn Client, path: &str) -> Response {
    client.send(&Request::new("GET", path))
}

fn assert_dead(client: &dyn Client, path: &str) {
    for method in ["GET", "HEAD"] {
        let answer = client.send(&Request::new(method, path)).expect(403);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    }
    assert_eq!(play(client, path).problem(), "invalid-link");
}

pub fn a_link_plays_its_recording_without_a_token(client: &dyn Client) {
    let (ann, recording) = with_recording(client);
    let described = ann.get(&format!("/v1/recordings/{recording}/audio")).expect(200);

    let path = link(&ann, &recording);
    let whole = play(client, &path).expect(200);

    assert!(path.starts_with("/v1/play/") && path.ends_with("/audio.m4a"), "{path}");
    assert!(whole.body == MEMO, "{} bytes came back as {}", MEMO.len(), whole.body.len());
    for same in ["content-type", "etag", "accept-ranges", "cache-control", "content-security-policy"] {
        assert_eq!(whole.header(same), described.header(same), "{same}");
    }
    for (name, value) in [
        ("content-disposition", "inline; filename=\"__.m4a\"; filename*=UTF-8''%ED%9A%8C%EC%9D%98.m4a"),
        ("repr-digest", &digest(MEMO)),
        ("referrer-policy", "no-referrer"),
        ("x-robots-tag", "noindex, nofollow"),
    ] {
        assert_eq!(whole.header(name), Some(value), "{name}");
    }
    let head = client.send(&Request::new("HEAD", &path)).expect(200);
    assert_eq!(head.header("content-length"), Some(&*MEMO.len().to_string()));
    let part = client.send(&Request::new("GET", &path).header("Range", "bytes=100-199")).expect(206);
    assert!(part.body == MEMO[100..200]);
    let tag = whole.header("etag").expect("a tag").to_owned();
    let _ = client.send(&Request::new("GET", &path).header("If-None-Match", tag)).expect(304);
    // Players look at the end of the path alone.
    let other_name = path.replace("audio.m4a", "%ED%9A%8C.mp3");
    assert!(play(client, &other_name).expect(200).body == MEMO);
}

pub fn whoever_asks_for_a_link_again_is_given_the_same(client: &dyn Client) {
    let (ann, recording) = with_recording(client);

    let links = [(); 3].map(|()| link(&ann, &recording));

    // The hour may have struck once.
    assert!(links[0] == links[1] || links[1] == links[2], "{links:?}");
}

pub fn a_link_can_be_one_to_save_the_file(client: &dyn Client) {
    let (ann, recording) = with_recording(client);

    for (query, kind) in [
        ("?download=1", "attachment; "),
        ("?download=true", "attachment; "),
        ("?download=0", "inline; "),
        ("?download=", "inline; "),
    ] {
        let answer = play(client, &path(&ask(&ann, &recording, query).expect(200).json())).expect(200);
        assert!(answer.header("content-disposition").is_some_and(|it| it.starts_with(kind)), "{query}: {answer:?}");
    }
    let wrong = ["?download=maybe", "?expires_in=59", "?expires_in=604801", "?expires_in=soon"];
    ann.expect_all(wrong.map(|query| {
        (Request::new("POST", format!("/v1/recordings/{recording}/link{query}")), "400 invalid-parameter")
    }));
    let _ = ask(&ann, &recording, "?expires_in=60").expect(200);
}

pub fn nobody_is_given_a_link_to_what_is_not_theirs(client: &dyn Client) {
    let (ann, recording) = with_recording(client);
    let bob = User::sign_up(client, "bob");
    let ask = |recording: &str| Request::new("POST", format!("/v1/recordings/{recording}/link"));

    bob.expect_all([(ask(&recording), "404 not-found"), (ask("memo"), "404 not-found")]);
    ann.expect_all([(ask(&fresh_ulid()), "404 not-found")]);
    expect_all(client, [(ask(&recording), "401 unauthenticated")]);
}

pub fn a_link_lets_nobody_do_anything_else(client: &dyn Client) {
    let (ann, recording) = with_recording(client);
    let path = link(&ann, &recording);
    let ticket = path.split('/').nth(3).expect("a ticket").to_owned();

    let others = ["POST", "PUT", "PATCH", "DELETE"].map(|verb| (Request::new(verb, &*path), "405 method-not-allowed"));
    expect_all(client, others);
    let targets = ["/v1/recordings".to_owned(), format!("/v1/recordings/{recording}/audio"), "/v1/me".to_owned()];
    let as_token = targets.map(|target| (Request::new("GET", target).bearer(&ticket), "401 invalid-token"));
    expect_all(client, as_token);
    assert_eq!(ann.audio(&recording), MEMO);
}

pub fn what_was_no_link_plays_nothing(client: &dyn Client) {
    let (ann, recording) = with_recording(client);
    let path = link(&ann, &recording);
    let ticket = path.split('/').nth(3).expect("a ticket");
    let changed = |place: usize| {
        let other = if ticket.as_bytes()[place] == b'A' { "B" } else { "A" };
        format!("{}{other}{}", &ticket[..place], &ticket[place + 1..])
    };

    for forged in [changed(0), changed(5), changed(30), changed(70), changed(ticket.len() - 1), ticket[1..].to_owned()]
    {
        assert_dead(client, &path.replace(ticket, &forged));
    }
    for forged in ["A", "%00", "%ED%9A%8C", "..%2F..", &ticket.to_lowercase(), &format!("{ticket}=")] {
        assert_dead(client, &path.replace(ticket, forged));
    }
}

pub fn a_link_ends_when_its_recording_is_deleted(client: &dyn Client) {
    let (ann, recording) = with_recording(client);
    let path = link(&ann, &recording);
    ann.delete(&recording);
    assert_dead(client, &path);

    // The same again is another recording.
    let again = Request::new("PUT", format!("/v1/recordings/{recording}?again=true")).body("audio/mp4", MEMO);
    let _ = ann.send(again).expect(201);
    assert_dead(client, &path);
    let _ = play(client, &link(&ann, &recording)).expect(200);
}

pub fn a_link_ends_when_its_owner_signs_out_everywhere(client: &dyn Client) {
    let (ann, recording) = with_recording(client);
    let phone = ann.log_in_again();
    let path = link(&ann, &recording);
    let _ = ann.send(Request::new("POST", "/v1/auth/logout")).expect(204);
    let _ = play(client, &path).expect(200);

    let _ = phone.send(Request::new("DELETE", "/v1/me/sessions")).expect(204);

    assert_dead(client, &path);
    let back = ann.log_in_again();
    let fresh = link(&back, &recording);
    assert_ne!(fresh, path);
    let _ = play(client, &fresh).expect(200);
    assert_dead(client, &path);
}

pub fn a_link_plays_under_the_new_name(client: &dyn Client) {
    let (ann, recording) = with_recording(client);
    let path = link(&ann, &recording);
    let rename = Request::new("PATCH", format!("/v1/recordings/{recording}"));
    let _ = ann.send(rename.json(&serde_json::json!({"name": "new.m4a"}))).expect(200);

    let named = play(client, &path).expect(200);

    assert!(named.header("content-disposition").is_some_and(|it| it.contains("new.m4a")), "{named:?}");
}

pub fn recordings_come_with_links_if_that_is_asked_for(client: &dyn Client) {
    let (ann, recording) = with_recording(client);
    let target = format!("/v1/recordings/{recording}");
    ann.upload("another");

    let listed = ann.read("/v1/recordings?include=link&limit=10");
    for item in listed["items"].as_array().expect("a list") {
        let played = play(client, &path(&item["link"])).expect(200);
        assert_eq!(played.body, ann.audio(&id(item)));
    }
    let one = ann.get(&format!("{target}?include=link")).expect(200);
    assert!(play(client, &path(&one.json()["link"])).expect(200).body == MEMO);
    assert_eq!(one.header("cache-control"), Some("no-store"));

    for target in ["/v1/recordings", &target] {
        assert!(!ann.read(target).to_string().contains("\"link\""), "{target}");
    }
    // A link may have expired where the version is the same.
    let tag = one.header("etag").expect("a tag");
    let known = Request::new("GET", format!("{target}?include=link")).header("If-None-Match", tag);
    let _ = ann.send(known).expect(200);
    let wrong = ["/v1/recordings", &target].map(|it| Request::new("GET", format!("{it}?include=audio")));
    ann.expect_all(wrong.map(|request| (request, "400 invalid-parameter")));
}
