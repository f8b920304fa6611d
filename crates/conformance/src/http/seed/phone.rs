//! An app of 2018, as it talks to its server.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use tapebase_domain::id::random_bytes;

use super::{Client, Request, Response, text};

/// What the apps of 2018 declare every recording to be.
pub const OCTET_STREAM: &str = "application/octet-stream";

/// A signed-in app.
pub struct Phone<'a> {
    client: &'a dyn Client,
    /// The first word of its `Authorization`.
    pub user_id: String,
    /// The second.
    pub key: String,
}

impl<'a> Phone<'a> {
    /// The app of somebody who was never here before.
    pub fn new(client: &'a dyn Client) -> Self {
        Self::sign_in(client, "X", &somebody())
    }

    /// Signs in with a social id.
    #[track_caller]
    pub fn sign_in(client: &'a dyn Client, social_type: &str, social_id: &str) -> Self {
        let grant = client.send(&login(social_type, social_id)).expect(200).json();
        let [user_id, key] = ["user_id", "auth_key"].map(|member| text(&grant, member).to_owned());
        Self { client, user_id, key }
    }

    /// A request with its credentials.
    pub fn request(&self, method: &'static str, target: impl Into<String>) -> Request {
        Request::new(method, target).header("Authorization", format!("{} {}", self.user_id, self.key))
    }

    /// Uploads under a name, given as it goes into the path.
    pub fn try_upload(&self, file_name: &str, audio: &[u8]) -> Response {
        self.client.send(&self.request("PUT", format!("/upload/record/{file_name}")).body(OCTET_STREAM, audio))
    }

    /// Uploads, which must succeed.
    #[track_caller]
    pub fn upload(&self, file_name: &str, audio: &[u8]) {
        assert_answer(&self.try_upload(file_name, audio), 200, &json!({"result": "success"}));
    }

    /// Its recordings.
    #[track_caller]
    pub fn list(&self) -> Vec<Value> {
        let response = self.client.send(&self.request("GET", "/record/list")).expect(200);
        assert_eq!(response.header("content-type"), Some("application/json"), "{response:?}");
        response.json()["records"].as_array().unwrap_or_else(|| panic!("no list: {response:?}")).clone()
    }

    /// The names of its recordings.
    #[track_caller]
    pub fn names(&self) -> Vec<String> {
        self.list().iter().map(|record| text(record, "file_name").to_owned()).collect()
    }

    /// The id of its only recording.
    #[track_caller]
    pub fn only_id(&self) -> String {
        let records = self.list();
        assert_eq!(records.len(), 1, "{records:?}");
        text(&records[0], "id").to_owned()
    }

    /// Asks for the bytes of a recording.
    pub fn download(&self, id: &str) -> Response {
        self.client.send(&self.request("GET", format!("/record/{id}")))
    }

    /// Asks for a recording to be deleted.
    pub fn delete(&self, id: &str) -> Response {
        self.client.send(&self.request("DELETE", format!("/record/{id}")))
    }
}

/// Asks for credentials.
pub fn login(social_type: &str, social_id: &str) -> Request {
    let (social_type, social_id) = (percent_encoded(social_type), percent_encoded(social_id));
    Request::new("GET", format!("/login?social_id={social_id}&social_type={social_type}"))
}

/// A social id nobody had before.
pub fn somebody() -> String {
    HEXLOWER.encode(&random_bytes::<8>())
}

/// Some bytes of this length, none of them text, different for every seed.
pub fn audio(length: usize, seed: u8) -> Vec<u8> {
    (0..=u8::MAX).cycle().map(|byte| byte.wrapping_mul(31) ^ seed).take(length).collect()
}

/// Everything but letters and digits, percent-encoded: how the most careful client sends a path segment.
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(byte.into());
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes everything");
        }
    }
    encoded
}

/// Fails unless the answer is of this status and exactly this JSON.
#[track_caller]
pub fn assert_answer(response: &Response, status: u16, body: &Value) {
    assert_eq!(response.status, status, "{response:?}");
    assert_eq!(response.header("content-type"), Some("application/json"), "{response:?}");
    assert_eq!(response.json(), *body);
}

/// Fails unless an upload, download or delete was answered as failed.
#[track_caller]
pub fn assert_failed(response: &Response, status: u16) {
    assert_eq!(response.status, status, "{response:?}");
    assert_eq!(response.header("content-type"), Some("application/json"), "{response:?}");
    assert_eq!(response.json()["result"], "fail", "{response:?}");
}
