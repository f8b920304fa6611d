use super::*;
use crate::{
    history::HistoryId,
    oidc::{IdTokenFlaw, Nonce, PendingLogin, ProviderName},
    playback::{PlaybackKey, PlaybackKeys},
    ports::IdTokenError,
};

fn provider(name: &str) -> ProviderName {
    ProviderName::parse(name).expect("a name")
}

fn ports_with_keys() -> (TestPorts, PlaybackKeys) {
    let mut ports = TestPorts::at(NOW);
    let keys = PlaybackKeys { history: HistoryId::generate(), current: PlaybackKey::generate(), previous: None };
    ports.playback_keys.expect_playback_keys().returning(move || Ok(keys));
    (ports, keys)
}

async fn come_back(auth: &Auth, nonce: &str, device: &Device) -> Result<Grant, AuthError> {
    let pending = PendingLogin::begin(nonce.to_owned(), "/".to_owned());
    auth.finish_web_login(&provider("kakao"), "a code".to_owned(), "https://a/".to_owned(), &pending, device).await
}

#[tokio::test]
async fn no_provider_is_asked_about_a_sign_in_that_was_not_begun_there() {
    // Any question to a provider would fail the test.
    let (ports, keys) = ports_with_keys();
    let of_another = Nonce::issue(&provider("google"), &keys, ports.now());
    let auth = Auth::new(&ports.build(), policy());

    for nonce in ["", "made up", of_another.expose()] {
        let granted = come_back(&auth, nonce, &Device::default()).await;

        assert!(matches!(granted, Err(AuthError::InvalidIdToken(IdTokenFlaw::Nonce))), "{nonce:?}: {granted:?}");
    }
}

#[tokio::test]
async fn whoever_makes_up_codes_is_slowed_down() {
    let (mut ports, keys) = ports_with_keys();
    let nonce = Nonce::issue(&provider("kakao"), &keys, ports.now());
    let refused = |_: &ProviderName, _: &_| Err(IdTokenError::Flawed(IdTokenFlaw::Code));
    ports.identity_providers.expect_exchange().times(1).returning(refused);
    let auth = Auth::new(&ports.build(), AuthPolicy { wrong_passwords_per_address: 4, ..policy() });
    let device = Device { address: Some([192, 0, 2, 1].into()), ..Device::default() };

    let first = come_back(&auth, nonce.expose(), &device).await;
    let second = come_back(&auth, nonce.expose(), &device).await;

    assert!(matches!(first, Err(AuthError::InvalidIdToken(IdTokenFlaw::Code))), "{first:?}");
    assert!(matches!(second, Err(AuthError::TooManyFromAddress { .. })), "{second:?}");
}
