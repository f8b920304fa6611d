//! What holds on every route: trailing slashes, content types of reads, HEAD, and errors that tell nothing.

use serde_json::json;

use super::{
    Client, Request,
    phone::{OCTET_STREAM, Phone, assert_answer, login, somebody},
};

/// A trailing slash is ignored on all routes.
pub fn a_trailing_slash_is_ignored_on_every_route(client: &dyn Client) {
    let social_id = somebody();
    let target = format!("/login/?social_id={social_id}&social_type=X");
    let grant = client.send(&Request::new("GET", target)).expect(200).json();
    assert_eq!(grant["user_id"], format!("X_{social_id}"));
    let phone = Phone::sign_in(client, "X", &social_id);
    let success = json!({"result": "success"});

    for target in ["/upload/record/1.m4a/", "/record/2.m4a/"] {
        let request = phone.request("PUT", target).body(OCTET_STREAM, "audio");
        assert_answer(&client.send(&request), 200, &success);
    }
    assert_eq!(phone.names(), ["1.m4a", "2.m4a"]);

    let listed = client.send(&phone.request("GET", "/record/list/")).expect(200).json();
    assert_eq!(listed["records"], json!(phone.list()));

    for record in phone.list() {
        let target = format!("/record/{}/", record["id"].as_str().expect("an id"));
        assert_eq!(client.send(&phone.request("GET", target.as_str())).expect(200).body, b"audio");
        assert_answer(&client.send(&phone.request("DELETE", target.as_str())), 200, &success);
        assert_eq!(client.send(&phone.request("DELETE", target)).status, 404);
    }
    assert!(phone.list().is_empty());

    let required = json!({"error": "Authorization Header is required."});
    for (method, target) in [("GET", "/record/list/"), ("GET", "/record/x/"), ("DELETE", "/record/x/")] {
        assert_answer(&client.send(&Request::new(method, target)), 400, &required);
    }
}

/// The seed answered a GET or DELETE that had a content type with 415.
pub fn reads_and_deletes_take_any_content_type(client: &dyn Client) {
    for media_type in ["application/octet-stream", "application/json", "text/plain; charset=utf-8", "", "nonsense"] {
        let phone = Phone::new(client);
        phone.upload("memo.m4a", b"audio");
        let record = format!("/record/{}", phone.only_id());
        let send = |request: Request| client.send(&request.header("Content-Type", media_type));

        let _ = send(login("X", &somebody())).expect(200);
        let listed = send(phone.request("GET", "/record/list")).expect(200).json();
        assert_eq!(listed["records"], json!(phone.list()), "{media_type}");
        assert_eq!(send(phone.request("GET", record.as_str())).expect(200).body, b"audio", "{media_type}");
        assert_answer(&send(phone.request("DELETE", record)), 200, &json!({"result": "success"}));
    }
}

/// The seed answered HEAD with 405 and a body.
pub fn head_answers_as_get_does_without_the_body(client: &dyn Client) {
    let phone = Phone::new(client);
    phone.upload("memo.m4a", b"audio");
    let record = format!("/record/{}", phone.only_id());
    let targets = ["/record/list", &record, "/record/unknown", "/login", "/record/list/", &format!("{record}/")];
    for target in targets {
        for (get, head) in [
            (phone.request("GET", target), phone.request("HEAD", target)),
            (Request::new("GET", target), Request::new("HEAD", target)),
        ] {
            let (get, head) = (client.send(&get), client.send(&head));
            assert_eq!(head.status, get.status, "{target}");
            assert!(head.body.is_empty(), "{target}: {head:?}");
            assert_eq!(head.header("content-type"), get.header("content-type"), "{target}");
            assert_eq!(head.header("content-length"), get.header("content-length"), "{target}");
        }
    }
    assert_eq!(phone.names(), ["memo.m4a"]);
}

/// The seed's errors showed file paths, and one echoed the key.
pub fn errors_tell_neither_paths_nor_keys(client: &dyn Client) {
    let [ann, ben] = [(); 2].map(|()| Phone::new(client));
    ann.upload("memo.m4a", b"audio");
    let record = format!("/record/{}", ann.only_id());
    let put = |target: &str| Request::new("PUT", target).body(OCTET_STREAM, "audio");
    let mut failing = vec![
        Request::new("GET", "/login"),
        Request::new("GET", "/login?social_id=%ff&social_type=X"),
        Request::new("GET", "/login?social_id=1&social_type=X_1"),
        Request::new("POST", "/login"),
        Request::new("GET", "/record/list"),
        Request::new("GET", "/upload/record/memo.m4a"),
        Request::new("GET", "/record"),
        ben.request("GET", record.as_str()),
        ben.request("DELETE", record.as_str()),
        ben.request("PATCH", record.as_str()),
        ben.request("PUT", "/record/%ff").body(OCTET_STREAM, "audio"),
        ben.request("PUT", "/record/memo.m4a").body("text/plain", "audio"),
        ben.request("GET", format!("/record/{}", ben.key)),
        ben.request("DELETE", "/record/..%2f..%2fetc%2fpasswd"),
    ];
    let credentials = [
        ben.key.clone(),
        format!("Bearer {}", ben.key),
        format!("{} {}x", ben.user_id, ben.key),
        format!("{} {}", ann.user_id, ben.key),
        format!("{} {} {}", ben.user_id, ben.key, ben.key),
        format!("{} {}", ben.key, ben.user_id),
    ];
    for credentials in credentials {
        for request in [Request::new("GET", "/record/list"), Request::new("DELETE", record.as_str()), put("/record/x")]
        {
            failing.push(request.header("Authorization", credentials.as_str()));
        }
    }
    for request in failing {
        let response = client.send(&request);
        assert!((400..500).contains(&response.status), "{request:?}: {response:?}");
        let shown = format!("{:?} {}", response.headers, String::from_utf8_lossy(&response.body)).to_lowercase();
        let secrets = [ann.key.to_lowercase(), ben.key.to_lowercase()];
        let traces = ["/home", "/tmp", "/root", "/var", "/usr", "/work", "/etc", ".rs", ".db", "traceback", "panick"];
        for told in secrets.iter().map(String::as_str).chain(traces) {
            // What the client itself sent as a path may come back; what it sent as credentials may not.
            assert!(!shown.contains(told), "{told} in the answer to {request:?}: {response:?}");
        }
    }
}
