//! Codes that are mailed to somebody: who has one reads the mail of that address.

use std::fmt;

use chrono::TimeDelta;
use hmac::Mac as _;
use ulid::Ulid;

use crate::{
    digest::Sha256,
    playback::{PlaybackKey, PlaybackKeys},
    time::Timestamp,
    user::{Account, Email},
};

/// What is mailed to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Whose address it is.
    pub to: Email,
    /// What the mail is for.
    pub code: ResetCode,
}

/// Lets its bearer choose a new password for one account: 12 characters that people can type; prints as `[redacted]`.
///
/// It is computed instead of kept: who asks for a million costs no row. It counts once, for it depends on the password that
/// it replaces; who asks twice within half an hour is sent the same one twice.
#[derive(Clone, PartialEq, Eq)]
pub struct ResetCode(String);

/// How often another code is computed, in seconds.
const EVERY: i64 = 30 * 60;
/// How much of the MAC is in a code: 60 bits. Of a thousand guesses a second, none is right for millions of years.
const CHARACTERS: usize = 12;

impl ResetCode {
    /// How long one counts at least.
    pub const LIFETIME: TimeDelta = TimeDelta::hours(1);
    /// How many mails with one code are sent: the first ones may be lost.
    pub const MOST_MAILS: u32 = 3;

    /// The code of this moment.
    ///
    /// `None` for an account without a password.
    #[must_use]
    pub fn issue(account: &Account, email: &Email, keys: &PlaybackKeys, now: Timestamp) -> Option<Self> {
        Self::compute(account, email, keys, &keys.current, period(now))
    }

    /// Whether a typed text is a code of this account, of an hour ago at most.
    #[must_use]
    pub fn is_typed(text: &str, account: &Account, email: &Email, keys: &PlaybackKeys, now: Timestamp) -> bool {
        let typed = Sha256::of(as_issued(text).as_bytes());
        // Another server's clock may be ahead.
        let periods = (period(now) - Self::LIFETIME.num_seconds() / EVERY)..=period(now) + 1;
        let mut codes = periods.flat_map(|period| {
            let keys_of = [Some(&keys.current), keys.previous.as_ref()];
            keys_of.map(|key| Self::compute(account, email, keys, key?, period))
        });
        // By their digests: how long that takes tells nothing of a code.
        codes.any(|code| code.is_some_and(|code| Sha256::of(as_issued(code.expose()).as_bytes()) == typed))
    }

    /// Which of the few mails with this code one is, and until when that counts.
    #[must_use]
    pub fn nth_mail(&self, number: u32, now: Timestamp) -> (Sha256, Timestamp) {
        let ends_at = Timestamp::from_timestamp((period(now) + 1) * EVERY, 0).unwrap_or(now);
        (Sha256::of(format!("mail {number} with {}", self.0).as_bytes()), ends_at)
    }

    /// The code itself: three groups of four digits and capital letters.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn compute(account: &Account, email: &Email, keys: &PlaybackKeys, key: &PlaybackKey, period: i64) -> Option<Self> {
        let password = Sha256::of(account.password.as_ref()?.expose().as_bytes());
        let mut mac = key.mac("tapebase password reset", keys.history);
        // All but the last are of one length: no two inputs are the same bytes.
        mac.update(&account.user.id.to_bits().to_be_bytes());
        mac.update(&period.to_be_bytes());
        mac.update(&password.0);
        mac.update(email.as_str().as_bytes());
        let code = in_base32(&mac.finalize().into_bytes().into());
        Some(Self([&code[..4], &code[4..8], &code[8..]].join("-")))
    }
}

fn period(now: Timestamp) -> i64 {
    now.timestamp().div_euclid(EVERY)
}

/// What somebody has typed, without what they may have left out or mistaken: a letter O, for instance, is in no code.
fn as_issued(text: &str) -> String {
    let typed = text.chars().filter(|char| !char.is_whitespace() && *char != '-').take(CHARACTERS + 1);
    let read = typed.map(|char| match char.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        char => char,
    });
    read.collect()
}

/// As ids are written, in digits and letters that nobody takes for one another (Douglas Crockford's Base 32).
fn in_base32(mac: &[u8; 32]) -> String {
    let bits = mac.iter().take(16).fold(0, |bits, byte| bits << 8 | u128::from(*byte));
    let mut id = Ulid::from(bits).to_string();
    id.split_off(id.len() - CHARACTERS)
}

impl fmt::Debug for ResetCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::HistoryId,
        id::UserId,
        testing::timestamp,
        user::{Identity, PasswordHash, User},
    };

    const NOW: &str = "2026-11-30T12:29:59Z";

    fn email() -> Email {
        Email::parse("ann@example.com").expect("an address")
    }

    fn keys() -> PlaybackKeys {
        PlaybackKeys { history: HistoryId::generate(), current: PlaybackKey::generate(), previous: None }
    }

    fn account(hash: &str) -> Account {
        let at = timestamp(NOW);
        let user = User::new(UserId::generate(at), Identity::Email(email()), at);
        Account { user, password: Some(PasswordHash::new(hash.to_owned())) }
    }

    fn code(account: &Account, keys: &PlaybackKeys) -> ResetCode {
        ResetCode::issue(account, &email(), keys, timestamp(NOW)).expect("a code")
    }

    #[test]
    fn a_code_counts_for_an_hour_and_with_the_key_before() {
        let (keys, account) = (keys(), account("old"));
        let code = code(&account, &keys);
        let counts = |keys: &PlaybackKeys, after| {
            ResetCode::is_typed(code.expose(), &account, &email(), keys, timestamp(NOW) + after)
        };

        assert!(counts(&keys, TimeDelta::zero()) && counts(&keys, ResetCode::LIFETIME));
        assert!(counts(&keys, TimeDelta::minutes(-5)), "by a clock that is behind");
        assert!(!counts(&keys, TimeDelta::minutes(91)) && !counts(&keys, TimeDelta::minutes(-61)));
        let rotated = PlaybackKeys { current: PlaybackKey::generate(), previous: Some(keys.current), ..keys };
        assert!(counts(&rotated, TimeDelta::minutes(1)));
        assert!(!counts(&PlaybackKeys { previous: None, ..rotated }, TimeDelta::minutes(1)));
        assert!(!counts(&PlaybackKeys { history: HistoryId::generate(), ..keys }, TimeDelta::zero()));
        assert_eq!(format!("{code:?}"), "[redacted]");
    }

    #[test]
    fn a_code_is_of_one_account_one_address_and_one_password() {
        let (keys, ann) = (keys(), account("old"));
        let text = code(&ann, &keys).expose().to_owned();
        let counts =
            |account: &Account, email: &Email| ResetCode::is_typed(&text, account, email, &keys, timestamp(NOW));
        let changed = Account { password: Some(PasswordHash::new("new".to_owned())), ..ann.clone() };

        assert!(counts(&ann, &email()));
        assert!(!counts(&changed, &email()), "it was used");
        assert!(!counts(&account("old"), &email()));
        assert!(!counts(&ann, &Email::parse("ben@example.com").expect("an address")));
        assert_eq!(ResetCode::issue(&Account { password: None, ..ann }, &email(), &keys, timestamp(NOW)), None);
    }

    #[test]
    fn a_code_may_be_typed_as_people_type() {
        let (keys, account) = (keys(), account("old"));
        let code = code(&account, &keys).expose().to_owned();
        let counts = |text: &str| ResetCode::is_typed(text, &account, &email(), &keys, timestamp(NOW));

        assert!(code.len() == 14 && code.split('-').all(|group| group.len() == 4), "{code}");
        let plain = code.replace('-', "");
        for text in [
            code.to_lowercase(),
            plain.clone(),
            format!("  {}\n", code.replace('-', " ")),
            code.replace('0', "o").replace('1', "l"),
        ] {
            assert!(counts(&text), "{text:?}");
        }
        for text in ["", "-", &plain[..11], &format!("{plain}0"), &"0".repeat(12), "é"] {
            assert!(!counts(text), "{text:?}");
        }
    }

    #[test]
    fn mails_are_counted_anew_with_every_code() {
        let (keys, ann) = (keys(), account("old"));
        let code = code(&ann, &keys);
        let of = |code: &ResetCode, number| code.nth_mail(number, timestamp(NOW));

        assert_eq!(of(&code, 0), of(&code, 0));
        assert_ne!(of(&code, 0).0, of(&code, 1).0);
        assert_ne!(of(&code, 0).0, of(&self::code(&account("new"), &keys), 0).0);
        assert_eq!(of(&code, 0).1, timestamp("2026-11-30T12:30:00Z"));
    }
}
