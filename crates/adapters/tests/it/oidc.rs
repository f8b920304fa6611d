//! ID tokens, as providers sign them and as attackers do.

mod issuer;

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tapebase_adapters::oidc::{Algorithm, Client, OpenIdProviders, Provider};
use tapebase_domain::{
    oidc::{AuthorizationCode, AuthorizationRequest, IdToken, IdTokenClaims, IdTokenFlaw, ProviderName},
    ports::{IdTokenError, IdentityProviders},
};

use issuer::{Issuer, Signer, TestClock, Trouble, encoded, signed};

const APP: &str = "app-1";

fn name(name: &str) -> ProviderName {
    ProviderName::parse(name).expect("a name")
}

/// A provider with one key, the verifier that knows it, and its clock.
struct World {
    issuer: Issuer,
    signer: Signer,
    clock: TestClock,
    providers: OpenIdProviders,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Provider)) -> Self {
        let (issuer, signer, clock) = (Issuer::start(), Signer::new("key-1"), TestClock::at("2026-11-30T12:00:00Z"));
        issuer.publish(&[signer.public()]);
        let mut provider = Provider {
            name: name("test"),
            issuer: issuer.url(),
            also_issuer: None,
            audiences: vec![APP.to_owned(), "app-2".to_owned()],
            algorithms: vec![Algorithm::ES256],
            jwks_uri: Some(issuer.jwks_uri()),
            network: Some("kakao".to_owned()),
            web: None,
            signing_key: None,
        };
        change(&mut provider);
        let other = Provider { name: name("other"), issuer: "https://other.example.com".into(), ..provider.clone() };
        let providers = OpenIdProviders::new(vec![provider, other], std::sync::Arc::new(clock.clone()));
        Self { issuer, signer, clock, providers }
    }

    fn header(&self) -> Value {
        json!({"alg": "ES256", "typ": "JWT", "kid": self.signer.kid})
    }

    fn claims(&self) -> Value {
        let now = self.clock.seconds();
        json!({"iss": self.issuer.url(), "aud": APP, "sub": "ann", "iat": now, "exp": now + 3600, "nonce": "n"})
    }

    fn token(&self) -> String {
        self.signer.sign(&self.header(), &self.claims())
    }

    /// A token with this claim instead, or without it.
    fn token_with(&self, claim: &str, value: Value) -> String {
        let mut claims = self.claims();
        set(&mut claims, claim, value);
        self.signer.sign(&self.header(), &claims)
    }

    /// A token with this in the header instead, or without it.
    fn token_headed(&self, name: &str, value: Value) -> String {
        let mut header = self.header();
        set(&mut header, name, value);
        self.signer.sign(&header, &self.claims())
    }

    async fn verify(&self, token: &str) -> Result<IdTokenClaims, IdTokenError> {
        self.providers.verify(&name("test"), &IdToken::parse(token.to_owned()).expect("not too long")).await
    }

    async fn flaw(&self, token: &str) -> Option<IdTokenFlaw> {
        match self.verify(token).await {
            Ok(_) => None,
            Err(IdTokenError::Flawed(flaw)) => Some(flaw),
            Err(error) => panic!("{error}"),
        }
    }
}

fn set(object: &mut Value, name: &str, value: Value) {
    let members = object.as_object_mut().expect("an object");
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
}

#[tokio::test]
async fn a_token_says_who_it_is_of() {
    let world = World::new();

    let claims = world.verify(&world.token()).await.expect("true");

    assert_eq!((claims.subject.issuer(), claims.subject.subject()), (&*world.issuer.url(), "ann"));
    assert_eq!((claims.nonce.as_deref(), claims.network.as_deref()), (Some("n"), Some("kakao")));
    assert_ne!(claims.digest, world.verify(&world.token_with("nonce", json!("m"))).await.expect("true").digest);
}

#[tokio::test]
async fn what_providers_write_in_good_faith_is_taken() {
    let world = World::with(|provider| provider.also_issuer = Some("accounts.example.com".into()));
    let now = world.clock.seconds();
    for (claim, value) in [
        ("aud", json!([APP])),
        ("azp", json!("app-2")),
        ("iat", json!(now - 600)),
        ("iat", json!(now + 59)),
        ("exp", json!(now - 59)),
        ("exp", json!(f64::from(i32::MAX) + 0.5)),
        ("nbf", json!(now + 59)),
        ("email_verified", json!("true")),
        ("nonce", Value::Null),
        ("iss", json!("accounts.example.com")),
    ] {
        assert_eq!(world.flaw(&world.token_with(claim, value.clone())).await, None, "{claim}: {value}");
    }
    for (name, value) in [("typ", Value::Null), ("typ", json!("jwt")), ("kid", Value::Null)] {
        assert_eq!(world.flaw(&world.token_headed(name, value.clone())).await, None, "{name}: {value}");
    }
    // Whichever way the issuer is written, it is one person.
    let subject = world.verify(&world.token_with("iss", json!("accounts.example.com"))).await.expect("true").subject;
    assert_eq!(subject.issuer(), world.issuer.url());
}

#[tokio::test]
async fn a_claim_that_is_wrong_or_missing_is_refused() {
    let world = World::new();
    let now = world.clock.seconds();
    for (claim, value, flaw) in [
        ("iss", Value::Null, IdTokenFlaw::Issuer),
        ("iss", json!("https://evil.example.com"), IdTokenFlaw::Issuer),
        ("iss", json!(format!("{}/", world.issuer.url())), IdTokenFlaw::Issuer),
        ("iss", json!("https://other.example.com"), IdTokenFlaw::Issuer),
        ("aud", Value::Null, IdTokenFlaw::Audience),
        ("aud", json!([]), IdTokenFlaw::Audience),
        ("aud", json!("APP-1"), IdTokenFlaw::Audience),
        ("aud", json!("another app"), IdTokenFlaw::Audience),
        ("aud", json!([APP, "another app"]), IdTokenFlaw::Audience),
        ("azp", json!("another app"), IdTokenFlaw::Audience),
        ("exp", Value::Null, IdTokenFlaw::Expired),
        ("exp", json!(now - 61), IdTokenFlaw::Expired),
        ("exp", json!(0), IdTokenFlaw::Expired),
        ("exp", json!(-1), IdTokenFlaw::Expired),
        ("exp", json!(1e300), IdTokenFlaw::Expired),
        ("exp", json!("9999999999"), IdTokenFlaw::Malformed),
        ("iat", Value::Null, IdTokenFlaw::Expired),
        ("iat", json!(now - 661), IdTokenFlaw::Expired),
        ("iat", json!(now + 61), IdTokenFlaw::NotYet),
        ("nbf", json!(now + 61), IdTokenFlaw::NotYet),
        ("nbf", json!(1e300), IdTokenFlaw::NotYet),
        ("sub", Value::Null, IdTokenFlaw::Subject),
        ("sub", json!(""), IdTokenFlaw::Subject),
        ("sub", json!("a".repeat(256)), IdTokenFlaw::Subject),
        ("sub", json!(17), IdTokenFlaw::Malformed),
        ("nonce", json!(["n"]), IdTokenFlaw::Malformed),
        ("events", json!({"http://schemas.openid.net/event/backchannel-logout": {}}), IdTokenFlaw::Malformed),
    ] {
        assert_eq!(world.flaw(&world.token_with(claim, value.clone())).await, Some(flaw), "{claim}: {value}");
    }
    assert_eq!(world.flaw(&world.token_with("azp", json!(APP))).await, None);
    for (azp, flaw) in [
        (json!(APP), None),
        (json!("another app"), Some(IdTokenFlaw::Audience)),
        (Value::Null, Some(IdTokenFlaw::Audience)),
    ] {
        let mut claims = world.claims();
        set(&mut claims, "aud", json!([APP, "app-2"]));
        set(&mut claims, "azp", azp.clone());
        assert_eq!(world.flaw(&world.signer.sign(&world.header(), &claims)).await, flaw, "{azp}");
    }
}

#[tokio::test]
async fn a_token_of_another_configured_provider_is_refused() {
    let world = World::new();
    let token = IdToken::parse(world.token()).expect("not too long");

    let verified = world.providers.verify(&name("other"), &token).await;

    assert!(matches!(verified, Err(IdTokenError::Flawed(IdTokenFlaw::Issuer))), "{verified:?}");
    let unknown = world.providers.verify(&name("nobody"), &token).await;
    assert!(matches!(unknown, Err(IdTokenError::UnknownProvider)), "{unknown:?}");
}

#[tokio::test]
async fn a_header_leads_to_no_other_key_and_no_other_way_to_sign() {
    let world = World::new();
    let attacker = Signer::new("key-1");
    let evil = Issuer::start();
    evil.publish(&[attacker.public()]);
    for (member, value) in [
        ("jku", json!(evil.jwks_uri())),
        ("jwk", attacker.public()),
        ("x5u", json!(evil.jwks_uri())),
        ("x5c", json!(["MIIB"])),
    ] {
        let mut header = world.header();
        set(&mut header, member, value.clone());
        assert_eq!(world.flaw(&attacker.sign(&header, &world.claims())).await, Some(IdTokenFlaw::Signature), "{value}");
        // They mean nothing: what is signed by the provider's own key is taken.
        assert_eq!(world.flaw(&world.signer.sign(&header, &world.claims())).await, None, "{value}");
    }
    assert_eq!(evil.asked(), 0);
    assert_eq!(world.flaw(&world.token_headed("kid", json!("key-2"))).await, Some(IdTokenFlaw::Key));
    assert_eq!(world.flaw(&world.token_headed("kid", json!("../key-1"))).await, Some(IdTokenFlaw::Key));
    assert_eq!(world.flaw(&world.token_headed("crit", json!(["b64"]))).await, Some(IdTokenFlaw::Malformed));
    for kind in ["at+jwt", "logout+jwt", "JOSE"] {
        assert_eq!(world.flaw(&world.token_headed("typ", json!(kind))).await, Some(IdTokenFlaw::Malformed), "{kind}");
    }
}

#[tokio::test]
async fn no_signature_is_none() {
    let world = World::new();
    let claims = encoded(&world.claims());
    for algorithm in ["none", "None", "NONE", ""] {
        let header = encoded(&json!({"alg": algorithm, "kid": "key-1"}));
        for signature in ["", "AA"] {
            let flaw = world.flaw(&format!("{header}.{claims}.{signature}")).await;
            assert_eq!(flaw, Some(IdTokenFlaw::Algorithm), "{algorithm:?}");
        }
    }
    for algorithm in ["HS256", "HS384", "RS256", "PS256", "ES384", "EdDSA"] {
        let token = world.token_headed("alg", json!(algorithm));
        assert_eq!(world.flaw(&token).await, Some(IdTokenFlaw::Algorithm), "{algorithm}");
    }
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    // Even where an operator's settings let it through to the keys.
    let world =
        World::with(|provider| provider.algorithms = vec![Algorithm::ES256, Algorithm::HS256, Algorithm::RS256]);
    let (header, claims) = (json!({"alg": "HS256", "kid": "key-1"}), world.claims());
    for secret in [world.signer.public_bytes(), world.signer.public().to_string().into_bytes()] {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &secret);
        let token = signed(&header, &claims, |message| ring::hmac::sign(&key, message).as_ref().to_vec());
        assert_eq!(world.flaw(&token).await, Some(IdTokenFlaw::Key));
    }
    // Nor is a secret that the provider publishes by mistake, nor a key of another kind.
    let secret = json!({"kty": "oct", "kid": "key-1", "k": "c2VjcmV0"});
    world.issuer.publish(&[secret, world.signer.public()]);
    world.clock.advance(TimeDelta::hours(25));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"secret");
    let token = signed(&header, &world.claims(), |message| ring::hmac::sign(&key, message).as_ref().to_vec());
    assert!(world.flaw(&token).await.is_some());
    assert_eq!(world.flaw(&world.token_headed("alg", json!("RS256"))).await, Some(IdTokenFlaw::Key));
    assert_eq!(world.flaw(&world.token()).await, None);
}

#[tokio::test]
async fn whatever_is_changed_in_a_token_is_noticed() {
    let world = World::new();
    let token = world.token();
    assert_eq!(world.flaw(&token).await, None);
    for place in (0..token.len()).step_by(7) {
        let mut turned = token.clone().into_bytes();
        turned[place] = if turned[place] == b'A' { b'B' } else { b'A' };
        let turned = String::from_utf8(turned).expect("ASCII");
        assert!(world.flaw(&turned).await.is_some(), "{place}");
    }
    let other = world.token_with("sub", json!("bob"));
    let (signed, _) = token.rsplit_once('.').expect("a token");
    let (_, signature) = other.rsplit_once('.').expect("a token");
    assert_eq!(world.flaw(&format!("{signed}.{signature}")).await, Some(IdTokenFlaw::Signature));
}

#[tokio::test]
async fn no_text_is_too_strange() {
    let world = World::new();
    let token = world.token();
    let nested = |depth: usize| data_encoding::BASE64URL_NOPAD.encode("[".repeat(depth).as_bytes());
    let deep = signed_raw(&world.signer, &world.header(), &nested(5_000));
    let twice = data_encoding::BASE64URL_NOPAD.encode(br#"{"sub":"ann","sub":"bob"}"#);
    let twice = signed_raw(&world.signer, &world.header(), &twice);
    for text in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "é.é.é",
        &token[1..],
        &format!("{token}.x"),
        &format!(" {token}"),
        &deep,
        &twice,
    ] {
        assert_eq!(world.flaw(text).await, Some(IdTokenFlaw::Malformed), "{text:.80}");
    }
}

fn signed_raw(signer: &Signer, header: &Value, claims: &str) -> String {
    let message = format!("{}.{claims}", encoded(header));
    let signature = data_encoding::BASE64URL_NOPAD.encode(&signer.sign_bytes(message.as_bytes()));
    format!("{message}.{signature}")
}

#[tokio::test]
async fn keys_are_asked_for_when_they_are_needed_and_kept_as_long_as_the_provider_says() {
    let world = World::new();
    for (cache_control, kept) in [
        ("max-age=3600", TimeDelta::hours(1)),
        ("max-age=1", TimeDelta::minutes(5)),
        ("no-store", TimeDelta::minutes(5)),
        ("max-age=999999999999", TimeDelta::hours(24)),
    ] {
        world.issuer.say("Cache-Control", cache_control);
        world.clock.advance(TimeDelta::hours(25));
        assert_eq!(world.flaw(&world.token()).await, None);
        let asked = world.issuer.asked();

        world.clock.advance(kept - TimeDelta::seconds(1));
        assert_eq!(world.flaw(&world.token()).await, None);
        assert_eq!(world.issuer.asked(), asked, "{cache_control}: they are kept");
        world.clock.advance(TimeDelta::seconds(1));
        assert_eq!(world.flaw(&world.token()).await, None);
        assert_eq!(world.issuer.asked(), asked + 1, "{cache_control}: they are asked for again");
    }
}

#[tokio::test]
async fn a_flood_of_unknown_keys_asks_the_provider_once_a_minute() {
    let world = World::new();
    assert_eq!(world.flaw(&world.token()).await, None);
    for second in 0..180 {
        for number in 0..5 {
            let kid = json!(format!("{second}-{number}"));
            assert_eq!(world.flaw(&world.token_headed("kid", kid)).await, Some(IdTokenFlaw::Key));
        }
        world.clock.advance(TimeDelta::seconds(1));
    }
    assert!(world.issuer.asked() <= 4, "{} times in three minutes", world.issuer.asked());
}

#[tokio::test]
async fn a_key_that_is_new_is_found_and_one_that_is_withdrawn_is_not() {
    let world = World::new();
    let next = Signer::new("key-2");
    assert_eq!(world.flaw(&world.token()).await, None);
    world.clock.advance(TimeDelta::minutes(2));

    world.issuer.publish(&[world.signer.public(), next.public()]);
    let header = json!({"alg": "ES256", "kid": "key-2"});
    assert_eq!(world.flaw(&next.sign(&header, &world.claims())).await, None);
    assert_eq!(world.flaw(&world.token()).await, None);

    world.issuer.publish(&[next.public()]);
    world.clock.advance(TimeDelta::hours(25));
    assert_eq!(world.flaw(&world.token()).await, Some(IdTokenFlaw::Key));
}

#[tokio::test]
async fn known_keys_count_while_the_provider_is_down() {
    let world = World::new();
    assert_eq!(world.flaw(&world.token()).await, None);

    for trouble in [Trouble::Refuse, Trouble::Nonsense, Trouble::Endless, Trouble::Elsewhere] {
        world.issuer.trouble(Some(trouble));
        world.clock.advance(TimeDelta::days(3));
        assert_eq!(world.flaw(&world.token()).await, None, "{trouble:?}");
    }
    world.issuer.trouble(None);
    world.clock.advance(TimeDelta::minutes(1));
    let asked = world.issuer.asked();
    assert_eq!(world.flaw(&world.token()).await, None);
    assert_eq!(world.issuer.asked(), asked + 1, "it is asked again");
}

#[tokio::test]
async fn a_provider_that_never_answered_is_no_wrong_token_and_is_asked_again_soon() {
    let world = World::new();
    world.issuer.trouble(Some(Trouble::Refuse));

    for _ in 0..10 {
        let verified = world.verify(&world.token()).await;
        assert!(matches!(verified, Err(IdTokenError::Unavailable(_))), "{verified:?}");
    }
    assert_eq!(world.issuer.asked(), 1);
    world.issuer.trouble(None);
    world.clock.advance(TimeDelta::seconds(5));
    assert_eq!(world.flaw(&world.token()).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_ask_once_and_whoever_knows_the_key_does_not_wait() {
    let world = std::sync::Arc::new(World::new());
    let many = |count: usize| {
        let verifying = (0..count).map(|_| {
            let (world, token) = (world.clone(), world.token());
            async move { world.flaw(&token).await }
        });
        verifying.collect::<tokio::task::JoinSet<_>>().join_all()
    };
    assert_eq!(many(20).await, [None; 20]);
    assert_eq!(world.issuer.asked(), 1);

    world.clock.advance(TimeDelta::hours(25));
    world.issuer.trouble(Some(Trouble::Slow(Duration::from_secs(2))));
    let since = std::time::Instant::now();
    let asking = tokio::spawn({
        let (world, token) = (world.clone(), world.token());
        async move { world.flaw(&token).await }
    });
    world.issuer.wait_until_asked(2);
    assert_eq!(many(20).await, [None; 20]);
    assert!(since.elapsed() < Duration::from_millis(1_500), "they waited for {:?}", since.elapsed());
    assert_eq!(asking.await.expect("no panic"), None);
    assert_eq!(world.issuer.asked(), 2);
}

#[tokio::test]
async fn where_the_keys_are_is_asked_of_the_provider_itself() {
    let world = World::with(|provider| provider.jwks_uri = None);
    assert_eq!(world.flaw(&world.token()).await, None);

    for (issuer, jwks_uri) in [
        ("https://evil.example.com".to_owned(), world.issuer.jwks_uri()),
        (world.issuer.url(), "http://evil.example.com/keys".to_owned()),
    ] {
        let world = World::with(|provider| provider.jwks_uri = None);
        world.issuer.describe(&json!({"issuer": issuer, "jwks_uri": jwks_uri}));
        let verified = world.verify(&world.token()).await;
        assert!(matches!(verified, Err(IdTokenError::Unavailable(_))), "{verified:?}");
    }
}

#[tokio::test]
async fn a_key_nobody_can_use_keeps_no_other_from_being_used() {
    let world = World::new();
    world.issuer.publish(&[
        json!("nonsense"),
        json!({"kty": "RSA", "kid": "key-1", "n": "AQAB"}),
        json!({"kty": "new", "kid": "key-1"}),
        json!({"kty": "EC", "crv": "P-256", "kid": "key-1", "use": "enc", "x": "AA", "y": "AA"}),
        world.signer.public(),
    ]);
    assert_eq!(world.flaw(&world.token()).await, None);

    let short = json!({"kty": "EC", "crv": "P-256", "kid": "short", "x": "AA", "y": "AA"});
    world.issuer.publish(&[short]);
    world.clock.advance(TimeDelta::hours(25));
    assert_eq!(world.flaw(&world.token_headed("kid", json!("short"))).await, Some(IdTokenFlaw::Signature));
}

/// Where browsers sign in.
fn web_world() -> World {
    let world = World::with(|provider| provider.web = Some(Client { id: "web".to_owned(), secret: None }));
    let url = world.issuer.url();
    let (authorization, token) = (format!("{url}/auth?tenant=1"), format!("{url}/token"));
    world.issuer.describe(&json!({
        "issuer": url,
        "jwks_uri": world.issuer.jwks_uri(),
        "authorization_endpoint": authorization,
        "token_endpoint": token,
    }));
    world
}

async fn authorization_url(world: &World) -> Result<String, IdTokenError> {
    let text = |text: &str| text.to_owned();
    let (redirect_uri, state) = (text("https://tapes.example.com/callback"), text("s-1"));
    let (nonce, challenge, login_hint) = (text("n-1"), text("c-1"), Some(text("ann+1@example.com")));
    let request = AuthorizationRequest { redirect_uri, state, nonce, challenge, login_hint };
    world.providers.authorization_url(&name("test"), &request).await
}

fn code() -> AuthorizationCode {
    AuthorizationCode { code: "c".to_owned(), verifier: "v".to_owned(), redirect_uri: "https://a/".to_owned() }
}

#[tokio::test]
async fn a_browser_is_sent_where_the_provider_says() {
    let world = web_world();

    let url = authorization_url(&world).await.expect("it is known");

    let expected = format!(
        "{}/auth?tenant=1&response_type=code&scope=openid&client_id=web\
         &redirect_uri=https%3A%2F%2Ftapes%2Eexample%2Ecom%2Fcallback&state=s%2D1&nonce=n%2D1&code_challenge=c%2D1\
         &code_challenge_method=S256&login_hint=ann%2B1%40example%2Ecom",
        world.issuer.url()
    );
    assert_eq!(url, expected);
}

#[tokio::test]
async fn where_the_operator_has_not_said_how_no_browser_signs_in() {
    let world = World::new();

    let (url, token) = (authorization_url(&world).await, world.providers.exchange(&name("test"), &code()).await);

    assert!(matches!(url, Err(IdTokenError::UnknownProvider)), "{url:?}");
    assert!(matches!(token, Err(IdTokenError::UnknownProvider)), "{token:?}");
}

#[tokio::test]
async fn a_provider_that_does_not_answer_keeps_nobody_waiting_one_after_the_other() {
    let world = web_world();
    world.issuer.trouble(Some(Trouble::Slow(Duration::from_secs(7))));
    let begun = Instant::now();

    let urls = join_all((0..20).map(|_| authorization_url(&world))).await;

    assert!(urls.iter().all(|url| matches!(url, Err(IdTokenError::Unavailable(_)))), "{urls:?}");
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_is_known_of_a_provider_is_used_while_it_is_down() {
    let world = web_world();
    authorization_url(&world).await.expect("it is known");
    world.issuer.trouble(Some(Trouble::Refuse));
    world.clock.advance(TimeDelta::hours(2));

    authorization_url(&world).await.expect("it is known still");

    // But no code is exchanged.
    let token = world.providers.exchange(&name("test"), &code()).await;
    assert!(matches!(token, Err(IdTokenError::Unavailable(_))), "{token:?}");
    world.issuer.trouble(None);
    let token = world.providers.exchange(&name("test"), &code()).await;
    assert!(matches!(token, Err(IdTokenError::Unavailable(_))), "an answer without a token: {token:?}");
}

#[tokio::test]
async fn endpoints_that_are_not_secure_are_none() {
    for endpoint in ["http://id.example.com/token", "ftp://id.example.com/token", "/token"] {
        let world = web_world();
        let url = world.issuer.url();
        world.issuer.describe(&json!({
            "issuer": url,
            "jwks_uri": world.issuer.jwks_uri(),
            "authorization_endpoint": format!("{url}/auth"),
            "token_endpoint": endpoint,
        }));

        let url = authorization_url(&world).await;

        assert!(matches!(url, Err(IdTokenError::Unavailable(_))), "{endpoint}: {url:?}");
    }
}
