//! HTTP as AWS Lambda has it: requests are events in API Gateway's payload format 2.0, answers are JSON,
//! or JSON, eight zero bytes and the body.
//!
//! Written after what AWS documents and what function URLs send: paths stay percent-encoded.

use data_encoding::BASE64;
use serde_json::{Map, Value, json};

use super::{Request, Response};

/// The most bytes of an event, and of an answer in one piece.
const EVENT_BYTES: usize = 6 << 20;
/// What stands between the head and the body of a streamed answer.
const SEPARATOR: [u8; 8] = [0; 8];

/// The event a front end of AWS makes of a request; `None` if it refuses the request itself, as too large.
#[must_use]
pub fn event(request: &Request) -> Option<Value> {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let (headers, cookies) = headers(request);
    let text = std::str::from_utf8(&request.body).ok().filter(|_| is_text(&headers));
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "api",
            "http": {
                "method": request.method, "path": path, "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7", "userAgent": headers.get("user-agent"),
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "23/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1_795_435_200_000_u64,
        },
        "isBase64Encoded": !request.body.is_empty() && text.is_none(),
    });
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !request.body.is_empty() {
        event["body"] = text.map_or_else(|| BASE64.encode(&request.body), str::to_owned).into();
    }
    (event.to_string().len() <= EVENT_BYTES).then_some(event)
}

/// Names in lower case, lines of one name joined by commas, and cookies apart.
fn headers(request: &Request) -> (Map<String, Value>, Vec<String>) {
    let (mut headers, mut cookies) = (Map::new(), Vec::new());
    headers.insert("host".to_owned(), "test".into());
    if matches!(request.method, "PUT" | "POST" | "PATCH") || !request.body.is_empty() {
        headers.insert("content-length".to_owned(), request.body.len().to_string().into());
    }
    for (name, value) in &request.headers {
        let value = text(value);
        let name = name.to_ascii_lowercase();
        match (name.as_str(), headers.get(&name)) {
            ("cookie", _) => cookies.extend(value.split(';').map(|cookie| cookie.trim().to_owned())),
            ("content-length", _) | (_, None) => _ = headers.insert(name, value.into()),
            (_, Some(lines)) => {
                let lines = format!("{},{value}", lines.as_str().unwrap_or_default());
                headers.insert(name, lines.into());
            }
        }
    }
    (headers, cookies)
}

/// JSON has no bytes: what is not UTF-8 is taken for Latin-1.
fn text(value: &[u8]) -> String {
    str::from_utf8(value).map_or_else(|_| value.iter().copied().map(char::from).collect(), str::to_owned)
}

fn is_text(headers: &Map<String, Value>) -> bool {
    let media_type = headers.get("content-type").and_then(Value::as_str).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/") || essence == "application/json" || essence.ends_with("+json")
}

/// The answer to a client whose request became no event.
#[must_use]
pub fn refusal() -> Response {
    message(413, "Request Entity Too Large")
}

/// What the client gets of what the function answered, whole or streamed.
#[must_use]
pub fn response(answer: &[u8]) -> Response {
    let separator = answer.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
    let (head, streamed) = match separator {
        Some(at) => (&answer[..at], Some(&answer[at + SEPARATOR.len()..])),
        None => (answer, None),
    };
    let Some((head, status)) = serde_json::from_slice(head).ok().and_then(|head: Value| {
        let status = u16::try_from(head["statusCode"].as_u64()?).ok()?;
        Some((head, status))
    }) else {
        return message(500, "Internal Server Error");
    };
    let body = match (streamed, head["isBase64Encoded"].as_bool()) {
        (Some(body), _) => body.to_vec(),
        (None, Some(true)) => BASE64.decode(string(&head["body"]).as_bytes()).expect("base64"),
        (None, _) => string(&head["body"]).into_bytes(),
    };
    let lines = head["headers"].as_object().expect("headers").iter();
    let mut headers: Vec<_> = lines.map(|(name, value)| (name.to_ascii_lowercase(), string(value))).collect();
    let cookies = head["cookies"].as_array().into_iter().flatten();
    headers.extend(cookies.map(|cookie| ("set-cookie".to_owned(), string(cookie))));
    Response { status, headers, body }
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no string: {value}")).to_owned()
}

/// What AWS answers by itself.
fn message(status: u16, text: &str) -> Response {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Response { status, headers, body: json!({"message": text}).to_string().into_bytes() }
}
