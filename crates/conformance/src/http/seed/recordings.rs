//! `GET` and `DELETE /record/{id}`.

use serde_json::json;

use super::{
    Client, Request,
    phone::{Phone, assert_answer, assert_failed, audio, percent_encoded},
    text,
};

/// The stored bytes, for their owner.
pub fn a_download_is_what_was_uploaded(client: &dyn Client) {
    let phone = Phone::new(client);
    let bytes = audio(200_000, 7);
    phone.upload("memo.m4a", &bytes);
    phone.upload("other.m4a", b"other audio");
    let id = text(&phone.list()[0], "id").to_owned();

    let response = phone.download(&id).expect(200);

    assert!(response.body == bytes, "{} bytes", response.body.len());
    assert_eq!(response.header("content-length"), Some("200000"));
}

/// Players seek: 206 with the bytes asked for.
pub fn a_download_can_be_of_a_part(client: &dyn Client) {
    let phone = Phone::new(client);
    let bytes = audio(10_000, 5);
    phone.upload("memo.m4a", &bytes);
    let target = format!("/record/{}", phone.only_id());
    let cases = [
        ("bytes=0-99", 0..100, "bytes 0-99/10000"),
        ("bytes=9000-", 9_000..10_000, "bytes 9000-9999/10000"),
        ("bytes=-500", 9_500..10_000, "bytes 9500-9999/10000"),
        ("bytes=5-5", 5..6, "bytes 5-5/10000"),
        ("bytes=9999-20000", 9_999..10_000, "bytes 9999-9999/10000"),
    ];
    for (range, expected, content_range) in cases {
        let response = client.send(&phone.request("GET", target.as_str()).header("Range", range)).expect(206);
        assert!(response.body == bytes[expected], "{range}");
        assert_eq!(response.header("content-range"), Some(content_range));
    }
    let beyond = client.send(&phone.request("GET", target.as_str()).header("Range", "bytes=10000-"));
    assert_failed(&beyond, 416);
}

/// The seed's audio was readable by everybody.
pub fn nobody_else_downloads_a_recording(client: &dyn Client) {
    let [ann, ben] = [(); 2].map(|()| Phone::new(client));
    ann.upload("secret.m4a", b"secret audio");
    let id = ann.only_id();
    let renamed = id.replacen(&ann.user_id, &ben.user_id, 1);

    for id in [&id, &renamed, &percent_encoded(&id)] {
        for response in [ben.download(id), client.send(&ben.request("HEAD", format!("/record/{id}")))] {
            assert_eq!(response.status, 404, "{response:?}");
            assert!(!String::from_utf8_lossy(&response.body).contains("secret"), "{response:?}");
        }
        assert_failed(&ben.download(id), 404);
    }
    for key in [&ann.key, &ben.key] {
        let request = Request::new("GET", format!("/record/{id}?key={key}&auth_key={key}"));
        assert_answer(&client.send(&request), 400, &json!({"error": "Authorization Header is required."}));
    }
    let v1 = client.send(&Request::new("GET", "/v1/recordings").bearer(&ann.key)).expect(200).json();
    let target = format!("/v1/recordings/{}/audio", text(&v1["items"][0], "id"));
    let _ = client.send(&Request::new("GET", target.as_str()).bearer(&ben.key)).expect(404);
    let _ = client.send(&Request::new("GET", target.as_str())).expect(401);
    assert_eq!(ann.download(&id).expect(200).body, b"secret audio");
}

/// 200 with `{"result":"success"}`, and the recording is gone, with the others still there.
pub fn a_delete_removes_that_recording_and_no_other(client: &dyn Client) {
    let phone = Phone::new(client);
    for name in ["1.m4a", "2.m4a", "3.m4a"] {
        phone.upload(name, name.as_bytes());
    }
    let ids: Vec<String> = phone.list().iter().map(|record| text(record, "id").to_owned()).collect();

    assert_answer(&phone.delete(&ids[1]), 200, &json!({"result": "success"}));

    assert_eq!(phone.names(), ["1.m4a", "3.m4a"]);
    assert_failed(&phone.download(&ids[1]), 404);
    assert_eq!(phone.download(&ids[0]).expect(200).body, b"1.m4a");
    assert_eq!(phone.download(&ids[2]).expect(200).body, b"3.m4a");
}

/// A second delete finds nothing, and so does one that comes at the same time.
pub fn a_recording_is_deleted_once(client: &dyn Client) {
    let phone = Phone::new(client);
    phone.upload("memo.m4a", b"audio");
    let id = phone.only_id();

    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let deletes: Vec<_> = (0..8).map(|_| scope.spawn(|| phone.delete(&id).status)).collect();
        deletes.into_iter().map(|delete| delete.join().expect("answered")).collect()
    });

    statuses.sort_unstable();
    assert_eq!(statuses, [200, 404, 404, 404, 404, 404, 404, 404]);
    assert_failed(&phone.delete(&id), 404);
    assert!(phone.list().is_empty());
}

/// In the seed any user deleted any recording.
pub fn nobody_else_deletes_a_recording(client: &dyn Client) {
    let [ann, ben] = [(); 2].map(|()| Phone::new(client));
    ann.upload("memo.m4a", b"Ann's audio");
    ben.upload("memo.m4a", b"Ben's audio");
    let id = ann.only_id();
    let renamed = id.replacen(&ann.user_id, &ben.user_id, 1);

    for id in [&id, &renamed, &percent_encoded(&id), &percent_encoded(&renamed)] {
        assert_failed(&ben.delete(id), 404);
    }

    assert_eq!(ann.only_id(), id);
    assert_eq!(ann.download(&id).expect(200).body, b"Ann's audio");
    assert_eq!(ben.download(&ben.only_id()).expect(200).body, b"Ben's audio");
}

/// The seed answered success for every id.
pub fn an_unknown_id_is_not_found_and_touches_nothing(client: &dyn Client) {
    let phone = Phone::new(client);
    phone.upload("memo.m4a", b"audio");
    let id = phone.only_id();
    let Phone { user_id, .. } = &phone;
    let unknown = [
        "x".to_owned(),
        "..".to_owned(),
        "%2e%2e".to_owned(),
        "%ff".to_owned(),
        "%".to_owned(),
        "*".to_owned(),
        "memo.m4a".to_owned(),
        "%ED%9A%8C%EC%9D%98%EB%A1%9D".to_owned(),
        user_id.clone(),
        format!("{user_id}_"),
        format!("{user_id}_2018-01-31_23-59-59.m4a"),
        format!("{user_id}_2018-01-31_23-59-59_01JD9Z8Q3NVX4T6M2K7C5B1ARE.m4a"),
        format!("{id}x"),
        format!("x{id}"),
        format!("{id}%00"),
        id[..id.len() - 1].to_owned(),
        id.replace(".m4a", ""),
        id.replace(".m4a", ".mp3"),
        id.to_lowercase(),
        id.replacen("_20", "_19", 1),
        percent_encoded(&percent_encoded(&percent_encoded(&id))),
        "a".repeat(4_000),
    ];
    for unknown in unknown {
        assert!(unknown != id);
        for response in [phone.download(&unknown), phone.delete(&unknown)] {
            assert_eq!(response.status, 404, "{unknown}: {response:?}");
            assert_failed(&response, 404);
        }
    }
    assert_eq!(phone.only_id(), id);
    assert_eq!(phone.download(&id).expect(200).body, b"audio");
}

/// Careful clients percent-encode the id they put into a path.
pub fn an_id_may_be_percent_encoded_in_the_path(client: &dyn Client) {
    let phone = Phone::new(client);
    phone.upload("memo.%25%20x", b"audio");
    let encoded = percent_encoded(&phone.only_id());

    assert_eq!(phone.download(&encoded).expect(200).body, b"audio");
    assert_eq!(phone.download(&encoded.to_lowercase().replace("%2e", ".")).status, 404, "letter case counts");
    assert_answer(&phone.delete(&encoded), 200, &json!({"result": "success"}));
    assert!(phone.list().is_empty());
}
