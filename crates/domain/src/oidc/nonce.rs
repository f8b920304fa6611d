//! What an app has its provider repeat in an ID token, so that a token that was caught elsewhere is good for nothing here.

use std::fmt;

use chrono::TimeDelta;
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, Mac as _};

use super::ProviderName;
use crate::{
    digest::Sha256,
    id::random_bytes,
    playback::{PlaybackKey, PlaybackKeys},
    time::Timestamp,
};

/// The text is no nonce that counts here, or none for this provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a nonce")]
pub struct InvalidNonce;

/// A number used once, issued for one provider and until a certain time; prints as `[redacted]`.
///
/// It is signed instead of kept: who asks for a million costs no row. What is kept is that one was used.
#[derive(Clone, PartialEq, Eq)]
pub struct Nonce {
    text: String,
    expires_at: Timestamp,
}

/// Of this layout: end in seconds, random bytes; numbers with the most significant byte first.
type Payload = [u8; 8 + 16];

/// How much of the MAC there is: half of it, as RFC 2104 section 5 allows.
const MAC_BYTES: usize = 16;

impl Nonce {
    /// How long one counts: signing in with a provider may take a second factor, and finding one's other phone.
    pub const LIFETIME: TimeDelta = TimeDelta::hours(1);

    /// Draws a fresh one.
    #[must_use]
    pub fn issue(provider: &ProviderName, keys: &PlaybackKeys, now: Timestamp) -> Self {
        let end = (now + Self::LIFETIME).timestamp();
        let mut payload = [0; size_of::<Payload>()];
        payload[..8].copy_from_slice(&end.to_be_bytes());
        payload[8..].copy_from_slice(&random_bytes::<16>());
        let mac = mac(&keys.current, keys, provider, &payload).finalize().into_bytes();
        let text = BASE64URL_NOPAD.encode(&[&payload, &mac[..MAC_BYTES]].concat());
        Self { text, expires_at: Timestamp::from_timestamp(end, 0).unwrap_or(now) }
    }

    /// Reads what [`Self::issue`] has drawn, with one of the keys and for this provider, less than its lifetime ago.
    ///
    /// # Errors
    /// [`InvalidNonce`] for anything else.
    pub fn open(
        text: &str,
        provider: &ProviderName,
        keys: &PlaybackKeys,
        now: Timestamp,
    ) -> Result<Self, InvalidNonce> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| InvalidNonce)?;
        let (payload, signature) = bytes.split_first_chunk::<{ size_of::<Payload>() }>().ok_or(InvalidNonce)?;
        let is_signed = |key| {
            signature.len() == MAC_BYTES && mac(key, keys, provider, payload).verify_truncated_left(signature).is_ok()
        };
        let is_ours = is_signed(&keys.current) || keys.previous.as_ref().is_some_and(is_signed);
        let end = payload.first_chunk().map(|end| i64::from_be_bytes(*end));
        let expires_at = end.and_then(|end| Timestamp::from_timestamp(end, 0)).ok_or(InvalidNonce)?;
        if is_ours && now < expires_at { Ok(Self { text: text.to_owned(), expires_at }) } else { Err(InvalidNonce) }
    }

    /// Whether a token that says this was asked for with it: as it is, or as the SHA-256 in lower-case hexadecimal digits
    /// that apps hand to Apple.
    #[must_use]
    pub fn is_told_by(&self, claim: &str) -> bool {
        claim == self.text || claim == self.digest().to_hex()
    }

    /// Tells it from every other.
    #[must_use]
    pub fn digest(&self) -> Sha256 {
        Sha256::of(self.text.as_bytes())
    }

    /// Until when it counts.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// The nonce itself: letters, digits, `-` and `_`.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

fn mac(key: &PlaybackKey, keys: &PlaybackKeys, provider: &ProviderName, payload: &Payload) -> Hmac<sha2::Sha256> {
    let mut mac = key.mac("tapebase oidc nonce", keys.history);
    // The payload is of one length, and the name last: no two inputs are the same bytes.
    mac.update(payload);
    mac.update(provider.as_str().as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{history::HistoryId, testing::timestamp};

    fn keys() -> PlaybackKeys {
        PlaybackKeys { history: HistoryId::generate(), current: PlaybackKey::generate(), previous: None }
    }

    fn provider(name: &str) -> ProviderName {
        ProviderName::parse(name).expect("a name")
    }

    #[test]
    fn a_nonce_counts_for_an_hour_and_with_the_key_before() {
        let (keys, now) = (keys(), timestamp("2026-11-30T12:00:00.5Z"));
        let nonce = Nonce::issue(&provider("apple"), &keys, now);
        let rotated = PlaybackKeys { current: PlaybackKey::generate(), previous: Some(keys.current), ..keys };
        let open = |keys, after| Nonce::open(nonce.expose(), &provider("apple"), keys, now + after);

        assert_eq!(open(&keys, TimeDelta::zero()), Ok(nonce.clone()));
        assert_eq!(open(&rotated, TimeDelta::minutes(59)), Ok(nonce.clone()));
        assert_eq!(open(&keys, TimeDelta::hours(1)), Err(InvalidNonce));
        assert_ne!(nonce, Nonce::issue(&provider("apple"), &keys, now));
        assert_eq!(format!("{nonce:?}"), "[redacted]");
    }

    #[test]
    fn a_nonce_of_elsewhere_is_none() {
        let (ours, others, now) = (keys(), keys(), timestamp("2026-11-30T12:00:00Z"));
        let nonce = Nonce::issue(&provider("apple"), &ours, now);
        let open = |text: &str, name, keys| Nonce::open(text, &provider(name), keys, now);

        assert_eq!(open(nonce.expose(), "google", &ours), Err(InvalidNonce));
        let copy = PlaybackKeys { history: HistoryId::generate(), ..ours };
        assert_eq!(open(nonce.expose(), "apple", &copy), Err(InvalidNonce));
        assert_eq!(open(nonce.expose(), "apple", &others), Err(InvalidNonce));
        for text in ["", "x", "é", &nonce.expose()[1..], &format!("{}A", nonce.expose())] {
            assert_eq!(open(text, "apple", &ours), Err(InvalidNonce), "{text:?}");
        }
        for place in 0..nonce.expose().len() {
            let mut turned = nonce.expose().to_owned().into_bytes();
            turned[place] = if turned[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(open(&String::from_utf8(turned).expect("ASCII"), "apple", &ours), Err(InvalidNonce));
        }
    }

    #[test]
    fn a_token_tells_a_nonce_as_it_is_or_as_its_digest() {
        let nonce = Nonce::issue(&provider("apple"), &keys(), timestamp("2026-11-30T12:00:00Z"));

        assert!(nonce.is_told_by(nonce.expose()) && nonce.is_told_by(&nonce.digest().to_hex()));
        assert!(!nonce.is_told_by("") && !nonce.is_told_by(&nonce.digest().to_hex().to_uppercase()));
    }
}
