//! What an ID token says, and whether it is to be believed (OpenID Connect Core 1.0 section 3.1.3.7).

use chrono::TimeDelta;
use serde::{Deserialize, de::IgnoredAny};
use tapebase_domain::{oidc::IdTokenFlaw, time::Timestamp};

use super::Provider;

/// How far a provider's clock may be off.
const SKEW: TimeDelta = TimeDelta::seconds(60);
/// How long ago a token may have been issued: whoever signs in has it at hand.
const MOST_AGE: TimeDelta = TimeDelta::minutes(10);

/// The claims that are looked at; each may be there once.
#[derive(Deserialize)]
pub struct Claims {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    aud: Audience,
    azp: Option<String>,
    exp: Option<NumericDate>,
    iat: Option<NumericDate>,
    nbf: Option<NumericDate>,
    /// Who it is at the provider.
    #[serde(default)]
    pub sub: String,
    /// What the app had asked the provider to repeat.
    pub nonce: Option<String>,
    /// That something has happened, of which the token tells (RFC 8417): it is no ID token then.
    events: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Audience {
    #[default]
    None,
    One(String),
    Several(Vec<String>),
}

/// Seconds since 1970, of which there may be a fraction (RFC 7519 section 2).
#[derive(Clone, Copy, Deserialize)]
struct NumericDate(f64);

impl Claims {
    /// Fails at the first that is not to be believed of this provider's tokens.
    pub fn check(&self, provider: &Provider, now: Timestamp) -> Result<(), IdTokenFlaw> {
        if self.events.is_some() {
            return Err(IdTokenFlaw::Malformed);
        }
        if self.iss != provider.issuer && Some(&self.iss) != provider.also_issuer.as_ref() {
            return Err(IdTokenFlaw::Issuer);
        }
        if !self.is_for_one_of(&provider.audiences) {
            return Err(IdTokenFlaw::Audience);
        }
        self.check_times(now)?;
        if self.sub.is_empty() { Err(IdTokenFlaw::Subject) } else { Ok(()) }
    }

    /// Every audience must be ours: another would have the token, too. Of several, one must be whom it was issued to.
    fn is_for_one_of(&self, audiences: &[String]) -> bool {
        let own = |audience: &String| audiences.contains(audience);
        match &self.aud {
            Audience::None => false,
            Audience::One(audience) => own(audience) && self.azp.as_ref().is_none_or(own),
            Audience::Several(several) => match several.len() {
                0 => false,
                1 => several.iter().all(own) && self.azp.as_ref().is_none_or(own),
                _ => several.iter().all(own) && self.azp.as_ref().is_some_and(own),
            },
        }
    }

    fn check_times(&self, now: Timestamp) -> Result<(), IdTokenFlaw> {
        let time = |date: Option<NumericDate>| date.and_then(NumericDate::time);
        let (Some(exp), Some(iat)) = (time(self.exp), time(self.iat)) else { return Err(IdTokenFlaw::Expired) };
        if exp + SKEW <= now || iat + MOST_AGE + SKEW <= now {
            return Err(IdTokenFlaw::Expired);
        }
        let is_early = |time: Timestamp| time > now + SKEW;
        match self.nbf {
            Some(nbf) if nbf.time().is_none_or(is_early) => Err(IdTokenFlaw::NotYet),
            _ if is_early(iat) => Err(IdTokenFlaw::NotYet),
            _ => Ok(()),
        }
    }
}

impl NumericDate {
    /// `None` past the year 9999, and before 1970.
    fn time(self) -> Option<Timestamp> {
        const END: f64 = 253_402_300_800.0;
        #[expect(clippy::cast_possible_truncation, reason = "in range, and the fraction does not matter")]
        let seconds = (0.0..END).contains(&self.0).then_some(self.0 as i64)?;
        Timestamp::from_timestamp(seconds, 0)
    }
}
