//! Codes that are mailed to somebody: who has one reads the mail of that address.

use std::fmt;

use chrono::TimeDelta;
use hmac::Mac as _;
use ulid::Ulid;

use crate::{
    digest::Sha256,
    id::UserId,
    playback::{PlaybackKey, PlaybackKeys},
    time::Timestamp,
    user::{Account, Email},
};

/// What is mailed to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Whose address it is.
    pub to: Email,
    /// What it says.
    pub message: Message,
}

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// With this code whoever reads the mail chooses another password.
    ResetPassword(MailedCode),
    /// With this code a user shows that they read the mail.
    VerifyEmail(MailedCode),
    /// With this code whoever is invited signs up.
    Invitation(MailedCode),
    /// The address is a user's, who needs to sign up no more.
    AccountExists,
}

/// What a code is good for, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct CodePurpose<'a> {
    label: &'static str,
    /// Who has an account already.
    user: Option<UserId>,
    email: &'a Email,
    /// With what a code ends.
    state: Sha256,
    /// How often another code is computed, in seconds: each counts at least twice as long.
    every: i64,
}

/// Shows that its bearer reads the mail of one address: 12 characters that people can type; prints as `[redacted]`.
///
/// It is computed instead of kept: who asks for a million costs no row. Who asks twice within half an hour is sent the same
/// one twice.
#[derive(Clone, PartialEq, Eq)]
pub struct MailedCode {
    text: String,
    lifetime: TimeDelta,
}

/// How often another code is computed, in seconds, for those who wait for their mail.
const HALF_AN_HOUR: i64 = 30 * 60;
/// And for those who do not know of it.
const HALF_A_WEEK: i64 = 84 * 60 * 60;
/// How much of the MAC is in a code: 60 bits. Of a thousand guesses a second, none is right for millions of years.
const CHARACTERS: usize = 12;

/// Mails that are counted together, and how many there are in half an hour: the first ones may be lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailCount {
    what: String,
    most: u32,
}

impl MailCount {
    /// Those about a forgotten password of a user, to one address.
    #[must_use]
    pub fn of_resets(user: UserId, email: &Email) -> Self {
        Self { what: format!("resets of {user} at {}", email.as_str()), most: 3 }
    }

    /// Those that a user has asked for, to verify their addresses.
    #[must_use]
    pub fn of_verifications(user: UserId) -> Self {
        Self { what: format!("verifications of {user}"), most: 3 }
    }

    /// Those to an address that somebody signs up with, whoever does.
    #[must_use]
    pub fn of_sign_ups(email: &Email) -> Self {
        Self { what: format!("sign-ups with {}", email.as_str()), most: 3 }
    }

    /// All others to an address of which nobody knows who reads its mail, whoever has it or wants to. More than one needs,
    /// so that strangers do not use them up for its owner easily.
    #[must_use]
    pub fn of_unverified(email: &Email) -> Self {
        Self { what: format!("to {}", email.as_str()), most: 9 }
    }

    /// Each of them, and until when it counts.
    pub fn each(&self, now: Timestamp) -> impl Iterator<Item = (Sha256, Timestamp)> {
        let period = now.timestamp().div_euclid(HALF_AN_HOUR);
        let ends_at = Timestamp::from_timestamp((period + 1) * HALF_AN_HOUR, 0).unwrap_or(now);
        let mail = move |number| format!("tapebase mail {number} in {period}: {}", self.what);
        (0..self.most).map(move |number| (Sha256::of(mail(number).as_bytes()), ends_at))
    }
}

impl<'a> CodePurpose<'a> {
    /// To choose another password for an account, which ends the code: it counts once. `None` for an account without a
    /// password.
    #[must_use]
    pub fn password_reset(account: &Account, email: &'a Email) -> Option<Self> {
        let state = Sha256::of(account.password.as_ref()?.expose().as_bytes());
        let user = Some(account.user.id);
        Some(Self { label: "tapebase password reset", user, email, state, every: HALF_AN_HOUR })
    }

    /// To show that a user reads the mail of an address, which they have or are to have.
    #[must_use]
    pub fn verification(user: UserId, email: &'a Email) -> Self {
        let user = Some(user);
        Self { label: "tapebase email verification", user, email, state: Sha256::of(b""), every: HALF_AN_HOUR }
    }

    /// To sign up with an address.
    #[must_use]
    pub fn invitation(email: &'a Email) -> Self {
        Self { label: "tapebase invitation", user: None, email, state: Sha256::of(b""), every: HALF_A_WEEK }
    }

    /// The code of this moment.
    #[must_use]
    pub fn issue(&self, keys: &PlaybackKeys, now: Timestamp) -> MailedCode {
        self.compute(keys, &keys.current, self.period(now))
    }

    /// Whether a typed text is a code for this that still counts.
    #[must_use]
    pub fn is_typed(&self, text: &str, keys: &PlaybackKeys, now: Timestamp) -> bool {
        let typed = Sha256::of(as_issued(text).as_bytes());
        // Another server's clock may be ahead.
        let periods = (self.period(now) - 2)..=self.period(now) + 1;
        let mut codes = periods.flat_map(|period| {
            let keys_of = [Some(&keys.current), keys.previous.as_ref()];
            keys_of.into_iter().flatten().map(move |key| self.compute(keys, key, period))
        });
        // By their digests: how long that takes tells nothing of a code.
        codes.any(|code| Sha256::of(as_issued(code.expose()).as_bytes()) == typed)
    }

    fn period(&self, now: Timestamp) -> i64 {
        now.timestamp().div_euclid(self.every)
    }

    fn compute(&self, keys: &PlaybackKeys, key: &PlaybackKey, period: i64) -> MailedCode {
        let mut mac = key.mac(self.label, keys.history);
        // All but the last are of one length: no two inputs are the same bytes.
        mac.update(&self.user.map_or(0, UserId::to_bits).to_be_bytes());
        mac.update(&period.to_be_bytes());
        mac.update(&self.state.0);
        mac.update(self.email.as_str().as_bytes());
        let code = in_base32(&mac.finalize().into_bytes().into());
        let text = [&code[..4], &code[4..8], &code[8..]].join("-");
        MailedCode { text, lifetime: TimeDelta::seconds(2 * self.every) }
    }
}

impl MailedCode {
    /// The code itself: three groups of four digits and capital letters.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// How long it counts at least, once it was issued.
    #[must_use]
    pub fn lifetime(&self) -> TimeDelta {
        self.lifetime
    }
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

impl fmt::Debug for MailedCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{
        history::HistoryId,
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

    fn code(account: &Account, keys: &PlaybackKeys) -> MailedCode {
        CodePurpose::password_reset(account, &email()).expect("a password").issue(keys, timestamp(NOW))
    }

    fn resets(text: &str, account: &Account, email: &Email, keys: &PlaybackKeys, now: Timestamp) -> bool {
        CodePurpose::password_reset(account, email).expect("a password").is_typed(text, keys, now)
    }

    #[test]
    fn a_code_counts_for_an_hour_and_with_the_key_before() {
        let (keys, account) = (keys(), account("old"));
        let code = code(&account, &keys);
        let counts =
            |keys: &PlaybackKeys, after| resets(code.expose(), &account, &email(), keys, timestamp(NOW) + after);

        assert!(counts(&keys, TimeDelta::zero()) && counts(&keys, TimeDelta::hours(1)));
        assert_eq!(code.lifetime(), TimeDelta::hours(1));
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
        let counts = |account: &Account, email: &Email| resets(&text, account, email, &keys, timestamp(NOW));
        let changed = Account { password: Some(PasswordHash::new("new".to_owned())), ..ann.clone() };

        assert!(counts(&ann, &email()));
        assert!(!counts(&changed, &email()), "it was used");
        assert!(!counts(&account("old"), &email()));
        assert!(!counts(&ann, &Email::parse("ben@example.com").expect("an address")));
        let without = Account { password: None, ..ann };
        assert!(CodePurpose::password_reset(&without, &email()).is_none());
    }

    #[test]
    fn a_code_is_good_for_one_thing() {
        let (keys, ann, email) = (keys(), account("old"), email());
        let verification = CodePurpose::verification(ann.user.id, &email);
        let code = verification.issue(&keys, timestamp(NOW));
        let ben = Email::parse("ben@example.com").expect("an address");

        let counts = |purpose: CodePurpose<'_>| purpose.is_typed(code.expose(), &keys, timestamp(NOW));

        assert!(counts(verification));
        assert!(!resets(code.expose(), &ann, &email, &keys, timestamp(NOW)));
        assert!(!counts(CodePurpose::verification(ann.user.id, &ben)));
        assert!(!counts(CodePurpose::verification(account("old").user.id, &email)));
        assert!(!verification.is_typed(self::code(&ann, &keys).expose(), &keys, timestamp(NOW)));
        assert!(!counts(CodePurpose::invitation(&email)));
    }

    #[test]
    fn an_invitation_counts_for_a_week() {
        let (keys, email, ben) = (keys(), email(), Email::parse("ben@example.com").expect("an address"));
        let code = CodePurpose::invitation(&email).issue(&keys, timestamp(NOW));

        let counts = |email: &Email, days| {
            let later = timestamp(NOW) + TimeDelta::days(days);
            CodePurpose::invitation(email).is_typed(code.expose(), &keys, later)
        };

        assert_eq!(code.lifetime(), TimeDelta::days(7));
        assert!(counts(&email, 0) && counts(&email, 7) && !counts(&email, 11));
        assert!(!counts(&ben, 0));
    }

    #[test]
    fn a_code_may_be_typed_as_people_type() {
        let (keys, account) = (keys(), account("old"));
        let code = code(&account, &keys).expose().to_owned();
        let counts = |text: &str| resets(text, &account, &email(), &keys, timestamp(NOW));

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
    fn mails_are_counted_by_what_they_are_about_and_half_an_hour() {
        let (email, [ann, ben]) = (email(), [account("old"), account("old")]);
        let anns = MailCount::of_verifications(ann.user.id);
        let later = timestamp(NOW) + TimeDelta::seconds(1);

        let counts = [
            (&anns, timestamp(NOW)),
            (&anns, later),
            (&MailCount::of_verifications(ben.user.id), timestamp(NOW)),
            (&MailCount::of_resets(ann.user.id, &email), timestamp(NOW)),
            (&MailCount::of_sign_ups(&email), timestamp(NOW)),
            (&MailCount::of_unverified(&email), timestamp(NOW)),
        ];

        let mails: Vec<_> = counts.iter().flat_map(|(count, now)| count.each(*now)).collect();
        assert_eq!(mails.len(), 5 * 3 + 9);
        assert_eq!(mails.iter().map(|(digest, _)| *digest).collect::<HashSet<_>>().len(), mails.len());
        assert_eq!(mails[0].1, timestamp("2026-11-30T12:30:00Z"));
        assert!(anns.each(timestamp(NOW)).eq(anns.each(timestamp(NOW))));
    }
}
