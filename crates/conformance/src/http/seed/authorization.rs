//! The header `Authorization: <user_id> <auth_key>`.

use serde_json::json;

use super::{
    Client, Request,
    phone::{OCTET_STREAM, Phone, assert_answer},
};

/// One request per route that wants credentials, without any.
fn protected(id: &str) -> [Request; 5] {
    [
        Request::new("GET", "/record/list"),
        Request::new("GET", format!("/record/{id}")),
        Request::new("DELETE", format!("/record/{id}")),
        Request::new("PUT", "/record/foreign.m4a").body(OCTET_STREAM, "audio"),
        Request::new("PUT", "/upload/record/foreign.m4a").body(OCTET_STREAM, "audio"),
    ]
}

/// Fails unless every route answers these credentials with 401 and does nothing.
#[track_caller]
fn assert_refused<C: AsRef<[u8]>>(client: &dyn Client, victim: &Phone, credentials: impl IntoIterator<Item = C>) {
    let id = victim.only_id();
    for credentials in credentials {
        for request in protected(&id) {
            let response = client.send(&request.header("Authorization", &credentials));
            assert_answer(&response, 401, &json!({"error": "Not Authorization"}));
        }
    }
    assert_eq!(victim.only_id(), id);
}

/// 400 on the list, delete and download; empty and blank is as good as none.
pub fn requests_without_authorization_are_told_that_it_is_required(client: &dyn Client) {
    let phone = Phone::new(client);
    phone.upload("memo.m4a", b"audio");
    let id = phone.only_id();
    for request in &protected(&id)[..3] {
        let required = json!({"error": "Authorization Header is required."});
        assert_answer(&client.send(request), 400, &required);
        for blank in ["", " ", " \t  "] {
            assert_answer(&client.send(&request.clone().header("Authorization", blank)), 400, &required);
        }
    }
    assert_eq!(phone.only_id(), id);
}

/// The seed's table does not say how; only that it is refused.
pub fn an_upload_without_authorization_is_refused(client: &dyn Client) {
    for request in &protected("memo")[3..] {
        for request in [request.clone(), request.clone().header("Authorization", "")] {
            let response = client.send(&request);
            assert!(matches!(response.status, 400 | 401), "{response:?}");
            assert!(response.json()["error"].is_string(), "{response:?}");
        }
    }
}

/// Two words, with any white space between and around them; the header's name in any case.
pub fn authorization_takes_any_white_space_and_any_case_of_its_name(client: &dyn Client) {
    let phone = Phone::new(client);
    let Phone { user_id, key, .. } = &phone;
    let values = [
        format!("{user_id} {key}"),
        format!("{user_id}\t{key}"),
        format!("{user_id}        {key}"),
        format!("{user_id} \t \t {key}"),
        format!("   {user_id} {key}"),
        format!("\t{user_id} {key}\t"),
        format!(" \t {user_id}\t\t{key}   "),
    ];
    for value in values {
        for name in ["Authorization", "authorization", "AUTHORIZATION", "aUTHORIzation"] {
            let response = client.send(&Request::new("GET", "/record/list").header(name, &value));
            assert_answer(&response, 200, &json!({"records": []}));
        }
    }
}

/// 401 for a wrong key, an unknown user, another user's key, both swapped, and the wrong case.
pub fn wrong_credentials_are_refused(client: &dyn Client) {
    let [ann, ben] = [(); 2].map(|()| Phone::new(client));
    ann.upload("memo.m4a", b"audio");
    let Phone { user_id, key, .. } = &ann;
    let flipped: String = key.chars().map(flip_case).collect();
    let mut changed = key.clone();
    let last = changed.pop().expect("64 letters and digits");
    changed.push(if last == 'a' { 'b' } else { 'a' });

    let wrong = [
        format!("{user_id} {changed}"),
        format!("{user_id} {}", "a".repeat(64)),
        format!("{user_id} {user_id}"),
        format!("{user_id} {}", &key[1..]),
        format!("{user_id} {key}x"),
        format!("{user_id} {flipped}"),
        format!("{user_id} {}", key.to_lowercase()),
        format!("{user_id} {}", ben.key),
        format!("{} {key}", ben.user_id),
        format!("X_nobody {key}"),
        format!("{user_id}x {key}"),
        format!("{} {key}", &user_id[..user_id.len() - 1]),
        format!("{} {key}", user_id.to_lowercase()),
        format!("{key} {user_id}"),
        format!("{key} {key}"),
        format!("* {key}"),
        format!("% {key}"),
        format!("{user_id} ' OR '1'='1"),
        format!("{user_id} '"),
    ];

    assert_refused(client, &ann, wrong);
    assert_eq!(ben.list().len(), 0);
}

/// The seed answered anything but two words with 500 and a traceback.
pub fn anything_but_two_words_is_refused(client: &dyn Client) {
    let ann = Phone::new(client);
    ann.upload("memo.m4a", b"audio");
    let Phone { user_id, key, .. } = &ann;

    let malformed = [
        key.clone(),
        user_id.clone(),
        format!("{user_id}{key}"),
        format!("{user_id}:{key}"),
        format!("{user_id},{key}"),
        format!("{user_id} {key} {key}"),
        format!("Bearer {user_id} {key}"),
        format!("{user_id} {key} x"),
        format!("Bearer {key}"),
        "Basic YW5uOnNlY3JldA==".to_owned(),
        "a b c d e f g h".to_owned(),
        "\"\" \"\"".to_owned(),
        "null null".to_owned(),
    ];

    assert_refused(client, &ann, malformed);
}

/// 401 for anything very long.
pub fn very_long_credentials_are_refused(client: &dyn Client) {
    let ann = Phone::new(client);
    ann.upload("memo.m4a", b"audio");
    let Phone { user_id, key, .. } = &ann;

    let long = [
        format!("{user_id} {}", "k".repeat(8_000)),
        format!("{} {key}", "u".repeat(8_000)),
        format!("{user_id} {}", key.repeat(120)),
        "x".repeat(8_000),
        "x ".repeat(4_000),
    ];

    assert_refused(client, &ann, long);
}

/// 401 for what is not even text.
pub fn credentials_that_are_not_ascii_are_refused(client: &dyn Client) {
    let ann = Phone::new(client);
    ann.upload("memo.m4a", b"audio");
    let Phone { user_id, key, .. } = &ann;

    let odd: [Vec<u8>; 6] = [
        format!("{user_id} 열쇠").into(),
        format!("홍길동 {key}").into(),
        // A space, but of another kind: still one word.
        format!("{user_id}\u{a0}{key}x").into(),
        [user_id.as_bytes(), b" \xff\xfe"].concat(),
        [b"\xff ", key.as_bytes()].concat(),
        b"\xc3\x28 \xe2\x82".to_vec(),
    ];

    assert_refused(client, &ann, odd);
}

fn flip_case(char: char) -> char {
    if char.is_ascii_lowercase() { char.to_ascii_uppercase() } else { char.to_ascii_lowercase() }
}
