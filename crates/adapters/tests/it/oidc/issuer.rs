//! An issuer over real HTTP: what it publishes, how often it was asked, and what is wrong with it.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::Duration,
};

use chrono::{DateTime, TimeDelta};
use data_encoding::BASE64URL_NOPAD;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use tapebase_domain::{ports::Clock, time::Timestamp};

/// What is wrong with it.
#[derive(Debug, Clone, Copy)]
pub enum Trouble {
    /// It answers that it is down.
    Refuse,
    /// It answers what is no JSON.
    Nonsense,
    /// Its answer is larger than anybody reads.
    Endless,
    /// It sends whoever asks somewhere else.
    Elsewhere,
    /// It takes its time.
    Slow(Duration),
}

#[derive(Default)]
struct State {
    keys: Vec<Value>,
    description: Option<Value>,
    header: Option<(String, String)>,
    trouble: Option<Trouble>,
    asked: usize,
}

/// The issuer.
pub struct Issuer {
    address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Issuer {
    /// Answers until the test ends.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state: Arc<(Mutex<State>, Condvar)> = Arc::default();
        let answering = state.clone();
        thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let state = answering.clone();
                thread::spawn(move || answer(connection, address, &state));
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn jwks_uri(&self) -> String {
        format!("{}/keys", self.url())
    }

    pub fn publish(&self, keys: &[Value]) {
        self.state().keys = keys.to_vec();
    }

    pub fn describe(&self, description: &Value) {
        self.state().description = Some(description.clone());
    }

    pub fn say(&self, header: &str, value: &str) {
        self.state().header = Some((header.to_owned(), value.to_owned()));
    }

    pub fn trouble(&self, trouble: Option<Trouble>) {
        self.state().trouble = trouble;
    }

    /// How often it was asked for its keys.
    pub fn asked(&self) -> usize {
        self.state().asked
    }

    pub fn wait_until_asked(&self, times: usize) {
        let waiting =
            self.state.1.wait_timeout_while(self.state(), Duration::from_secs(20), |state| state.asked < times);
        assert!(!waiting.expect("no panic").1.timed_out(), "nobody asked");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().expect("no panic")
    }
}

fn answer(mut connection: TcpStream, address: SocketAddr, shared: &(Mutex<State>, Condvar)) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && connection.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    let is_for_keys = head.starts_with(b"GET /keys ");
    let mut state = shared.0.lock().expect("no panic");
    state.asked += usize::from(is_for_keys);
    shared.1.notify_all();
    let url = format!("http://{address}");
    let body = if is_for_keys {
        json!({"keys": state.keys})
    } else {
        state.description.clone().unwrap_or_else(|| json!({"issuer": url, "jwks_uri": format!("{url}/keys")}))
    };
    let (status, body) = match state.trouble {
        Some(Trouble::Refuse) => ("503 Service Unavailable", body.to_string()),
        Some(Trouble::Nonsense) => ("200 OK", "<html>".to_owned()),
        Some(Trouble::Endless) => ("200 OK", format!("{{\"pad\": \"{}\"}}", "x".repeat(70_000))),
        Some(Trouble::Elsewhere) => ("302 Found\r\nLocation: /elsewhere", body.to_string()),
        Some(Trouble::Slow(_)) | None => ("200 OK", body.to_string()),
    };
    let header = state.header.as_ref().map_or_else(String::new, |(name, value)| format!("{name}: {value}\r\n"));
    let trouble = state.trouble;
    drop(state);
    if let Some(Trouble::Slow(time)) = trouble {
        thread::park_timeout(time);
    }
    let length = body.len();
    let _ =
        write!(connection, "HTTP/1.1 {status}\r\n{header}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}");
}

/// A key that signs with ES256.
pub struct Signer {
    pub kid: String,
    pair: EcdsaKeyPair,
}

impl Signer {
    pub fn new(kid: &str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).expect("a key");
        Self { kid: kid.to_owned(), pair }
    }

    pub fn public_bytes(&self) -> Vec<u8> {
        self.pair.public_key().as_ref().to_vec()
    }

    /// As a JSON Web Key.
    pub fn public(&self) -> Value {
        let bytes = self.public_bytes();
        let (x, y) = bytes[1..].split_at(32);
        let (x, y) = (BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y));
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid, "x": x, "y": y})
    }

    pub fn sign_bytes(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(&SystemRandom::new(), message).expect("signed").as_ref().to_vec()
    }

    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        signed(header, claims, |message| self.sign_bytes(message))
    }
}

/// A token that is signed in this way.
pub fn signed(header: &Value, claims: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = BASE64URL_NOPAD.encode(&sign(message.as_bytes()));
    format!("{message}.{signature}")
}

pub fn encoded(part: &Value) -> String {
    BASE64URL_NOPAD.encode(part.to_string().as_bytes())
}

/// Tells the time that a test wants.
#[derive(Clone)]
pub struct TestClock(Arc<Mutex<Timestamp>>);

impl TestClock {
    pub fn at(now: &str) -> Self {
        Self(Arc::new(Mutex::new(DateTime::parse_from_rfc3339(now).expect("RFC 3339").to_utc())))
    }

    pub fn advance(&self, by: TimeDelta) {
        *self.0.lock().expect("no panic") += by;
    }

    pub fn seconds(&self) -> i64 {
        self.now().timestamp()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no panic")
    }
}
