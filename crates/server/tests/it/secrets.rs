//! A log at the most talkative level has no secret of anybody in it.

use std::fs::{self, File};

use serde_json::{Value, json};
use tapebase_conformance::http::{
    Request,
    cases::{
        sending::{put, url},
        user::User,
    },
    mail::{code, reset},
    text, web_login,
};
use tapebase_domain::digest::Sha256;
use tempfile::TempDir;

use crate::{
    mail::MAIL,
    openid::{self, PROVIDER},
    server::{Server, borrowed, command},
};

const PASSWORDS: [&str; 3] = ["first correct horse", "second correct horse", "third correct horse"];
/// What every hash of a password begins with.
const HASH: &str = "$argon2";

#[test]
fn a_log_at_trace_has_no_secret() {
    expect_no_secret(&[]);
}

/// Does what needs secrets on a server with these settings, and looks for them in its log.
pub fn expect_no_secret(settings: &[(&str, &str)]) {
    let folder = TempDir::new().expect("a temporary folder");
    let (data_dir, log) = (folder.path().join("data"), folder.path().join("log"));
    let provider = openid::settings(&PROVIDER);
    let mail = MAIL.settings();
    let own = [&borrowed(&provider)[..], &borrowed(&mail), &[("TAPEBASE_LOG__FILTER", "trace")]].concat();
    let mut command = command(&data_dir, &[settings, &own].concat());
    command.stderr(File::create(&log).expect("made"));
    let server = Server::run(command, &data_dir);

    let secrets = use_secrets(&server);

    assert!(server.terminate().success());
    let log = fs::read_to_string(&log).expect("read");
    assert!(log.contains("\"TRACE\"") && log.contains("/v1/me/password"), "it is a log at trace");
    for secret in &secrets {
        let lines: Vec<_> = log.lines().filter(|line| line.contains(secret)).collect();
        assert!(lines.is_empty(), "{secret} is in the log: {}", lines[0]);
    }
}

/// Everything that passes through the server and is nobody else's business.
fn use_secrets(server: &Server) -> Vec<String> {
    let mut secrets = vec![HASH.to_owned()];
    secrets.extend(PASSWORDS.map(str::to_owned));
    let credentials = |password: &str| json!({"email": "ann@example.com", "password": password});
    let enter = |path: &str, password: &str| server.send(&Request::new("POST", path).json(&credentials(password)));
    let token = text(&enter("/v1/auth/signup", PASSWORDS[0]).expect(201).json(), "access_token").to_owned();
    assert_eq!(enter("/v1/auth/login", PASSWORDS[2]).status, 401);
    let other = text(&enter("/v1/auth/login", PASSWORDS[0]).expect(200).json(), "access_token").to_owned();
    let change = json!({"current_password": PASSWORDS[0], "new_password": PASSWORDS[1]});
    let _ = server.send(&Request::new("PUT", "/v1/me/password").bearer(&token).json(&change)).expect(204);

    let phone = Request::new("GET", "/login?social_id=1&social_type=X");
    let key = text(&server.send(&phone).expect(200).json(), "auth_key").to_owned();
    let list = Request::new("GET", "/record/list").header("Authorization", format!("X_1 {key}"));
    let _ = server.send(&list).expect(200);

    let wanted = json!({"name": "laptop", "scopes": ["full"]});
    let made = server.send(&Request::new("POST", "/v1/me/tokens").bearer(&token).json(&wanted)).expect(201).json();
    let api_token = text(&made, "access_token").to_owned();
    let _ = server.send(&Request::new("GET", "/v1/recordings").bearer(&api_token)).expect(200);
    secrets.push("s3cret".to_owned());
    secrets.push(forget_password(server));
    secrets.extend(web_login::sign_in(&server.tcp(), &PROVIDER));
    let keys = come_by_provider(server, &mut secrets);
    let played = upload_and_play(server, &token);
    let sent = send_directly(server, &token);
    for opened in [token, other, key, api_token].into_iter().chain(keys) {
        let hash = Sha256::of(opened.as_bytes());
        secrets.extend([opened, hash.to_hex(), hash.to_hex().to_uppercase()]);
    }
    secrets.extend([played, sent]);
    secrets
}

/// What two log-ins by ID tokens are answered, whose tokens and nonces are secrets, too.
fn come_by_provider(server: &Server, secrets: &mut Vec<String>) -> [String; 2] {
    let nonce = server.send(&Request::new("POST", "/v1/auth/oidc/test/nonce")).expect(200).json();
    let nonce = text(&nonce, "nonce");
    let token = PROVIDER.token("app", "ann", Some(nonce));
    let log_in = Request::new("POST", "/v1/auth/oidc/test").json(&json!({"id_token": token, "nonce": nonce}));
    let grant = server.send(&log_in).expect(200).json();
    let of_2018 = PROVIDER.token("app", "bob", None);
    let phone = Request::new("GET", format!("/login?social_id=bob&social_type=kakao&id_token={of_2018}"));
    let phone = server.send(&phone).expect(200).json();
    secrets.extend([nonce.to_owned(), token, of_2018]);
    [text(&grant, "access_token").to_owned(), text(&phone, "auth_key").to_owned()]
}

/// What signs a playback link.
fn upload_and_play(server: &Server, token: &str) -> String {
    let upload = Request::new("POST", "/v1/recordings").bearer(token).body("audio/mp4", b"speech".to_vec());
    let id = text(&server.send(&upload).expect(201).json(), "id").to_owned();
    let ask = Request::new("POST", format!("/v1/recordings/{id}/link")).bearer(token);
    let link = server.send(&ask).expect(200).json();
    let path = text(&link, "path");
    let _ = server.send(&Request::new("GET", path)).expect(200);
    path.split('/').nth(3).expect("a ticket").to_owned()
}

/// What signs a part's URL.
fn send_directly(server: &Server, token: &str) -> String {
    let audio = b"speech in parts".to_vec();
    let announcement = json!({"size": audio.len(), "sha256": Sha256::of(&audio).to_hex(), "media_type": "audio/mp4"});
    let plan = Request::new("POST", "/v1/direct").bearer(token).json(&announcement);
    let plan = server.send(&plan).expect(201).json();
    let part = &plan["parts"][0];
    let answer = put(&server.tcp(), part, &audio);
    assert!(matches!(answer.status, 200 | 204), "{answer:?}");
    let complete = format!("/v1/direct/{}/complete", text(&plan, "id"));
    let _ = server.send(&Request::new("POST", complete).bearer(token)).expect(201);
    signature(part)
}

fn signature(part: &Value) -> String {
    let (_, query) = url(part).split_once('?').expect("a query");
    let signature = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| matches!(name.to_ascii_lowercase().as_str(), "signature" | "x-amz-signature"));
    signature.expect("a signature").1.to_owned()
}

/// Somebody else's code, which is used.
fn forget_password(server: &Server) -> String {
    let tcp = server.tcp();
    let ben = User::sign_up(&tcp, "ben");
    let code = code(&tcp, &MAIL, &ben.email);
    let _ = server.send(&reset(&ben.email, &code, PASSWORDS[0])).expect(204);
    code
}
