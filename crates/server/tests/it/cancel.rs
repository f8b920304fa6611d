//! Clients that hang up at any moment: what they asked for is done to its end or not at all, with no sweep.

use std::{
    collections::BTreeSet,
    iter::repeat_n,
    net::TcpStream,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use chrono::TimeDelta;
use serde_json::{Value, json};
use socket2::SockRef;
use tapebase_adapters::connect::{Locations, S3Dialect};
use tapebase_conformance::blobs::walk;
use tapebase_conformance::http::{
    Client as _, Request, Response, Tcp,
    cases::{
        fixtures::fresh_ulid,
        sending::{own_target, put, request_to, url},
        user::{User, fresh_email, id, log_in, sign_up, token},
    },
    mail::{forget, reset},
    text,
};
use tapebase_domain::{
    api_token::{ApiToken, Scope, Scopes},
    digest::Sha256,
    id::{ApiTokenId, UserId, random_bytes},
    ports::{Clock as _, Ports, SystemClock},
    session::{SessionToken, TokenForm},
};
use tokio::runtime::Runtime;

use crate::{
    mail::MAIL,
    openid::{self, PROVIDER},
    server::{Server, borrowed},
};

/// How often each endpoint is asked, unless `CANCEL_ROUNDS` says otherwise.
const ROUNDS: usize = 50;
const CLIENTS: usize = 4;
/// How long a server may be busy with what it was asked after its last answer.
const SOON: Duration = Duration::from_secs(5);
const PASSWORD: &str = "correct horse battery staple";

#[test]
fn whoever_hangs_up_leaves_nothing_half_done() {
    let settings = settings();
    let server = Server::start(&borrowed(&settings));
    let database = format!("sqlite:{}", server.data_dir().join("tapebase.db").display());
    let blobs = format!("file:{}", server.data_dir().join("blobs").display());

    hang_up_everywhere(&server, &Locations::parse(&database, &blobs, S3Dialect::default()).expect("they are known"));
}

/// None of so many sessions ends for another one.
pub fn settings() -> Vec<(&'static str, String)> {
    let mut settings = openid::settings(&PROVIDER);
    settings.push(("TAPEBASE_LIMITS__SESSIONS", "1000".to_owned()));
    settings.extend(MAIL.settings());
    settings
}

/// Asks every endpoint that changes something, hangs up, and looks at what is left.
pub fn hang_up_everywhere(server: &Server, stores: &Locations) {
    let runtime = Runtime::new().expect("a runtime");
    let mut ann = Ann::sign_in(server.tcp());
    ann.operator = runtime.block_on(operators_token(stores, ann.user));
    let endpoints = changing(server);
    let rounds = std::env::var_os("CANCEL_ROUNDS").and_then(|rounds| rounds.to_str()?.parse().ok()).unwrap_or(ROUNDS);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    if turn >= rounds * endpoints.len() {
                        return;
                    }
                    hang_up(ann.tcp.begin(&ann.prepare(&endpoints[turn % endpoints.len()])));
                }
            });
        }
    });
    server.wait_for_tasks(SOON);
    ann.end_uploads();
    runtime.block_on(ann.check(stores));
}

/// Every endpoint that changes something, as the description has it.
fn changing(server: &Server) -> Vec<String> {
    let description = server.send(&Request::new("GET", "/openapi.json")).expect(200).json();
    let paths = description["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().expect("operations").keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let is_changing = |operation: &String| !operation.starts_with("GET ") && !operation.starts_with("HEAD ");
    operations.filter(is_changing).chain(["GET /login".to_owned()]).collect()
}

/// Resets the connection within 4 ms, as a phone that loses its network.
#[expect(clippy::disallowed_methods, reason = "at any moment: there is no event")]
fn hang_up(stream: TcpStream) {
    let [long, short] = random_bytes();
    thread::sleep(Duration::from_micros(u64::from(u16::from_be_bytes([long, short])) / 16));
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket can linger");
    drop(stream);
}

/// Somebody who is signed in, and what they have asked for so far.
struct Ann {
    tcp: Tcp,
    token: String,
    /// As the server of 2018 had it.
    authorization: String,
    email: String,
    user: UserId,
    /// A token that looks after all accounts.
    operator: String,
    uploads: Mutex<Vec<String>>,
    /// The tokens of sessions that may have been ended.
    sessions: Mutex<Vec<String>>,
}

/// Asks for an API token for whoever has this one of a session.
fn new_token(session: &str) -> Request {
    Request::new("POST", "/v1/me/tokens").bearer(session).json(&json!({"name": "phone", "scopes": ["upload"]}))
}

/// As `tapebase user create-token` makes it.
async fn operators_token(stores: &Locations, user: UserId) -> String {
    let (now, secret) = (SystemClock.now(), SessionToken::generate(TokenForm::Api));
    let token = ApiToken {
        id: ApiTokenId::generate(now),
        user,
        name: "operator".to_owned(),
        scopes: Scopes::of([Scope::Admin]).expect("one"),
        recording: None,
        created_at: now,
        last_used_at: None,
        expires_at: now + TimeDelta::days(1),
    };
    let ports = stores.connect().await.expect("they answer");
    assert!(ports.tokens.add_token(token, secret.hash()).await.expect("added"));
    secret.expose().to_owned()
}

/// More than a pack takes: a file of its own.
fn audio() -> Vec<u8> {
    let mut audio: Vec<u8> = repeat_n(b'a', 300_000).collect();
    audio[..16].copy_from_slice(&random_bytes::<16>());
    audio
}

/// The address of somebody who is not signed in anywhere else.
fn fresh_user(tcp: &Tcp) -> String {
    User::sign_up(tcp, "cy").email
}

/// An address of somebody new, and how they ask for its code.
fn unverified(tcp: &Tcp) -> (String, Request) {
    let cy = User::sign_up(tcp, "cy");
    let identity = id(&cy.read("/v1/me/identities")["items"][0]);
    let asking = Request::new("POST", format!("/v1/me/verifications/{identity}")).bearer(&cy.token);
    (cy.email, asking)
}

impl Ann {
    fn sign_in(tcp: Tcp) -> Self {
        let email = fresh_email("ann");
        let grant = tcp.send(&sign_up(&email, PASSWORD)).expect(201);
        let user = UserId::parse(text(&grant.json()["user"], "id")).expect("an id");
        let token = token(&grant);
        let authorization = format!("{user} {token}");
        let (operator, uploads, sessions) = (String::new(), Mutex::default(), Mutex::default());
        Self { tcp, token, authorization, email, user, operator, uploads, sessions }
    }

    /// A request to this endpoint that will change something, if it is done.
    fn prepare(&self, endpoint: &str) -> Request {
        match endpoint {
            "POST /v1/auth/signup" => sign_up(&fresh_email("bob"), PASSWORD),
            "POST /v1/auth/login" => log_in(&self.email, PASSWORD),
            "POST /v1/auth/cookie" => {
                let credentials = json!({"email": self.email, "password": PASSWORD});
                Request::new("POST", "/v1/auth/cookie").header("Sec-Fetch-Site", "same-origin").json(&credentials)
            }
            "POST /v1/auth/logout" => Request::new("POST", "/v1/auth/logout").bearer(&self.another_session()),
            "PUT /v1/me/password" => Request::new("PUT", "/v1/me/password")
                .bearer(&self.somebody_else())
                .json(&json!({"current_password": PASSWORD, "new_password": "another password"})),
            "POST /v1/auth/password-reset" => forget(&fresh_user(&self.tcp)),
            "PUT /v1/auth/password" => {
                let email = fresh_user(&self.tcp);
                let _ = self.tcp.send(&forget(&email)).expect(202);
                reset(&email, &MAIL.mail_to(&email).code(), "another password")
            }
            "POST /v1/me/identities" => link(&self.somebody_else()),
            "DELETE /v1/me/identities/{id}" => {
                let token = self.somebody_else();
                let linked = self.send(&link(&token)).expect(201).json();
                Request::new("DELETE", format!("/v1/me/identities/{}", id(&linked))).bearer(&token)
            }
            "POST /v1/me/verifications/{id}" => unverified(&self.tcp).1,
            "PUT /v1/me/verifications/{id}" => {
                let (email, asking) = unverified(&self.tcp);
                let _ = self.send(&asking).expect(202);
                Request { method: "PUT", ..asking }.json(&json!({"code": MAIL.mail_to(&email).code()}))
            }
            "POST /v1/auth/oidc/{provider}/nonce" => Request::new("POST", "/v1/auth/oidc/test/nonce"),
            "POST /v1/auth/oidc/{provider}" => Request::new("POST", "/v1/auth/oidc/test").json(&self.id_token()),
            "POST /v1/me/identities/oidc/{provider}" => {
                let link = Request::new("POST", "/v1/me/identities/oidc/test").bearer(&self.somebody_else());
                let mut body = self.id_token();
                body["password"] = json!(PASSWORD);
                link.json(&body)
            }
            "POST /v1/me/identities/oidc/{provider}/revocation" => {
                let code = json!({"authorization_code": PROVIDER.code(&fresh_ulid())});
                self.request("POST", "/v1/me/identities/oidc/native/revocation").json(&code)
            }
            "DELETE /v1/me" => Request::new("DELETE", "/v1/me").bearer(&self.somebody_else()),
            "POST /v1/me/tokens" => new_token(&self.somebody_else()),
            "DELETE /v1/me/tokens/{id}" => {
                let token = self.somebody_else();
                let made = self.send(&new_token(&token)).expect(201).json();
                Request::new("DELETE", format!("/v1/me/tokens/{}", id(&made["token"]))).bearer(&token)
            }
            other if other.contains(" /v1/admin/") => self.prepare_operation(other),
            "DELETE /v1/me/sessions" => Request::new("DELETE", "/v1/me/sessions").bearer(&self.somebody_else()),
            "DELETE /v1/me/sessions/{id}" => {
                let token = self.another_session();
                let session = self.session(&token);
                Request::new("DELETE", format!("/v1/me/sessions/{session}")).bearer(&self.token)
            }
            "POST /v1/recordings" => self.request("POST", "/v1/recordings").body("audio/mp4", audio()),
            "PUT /v1/recordings/{id}" => {
                self.request("PUT", &format!("/v1/recordings/{}", fresh_ulid())).body("audio/mp4", audio())
            }
            "PATCH /v1/recordings/{id}" => {
                self.request("PATCH", &format!("/v1/recordings/{}", self.upload())).json(&json!({"name": "renamed"}))
            }
            "DELETE /v1/recordings/{id}" => self.request("DELETE", &format!("/v1/recordings/{}", self.upload())),
            "POST /v1/direct" => {
                let id = fresh_ulid();
                self.uploads.lock().expect("no panic").push(id.clone());
                self.request("POST", "/v1/direct").json(&announcement(&id, &audio()))
            }
            "DELETE /v1/direct/{id}" => self.request("DELETE", &format!("/v1/direct/{}", self.sent())),
            "POST /v1/direct/{id}/complete" => self.request("POST", &format!("/v1/direct/{}/complete", self.sent())),
            "PUT /v1/direct/{id}/parts/{number}" => self.part(&audio()),
            "GET /login" => Request::new("GET", format!("/login?social_id={}&social_type=X", fresh_ulid())),
            "PUT /record/{id}" => self.phone("PUT", "/record/memo.m4a").body("audio/mp4", audio()),
            "PUT /upload/record/{id}" => self.phone("PUT", "/upload/record/memo.m4a").body("audio/mp4", audio()),
            "DELETE /record/{id}" => {
                let recording = self.stored();
                let time = text(&recording, "received_at")[..19].replace('T', "_").replace(':', "-");
                self.phone("DELETE", &format!("/record/{}_{time}_{}.m4a", self.user, id(&recording)))
            }
            "POST /v1/recordings/{id}/link" => self.request("POST", &format!("/v1/recordings/{}/link", self.upload())),
            other => panic!("say here how to ask {other}"),
        }
    }

    /// The same of what takes an operator's token.
    fn prepare_operation(&self, endpoint: &str) -> Request {
        match endpoint {
            "POST /v1/admin/users" => {
                let account = json!({"email": fresh_email("bob"), "password": PASSWORD});
                self.operate("POST", "/v1/admin/users").json(&account)
            }
            "PATCH /v1/admin/users/{id}" => {
                self.operate("PATCH", &self.account_of_another()).json(&json!({"disabled": true}))
            }
            "POST /v1/admin/users/{id}/restore" => {
                let account = self.account_of_another();
                self.operate("POST", &format!("{account}/restore"))
            }
            "DELETE /v1/admin/users/{id}" => self.operate("DELETE", &self.account_of_another()),
            "PUT /v1/admin/users/{id}/password" => self
                .operate("PUT", &format!("{}/password", self.account_of_another()))
                .json(&json!({"new_password": "another password"})),
            "DELETE /v1/admin/users/{id}/sessions" => {
                self.operate("DELETE", &format!("{}/sessions", self.account_of_another()))
            }
            "PUT /v1/admin/users/{id}/verifications/{identity}" => {
                let account = self.account_of_another();
                let shown = self.send(&self.operate("GET", &account)).expect(200).json();
                self.operate("PUT", &format!("{account}/verifications/{}", id(&shown["identities"][0])))
            }
            "POST /v1/admin/password-resets" => {
                self.operate("POST", "/v1/admin/password-resets").json(&json!({"email": fresh_user(&self.tcp)}))
            }
            "POST /v1/admin/invitations" => {
                self.operate("POST", "/v1/admin/invitations").json(&json!({"email": fresh_email("bob")}))
            }
            other => panic!("say here how to ask {other}"),
        }
    }

    fn request(&self, method: &'static str, target: &str) -> Request {
        Request::new(method, target).bearer(&self.token)
    }

    fn operate(&self, method: &'static str, target: &str) -> Request {
        Request::new(method, target).bearer(&self.operator)
    }

    /// Where an operator finds somebody who is signed in.
    fn account_of_another(&self) -> String {
        let me = self.send(&Request::new("GET", "/v1/me").bearer(&self.somebody_else())).expect(200).json();
        format!("/v1/admin/users/{}", id(&me))
    }

    fn phone(&self, method: &'static str, target: &str) -> Request {
        Request::new(method, target).header("Authorization", &self.authorization)
    }

    fn send(&self, request: &Request) -> Response {
        self.tcp.send(request)
    }

    /// A recording that is stored, as the server tells of it.
    fn stored(&self) -> Value {
        let upload = self.request("POST", "/v1/recordings?name=memo.m4a").body("audio/mp4", audio());
        self.send(&upload).expect(201).json()
    }

    fn upload(&self) -> String {
        id(&self.stored())
    }

    fn another_session(&self) -> String {
        let token = token(&self.send(&log_in(&self.email, PASSWORD)).expect(200));
        self.sessions.lock().expect("no panic").push(token.clone());
        token
    }

    /// The token of somebody who signs out everywhere.
    fn somebody_else(&self) -> String {
        let token = token(&self.send(&sign_up(&fresh_email("bob"), PASSWORD)).expect(201));
        self.sessions.lock().expect("no panic").push(token.clone());
        token
    }

    /// What the app of somebody new gets from their provider.
    fn id_token(&self) -> Value {
        let nonce = self.send(&Request::new("POST", "/v1/auth/oidc/test/nonce")).expect(200).json();
        let claims = json!({"sub": fresh_ulid(), "nonce": nonce["nonce"]});
        json!({"id_token": PROVIDER.sign("ES256", &claims, &json!({})), "nonce": nonce["nonce"]})
    }

    /// The id of the session that a token opens.
    fn session(&self, token: &str) -> String {
        let sessions = self.send(&Request::new("GET", "/v1/me/sessions").bearer(token)).expect(200).json();
        let current = sessions["items"].as_array().expect("a list").iter().find(|session| session["current"] == true);
        id(current.expect("the one in use"))
    }

    fn announce(&self, audio: &[u8]) -> (String, Value) {
        let id = fresh_ulid();
        self.uploads.lock().expect("no panic").push(id.clone());
        let announce = self.request("POST", "/v1/direct").json(&announcement(&id, audio));
        (id, self.send(&announce).expect(201).json()["parts"][0].clone())
    }

    /// An upload whose only part has come.
    fn sent(&self) -> String {
        let audio = audio();
        let (id, part) = self.announce(&audio);
        let answer = put(&self.tcp, &part, &audio);
        assert!(matches!(answer.status, 200 | 204), "{answer:?}");
        id
    }

    /// A part, sent here: a store that takes parts itself is asked for nothing by way of this server.
    fn part(&self, audio: &[u8]) -> Request {
        let (id, part) = self.announce(audio);
        let elsewhere = format!("/v1/direct/{id}/parts/1");
        request_to(own_target(url(&part)).unwrap_or(&elsewhere), &part, audio.to_vec())
    }

    /// Ends what is still under way, and waits for the answers.
    fn end_uploads(&self) {
        for id in self.uploads.lock().expect("no panic").iter() {
            let answer = self.send(&self.request("DELETE", &format!("/v1/direct/{id}")));
            assert!(matches!(answer.status, 204 | 404), "{answer:?}");
        }
    }

    async fn check(&self, stores: &Locations) {
        let ports = stores.connect().await.expect("they answer");
        self.check_rows_and_audio(&ports).await;
        self.check_sessions(&ports).await;
    }

    /// Ann alone has recordings: every one plays, and there is no audio and no part besides.
    async fn check_rows_and_audio(&self, ports: &Ports) {
        let counted = ports.records.recount(self.user).await.expect("counted");
        assert_eq!(ports.records.counters(self.user).await.expect("read"), counted, "counters");
        assert_eq!((counted.uploads, counted.reserved_bytes), (0, 0));
        let tomorrow = SystemClock.now() + TimeDelta::days(1);
        let staged = ports.staging.blobs.abort_begun_before(tomorrow).await.expect("looked at");
        assert_eq!(staged, 0, "places for parts without an upload");

        let (mut listed, mut cursor) = (BTreeSet::new(), String::new());
        loop {
            let page = self.send(&self.request("GET", &format!("/v1/recordings?limit=200{cursor}"))).expect(200).json();
            listed.extend(page["items"].as_array().expect("a list").iter().map(id));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        for id in &listed {
            let played = self.send(&self.request("GET", &format!("/v1/recordings/{id}/audio"))).expect(200);
            assert_eq!(played.body.len(), 300_000, "{id}");
        }
        assert_eq!(listed.len() as u64, counted.recordings);
        let blobs = walk(&ports.blobs).await;
        assert_eq!(blobs.len(), listed.len(), "audio without a recording");
    }

    /// A token opens something if there is a session that it opens, and only then.
    async fn check_sessions(&self, ports: &Ports) {
        let sessions = self.sessions.lock().expect("no panic").clone();
        let mut ended = 0;
        for token in sessions {
            let row = ports.users.session(SessionToken::parse(&token).expect("a token").hash()).await.expect("read");
            let status = self.send(&Request::new("GET", "/v1/me").bearer(&token)).status;
            assert_eq!(status, if row.is_some() { 200 } else { 401 });
            ended += usize::from(row.is_none());
        }
        assert!(ended > 0, "no session was ended");
    }
}

/// Asks for another email address to be linked.
fn link(token: &str) -> Request {
    let credentials = json!({"email": fresh_email("anna"), "password": PASSWORD});
    Request::new("POST", "/v1/me/identities").bearer(token).json(&credentials)
}

fn announcement(id: &str, audio: &[u8]) -> Value {
    json!({"id": id, "size": audio.len(), "sha256": Sha256::of(audio).to_hex()})
}
