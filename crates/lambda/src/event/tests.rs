use actix_web::HttpMessage as _;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use super::*;

fn get(path: &str, stage: &str) -> Value {
    json!({
        "version": "2.0", "rawPath": path, "rawQueryString": "", "headers": {},
        "requestContext": {"stage": stage, "http": {"method": "GET", "sourceIp": "203.0.113.7"}},
        "isBase64Encoded": false,
    })
}

fn with(event: Value, key: &str, value: Value) -> Value {
    let mut event = event;
    event[key] = value;
    event
}

fn parse(event: Value) -> Result<Work, EventError> {
    serde_json::from_value::<Event>(event).expect("an event").work()
}

fn request(event: Value) -> Request {
    match parse(event) {
        Ok(Work::Answer(request, _)) => request,
        Ok(Work::Sweep) => panic!("no request"),
        Err(error) => panic!("{error}"),
    }
}

fn header<'r>(request: &'r Request, name: &str) -> Option<&'r [u8]> {
    request.headers().get(name).map(HeaderValue::as_bytes)
}

async fn body(mut request: Request) -> Result<Vec<u8>, String> {
    let pieces: Vec<_> = request.take_payload().collect().await;
    let pieces: Result<Vec<_>, _> = pieces.into_iter().collect();
    pieces.map(|pieces| pieces.concat()).map_err(|error| error.to_string())
}

#[test]
fn a_path_keeps_its_escapes() {
    for (path, target) in [
        ("/record/a%20b%2Fc%C3%A4", "/record/a%20b%2Fc%C3%A4"),
        ("/record/a b", "/record/a%20b"),
        ("/record/ä?#", "/record/%C3%A4%3F%23"),
        ("/record/100%", "/record/100%25"),
        ("/record/%zz", "/record/%25zz"),
        ("//example.com", "//example.com"),
        ("", "/"),
    ] {
        assert_eq!(request(get(path, "$default")).uri().to_string(), target, "{path}");
    }
}

#[test]
fn a_query_comes_as_it_was_sent() {
    let event = with(get("/login", "$default"), "rawQueryString", "social_id=a%26b&x=1+2&y=?".into());

    assert_eq!(request(event).uri().to_string(), "/login?social_id=a%26b&x=1+2&y=?");
}

#[test]
fn a_stages_name_is_no_part_of_the_path() {
    for (path, stage, expected) in [
        ("/prod/v1/me", "prod", "/v1/me"),
        ("/prod", "prod", "/"),
        ("/prod/", "prod", "/"),
        ("/production/x", "prod", "/production/x"),
        ("/v1/prod", "prod", "/v1/prod"),
        ("/$default/x", "$default", "/$default/x"),
        ("/v1/me", "", "/v1/me"),
    ] {
        assert_eq!(request(get(path, stage)).path(), expected, "{path} in {stage}");
    }
}

#[test]
fn cookies_become_one_header() {
    let event = with(get("/", "$default"), "cookies", json!(["a=1", "b=2; c=3"]));

    assert_eq!(header(&request(event), "cookie"), Some(&b"a=1; b=2; c=3"[..]));
}

#[test]
fn headers_may_be_any_utf_8() {
    let event = with(get("/", "$default"), "headers", json!({"x-name": "größe", "accept": "a,b"}));

    let request = request(event);

    assert_eq!(header(&request, "x-name"), Some("größe".as_bytes()));
    assert_eq!(header(&request, "accept"), Some(&b"a,b"[..]));
}

#[test]
fn the_peer_is_whom_aws_saw() {
    let peer = request(get("/", "$default")).peer_addr();

    assert_eq!(peer.map(|address| address.ip().to_string()).as_deref(), Some("203.0.113.7"));
}

#[actix_web::test]
async fn a_body_is_text_or_base64() {
    let text = with(get("/", "$default"), "body", "größe".into());
    let binary = with(with(get("/", "$default"), "body", "AP+A".into()), "isBase64Encoded", true.into());

    for (event, bytes) in [(text, "größe".as_bytes()), (binary, b"\x00\xFF\x80")] {
        let request = request(event);
        assert_eq!(header(&request, "content-length"), Some(bytes.len().to_string().as_bytes()));
        assert_eq!(body(request).await.as_deref(), Ok(bytes));
    }
}

#[actix_web::test]
async fn a_request_without_a_body_announces_none() {
    let request = request(get("/", "$default"));

    assert_eq!(header(&request, "content-length"), None);
    assert_eq!(body(request).await, Ok(Vec::new()));
}

#[actix_web::test]
async fn a_body_of_another_length_than_announced_is_incomplete() {
    for (length, is_whole) in [("5", true), ("4", false), ("6", false), ("five", false)] {
        let event = with(get("/", "$default"), "headers", json!({"content-length": length}));
        let body = body(request(with(event, "body", "hello".into()))).await;
        assert_eq!(body.is_ok(), is_whole, "{length}");
    }
}

#[test]
fn a_malformed_request_is_an_error() {
    let base = || get("/", "$default");
    let context = json!({"stage": "$default", "http": {"method": "G T"}});
    for event in [
        with(base(), "requestContext", context),
        with(base(), "rawPath", "v1/me".into()),
        with(base(), "headers", json!({"a b": "x"})),
        with(base(), "headers", json!({"a": "x\ny"})),
        with(base(), "cookies", json!(["a\u{0}"])),
        with(with(base(), "body", "%".into()), "isBase64Encoded", true.into()),
    ] {
        assert!(matches!(parse(event.clone()), Err(EventError::Malformed(_))), "{event}");
    }
    let of_first = json!({"httpMethod": "GET", "path": "v1/me"});
    assert!(matches!(parse(of_first), Err(EventError::Malformed("path"))));
    for event in [with(base(), "version", "1.0".into()), json!({}), json!({"version": "2.0"})] {
        assert!(matches!(parse(event.clone()), Err(EventError::Unknown)), "{event}");
    }
}

#[test]
fn it_may_be_time_to_sweep() {
    let scheduled = json!({"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}});

    for event in [json!({"tapebase": "sweep"}), scheduled] {
        assert!(matches!(parse(event), Ok(Work::Sweep)));
    }
}

/// As REST APIs send it.
fn rest(path: &str) -> Value {
    json!({
        "resource": "/{proxy+}", "path": path, "httpMethod": "GET",
        "headers": {"Accept": "b"}, "multiValueHeaders": {"Accept": ["a", "b"]},
        "queryStringParameters": {"name": "größe & mehr"}, "multiValueQueryStringParameters": {"social_id": ["größe & mehr"]},
        "requestContext": {"stage": "v1", "path": "/v1/v1/me", "identity": {"sourceIp": "203.0.113.7"}},
        "body": null, "isBase64Encoded": false,
    })
}

/// As load balancers send it, with values alone.
fn balanced(path: &str) -> Value {
    json!({
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:…"}},
        "httpMethod": "GET", "path": path, "queryStringParameters": {"name": "gr%C3%B6%C3%9Fe"},
        "headers": {"accept": "a", "x-forwarded-for": "198.51.100.1, 203.0.113.7:4711"}, "body": "", "isBase64Encoded": false,
    })
}

#[test]
fn rest_apis_send_the_older_form() {
    let Ok(Work::Answer(request, form)) = parse(rest("/v1/me")) else { panic!("no request") };

    assert_eq!(form, Form::First { has_lists: true, is_balanced: false });
    assert_eq!(request.uri().to_string(), "/v1/me?social_id=gr%C3%B6%C3%9Fe%20%26%20mehr");
    assert_eq!(request.headers().get_all("accept").map(HeaderValue::as_bytes).collect::<Vec<_>>(), [b"a", b"b"]);
    assert_eq!(request.peer_addr().map(|peer| peer.ip().to_string()).as_deref(), Some("203.0.113.7"));
    // An HTTP API leaves its stage in the path.
    assert_eq!(self::request(with(rest("/v1/v1/me"), "version", "1.0".into())).path(), "/v1/me");
    let nothing =
        with(with(rest("/"), "multiValueQueryStringParameters", Value::Null), "queryStringParameters", Value::Null);
    assert_eq!(self::request(nothing).uri().to_string(), "/");
}

#[test]
fn load_balancers_send_the_older_form_and_leave_the_query_as_it_was() {
    let Ok(Work::Answer(request, form)) = parse(balanced("/record/a%20b")) else { panic!("no request") };

    assert_eq!(form, Form::First { has_lists: false, is_balanced: true });
    assert_eq!(request.uri().to_string(), "/record/a%20b?name=gr%C3%B6%C3%9Fe");
    assert_eq!(header(&request, "accept"), Some(&b"a"[..]));
    assert_eq!(request.peer_addr().map(|peer| peer.ip().to_string()).as_deref(), Some("203.0.113.7"));
}

#[actix_web::test]
async fn a_body_of_the_older_form_is_text_or_base64() {
    let binary = with(with(rest("/"), "body", "AP+A".into()), "isBase64Encoded", true.into());

    assert_eq!(body(request(binary)).await.as_deref(), Ok(&b"\x00\xFF\x80"[..]));
    assert_eq!(body(request(with(balanced("/"), "body", "größe".into()))).await.as_deref(), Ok("größe".as_bytes()));
}
