//! The old routes and `/v1` are two views of the same recordings.

use serde_json::{Value, json};

use super::{
    Client, Request,
    phone::{Phone, assert_answer, assert_failed, audio, percent_encoded, somebody},
    text,
};

/// The recordings of the bearer, the oldest first.
fn v1_list(client: &dyn Client, token: &str) -> Vec<Value> {
    let list = client.send(&Request::new("GET", "/v1/recordings?order=oldest&limit=200").bearer(token)).expect(200);
    list.json()["items"].as_array().expect("a list").clone()
}

/// What comes by the old routes is in `/v1`, named as it was decoded once, and plays there.
pub fn what_the_old_routes_store_is_in_v1(client: &dyn Client) {
    let phone = Phone::new(client);
    let names = ["my memo.m4a", "회의록.m4a", "a;b.m4a", "100%.m4a", "100%25.m4a", "list"];
    for (name, seed) in names.iter().zip(0..) {
        phone.upload(&percent_encoded(name), &audio(5_000, seed));
    }

    let items = v1_list(client, &phone.key);

    assert_eq!(items.iter().map(|item| text(item, "name")).collect::<Vec<_>>(), names);
    for (item, seed) in items.iter().zip(0..) {
        let target = format!("/v1/recordings/{}/audio", text(item, "id"));
        let response = client.send(&Request::new("GET", target).bearer(&phone.key)).expect(200);
        assert!(response.body == audio(5_000, seed), "{item}");
        assert_eq!(item["size"], 5_000);
    }

    let target = format!("/v1/recordings/{}", text(&items[1], "id"));
    let _ = client.send(&Request::new("DELETE", target).bearer(&phone.key)).expect(204);
    assert_eq!(phone.list().len(), names.len() - 1);
}

/// What comes by `/v1` is in the old list, plays there and can be deleted there.
pub fn what_v1_stores_is_in_the_old_list(client: &dyn Client) {
    let phone = Phone::new(client);
    let names = ["my memo.m4a", "회의록.m4a", "a/b.m4a", "100%.M4A", "list", "x.한글"];
    for (name, seed) in names.iter().zip(0..) {
        let request = Request::new("POST", format!("/v1/recordings?name={}", percent_encoded(name)));
        let _ = client.send(&request.bearer(&phone.key).body("audio/mp4", audio(5_000, seed))).expect(201);
    }
    let target = "/v1/recordings/0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d6e?name=uuid.m4a";
    let request = Request::new("PUT", target).bearer(&phone.key).body("audio/mp4", audio(5_000, 6));
    let _ = client.send(&request).expect(201);

    let records = phone.list();

    let listed: Vec<&str> = records.iter().map(|record| text(record, "file_name")).collect();
    assert_eq!(listed, [names.as_slice(), &["uuid.m4a"]].concat());
    for (record, seed) in records.iter().zip(0..) {
        let id = text(record, "id");
        assert!(id.starts_with(&format!("{}_20", phone.user_id)), "{id}");
        assert!(phone.download(id).expect(200).body == audio(5_000, seed), "{id}");
        assert_answer(&phone.delete(id), 200, &json!({"result": "success"}));
        assert_failed(&phone.download(id), 404);
    }
    assert!(v1_list(client, &phone.key).is_empty());
}

/// A name changed in `/v1` is changed in the old list.
pub fn a_rename_in_v1_shows_in_the_old_list(client: &dyn Client) {
    let phone = Phone::new(client);
    phone.upload("memo.m4a", b"audio");
    let target = format!("/v1/recordings/{}", text(&v1_list(client, &phone.key)[0], "id"));

    let _ =
        client.send(&Request::new("PATCH", target).bearer(&phone.key).json(&json!({"name": "Ann.mp3"}))).expect(200);

    assert_eq!(phone.names(), ["Ann.mp3"]);
    let id = phone.only_id();
    assert_eq!(id.rsplit('.').next(), Some("mp3"), "{id}");
    assert_eq!(phone.download(&id).expect(200).body, b"audio");
    assert_answer(&phone.delete(&id), 200, &json!({"result": "success"}));
}

/// Who came by email uses the old routes too: their id from `/v1/me`, their token as the key.
pub fn users_who_came_by_email_can_use_the_old_routes(client: &dyn Client) {
    let credentials = json!({"email": format!("{}@example.com", somebody()), "password": "correct horse"});
    let signup = Request::new("POST", "/v1/auth/signup").json(&credentials);
    let token = text(&client.send(&signup).expect(201).json(), "access_token").to_owned();
    let me = client.send(&Request::new("GET", "/v1/me").bearer(&token)).expect(200).json();
    let user_id = text(&me, "id").to_owned();
    let send = |method, target: &str| {
        client.send(&Request::new(method, target).header("Authorization", format!("{user_id} {token}")))
    };
    let put = Request::new("PUT", "/record/memo.m4a").header("Authorization", format!("{user_id} {token}"));

    assert_answer(&send("GET", "/record/list"), 200, &json!({"records": []}));
    let put = put.body("application/octet-stream", "audio");
    assert_answer(&client.send(&put), 200, &json!({"result": "success"}));
    let listed = send("GET", "/record/list").expect(200).json();
    let record = &listed["records"][0];
    assert_eq!((text(record, "user_id"), text(record, "file_name")), (user_id.as_str(), "memo.m4a"));
    let id = text(record, "id");
    assert!(id.starts_with(&format!("{user_id}_20")), "{id}");
    assert_eq!(id.rsplit('.').next(), Some("m4a"), "{id}");
    assert_eq!(send("GET", &format!("/record/{id}")).expect(200).body, b"audio");
    assert_eq!(v1_list(client, &token).len(), 1);
    assert_answer(&send("DELETE", &format!("/record/{id}")), 200, &json!({"result": "success"}));
    assert!(v1_list(client, &token).is_empty());

    let refused = json!({"error": "Not Authorization"});
    for words in [format!("{token} {user_id}"), format!("someone {token}"), format!("Bearer {token}")] {
        let request = Request::new("GET", "/record/list").header("Authorization", words);
        assert_answer(&client.send(&request), 401, &refused);
    }
}
