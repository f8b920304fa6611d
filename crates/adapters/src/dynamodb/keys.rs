//! Keys: where each item is, and where the indexes have it.

use std::cmp::{max, min};

use aws_sdk_dynamodb::types::AttributeValue;
use tapebase_domain::{
    attempts::AttemptKey,
    blob::BlobRef,
    digest::Sha256,
    history::ChangeNumber,
    id::{RecordingId, SessionId, UserId},
    page::{Order, PageRequest, Position, TimeField},
    session::TokenHash,
    time::Timestamp,
    user::Identity,
};

use super::items::Item;

/// What the sort keys of a user's recordings begin with.
pub const RECORDING: &str = "R#";
/// What the sort keys of a user's uploads begin with.
pub const UPLOAD: &str = "P#";
/// What the sort keys of what is due of a user begin with.
pub const DUE: &str = "D#";
/// What the sort keys of a user's sessions begin with.
pub const SESSION: &str = "S#";

/// What the sort keys of a user's API tokens begin with.
pub const API_TOKEN: &str = "K#";

/// How many partitions of the index what is due of a kind is found in: one for each hexadecimal digit.
pub const DUE_SHARDS: u8 = 16;

/// What tombstones begin with in `by_received`: behind all times, so that no list has them.
const TOMBSTONE: &str = "x";

pub fn recording(owner: UserId, id: &RecordingId) -> Item {
    key(of_user(owner), format!("{RECORDING}{id}"))
}

pub fn upload(owner: UserId, id: &RecordingId) -> Item {
    key(of_user(owner), format!("{UPLOAD}{id}"))
}

/// The upload that something due refers to, by its key.
pub fn upload_of_due(due: &Item) -> Item {
    referred(due, "UPLOAD#", UPLOAD)
}

/// The session that something due refers to, by its key.
pub fn session_of_due(due: &Item) -> Item {
    referred(due, "SESSION#", SESSION)
}

fn referred(due: &Item, kind: &str, prefix: &str) -> Item {
    let part = |name: &str| due.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str);
    let reference = part("sk").strip_prefix(DUE).and_then(|reference| reference.strip_prefix(kind));
    key(part("pk").to_owned(), format!("{prefix}{}", reference.unwrap_or_default()))
}

/// What an owner's counters are called in their partition.
pub const COUNTERS: &str = "COUNTERS";

pub fn counters(owner: UserId) -> Item {
    key(of_user(owner), COUNTERS.to_owned())
}

/// Whether an item is the counters of an owner.
pub fn is_counters(item: &Item) -> bool {
    matches!(item.get("sk"), Some(AttributeValue::S(sk)) if sk == COUNTERS)
}

/// What is due of an owner: of which kind, and what it refers to.
pub fn due(owner: UserId, reference: &str) -> Item {
    key(of_user(owner), format!("{DUE}{reference}"))
}

/// What a user's account is called in their partition.
pub const ACCOUNT: &str = "ACCOUNT";

/// The partition of the index that all users are found in, by their ids. It takes a thousand sign-ups a second.
pub const USERS: &str = "USERS";

pub fn account(user: UserId) -> Item {
    key(of_user(user), ACCOUNT.to_owned())
}

pub fn session(user: UserId, id: SessionId) -> Item {
    key(of_user(user), format!("{SESSION}{id}"))
}

pub fn token(token: TokenHash) -> Item {
    key(format!("T#{}", token.0.to_hex()), "SESSION".to_owned())
}

/// One of the places that a user has for API tokens.
pub fn api_token_place(user: UserId, place: usize) -> Item {
    key(of_user(user), format!("{API_TOKEN}{place:02}"))
}

/// What an API token finds.
pub fn api_token(token: TokenHash) -> Item {
    key(format!("T#{}", token.0.to_hex()), "TOKEN".to_owned())
}

/// A network's name or an issuer may hold any character. Escaped, it ends where the next `#` is, and no two identities
/// share a key.
pub fn identity(identity: &Identity) -> Item {
    let escaped = |text: &str| text.replace('%', "%25").replace('#', "%23");
    let pk = match identity {
        Identity::Email(email) => format!("I#email#{}", email.as_str()),
        Identity::Oidc(subject) => format!("I#oidc/{}#{}", escaped(subject.issuer()), subject.subject()),
        Identity::Social(social) => format!("I#social/{}#{}", escaped(social.network()), social.id()),
    };
    key(pk, "IDENTITY".to_owned())
}

/// Tries of an account's password.
pub fn attempts(key_of: AttemptKey) -> Item {
    key(format!("A#{}", key_of.0.to_hex()), "ATTEMPTS".to_owned())
}

/// What was used, of what counts once.
pub fn used(digest: Sha256) -> Item {
    key(format!("N#{}", digest.to_hex()), "USED".to_owned())
}

pub fn store() -> Item {
    key("STORE".to_owned(), "ID".to_owned())
}

pub fn playback_keys() -> Item {
    key("STORE".to_owned(), "PLAYBACK_KEYS".to_owned())
}

pub fn key(pk: String, sk: String) -> Item {
    Item::from([("pk".to_owned(), AttributeValue::S(pk)), ("sk".to_owned(), AttributeValue::S(sk))])
}

/// Whether an item is an upload.
pub fn is_upload(item: &Item) -> bool {
    matches!(item.get("sk"), Some(AttributeValue::S(sk)) if sk.starts_with(UPLOAD))
}

/// Whether an item is the tombstone of a recording.
pub fn is_tombstone(item: &Item) -> bool {
    matches!(item.get("sk"), Some(AttributeValue::S(sk)) if sk.starts_with(RECORDING)) && item.contains_key("gone")
}

/// The key of an item that has more than that.
pub fn of(item: &Item) -> Item {
    ["pk", "sk"].into_iter().filter_map(|name| Some((name.to_owned(), item.get(name)?.clone()))).collect()
}

/// The partition everything of a user is in.
pub fn of_user(user: UserId) -> String {
    format!("U#{user}")
}

/// The partition of the index that tells whether a blob is referred to: one for each pair of first characters,
/// so that neither all writes meet in one nor a sweep asks one by one.
pub fn blob_shard(blob: &BlobRef) -> String {
    let first: String = blob.as_str().chars().take(2).collect();
    format!("B#{first}")
}

/// The partition of the index that what is due of a kind is found in.
pub fn due_shard(kind: &str, owner: UserId, reference: &str) -> String {
    let digest = Sha256::of(format!("{owner}{reference}").as_bytes());
    numbered_due_shard(kind, digest.0[0] % DUE_SHARDS)
}

pub fn numbered_due_shard(kind: &str, number: u8) -> String {
    format!("{kind}#{number:x}")
}

/// Where in its shard something due is: by its time.
pub fn due_time(due_at: Timestamp, owner: UserId, reference: &str) -> String {
    format!("{}#{owner}#{reference}", instant(due_at))
}

/// A change number as text that sorts as numbers do.
pub fn change(number: ChangeNumber) -> String {
    format!("{:016x}", number.0)
}

/// Where a tombstone is in `by_received`: the oldest first, and in no list.
pub fn tombstone(number: ChangeNumber) -> String {
    format!("{TOMBSTONE}{}", change(number))
}

/// Before the first tombstone in `by_received`, and behind the last.
pub fn tombstone_bounds() -> (String, String) {
    (TOMBSTONE.to_owned(), format!("{TOMBSTONE}g"))
}

/// An instant as text that sorts as time does, also before 1970.
pub fn instant(time: Timestamp) -> String {
    format!("{:016x}", time.timestamp_micros().cast_unsigned() ^ (1 << 63))
}

/// A place among the recordings of a user, as text that sorts by time, then by id.
pub fn position(time: Timestamp, id: &RecordingId) -> String {
    format!("{}#{id}", instant(time))
}

/// The index that has recordings by this time, and its sort key.
pub const fn index(by: TimeField) -> (&'static str, &'static str) {
    match by {
        TimeField::Received => ("by_received", "received_key"),
        TimeField::Recorded => ("by_recorded", "recorded_key"),
    }
}

/// The first and the last sort key that a page may have, both inclusive; `None` if it can have none.
pub fn bounds(page: &PageRequest) -> Option<(String, String)> {
    // An instant alone sorts just before all positions of that instant: inclusive below, exclusive above.
    // Positions begin with a hexadecimal digit: "0" is below all of them, "g" above.
    let mut first = page.from.map_or_else(|| "0".to_owned(), instant);
    let mut last = page.to.map_or_else(|| "g".to_owned(), instant);
    if let Some(after) = &page.after {
        match page.order {
            Order::Oldest => first = max(first, just_above(after)),
            Order::Newest => last = min(last, just_below(after)),
        }
    }
    (first <= last).then_some((first, last))
}

/// Sorts after this position and before every other that sorts after it: `!` is below all that ids are made of.
fn just_above(place: &Position) -> String {
    position(place.time, &place.id) + "!"
}

/// Sorts before this position and after every other that sorts before it: `~` is above all that ids are made of.
fn just_below(place: &Position) -> String {
    before(position(place.time, &place.id))
}

fn before(mut text: String) -> String {
    // Ids are ASCII letters, digits and hyphens: each has a character before it.
    let before = text.pop().and_then(|last| char::from_u32(u32::from(last).saturating_sub(1)));
    text.extend(before);
    text.push('~');
    text
}

/// The first and the last sort key of sessions that began before this one, or of all; both inclusive.
pub fn session_bounds(after: Option<SessionId>) -> (String, String) {
    let last = after.map_or_else(|| format!("{SESSION}~"), |after| before(format!("{SESSION}{after}")));
    (SESSION.to_owned(), last)
}

/// The first and the last sort key of users who signed up before this one, or of all; both inclusive.
pub fn user_bounds(after: Option<UserId>) -> (&'static str, String, String) {
    let last = after.map_or_else(|| "~".to_owned(), |after| before(after.to_string()));
    ("sweep_sk", "0".to_owned(), last)
}

/// The first and the last sort key of uploads behind this one, or of all; both inclusive.
pub fn upload_bounds(after: Option<&RecordingId>) -> (String, String) {
    let first = after.map_or_else(|| UPLOAD.to_owned(), |after| format!("{UPLOAD}{after}!"));
    (first, format!("{UPLOAD}~"))
}

#[cfg(test)]
mod tests {
    use tapebase_domain::{oidc::OidcSubject, user::SocialId};

    use super::*;

    fn time(micros: i64) -> Timestamp {
        Timestamp::from_timestamp_micros(micros).expect("in range")
    }

    fn ids() -> [RecordingId; 5] {
        [
            "00000000000000000000000000",
            "01JD9Z8Q3NVX4T6M2K7C5B1ARE",
            "01JD9Z8Q3NVX4T6M2K7C5B1ARF",
            "0192f0c1-7c7e-7b3a-9d55-3f1c2b4a5d60",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
        ]
        .map(|id| RecordingId::parse(id).expect("an id"))
    }

    #[test]
    fn positions_sort_by_time_then_by_id() {
        let times = [-62_167_219_200_000_000, -1, 0, 1, 1_763_859_125_123_456, 253_402_300_799_999_999];
        let mut ids = ids();
        ids.sort();
        let positions: Vec<String> =
            times.iter().flat_map(|micros| ids.iter().map(|id| position(time(*micros), id))).collect();

        assert!(positions.is_sorted_by(|one, next| one < next), "{positions:#?}");
    }

    #[test]
    fn bounds_are_just_beside_what_they_leave_out() {
        let places: Vec<Position> =
            [-1, 0, 1].iter().flat_map(|at| ids().map(|id| Position { time: time(*at), id })).collect();
        for after in &places {
            for order in [Order::Newest, Order::Oldest] {
                let page = PageRequest { order, after: Some(after.clone()), ..PageRequest::default() };
                let (first, last) = bounds(&page).expect("some");
                for place in &places {
                    let (key, ordering) =
                        (position(place.time, &place.id), (place.time, &place.id).cmp(&(after.time, &after.id)));
                    let is_in = if order == Order::Oldest { ordering.is_gt() } else { ordering.is_lt() };
                    assert_eq!((&first..=&last).contains(&&key), is_in, "{key} after {after:?} {order:?}");
                }
            }
        }
    }

    #[test]
    fn from_is_inclusive_and_to_is_exclusive() {
        let page = |from, to| bounds(&PageRequest { from, to, ..PageRequest::default() });
        let key = position(time(5), &ids()[0]);
        let holds = |from, to| page(from, to).is_some_and(|(first, last)| (first..=last).contains(&key));

        assert!(holds(None, None) && holds(Some(time(5)), Some(time(6))) && holds(Some(time(-5)), None));
        assert!(!holds(Some(time(6)), None) && !holds(None, Some(time(5))) && !holds(Some(time(5)), Some(time(5))));
        assert_eq!(page(Some(time(6)), Some(time(5))), None);
    }

    #[test]
    fn no_two_identities_share_a_key_and_none_is_too_long() {
        let social = |network: &str, id: &str| {
            Identity::Social(SocialId::parse(network.into(), id.into()).expect("a social id"))
        };
        let exotic = ["#", "%", "%23", "%2523", "##", "a", "a#", "#a", "a#b", "a%23b", "/", "\0", "\u{10ffff}"];
        let oidc = |issuer: &str, subject: &str| {
            Identity::Oidc(OidcSubject::parse(issuer.into(), subject.into()).expect("a subject"))
        };
        let pairs =
            exotic.iter().flat_map(|network| exotic.iter().flat_map(|id| [social(network, id), oidc(network, id)]));
        let keys: std::collections::HashSet<String> =
            pairs.map(|pair| format!("{:?}", identity(&pair)["pk"])).collect();
        assert_eq!(keys.len(), exotic.len() * exotic.len() * 2);

        let longest = identity(&social(&"#".repeat(255), &"가".repeat(85)));
        assert!(longest["pk"].as_s().expect("text").len() <= 2_048);
    }
}
