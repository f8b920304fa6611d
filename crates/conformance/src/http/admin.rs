//! Looking after accounts by an operator's token: one function per behaviour, to be run on every store.
//!
//! ```text
//! fn server() -> ((Tcp, Server), impl Fn(&str) -> String) { .. }
//!
//! tapebase_conformance::admin_tests!(server());
//! ```
//!
//! It yields a client, whatever must outlive it, and what makes a user, named by email address, an API token with the scope
//! `admin`.

#![expect(missing_docs, reason = "the name of a case is the sentence it checks")]

use serde_json::{Value, json};

use super::{
    Client, Request, Response,
    cases::{
        fixtures::fresh_ulid,
        user::{PASSWORD, User, fresh_email, id, log_in, token},
    },
    mail::reset,
    text,
};

/// One test per behaviour.
#[macro_export]
macro_rules! admin_tests {
    ($front_end:expr) => {
        mod admin {
            use super::*;

            $crate::admin_tests! { @each $front_end;
                nobody_but_an_operators_token_is_let_in,
                an_operators_token_is_for_accounts_alone,
                a_user_makes_no_operators_token,
                users_are_listed_page_by_page_the_last_first,
                a_user_is_found_by_their_address,
                a_user_is_added_and_signs_in,
                a_user_is_shown_with_all_that_is_theirs,
                a_disabled_user_is_out_until_enabled,
                another_password_ends_all_sessions,
                sessions_are_listed_and_ended,
                an_address_is_verified_without_a_code,
                a_user_is_erased_and_cannot_be_had_back,
                whoever_is_invited_signs_up,
                a_code_resets_a_password_once,
                what_is_nobodys_is_not_found,
            }
        }
    };
    (@each $front_end:expr; $($case:ident,)*) => {$(
        #[test]
        fn $case() {
            let ((client, _kept), make_token) = $front_end;
            $crate::http::admin::$case(&$crate::http::admin::Operator::new(&client, make_token));
        }
    )*};
}

const NEW: &str = "wrong donkey capacitor clip";

/// Whoever looks after all accounts.
pub struct Operator<'a> {
    client: &'a dyn Client,
    token: String,
}

impl<'a> Operator<'a> {
    #[must_use]
    pub fn new(client: &'a dyn Client, make_token: impl FnOnce(&str) -> String) -> Self {
        Self { client, token: make_token(&User::sign_up(client, "operator").email) }
    }

    fn send(&self, request: Request) -> Response {
        self.client.send(&request.bearer(&self.token))
    }

    fn read(&self, target: &str) -> Value {
        self.send(Request::new("GET", target)).expect(200).json()
    }
}

fn path(user: &str) -> String {
    format!("/v1/admin/users/{user}")
}

fn id_of(user: &User<'_>) -> String {
    id(&user.read("/v1/me"))
}

fn by_address(email: &str) -> String {
    format!("/v1/admin/users?email={}", email.replace('+', "%2B"))
}

fn disabled(user: &str, disabled: bool) -> Request {
    Request::new("PATCH", path(user)).json(&json!({"disabled": disabled}))
}

fn password(user: &str, password: &str) -> Request {
    Request::new("PUT", format!("{}/password", path(user))).json(&json!({"new_password": password}))
}

fn sessions(method: &'static str, user: &str) -> Request {
    Request::new(method, format!("{}/sessions", path(user)))
}

fn verification(user: &str, identity: &str) -> Request {
    Request::new("PUT", format!("{}/verifications/{identity}", path(user)))
}

fn about(path: &str, email: &str) -> Request {
    Request::new("POST", path).json(&json!({"email": email}))
}

fn add(email: &str, password: &str) -> Request {
    Request::new("POST", "/v1/admin/users").json(&json!({"email": email, "password": password}))
}

/// Every operation, on somebody.
fn operations(user: &str) -> Vec<Request> {
    vec![
        Request::new("GET", "/v1/admin/users"),
        Request::new("HEAD", "/v1/admin/users"),
        add(&fresh_email("cat"), PASSWORD),
        Request::new("GET", path(user)),
        disabled(user, true),
        password(user, NEW),
        sessions("GET", user),
        sessions("DELETE", user),
        Request::new("POST", format!("{}/restore", path(user))),
        verification(user, &fresh_ulid()),
        Request::new("DELETE", path(user)),
        about("/v1/admin/password-resets", &fresh_email("cat")),
        about("/v1/admin/invitations", &fresh_email("cat")),
    ]
}

pub fn nobody_but_an_operators_token_is_let_in(operator: &Operator<'_>) {
    let [ann, ben] = ["ann", "ben"].map(|name| User::sign_up(operator.client, name));
    let body = json!({"name": "laptop", "scopes": ["read", "upload", "full"]});
    let full = token(&ann.send(Request::new("POST", "/v1/me/tokens").json(&body)).expect(201));

    for request in operations(&id_of(&ben)) {
        let _ = operator.client.send(&request).expect(401);
        for token in [&ann.token, &full] {
            let answer = operator.client.send(&request.clone().bearer(token)).expect(403);
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            assert!(challenge.ends_with("error=\"insufficient_scope\", scope=\"admin\""), "{challenge}");
        }
    }
    assert_eq!(ben.get("/v1/me").outcome(), "200");
    let cookie = Request::new("GET", "/v1/admin/users").header("Cookie", format!("__Host-tapebase={}", operator.token));
    assert_eq!(operator.client.send(&cookie).problem(), "unauthenticated");
}

pub fn an_operators_token_is_for_accounts_alone(operator: &Operator<'_>) {
    for target in ["/v1/me", "/v1/me/usage", "/v1/me/tokens", "/v1/recordings", "/v1/changes", "/v1/direct"] {
        assert_eq!(operator.send(Request::new("GET", target)).problem(), "insufficient-scope", "{target}");
    }
    let upload = Request::new("POST", "/v1/recordings").body("audio/mp4", b"speech");
    assert_eq!(operator.send(upload).problem(), "insufficient-scope");
}

pub fn a_user_makes_no_operators_token(operator: &Operator<'_>) {
    let ann = User::sign_up(operator.client, "ann");

    for scopes in [json!(["admin"]), json!(["full", "admin"])] {
        let body = json!({"name": "laptop", "scopes": scopes});
        let refused = ann.send(Request::new("POST", "/v1/me/tokens").json(&body));
        assert_eq!(refused.problem(), "insufficient-scope", "{scopes}");
    }
    assert_eq!(ann.read("/v1/me/tokens")["items"], json!([]));
}

pub fn users_are_listed_page_by_page_the_last_first(operator: &Operator<'_>) {
    let users: Vec<_> = (0..5).map(|_| User::sign_up(operator.client, "ann")).collect();
    let wanted: Vec<_> = users.iter().rev().map(id_of).collect();

    let (mut listed, mut cursor) = (Vec::new(), String::new());
    while wanted.iter().any(|id| !listed.contains(id)) {
        let page = operator.read(&format!("/v1/admin/users?limit=2{cursor}"));
        let items = page["items"].as_array().expect("a list");
        assert!(!items.is_empty() && items.len() <= 2, "{page}");
        listed.extend(items.iter().map(|user| text(user, "id").to_owned()));
        cursor = format!("&cursor={}", text(&page, "next_cursor"));
    }

    let all = operator.read("/v1/admin/users?limit=200");
    let is_last = all["items"].as_array().expect("a list").len() < 200;
    assert_eq!(all["next_cursor"].is_null(), is_last, "{all}");
    assert!(listed.is_sorted_by(|one, next| one > next), "{listed:?}");
    listed.retain(|id| wanted.contains(id));
    assert_eq!(listed, wanted);
    let refused = operator.send(Request::new("GET", "/v1/admin/users?cursor=nothing"));
    assert_eq!(refused.problem(), "invalid-parameter");
}

pub fn a_user_is_found_by_their_address(operator: &Operator<'_>) {
    let ann = User::sign_up(operator.client, "ann+memo");
    let me = ann.read("/v1/me");

    let found = operator.read(&by_address(&ann.email.to_uppercase()));

    assert_eq!(found["next_cursor"], Value::Null);
    let user = &found["items"][0];
    for member in ["id", "email", "email_verified", "created_at"] {
        assert_eq!(user[member], me[member], "{member}");
    }
    assert_eq!((&user["disabled_at"], &user["erase_at"]), (&Value::Null, &Value::Null));
    assert_eq!(operator.send(Request::new("GET", by_address(""))).problem(), "invalid-parameter", "not everybody");
    for nobody in [&fresh_email("nobody"), "nothing", "@"] {
        assert_eq!(operator.read(&by_address(nobody))["items"], json!([]), "{nobody}");
    }
}

pub fn a_user_is_added_and_signs_in(operator: &Operator<'_>) {
    let email = fresh_email("ann");

    let added = operator.send(add(&email, PASSWORD)).expect(201);

    let user = added.json();
    assert_eq!(added.header("location"), Some(&*path(text(&user, "id"))));
    assert_eq!((&user["email"], &user["email_verified"]), (&json!(email), &json!(true)));
    assert_eq!(id_of(&User::log_in(operator.client, &email, PASSWORD)), text(&user, "id"));
    assert_eq!(operator.send(add(&email, PASSWORD)).problem(), "email-taken");
    assert_eq!(operator.send(add("ann", PASSWORD)).problem(), "invalid-email");
    assert_eq!(operator.send(add(&fresh_email("ben"), "short")).problem(), "invalid-password");
}

pub fn a_user_is_shown_with_all_that_is_theirs(operator: &Operator<'_>) {
    let ann = User::sign_up(operator.client, "ann");
    let _ = ann.upload("there");
    let me = ann.read("/v1/me");

    let shown = operator.read(&path(&id_of(&ann)));

    assert_eq!(shown["user"], operator.read(&by_address(&ann.email))["items"][0]);
    assert_eq!(shown["identities"], ann.read("/v1/me/identities")["items"]);
    assert_eq!((&shown["has_password"], &shown["usage"]["recordings"]), (&json!(true), &json!(1)));
    assert_eq!((&shown["usage"], &shown["limits"]), (&me["usage"], &me["limits"]));
    assert_eq!(ann.read("/v1/me/usage"), json!({"usage": me["usage"], "limits": me["limits"]}));
}

pub fn a_disabled_user_is_out_until_enabled(operator: &Operator<'_>) {
    let ann = User::sign_up(operator.client, "ann");
    let recording = id(&ann.upload("there"));
    let user = id_of(&ann);

    let answer = operator.send(disabled(&user, true)).expect(200).json();

    assert!(answer["disabled_at"].is_string(), "{answer}");
    assert_eq!(operator.send(disabled(&user, true)).expect(200).json(), answer, "also for whoever got no answer");
    assert_eq!(ann.get("/v1/me").problem(), "invalid-token");
    assert_eq!(operator.client.send(&log_in(&ann.email, PASSWORD)).problem(), "account-disabled");
    assert_eq!(operator.send(disabled(&user, false)).expect(200).json()["disabled_at"], Value::Null);
    assert_eq!(ann.log_in_again().read(&format!("/v1/recordings/{recording}"))["id"], json!(recording));
    for body in [json!({}), json!({"disabled": "yes"}), json!({"disabled": true, "why": "spam"})] {
        let request = Request::new("PATCH", path(&user)).json(&body);
        assert_eq!(operator.send(request).problem(), "invalid-body", "{body}");
    }
}

pub fn another_password_ends_all_sessions(operator: &Operator<'_>) {
    let ann = User::sign_up(operator.client, "ann");
    let user = id_of(&ann);
    assert_eq!(operator.send(password(&user, "short")).problem(), "invalid-password");

    let _ = operator.send(password(&user, NEW)).expect(204);

    assert_eq!(ann.get("/v1/me").problem(), "invalid-token");
    assert_eq!(operator.client.send(&log_in(&ann.email, PASSWORD)).problem(), "wrong-credentials");
    let _ = operator.client.send(&log_in(&ann.email, NEW)).expect(200);
}

pub fn sessions_are_listed_and_ended(operator: &Operator<'_>) {
    let ann = User::sign_up(operator.client, "ann");
    let again = ann.log_in_again();
    let user = id_of(&ann);
    let ids = |page: &Value| page["items"].as_array().expect("a list").iter().map(id).collect::<Vec<_>>();

    let listed = operator.send(sessions("GET", &user)).expect(200).json();

    assert_eq!(ids(&listed), ids(&ann.read("/v1/me/sessions")));
    assert!(ids(&listed).len() == 2 && !listed.to_string().contains("\"current\":true"), "{listed}");
    let _ = operator.send(sessions("DELETE", &user)).expect(204);
    for session in [&ann, &again] {
        assert_eq!(session.get("/v1/me").problem(), "invalid-token");
    }
    assert_eq!(operator.send(sessions("GET", &user)).expect(200).json()["items"], json!([]));
}

pub fn an_address_is_verified_without_a_code(operator: &Operator<'_>) {
    let ann = User::sign_up(operator.client, "ann");
    let identity = ann.read("/v1/me/identities")["items"][0].clone();
    let verify = || operator.send(verification(&id_of(&ann), text(&identity, "id"))).expect(200).json();

    let verified = verify();

    assert!(identity["verified_at"].is_null() && verified["verified_at"].is_string(), "{verified}");
    assert_eq!(verify(), verified);
    assert_eq!(ann.read("/v1/me")["email_verified"], true);
    let ben = User::sign_up(operator.client, "ben");
    assert_eq!(operator.send(verification(&id_of(&ben), text(&identity, "id"))).problem(), "not-found");
}

pub fn a_user_is_erased_and_cannot_be_had_back(operator: &Operator<'_>) {
    let ann = User::sign_up(operator.client, "ann");
    let user = id_of(&ann);
    let _ = ann.upload("there");

    let receipt = operator.send(Request::new("DELETE", path(&user))).expect(202).json();

    assert_eq!(receipt["user_id"], json!(user));
    assert_eq!(ann.get("/v1/me").problem(), "invalid-token");
    assert_eq!(operator.client.send(&log_in(&ann.email, PASSWORD)).problem(), "wrong-credentials");
    // It may be gone by now, and is deleted for good as long as it is not.
    for (request, outcome) in [
        (Request::new("DELETE", path(&user)), "202"),
        (Request::new("POST", format!("{}/restore", path(&user))), "403 account-erased"),
        (disabled(&user, false), "403 account-erased"),
        (password(&user, NEW), "403 account-erased"),
    ] {
        let answer = operator.send(request).outcome();
        assert!(answer == outcome || answer == "404 not-found", "{answer}, not {outcome}");
    }
}

pub fn whoever_is_invited_signs_up(operator: &Operator<'_>) {
    let email = fresh_email("ben");

    let invitation = operator.send(about("/v1/admin/invitations", &email)).expect(200).json();

    assert_eq!((&invitation["email"], &invitation["mailed"]), (&json!(email), &json!(false)));
    assert_eq!(invitation["expires_in"], json!(7 * 24 * 60 * 60));
    let body = json!({"email": email, "password": PASSWORD, "code": invitation["code"]});
    let grant = operator.client.send(&Request::new("POST", "/v1/auth/signup").json(&body)).expect(201).json();
    assert_eq!(grant["user"]["email_verified"], true);
    assert_eq!(operator.send(about("/v1/admin/invitations", &email)).problem(), "email-taken");
    assert_eq!(operator.send(about("/v1/admin/invitations", "ben")).problem(), "invalid-email");
}

pub fn a_code_resets_a_password_once(operator: &Operator<'_>) {
    let ann = User::sign_up(operator.client, "ann");

    let made = operator.send(about("/v1/admin/password-resets", &ann.email)).expect(200).json();

    assert_eq!((&made["email"], &made["expires_in"]), (&json!(ann.email), &json!(60 * 60)));
    let reset = || operator.client.send(&reset(&ann.email, text(&made, "code"), NEW));
    let _ = reset().expect(204);
    assert_eq!(reset().problem(), "invalid-code");
    let _ = operator.client.send(&log_in(&ann.email, NEW)).expect(200);
    let nobody = fresh_email("nobody");
    assert_eq!(operator.send(about("/v1/admin/password-resets", &nobody)).problem(), "not-found");
}

pub fn what_is_nobodys_is_not_found(operator: &Operator<'_>) {
    for user in [&fresh_ulid(), "nobody"] {
        for request in operations(user) {
            if request.target.starts_with(&path(user)) {
                let head = format!("{} {}", request.method, request.target);
                assert_eq!(operator.send(request).problem(), "not-found", "{head}");
            }
        }
    }
}
