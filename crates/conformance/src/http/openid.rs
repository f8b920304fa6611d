//! Signing in with a real OpenID provider: one function per behaviour, to be run through every front end.
//!
//! ```text
//! fn front_end() -> ((Tcp, &'static OidcProvider), Server) { .. }
//!
//! tapebase_conformance::openid_tests!(front_end());
//! ```
//!
//! The expression yields a client of a server that has the provider's settings and trusts social ids, the provider, and
//! whatever must outlive them.

#![expect(missing_docs, reason = "the name of a case is the sentence it checks")]

use serde_json::{Value, json};
use tapebase_domain::{digest::Sha256, id::random_bytes};

use super::{
    Client, Request, Response,
    cases::user::{PASSWORD, fresh_email, sign_up},
    text,
};
use crate::oidc_provider::OidcProvider;

/// One test per behaviour.
#[macro_export]
macro_rules! openid_tests {
    ($front_end:expr) => {
        $crate::openid_tests! { @each $front_end;
            who_the_provider_knows_signs_in_to_one_account,
            a_nonce_may_be_hashed_as_apple_has_it,
            a_token_lets_in_once,
            tokens_that_prove_nothing_are_refused,
            a_provider_that_is_not_configured_is_not_found,
            an_account_at_the_provider_is_linked_and_unlinked,
            an_account_at_the_provider_is_of_one_user,
            who_came_by_the_provider_gets_a_password,
            what_the_provider_gave_the_app_is_revoked,
            a_client_of_2018_signs_in_with_a_token,
            a_token_of_2018_is_accepted_once_and_for_its_own_subject,
            who_proves_a_social_id_ends_all_keys_that_were_given_without,
        }
    };
    (@each $front_end:expr; $($case:ident,)*) => {$(
        #[test]
        fn $case() {
            let ((client, provider), _kept) = $front_end;
            $crate::http::openid::$case(&client, &provider);
        }
    )*};
}

/// Somebody the provider has not heard of before.
#[must_use]
pub fn fresh_subject() -> String {
    format!("ann-{:016x}", u64::from_be_bytes(random_bytes()))
}

fn nonce(client: &dyn Client) -> String {
    let answer = client.send(&Request::new("POST", "/v1/auth/oidc/test/nonce")).expect(200).json();
    text(&answer, "nonce").to_owned()
}

fn log_in(token: &str, nonce: &str) -> Request {
    Request::new("POST", "/v1/auth/oidc/test").json(&json!({"id_token": token, "nonce": nonce}))
}

fn link(bearer: &str, token: &str, nonce: &str) -> Request {
    let link = Request::new("POST", "/v1/me/identities/oidc/test").bearer(bearer);
    link.json(&json!({"id_token": token, "nonce": nonce, "password": PASSWORD}))
}

/// Signs somebody in as an app does.
pub fn signed_in(client: &dyn Client, provider: &OidcProvider, app: &str, subject: &str) -> Value {
    let nonce = nonce(client);
    client.send(&log_in(&provider.token(app, subject, Some(&nonce)), &nonce)).expect(200).json()
}

fn bearer(grant: &Value) -> &str {
    text(grant, "access_token")
}

fn seed_log_in(network: &str, id: &str, token: Option<&str>) -> Request {
    let token = token.map_or_else(String::new, |token| format!("&id_token={token}"));
    Request::new("GET", format!("/login?social_type={network}&social_id={id}{token}"))
}

/// The header that a client of 2018 sends.
fn seed_authorization(grant: &Value) -> String {
    format!("{} {}", text(grant, "user_id"), text(grant, "auth_key"))
}

fn seed_list(client: &dyn Client, authorization: &str) -> Response {
    client.send(&Request::new("GET", "/record/list").header("Authorization", authorization))
}

pub fn who_the_provider_knows_signs_in_to_one_account(client: &dyn Client, provider: &OidcProvider) {
    let subject = fresh_subject();

    let first = signed_in(client, provider, "app", &subject);
    let second = signed_in(client, provider, "app-es256", &subject);
    let other = signed_in(client, provider, "app", &fresh_subject());

    assert_eq!(first["user"], second["user"]);
    assert_ne!(first["user"]["id"], other["user"]["id"]);
    assert_eq!(first["user"]["email"], Value::Null);
    let identities = Request::new("GET", "/v1/me/identities").bearer(bearer(&second));
    let identities = client.send(&identities).expect(200).json();
    // And the social id that it proves, for the routes of 2018.
    let [identity, social] = &identities["items"].as_array().expect("a list")[..] else { panic!("{identities}") };
    assert_eq!((text(social, "type"), text(social, "subject")), ("social", &*subject));
    assert_eq!((text(identity, "type"), text(identity, "provider")), ("oidc", provider.issuer()));
    assert_eq!(text(identity, "subject"), subject);
}

pub fn a_nonce_may_be_hashed_as_apple_has_it(client: &dyn Client, provider: &OidcProvider) {
    let nonce = nonce(client);
    let hashed = Sha256::of(nonce.as_bytes()).to_hex();

    let token = provider.token("app", &fresh_subject(), Some(&hashed));

    assert_eq!(client.send(&log_in(&token, &hashed)).problem(), "invalid-id-token");
    let _ = client.send(&log_in(&token, &nonce)).expect(200);
}

pub fn a_token_lets_in_once(client: &dyn Client, provider: &OidcProvider) {
    let nonce = nonce(client);
    let token = provider.token("app", &fresh_subject(), Some(&nonce));

    let outcomes = super::cases::at_once(8, |_| client.send(&log_in(&token, &nonce)).outcome());

    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "200").count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "403 invalid-id-token").count(), 7, "{outcomes:?}");
    // Nor does another with the same nonce, nor the same on the routes of 2018.
    let another = provider.token("app", &fresh_subject(), Some(&nonce));
    assert_eq!(client.send(&log_in(&another, &nonce)).problem(), "invalid-id-token");
}

pub fn tokens_that_prove_nothing_are_refused(client: &dyn Client, provider: &OidcProvider) {
    let nonce = nonce(client);
    let sign = |claims: Value| {
        let mut all = json!({"nonce": nonce, "sub": "mallory"});
        all.as_object_mut().expect("an object").extend(claims.as_object().expect("an object").clone());
        provider.sign("RS256", &all, &json!({}))
    };
    let whole = sign(json!({}));
    let (signed, _) = whole.rsplit_once('.').expect("a token");
    let long_ago = 1_700_000_000;
    for (token, says) in [
        (sign(json!({"iss": "https://evil.example.com"})), "(iss)"),
        (sign(json!({"aud": "another"})), "(aud)"),
        (sign(json!({"aud": ["app", "another"]})), "(azp)"),
        (sign(json!({"exp": long_ago})), "(exp)"),
        (sign(json!({"iat": long_ago})), "(iat)"),
        (sign(json!({"iat": 4_000_000_000_u64})), "(nbf, iat)"),
        (sign(json!({"nonce": "another"})), "nonce"),
        (provider.sign("RS256", &json!({"sub": "mallory"}), &json!({})), "nonce"),
        (provider.sign("RS256", &json!({"nonce": nonce}), &json!({"typ": "at+jwt"})), "JWT"),
        (provider.sign("RS256", &json!({"nonce": nonce}), &json!({"kid": "another"})), "(kid)"),
        (format!("{signed}.AAAA"), "signature"),
        ("eyJhbGciOiJub25lIn0.e30.".to_owned(), "(alg)"),
        ("eyJhbGciOiJIUzI1NiJ9.e30.AAAA".to_owned(), "(alg)"),
        (String::new(), "JWT"),
        ("a".repeat(20_000), "JWT"),
    ] {
        let refused = client.send(&log_in(&token, &nonce));
        assert_eq!(refused.problem(), "invalid-id-token", "{token}");
        let detail = text(&refused.json(), "detail").to_owned();
        assert!(detail.contains(says), "{says} is not in {detail:?}");
    }
    let refused = client.send(&log_in(&whole, "no nonce of ours"));
    assert_eq!(refused.problem(), "invalid-id-token");
    // None of them has used up the nonce.
    let _ = client.send(&log_in(&sign(json!({"sub": fresh_subject()})), &nonce)).expect(200);
}

pub fn a_provider_that_is_not_configured_is_not_found(client: &dyn Client, provider: &OidcProvider) {
    let nonce = nonce(client);
    let body = json!({"id_token": provider.token("app", &fresh_subject(), Some(&nonce)), "nonce": nonce});
    for name in ["google", "TEST", "test%2F", "a.b", &"x".repeat(200)] {
        for path in [format!("/v1/auth/oidc/{name}"), format!("/v1/auth/oidc/{name}/nonce")] {
            assert_eq!(client.send(&Request::new("POST", path).json(&body)).outcome(), "404 not-found");
        }
    }
}

pub fn an_account_at_the_provider_is_linked_and_unlinked(client: &dyn Client, provider: &OidcProvider) {
    let email = fresh_email("ann");
    let ann = client.send(&sign_up(&email, PASSWORD)).expect(201).json();
    let (subject, fresh) = (fresh_subject(), nonce(client));

    let token = provider.token("app", &subject, Some(&fresh));
    let without_password = json!({"id_token": token, "nonce": fresh});
    let without_password = Request::new("POST", "/v1/me/identities/oidc/test").json(&without_password);
    assert_eq!(client.send(&without_password.bearer(bearer(&ann))).outcome(), "403 wrong-password");
    let linked = client.send(&link(bearer(&ann), &token, &fresh)).expect(201);

    let path = linked.header("location").expect("its path").to_owned();
    assert_eq!(client.send(&Request::new("GET", &path).bearer(bearer(&ann))).expect(200).json(), linked.json());
    let again = signed_in(client, provider, "app", &subject);
    assert_eq!(again["user"], ann["user"]);
    let unlink = Request::new("DELETE", &path).bearer(bearer(&again));
    let _ = client.send(&unlink).expect(204);
    assert_ne!(signed_in(client, provider, "app", &subject)["user"]["id"], ann["user"]["id"]);
}

pub fn an_account_at_the_provider_is_of_one_user(client: &dyn Client, provider: &OidcProvider) {
    let subject = fresh_subject();
    let owner = signed_in(client, provider, "app", &subject);
    let bob = client.send(&sign_up(&fresh_email("bob"), PASSWORD)).expect(201).json();
    let fresh = nonce(client);

    let taken = client.send(&link(bearer(&bob), &provider.token("app", &subject, Some(&fresh)), &fresh));

    assert_eq!(taken.outcome(), "409 identity-taken");
    assert_eq!(signed_in(client, provider, "app", &subject)["user"], owner["user"]);
}

pub fn who_came_by_the_provider_gets_a_password(client: &dyn Client, provider: &OidcProvider) {
    let (email, subject) = (fresh_email("ann"), fresh_subject());
    let ann = signed_in(client, provider, "app", &subject);
    let identities = Request::new("GET", "/v1/me/identities").bearer(bearer(&ann));
    let first = client.send(&identities).expect(200).json()["items"][0].clone();
    let unlink = Request::new("DELETE", format!("/v1/me/identities/{}", text(&first, "id"))).bearer(bearer(&ann));
    assert_eq!(client.send(&unlink).outcome(), "409 last-identity");

    let credentials = json!({"email": email, "password": PASSWORD});
    let _ = client.send(&Request::new("POST", "/v1/me/identities").bearer(bearer(&ann)).json(&credentials)).expect(201);

    let by_password = client.send(&Request::new("POST", "/v1/auth/login").json(&credentials)).expect(200).json();
    assert_eq!(by_password["user"]["id"], ann["user"]["id"]);
    let _ = client.send(&unlink).expect(204);
}

pub fn a_client_of_2018_signs_in_with_a_token(client: &dyn Client, provider: &OidcProvider) {
    let subject = fresh_subject();

    let token = provider.token("app", &subject, None);
    let grant = client.send(&seed_log_in("kakao", &subject, Some(&token))).expect(200).json();

    assert_eq!(text(&grant, "user_id"), format!("kakao_{subject}"));
    assert_eq!(text(&grant, "auth_key").len(), 64);
    let _ = seed_list(client, &seed_authorization(&grant)).expect(200);
    // It is the account that v1 knows by the provider; one with a nonce needs it.
    assert_eq!(
        signed_in(client, provider, "app", &subject)["user"]["created_at"],
        signed_in(client, provider, "app", &subject)["user"]["created_at"]
    );
    let fresh = nonce(client);
    let token = provider.token("app", &subject, Some(&fresh));
    assert_eq!(client.send(&seed_log_in("kakao", &subject, Some(&token))).status, 403);
    let target = format!("{}&nonce={fresh}", seed_log_in("kakao", &subject, Some(&token)).target);
    let _ = client.send(&Request::new("GET", target)).expect(200);
    assert_eq!(client.send(&log_in(&token, &fresh)).problem(), "invalid-id-token");
}

pub fn a_token_of_2018_is_accepted_once_and_for_its_own_subject(client: &dyn Client, provider: &OidcProvider) {
    let subject = fresh_subject();
    let token = provider.token("app", &subject, None);

    assert_eq!(client.send(&seed_log_in("kakao", &fresh_subject(), Some(&token))).status, 403);
    let token = provider.token("app-es256", &subject, None);
    let _ = client.send(&seed_log_in("kakao", &subject, Some(&token))).expect(200);
    assert_eq!(client.send(&seed_log_in("kakao", &subject, Some(&token))).status, 403);
    assert_eq!(client.send(&seed_log_in("google", &subject, Some(&provider.token("app", &subject, None)))).status, 404);
    assert_eq!(client.send(&seed_log_in("kakao", &subject, Some("nonsense"))).status, 403);
}

/// As where an attacker had made the account before its owner came.
pub fn who_proves_a_social_id_ends_all_keys_that_were_given_without(client: &dyn Client, provider: &OidcProvider) {
    for is_v1 in [false, true] {
        let subject = fresh_subject();
        let unproved = client.send(&seed_log_in("kakao", &subject, None)).expect(200).json();
        let mallory = seed_authorization(&unproved);
        let upload = Request::new("PUT", "/record/memo.m4a").header("Authorization", &mallory);
        let _ = client.send(&upload.body("application/octet-stream", "what the owner has recorded")).expect(200);
        let wanted = json!({"name": "for later", "scopes": ["full"]});
        let key = text(&unproved, "auth_key");
        let made = client.send(&Request::new("POST", "/v1/me/tokens").bearer(key).json(&wanted)).expect(201).json();
        let by_token = || client.send(&Request::new("GET", "/v1/recordings").bearer(text(&made, "access_token")));
        let _ = by_token().expect(200);

        if is_v1 {
            let owner = signed_in(client, provider, "app", &subject);
            let recordings =
                client.send(&Request::new("GET", "/v1/recordings").bearer(bearer(&owner))).expect(200).json();
            assert_eq!(recordings["items"].as_array().map(Vec::len), Some(1));
        } else {
            let token = provider.token("app", &subject, None);
            let owner = client.send(&seed_log_in("kakao", &subject, Some(&token))).expect(200).json();
            let list = seed_list(client, &seed_authorization(&owner)).expect(200).json();
            assert_eq!(list["records"].as_array().map(Vec::len), Some(1));
        }
        assert_eq!(by_token().outcome(), "401 invalid-token");

        let _ = seed_list(client, &mallory).expect(401);
        assert_eq!(client.send(&seed_log_in("kakao", &subject, None)).status, 403);
    }
}

pub fn what_the_provider_gave_the_app_is_revoked(client: &dyn Client, provider: &OidcProvider) {
    let [ann, bob] = [(); 2].map(|()| fresh_subject());
    let grant = signed_in(client, provider, "app", &ann);
    let revoke = |of: &str, body: &Value| {
        let request = Request::new("POST", format!("/v1/me/identities/oidc/{of}/revocation")).json(body);
        client.send(&request.bearer(bearer(&grant)))
    };
    let code = provider.code(&ann);
    let with_code = json!({"authorization_code": code, "client_id": "native"});
    for (of, body, problem) in [
        ("native", json!({"authorization_code": "made up"}), "invalid-id-token"),
        ("native", json!({"authorization_code": code, "client_id": "app"}), "invalid-body"),
        ("native", json!({"authorization_code": ""}), "invalid-body"),
        ("native", json!({"authorization_code": code, "client_id": "x".repeat(513)}), "invalid-body"),
        ("native", json!({"code": code}), "invalid-body"),
        // Which the server cannot prove to be.
        ("native", json!({"authorization_code": code, "client_id": "another"}), "not-found"),
        ("nobody", with_code.clone(), "not-found"),
    ] {
        assert_eq!(revoke(of, &body).problem(), problem, "{of} {body}");
    }
    assert!(!provider.has_revoked(&ann));
    // What is no provider's keeps nobody waiting.
    for _ in 0..20 {
        assert_eq!(revoke("nobody", &with_code).problem(), "not-found");
    }

    let _ = revoke("native", &with_code).expect(204);

    assert!(provider.has_revoked(&ann) && !provider.has_revoked(&bob));
    assert_eq!(revoke("native", &with_code).problem(), "invalid-id-token", "a code counts once");
    let code = provider.code(&bob);
    let _ = revoke("native", &json!({"authorization_code": code})).expect(204);
    assert!(provider.has_revoked(&bob), "the client id may be left out");
    let _ = client.send(&Request::new("GET", "/v1/me").bearer(bearer(&grant))).expect(200);
}
