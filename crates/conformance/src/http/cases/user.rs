//! Somebody who uses the API, and their verbs.

use serde_json::{Value, json};

use super::expect_all;
use crate::{
    http::{Client, Request, Response, text},
    samples,
};

/// Somebody with an account of their own, signed in.
pub struct User<'a> {
    client: &'a dyn Client,
    /// Nobody else has it.
    pub email: String,
    /// Opens their session.
    pub token: String,
}

/// The password of everybody here.
pub const PASSWORD: &str = "correct horse battery staple";

/// An address nobody has signed up with, on any server.
pub fn fresh_email(name: &str) -> String {
    format!("{name}-{}@example.com", samples::stranger()).to_lowercase()
}

/// Asks for an account.
pub fn sign_up(email: &str, password: &str) -> Request {
    Request::new("POST", "/v1/auth/signup").json(&json!({"email": email, "password": password}))
}

/// Asks for a session.
pub fn log_in(email: &str, password: &str) -> Request {
    Request::new("POST", "/v1/auth/login").json(&json!({"email": email, "password": password}))
}

/// The token in a grant.
pub fn token(grant: &Response) -> String {
    grant.json()["access_token"].as_str().unwrap_or_else(|| panic!("no token: {grant:?}")).to_owned()
}

impl<'a> User<'a> {
    /// Makes an account.
    pub fn sign_up(client: &'a dyn Client, name: &str) -> Self {
        let email = fresh_email(name);
        let grant = client.send(&sign_up(&email, PASSWORD)).expect(201);
        Self { client, token: token(&grant), email }
    }

    /// Opens another session of somebody who has an account.
    pub fn log_in(client: &'a dyn Client, email: &str, password: &str) -> Self {
        let grant = client.send(&log_in(email, password)).expect(200);
        Self { client, token: token(&grant), email: email.to_owned() }
    }

    /// The same user on another device.
    pub fn log_in_again(&self) -> Self {
        Self::log_in(self.client, &self.email, PASSWORD)
    }

    /// Sends a request with their token.
    pub fn send(&self, request: Request) -> Response {
        self.client.send(&request.bearer(&self.token))
    }

    /// Sends every request with their token, and fails with all answers that are not as expected.
    #[track_caller]
    pub fn expect_all<'e>(&self, table: impl IntoIterator<Item = (Request, &'e str)>) {
        expect_all(self.client, table.into_iter().map(|(request, outcome)| (request.bearer(&self.token), outcome)));
    }

    /// GETs something.
    pub fn get(&self, target: &str) -> Response {
        self.send(Request::new("GET", target))
    }

    /// GETs JSON.
    pub fn read(&self, target: &str) -> Value {
        self.get(target).expect(200).json()
    }

    /// Uploads, and yields the recording.
    pub fn upload(&self, body: impl Into<Vec<u8>>) -> Value {
        self.send(Request::new("POST", "/v1/recordings").body("audio/mp4", body)).expect(201).json()
    }

    /// Uploads what was recorded at some time, and yields its id.
    pub fn upload_of(&self, recorded_at: &str) -> String {
        let request = Request::new("POST", "/v1/recordings").body("audio/mp4", recorded_at);
        id(&self.send(request.header("X-Recorded-At", recorded_at)).expect(201).json())
    }

    /// The first page of their recordings.
    pub fn recordings(&self) -> Vec<Value> {
        let mut page = self.read("/v1/recordings");
        assert_eq!(page["next_cursor"], Value::Null, "there are more");
        page["items"].as_array_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The bytes of a recording.
    pub fn audio(&self, id: &str) -> Vec<u8> {
        self.get(&format!("/v1/recordings/{id}/audio")).expect(200).body
    }

    /// Deletes a recording.
    pub fn delete(&self, id: &str) {
        let _ = self.send(Request::new("DELETE", format!("/v1/recordings/{id}"))).expect(204);
    }
}

/// The id of a recording or session.
pub fn id(value: &Value) -> String {
    text(value, "id").to_owned()
}
