//! Items to domain types and back; nowhere else.

mod attributes;
mod checksum;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use tapebase_domain::{
    api_token::{ApiToken, NoScope, Scopes},
    attempts::{AttemptKey, Attempts},
    blob::BlobRef,
    details::Details,
    digest::Sha256,
    history::{ChangeNumber, Counters, Deleted, Entry, HistoryId},
    id::{ApiTokenId, IdentityId, RecordingId, SessionId, StoreId, UserId, random_bytes},
    lineage::{Generation, Step},
    media_type::MediaType,
    pending::{LinkKey, PendingUpload, StagedRef},
    playback::{LinkEpoch, PlaybackKey},
    ports::StoreError,
    quota::weight,
    recording::{DigestOrigin, Recording, RecordingName, Revision},
    session::{Session, TokenHash},
    time::Timestamp,
    user::{Account, Identity, LinkedIdentity, PasswordHash, User},
};

use self::attributes::{Attributes, broken};
pub use self::attributes::{binary, micros, number, text};
use super::{keys, schema::OLD_FORM};

/// Attributes by name, as the SDK has them.
pub type Item = HashMap<String, AttributeValue>;

/// How long the tombstone of an upload is kept: it must outlast every request that was sent before it.
const TOMBSTONE_SECONDS: i64 = 24 * 60 * 60;
/// How long a session is kept past its expiry, should no sweep come by: it is found until then, for the caller to
/// decide.
const EXPIRED_SECONDS: i64 = 30 * 24 * 60 * 60;
/// The attribute with the checksum over all the others.
const CHECKSUM: &str = "crc";

/// A recording: with where the indexes have it, and a checksum over everything.
pub fn of_recording(recording: &Recording) -> Item {
    let recorded = recording.details.recorded_at.to_utc();
    let mut item = with(keys::recording(recording.owner, &recording.id), of_details(&recording.details));
    item.extend(named([
        ("received_key", text(keys::position(recording.received_at, &recording.id))),
        ("recorded_key", text(keys::position(recorded, &recording.id))),
        ("changed_key", text(keys::change(recording.changed))),
        ("sweep_pk", text(keys::blob_shard(&recording.blob))),
        ("sweep_sk", text(recording.blob.as_str())),
        ("media_type", text(recording.media_type.as_str())),
        ("size", number(recording.size)),
        ("sha256", binary(&recording.sha256.0)),
        ("digest", text(recording.digest.as_str())),
        ("received_at", micros(recording.received_at)),
        ("revision", number(recording.revision.0)),
        ("changed", number(recording.changed.0)),
    ]));
    let noted = [("verified_at", recording.verified_at), ("damaged_at", recording.damaged_at)];
    item.extend(noted.into_iter().filter_map(|(name, time)| Some((name.to_owned(), micros(time?)))));
    item.insert(CHECKSUM.to_owned(), number(checksum::of(&item)));
    item
}

pub fn recording(item: &Item) -> Result<Recording, StoreError> {
    let attributes = Attributes(item);
    if attributes.number::<u32>(CHECKSUM)? != checksum::of(item) {
        return Err(broken(CHECKSUM, "the item is damaged"));
    }
    Ok(Recording {
        owner: attributes.parsed_after("pk", "U#", UserId::parse)?,
        id: attributes.parsed_after("sk", keys::RECORDING, RecordingId::parse)?,
        details: details(attributes)?,
        media_type: attributes.parsed("media_type", MediaType::parse)?,
        size: attributes.number("size")?,
        sha256: attributes.digest("sha256")?,
        digest: attributes.parsed("digest", DigestOrigin::parse)?,
        received_at: attributes.time("received_at")?,
        revision: Revision(attributes.number("revision")?),
        changed: ChangeNumber(attributes.number("changed")?),
        verified_at: attributes.optional_time("verified_at")?,
        damaged_at: attributes.optional_time("damaged_at")?,
        blob: BlobRef::new(attributes.text("sweep_sk")?.to_owned()),
    })
}

/// What its client said of a recording or an upload.
fn of_details(details: &Details) -> impl IntoIterator<Item = (&'static str, AttributeValue)> {
    let said = [
        ("name", text(details.name.as_str())),
        ("declared_type", text(details.media_type.as_str())),
        ("recorded_at", micros(details.recorded_at.to_utc())),
        ("recorded_offset", number(details.recorded_at.offset().local_minus_utc())),
    ];
    said.into_iter().chain(details.client_duration_ms.map(|duration| ("client_duration_ms", number(duration))))
}

fn details(item: Attributes<'_>) -> Result<Details, StoreError> {
    Ok(Details {
        name: item.parsed("name", |name| RecordingName::parse(name.to_owned()))?,
        media_type: item.parsed("declared_type", MediaType::parse)?,
        recorded_at: item.local_time("recorded_at", "recorded_offset")?,
        client_duration_ms: item.optional_number("client_duration_ms")?,
    })
}

/// What stays of a recording that was deleted. `stamp` tells it from any other that was or will be there.
pub fn of_deleted(deleted: &Deleted, stamp: &[u8; 12]) -> Item {
    with(
        keys::recording(deleted.owner, &deleted.id),
        [
            ("gone", binary(stamp)),
            ("received_key", text(keys::tombstone(deleted.changed))),
            ("changed_key", text(keys::change(deleted.changed))),
            ("changed", number(deleted.changed.0)),
            ("deleted_at", micros(deleted.deleted_at)),
        ],
    )
}

pub fn deleted(item: &Item) -> Result<Deleted, StoreError> {
    let item = Attributes(item);
    Ok(Deleted {
        owner: item.parsed_after("pk", "U#", UserId::parse)?,
        id: item.parsed_after("sk", keys::RECORDING, RecordingId::parse)?,
        changed: ChangeNumber(item.number("changed")?),
        deleted_at: item.time("deleted_at")?,
    })
}

/// A recording, or the tombstone of one.
pub fn entry(item: &Item) -> Result<Entry, StoreError> {
    if is_alive(item) { Ok(Entry::Recording(recording(item)?.into())) } else { deleted(item).map(Entry::Deleted) }
}

/// The blob that an entry of the index refers to.
pub fn blob(entry: &Item) -> Result<String, StoreError> {
    Attributes(entry).text("sweep_sk").map(str::to_owned)
}

pub fn of_upload(upload: &PendingUpload) -> Item {
    let mut item = with(keys::upload(upload.owner, &upload.id), of_details(&upload.details));
    item.extend(named([
        ("kind", text("direct")),
        ("length", number(upload.size)),
        ("reserved", number(weight(upload.size))),
        ("sha256", binary(&upload.sha256.0)),
        ("again", AttributeValue::Bool(upload.again)),
        ("staged", text(upload.staged.as_str())),
        ("signing_key", binary(&upload.key.0)),
        ("expires_at", micros(upload.expires_at)),
    ]));
    item
}

pub fn upload(item: &Item) -> Result<PendingUpload, StoreError> {
    let item = Attributes(item);
    Ok(PendingUpload {
        owner: item.parsed_after("pk", "U#", UserId::parse)?,
        id: item.parsed_after("sk", keys::UPLOAD, RecordingId::parse)?,
        details: details(item)?,
        size: item.number("length")?,
        sha256: item.digest("sha256")?,
        again: item.flag("again")?,
        staged: StagedRef::new(item.text("staged")?.to_owned()),
        key: LinkKey(item.digest("signing_key")?.0),
        expires_at: item.time("expires_at")?,
    })
}

/// What an owner has, and up to which change deletions may be forgotten, of the item that counts it.
pub fn counters(item: &Item) -> Result<(Counters, ChangeNumber), StoreError> {
    let item = Attributes(item);
    // What is damaged to be below nothing is nothing, until it is counted anew.
    let count = |name| {
        let count = item.optional_number::<i128>(name)?.unwrap_or_default().max(0);
        u64::try_from(count).map_err(|_| broken(name, "more than there can be"))
    };
    let (used, reserved): (u64, u64) = (count("used")?, count("reserved")?);
    let counters = Counters {
        bytes: used.saturating_sub(reserved),
        reserved_bytes: reserved,
        recordings: count("recordings")?,
        uploads: count("uploads")?,
        sessions: count("sessions")?,
        tombstones: count("tombstones")?,
        changed: ChangeNumber(count("changed")?),
    };
    Ok((counters, ChangeNumber(count("forgotten")?)))
}

pub fn of_account(account: &Account) -> Item {
    let Account { user, password } = account;
    let identities = user.identities.iter().map(|linked| AttributeValue::M(of_linked_identity(linked)));
    let identities = AttributeValue::L(identities.collect());
    let place = [("sweep_pk", text(keys::USERS)), ("sweep_sk", text(user.id.to_string()))];
    let mut item = with(keys::account(user.id), [("identities", identities)].into_iter().chain(place));
    // Tells this state from every other, also from one that is equal: what comes late finds another.
    item.insert("stamp".to_owned(), binary(&random_bytes::<12>()));
    item.insert("created_at".to_owned(), micros(user.created_at));
    for (name, time) in [("disabled_at", user.disabled_at), ("erase_at", user.erase_at)] {
        if let Some(time) = time {
            item.insert(name.to_owned(), micros(time));
        }
    }
    if let Some(password) = password {
        item.insert("password".to_owned(), text(password.expose()));
    }
    item
}

/// The user that an entry of the index refers to.
pub fn user_of_entry(entry: &Item) -> Result<UserId, StoreError> {
    Attributes(entry).parsed_after("pk", "U#", UserId::parse)
}

pub fn account(item: &Item) -> Result<Account, StoreError> {
    let attributes = Attributes(item);
    let id = attributes.parsed_after("pk", "U#", UserId::parse)?;
    let created_at = attributes.time("created_at")?;
    let identities = if let Some(items) = attributes.optional_items("identities")? {
        items.map(|item| linked_identity(item?)).collect::<Result<_, _>>()?
    } else {
        // Before there could be several, it was in the account itself.
        vec![LinkedIdentity::new(id.first_identity(), identity(attributes)?, created_at)]
    };
    let password = attributes.optional_text("password")?;
    let (disabled_at, erase_at) = (attributes.optional_time("disabled_at")?, attributes.optional_time("erase_at")?);
    let user = User { id, identities, created_at, disabled_at, erase_at };
    Ok(Account { user, password: password.map(|phc| PasswordHash::new(phc.to_owned())) })
}

fn of_linked_identity(linked: &LinkedIdentity) -> Item {
    let mut item: Item = named(of_identity(&linked.identity)).collect();
    item.extend(named([("id", text(linked.id.to_string())), ("linked_at", micros(linked.linked_at))]));
    if let Some(time) = linked.verified_at {
        item.insert("verified_at".to_owned(), micros(time));
    }
    item
}

fn linked_identity(item: &Item) -> Result<LinkedIdentity, StoreError> {
    let item = Attributes(item);
    Ok(LinkedIdentity {
        id: item.parsed("id", IdentityId::parse)?,
        identity: identity(item)?,
        linked_at: item.time("linked_at")?,
        verified_at: item.optional_time("verified_at")?,
    })
}

/// Who has an identity.
pub fn of_owned_identity(user: UserId, identity: &Identity) -> Item {
    with(keys::identity(identity), [("user", text(user.to_string()))])
}

pub fn owner_of_identity(item: &Item) -> Result<UserId, StoreError> {
    Attributes(item).parsed("user", UserId::parse)
}

/// The user whose partition an item is in.
pub fn user(item: &Item) -> Result<UserId, StoreError> {
    Attributes(item).parsed_after("pk", "U#", UserId::parse)
}

/// An API token in its place.
pub fn of_api_token_place(token: &ApiToken, hash: TokenHash, place: usize) -> Item {
    of_token_at(keys::api_token_place(token.user, place), token, hash)
}

/// The same as it is found. It goes before its place does, by which it is removed.
pub fn of_api_token(token: &ApiToken, hash: TokenHash) -> Item {
    let mut item = of_token_at(keys::api_token(hash), token, hash);
    item.insert("ttl".to_owned(), number(token.expires_at.timestamp()));
    item
}

fn of_token_at(key: Item, token: &ApiToken, hash: TokenHash) -> Item {
    let mut item = with(
        key,
        [
            ("id", text(token.id.to_string())),
            ("user", text(token.user.to_string())),
            ("name", text(token.name.clone())),
            ("scopes", text(token.scopes.to_text())),
            ("created_at", micros(token.created_at)),
            ("expires_at", micros(token.expires_at)),
            ("ttl", time_to_live(token.expires_at)),
            ("token", binary(&hash.0.0)),
        ],
    );
    if let Some(recording) = &token.recording {
        item.insert("recording".to_owned(), text(recording.as_str()));
    }
    if let Some(last_used_at) = token.last_used_at {
        item.insert("last_used_at".to_owned(), micros(last_used_at));
    }
    item
}

/// An API token, from either.
pub fn api_token(item: &Item) -> Result<ApiToken, StoreError> {
    let item = Attributes(item);
    let recording = item.optional_text("recording")?.map(RecordingId::parse).transpose();
    Ok(ApiToken {
        id: item.parsed("id", ApiTokenId::parse)?,
        user: item.parsed("user", UserId::parse)?,
        name: item.text("name")?.to_owned(),
        scopes: item.parsed("scopes", |text| Scopes::from_text(text).ok_or(NoScope))?,
        recording: recording.map_err(|error| StoreError::Unavailable(error.into()))?,
        created_at: item.time("created_at")?,
        last_used_at: item.optional_time("last_used_at")?,
        expires_at: item.time("expires_at")?,
    })
}

/// A session as its user has it.
pub fn of_session(session: &Session, token: TokenHash) -> Item {
    let mut item = with(keys::session(session.user, session.id), of_session_alone(session));
    item.insert("token".to_owned(), binary(&token.0.0));
    item
}

pub fn session(item: &Item) -> Result<Session, StoreError> {
    let item = Attributes(item);
    let id = item.parsed_after("sk", keys::SESSION, SessionId::parse)?;
    session_alone(item, id, item.parsed_after("pk", "U#", UserId::parse)?)
}

/// The token that opens a session of a user.
pub fn token(item: &Item) -> Result<TokenHash, StoreError> {
    Attributes(item).digest("token").map(TokenHash)
}

/// A session as its token finds it.
pub fn of_opened_session(session: &Session, token: TokenHash) -> Item {
    let mut item = with(keys::token(token), of_session_alone(session));
    item.extend(named([("session", text(session.id.to_string())), ("user", text(session.user.to_string()))]));
    item
}

pub fn opened_session(item: &Item) -> Result<Session, StoreError> {
    let item = Attributes(item);
    session_alone(item, item.parsed("session", SessionId::parse)?, item.parsed("user", UserId::parse)?)
}

/// From when on the table may forget a session by itself.
pub fn time_to_live(expires_at: Timestamp) -> AttributeValue {
    number(expires_at.timestamp() + EXPIRED_SECONDS)
}

/// Tries of an account's password.
pub fn of_attempts(key: AttemptKey, attempts: &Attempts) -> Item {
    let ttl = number(attempts.expires_at().timestamp());
    with(keys::attempts(key), [("state", binary(&attempts.to_bytes())), ("ttl", ttl)])
}

/// `None` for what cannot be read.
pub fn attempts(item: &Item) -> Option<Attempts> {
    let state = item.get("state")?.as_b().ok()?;
    Attempts::from_bytes(state.as_ref()).ok()
}

/// What was used: until when that is to be known.
pub fn of_used(digest: Sha256, expires_at: Timestamp) -> Item {
    with(keys::used(digest), [("ttl", number(expires_at.timestamp()))])
}

/// What stays for a day where an upload was, so that a late request to add it is refused.
/// `stamp` tells it from any other that was or will be there.
pub fn of_tombstone(key: Item, stamp: &[u8; 12], now: Timestamp) -> Item {
    with(key, [("gone", binary(stamp)), ("ttl", number(now.timestamp() + TOMBSTONE_SECONDS))])
}

/// The stamp of a tombstone; `None` if it is none.
pub fn stamp(item: &Item) -> Option<&AttributeValue> {
    item.get("gone")
}

/// Whether it is more than a tombstone, or the empty item that stands for none in some answers.
pub fn is_alive(item: &Item) -> bool {
    !item.is_empty() && stamp(item).is_none()
}

pub fn of_store(id: StoreId, history: HistoryId) -> Item {
    with(keys::store(), [("id", text(id.to_string())), ("history", text(history.to_string()))])
}

/// Which history the rows are of; a table of an older version does not know.
pub fn history(item: &Item) -> Result<HistoryId, StoreError> {
    if !item.contains_key("history") {
        return Err(StoreError::Unavailable(OLD_FORM.into()));
    }
    Attributes(item).parsed("history", HistoryId::parse)
}

pub fn store_id(item: &Item) -> Result<StoreId, StoreError> {
    history(item)?;
    Attributes(item).parsed("id", StoreId::parse)
}

/// The last step from one generation of the audio to the next, and in which table it was noted.
pub fn last_step(item: &Item) -> Result<Option<(Step, &str)>, StoreError> {
    if !item.contains_key("step_to") {
        return Ok(None);
    }
    let parse = |text: &str| if text.is_empty() { Ok(None) } else { Generation::parse(text).map(Some) };
    let attributes = Attributes(item);
    let (from, to) = (attributes.parsed("step_from", parse)?, attributes.parsed("step_to", Generation::parse)?);
    Ok(Some((Step { from, to }, attributes.text("step_table")?)))
}

pub fn of_playback_key(key: &PlaybackKey) -> Item {
    with(keys::playback_keys(), [("current_key", binary(&key.0))])
}

/// The key that signs playback links, and the one before if there was one.
pub fn playback_keys(item: &Item) -> Result<(PlaybackKey, Option<PlaybackKey>), StoreError> {
    let key = |name| Attributes(item).digest(name).map(|bytes| PlaybackKey(bytes.0));
    let previous = item.contains_key("previous_key").then(|| key("previous_key"));
    Ok((key("current_key")?, previous.transpose()?))
}

/// Which playback links of an owner count, in the counters.
pub fn link_epoch(item: &Item) -> Result<LinkEpoch, StoreError> {
    Ok(Attributes(item).optional_number("link_epoch")?.map_or_else(LinkEpoch::default, LinkEpoch))
}

fn of_session_alone(session: &Session) -> [(&'static str, AttributeValue); 6] {
    [
        ("client", text(session.client.clone())),
        ("created_at", micros(session.created_at)),
        ("last_used_at", micros(session.last_used_at)),
        ("expires_at", micros(session.expires_at)),
        ("ends_at", micros(session.ends_at)),
        ("ttl", time_to_live(session.expires_at)),
    ]
}

fn session_alone(item: Attributes<'_>, id: SessionId, user: UserId) -> Result<Session, StoreError> {
    Ok(Session {
        id,
        user,
        client: item.text("client")?.to_owned(),
        created_at: item.time("created_at")?,
        last_used_at: item.time("last_used_at")?,
        expires_at: item.time("expires_at")?,
        ends_at: item.time("ends_at")?,
    })
}

fn of_identity(identity: &Identity) -> [(&'static str, AttributeValue); 2] {
    let (network, subject) = identity.network_and_subject();
    [("network", text(network)), ("subject", text(subject))]
}

fn identity(item: Attributes<'_>) -> Result<Identity, StoreError> {
    let (network, subject) = (item.text("network")?, item.text("subject")?);
    Identity::from_stored(network, subject).map_err(|error| broken("subject", error))
}

fn with(mut key: Item, attributes: impl IntoIterator<Item = (&'static str, AttributeValue)>) -> Item {
    key.extend(named(attributes));
    key
}

fn named(
    attributes: impl IntoIterator<Item = (&'static str, AttributeValue)>,
) -> impl Iterator<Item = (String, AttributeValue)> {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_item_is_an_error_that_names_the_attribute() {
        let mut item =
            keys::recording(UserId::generate(Timestamp::UNIX_EPOCH), &RecordingId::generate(Timestamp::UNIX_EPOCH));
        let message = |item: &Item| match recording(item) {
            Err(StoreError::Unavailable(source)) => source.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(message(&item), "attribute `crc` is missing");
        item.insert("crc".to_owned(), number(1));
        assert_eq!(message(&item), "attribute `crc`: the item is damaged");
        for (value, expected) in [
            (None, "attribute `name` is missing"),
            (Some(number(1)), "attribute `name` is not text"),
            (Some(text("")), "attribute `name`: the name is empty"),
        ] {
            item.extend(value.map(|value| ("name".to_owned(), value)));
            item.insert("crc".to_owned(), number(checksum::of(&item)));
            assert_eq!(message(&item), expected);
        }
    }
}
