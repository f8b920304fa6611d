//! Texts and heads of audio, as the domain reads them: whatever comes, nothing panics or overflows, and what was read is
//! written and read the same again.
#![no_main]

use std::{fmt::Debug, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use tapebase_domain::{
    api_token::Scope,
    history::HistoryId,
    id::{ApiTokenId, IdentityId, RecordingId, SessionId, UserId},
    mail::CodePurpose,
    media_type::{MediaType, Recognised},
    oidc::{IdToken, Nonce, OidcSubject, PendingLogin, ProviderName},
    page::Cursor,
    playback::{PlaybackKey, PlaybackKeys, Ticket},
    recording::RecordingName,
    session::SessionToken,
    time::Timestamp,
    user::{Email, Identity, Password, SocialId},
};

static KEYS: LazyLock<PlaybackKeys> = LazyLock::new(|| PlaybackKeys {
    history: HistoryId::generate(),
    current: PlaybackKey::generate(),
    previous: Some(PlaybackKey::generate()),
});

fuzz_target!(|data: &[u8]| {
    let (head, rest) = data.split_at(data.len() / 2);
    let _ = rest.chunks(16).fold(Recognised::in_head(head), Recognised::seeing);
    let Ok(text) = std::str::from_utf8(data) else { return };
    ids(text);
    names(text);
    opaque(text);
});

/// What is read from a text, if anything is, is what is read from how it is written.
fn same_again<T: PartialEq + Debug, E: Debug>(
    text: &str,
    read: impl Fn(&str) -> Result<T, E>,
    write: impl Fn(&T) -> String,
) {
    if let Ok(first) = read(text) {
        let again = read(&write(&first));
        assert!(again.as_ref().is_ok_and(|again| *again == first), "{first:?} is read again as {again:?}");
    }
}

fn ids(text: &str) {
    same_again(text, RecordingId::parse, RecordingId::to_string);
    same_again(text, UserId::parse, UserId::to_string);
    same_again(text, SessionId::parse, SessionId::to_string);
    same_again(text, IdentityId::parse, IdentityId::to_string);
    same_again(text, ApiTokenId::parse, ApiTokenId::to_string);
    same_again(text, HistoryId::parse, HistoryId::to_string);
}

fn names(text: &str) {
    same_again(text, Email::parse, |email| email.as_str().to_owned());
    if let Ok(email) = Email::parse(text) {
        assert!(Email::from_stored(email.as_str()).is_ok() && !email.in_ascii_domain().is_empty());
    }
    same_again(text, |text| RecordingName::parse(text.to_owned()), |name| name.as_str().to_owned());
    same_again(text, MediaType::parse, |media_type| media_type.as_str().to_owned());
    if let Ok(media_type) = MediaType::declared(text.split('|')) {
        assert_eq!(media_type.canonical(), media_type.canonical().canonical());
    }
    same_again(text, Password::parse, |password| password.expose().to_owned());
    same_again(text, ProviderName::parse, ProviderName::to_string);
    let (network, subject) = text.split_once('|').unwrap_or((text, ""));
    let _ = SocialId::parse(network.to_owned(), subject.to_owned());
    let _ = OidcSubject::parse(network.to_owned(), subject.to_owned());
    if let Ok(identity) = Identity::from_stored(network, subject) {
        let (network, subject) = identity.network_and_subject();
        assert_eq!(Identity::from_stored(&network, subject).as_ref(), Ok(&identity));
    }
}

/// What the server has written itself, or nobody has.
fn opaque(text: &str) {
    same_again(text, Cursor::parse, Cursor::encode);
    same_again(text, PendingLogin::parse, PendingLogin::to_text);
    let _ = (SessionToken::parse(text), Scope::parse(text), IdToken::parse(text.to_owned()));
    let now = Timestamp::UNIX_EPOCH;
    assert!(Ticket::open(text, &KEYS).is_err(), "nobody has signed it");
    if let Ok(provider) = ProviderName::parse("test") {
        assert!(Nonce::open(text, &provider, &KEYS, now).is_err(), "nobody has issued it");
    }
    if let Ok(email) = Email::parse("ann@example.com") {
        assert!(!CodePurpose::invitation(&email).is_typed(text, &KEYS, now), "nobody was invited");
    }
}
