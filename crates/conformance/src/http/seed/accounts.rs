//! Social ids of every kind: distinct accounts, which work everywhere or are refused at login.

use serde_json::json;

use super::{
    Client, Request,
    list::is_url_safe,
    phone::{Phone, assert_answer, login, percent_encoded, somebody},
    text,
};

/// (`X`, `1_2`) and (`X_1`, `2`) were one account in the seed.
pub fn ids_that_join_to_the_same_text_are_never_one_account(client: &dyn Client) {
    let id = somebody();
    let phone = Phone::sign_in(client, "X", &format!("1_{id}"));
    phone.upload("memo.m4a", b"audio");

    for social_type in ["X_1", "X_", "_", "_X", "X_1_2"] {
        let response = client.send(&login(social_type, &id)).expect(400);
        assert!(response.json()["error"].is_string(), "{response:?}");
    }

    assert_eq!(phone.user_id, format!("X_1_{id}"));
    assert_eq!(phone.names(), ["memo.m4a"]);
    for social_id in ["_", "__", "_1", "1_", "1__2"] {
        let phone = Phone::sign_in(client, "X", &format!("{id}{social_id}"));
        assert_eq!(phone.user_id, format!("X_{id}{social_id}"));
        assert!(phone.list().is_empty());
    }
}

/// Ids with invalid UTF-8 collapsed into one account in the seed.
pub fn an_id_that_is_not_utf_8_is_refused(client: &dyn Client) {
    for query in [
        "social_id=%ff&social_type=X",
        "social_id=%fe&social_type=X",
        "social_id=1&social_type=%ff",
        "social_id=%ED%9A&social_type=X",
        "social_id=%ED%A0%80&social_type=X",
        "social_id=%C3%28&social_type=%ff",
    ] {
        let response = client.send(&Request::new("GET", format!("/login?{query}"))).expect(400);
        assert_eq!(response.header("content-type"), Some("application/json"));
        assert!(response.json()["error"].is_string(), "{query}: {response:?}");
    }
}

/// Distinct ids are distinct accounts, however alike their encoded forms look.
pub fn ids_that_look_alike_are_distinct_accounts(client: &dyn Client) {
    let id = somebody();
    let ids: Vec<String> =
        ["a/b", "a%2Fb", "a%2fb", "a%252Fb", "a b", "a+b", "a%20b", "A/B", "a\u{e9}", "ae\u{301}", "a"]
            .iter()
            .map(|tail| format!("{id}{tail}"))
            .collect();
    let phones: Vec<Phone> = ids.iter().map(|id| Phone::sign_in(client, "X", id)).collect();

    for (phone, count) in phones.iter().zip(0..) {
        phone.upload(&format!("{count}.m4a"), b"audio");
    }

    for (phone, count) in phones.iter().zip(0..) {
        assert_eq!(phone.names(), [format!("{count}.m4a")], "{}", phone.user_id);
        let others = phones.iter().filter(|other| other.user_id == phone.user_id);
        assert_eq!(others.count(), 1, "{}", phone.user_id);
    }
}

/// Ids with a space, slash or Korean letters logged in to the seed but could never authenticate or delete.
pub fn an_odd_id_works_everywhere_or_is_refused_at_login(client: &dyn Client) {
    let long_korean = "회".repeat(60);
    let ids = [
        "a b",
        " ",
        " a ",
        "a\tb",
        "a/b",
        "/",
        "a\\b",
        "홍길동",
        &long_korean,
        "🎙",
        "é",
        "a@example.com",
        "100%",
        "%",
        "%2F",
        "%ff",
        "a_b",
        "_",
        "a+b",
        "a&b=c",
        "a;b",
        "a?b",
        "a#b",
        "a.m4a",
        ".",
        "..",
        "../..",
        "\"q\"",
        "'",
        "<b>",
        "{x}",
        "a,b",
        "a:b",
        "~-.!$()*",
        "\u{a0}",
        "\u{2028}",
        "\u{200b}",
        "a\u{0}b",
        "a\r\nb",
        "list",
    ];
    for id in ids {
        assert_works_or_refused(client, "X", &format!("{id}{}", somebody()));
        assert_works_or_refused(client, "X", &format!("{}{id}", somebody()));
    }
    for social_type in ["카카오", "Naver Cafe", "a/b", "a%b", "a@b", "X.Y", "a+b", "a;b", "..", "x"] {
        assert_works_or_refused(client, social_type, &somebody());
    }
}

/// An id as long as they come, and one longer.
pub fn a_long_id_works_everywhere_or_is_refused_at_login(client: &dyn Client) {
    let id = somebody();
    for length in [100, 239, 255, 256, 300, 2_000] {
        let tail = "1".repeat(length - id.len());
        assert_works_or_refused(client, "X", &format!("{id}{tail}"));
        assert_works_or_refused(client, &"T".repeat(length), &id);
    }
}

#[track_caller]
fn assert_works_or_refused(client: &dyn Client, social_type: &str, social_id: &str) {
    let response = client.send(&login(social_type, social_id));
    if response.status != 200 {
        assert!((400..500).contains(&response.status), "{social_type:?} {social_id:?}: {response:?}");
        assert!(response.json()["error"].is_string(), "{response:?}");
        return;
    }
    let phone = Phone::sign_in(client, social_type, social_id);
    assert_eq!(response.json()["user_id"], phone.user_id, "one account");
    assert_eq!(phone.user_id.split_whitespace().count(), 1, "{} is one word", phone.user_id);

    assert!(phone.list().is_empty());
    for name in ["1.m4a", "2.m4a", "3"] {
        phone.upload(name, name.as_bytes());
    }

    let success = json!({"result": "success"});
    for record in phone.list() {
        let (id, name) = (text(&record, "id"), text(&record, "file_name"));
        assert!(id.starts_with(&format!("{}_20", phone.user_id)), "{id}");
        assert!(is_url_safe(id), "{id}");
        assert_eq!(text(&record, "user_id"), phone.user_id);
        let encoded = percent_encoded(id);
        for sent in [id, &encoded] {
            assert_eq!(phone.download(sent).expect(200).body, name.as_bytes(), "{sent}");
        }
        // Every second one as it is, the others percent-encoded.
        let sent = if name == "2.m4a" { &encoded } else { id };
        assert_answer(&phone.delete(sent), 200, &success);
        assert_eq!(phone.download(id).status, 404, "{sent}");
    }
    assert!(phone.list().is_empty());
}
