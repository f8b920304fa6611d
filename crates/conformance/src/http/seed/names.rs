//! File names, as they go into the path and come out of the list.

use serde_json::json;

use super::{
    Client,
    phone::{OCTET_STREAM, Phone, assert_answer, assert_failed},
};

/// `file_name` equals the path segment as sent or decoded once.
pub fn a_file_name_is_listed_as_sent_or_decoded_once(client: &dyn Client) {
    let cases = [
        ("memo.m4a", "memo.m4a"),
        ("my%20memo.m4a", "my memo.m4a"),
        ("%ED%9A%8C%EC%9D%98%EB%A1%9D.m4a", "회의록.m4a"),
        ("%ed%9a%8c.m4a", "회.m4a"),
        ("100%25.m4a", "100%.m4a"),
        ("100%2525.m4a", "100%25.m4a"),
        ("a+b.m4a", "a+b.m4a"),
        ("a%2Bb.m4a", "a+b.m4a"),
        ("a%3Bb.m4a", "a;b.m4a"),
        ("a%3Fb%23c.m4a", "a?b#c.m4a"),
        ("a&b=c,d.m4a", "a&b=c,d.m4a"),
        ("%F0%9F%8E%99.m4a", "🎙.m4a"),
        ("'%22%3Cb%3E.m4a", "'\"<b>.m4a"),
        ("memo", "memo"),
        ("...", "..."),
    ];
    for path in ["/upload/record", "/record"] {
        for (sent, decoded) in cases {
            let phone = Phone::new(client);
            let request = phone.request("PUT", format!("{path}/{sent}")).body(OCTET_STREAM, "audio");
            assert_answer(&client.send(&request), 200, &json!({"result": "success"}));
            assert_kept(&phone, sent, decoded);
        }
    }
}

/// Names the seed cut, mangled or failed at: refused with 4xx, or done properly.
pub fn an_odd_name_is_refused_or_done_properly(client: &dyn Client) {
    let long_ascii = format!("{}.m4a", "a".repeat(300));
    let long_korean = format!("{}.m4a", "회의록".repeat(60));
    let long_encoded = format!("{}.m4a", "%ED%9A%8C%EC%9D%98%EB%A1%9D".repeat(60));
    let endless = "x".repeat(5_000);
    let cases = [
        (".", "."),
        ("..", ".."),
        ("%2e", "."),
        ("%2e%2e", ".."),
        ("%2E%2E", ".."),
        (".%2e", ".."),
        ("a;b.m4a", "a;b.m4a"),
        (";", ";"),
        ("회의록.m4a", "회의록.m4a"),
        (&long_ascii, &long_ascii),
        (&long_korean, &long_korean),
        (&long_encoded, &long_korean),
        (&endless, &endless),
        ("a%2Fb.m4a", "a/b.m4a"),
        ("..%2f..%2fetc%2fpasswd", "../../etc/passwd"),
        ("%2Fetc%2Fpasswd", "/etc/passwd"),
        ("C%3A%5Cmemo.m4a", "C:\\memo.m4a"),
        ("a%00b.m4a", "a\0b.m4a"),
        ("a%0D%0AX-Y:%20z.m4a", "a\r\nX-Y: z.m4a"),
        ("%7F", "\u{7f}"),
        ("%20", " "),
        ("100%.m4a", "100%.m4a"),
        ("100%zz.m4a", "100%zz.m4a"),
        ("%", "%"),
        ("a%2", "a%2"),
    ];
    for (sent, decoded) in cases {
        let phone = Phone::new(client);
        phone.upload("beside.m4a", b"other audio");
        let beside = phone.only_id();

        let response = phone.try_upload(sent, b"audio");

        if response.status == 200 {
            assert_answer(&phone.delete(&beside), 200, &json!({"result": "success"}));
            assert_kept(&phone, sent, decoded);
        } else {
            assert!((400..500).contains(&response.status), "{sent}: {response:?}");
            assert_eq!(phone.names(), ["beside.m4a"], "{sent}");
        }
    }
}

/// What is not UTF-8 is 400, and no two such names become one.
pub fn a_name_that_is_not_utf_8_is_refused(client: &dyn Client) {
    let phone = Phone::new(client);
    for name in ["%ff.m4a", "%C3%28.m4a", "memo%ED%9A.m4a", "%ED%A0%80.m4a"] {
        assert_failed(&phone.try_upload(name, b"audio"), 400);
    }
    assert!(phone.list().is_empty());
}

/// There is nothing to upload without a name.
pub fn an_upload_without_a_name_is_refused(client: &dyn Client) {
    let phone = Phone::new(client);
    for target in ["/record/", "/record", "/upload/record/", "/upload/record", "/record//"] {
        let response = client.send(&phone.request("PUT", target).body(OCTET_STREAM, "audio"));
        assert!((400..500).contains(&response.status), "{target}: {response:?}");
    }
    assert!(phone.list().is_empty());
}

/// `list` is a name like any other, and the list stays the list.
pub fn a_recording_may_be_called_list(client: &dyn Client) {
    let phone = Phone::new(client);
    for target in ["/record/list", "/record/list/", "/upload/record/list"] {
        let request = phone.request("PUT", target).body(OCTET_STREAM, "audio");
        assert_answer(&client.send(&request), 200, &json!({"result": "success"}));
        assert_kept(&phone, "list", "list");
    }
    // It is a name, not an id.
    assert_failed(&phone.delete("list"), 404);
}

/// Fails unless the only recording has this name; deletes it.
#[track_caller]
fn assert_kept(phone: &Phone, sent: &str, decoded: &str) {
    let names = phone.names();
    assert!(names == [sent] || names == [decoded], "{sent} became {names:?}");
    let id = phone.only_id();
    assert_eq!(phone.download(&id).expect(200).body, b"audio", "{sent}");
    assert_answer(&phone.delete(&id), 200, &json!({"result": "success"}));
    assert!(phone.list().is_empty(), "{sent}");
}
