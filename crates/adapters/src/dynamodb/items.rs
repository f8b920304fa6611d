//! Items to domain types and back; nowhere else.

mod attributes;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use tapebase_domain::{
    blob::BlobRef,
    id::{RecordingId, SessionId, StoreId, UserId},
    media_type::MediaType,
    pending::{LinkKey, PendingUpload, StagedRef},
    ports::{StoreError, Timestamp},
    recording::{Recording, RecordingName, Revision},
    session::{Session, TokenHash},
    user::{Account, Email, Identity, PasswordHash, SocialId, User},
};

use self::attributes::{Attributes, broken};
pub use self::attributes::{binary, micros, number, text};
use super::keys;

/// Attributes by name, as the SDK has them.
pub type Item = HashMap<String, AttributeValue>;

/// How long an item is kept past its expiry or its end. An expired one is found until then, for the caller to
/// decide; a tombstone must outlast every request that was sent before it.
const KEPT_SECONDS: i64 = 24 * 60 * 60;

pub fn of_recording(recording: &Recording) -> Item {
    let recorded = recording.recorded_at.to_utc();
    with(
        keys::recording(recording.owner, &recording.id),
        [
            ("received_key", text(keys::position(recording.received_at, &recording.id))),
            ("recorded_key", text(keys::position(recorded, &recording.id))),
            ("sweep_pk", text(keys::blob_shard(&recording.blob))),
            ("sweep_sk", text(recording.blob.as_str())),
            ("name", text(recording.name.as_str())),
            ("media_type", text(recording.media_type.as_str())),
            ("size", number(recording.size)),
            ("sha256", binary(&recording.sha256.0)),
            ("recorded_at", micros(recorded)),
            ("recorded_offset", number(recording.recorded_at.offset().local_minus_utc())),
            ("received_at", micros(recording.received_at)),
            ("revision", number(recording.revision.0)),
        ],
    )
}

pub fn recording(item: &Item) -> Result<Recording, StoreError> {
    let item = Attributes(item);
    Ok(Recording {
        owner: item.parsed_after("pk", "U#", UserId::parse)?,
        id: item.parsed_after("sk", keys::RECORDING, RecordingId::parse)?,
        name: item.parsed("name", |name| RecordingName::parse(name.to_owned()))?,
        media_type: item.parsed("media_type", MediaType::parse)?,
        size: item.number("size")?,
        sha256: item.digest("sha256")?,
        recorded_at: item.local_time("recorded_at", "recorded_offset")?,
        received_at: item.time("received_at")?,
        revision: Revision(item.number("revision")?),
        blob: BlobRef::new(item.text("sweep_sk")?.to_owned()),
    })
}

/// The blob that an entry of the index refers to.
pub fn blob(entry: &Item) -> Result<String, StoreError> {
    Attributes(entry).text("sweep_sk").map(str::to_owned)
}

pub fn of_plan(plan: &PendingUpload) -> Item {
    with(
        keys::plan(plan.owner, &plan.id),
        [
            ("sweep_pk", text(keys::plan_shard(&plan.id))),
            ("sweep_sk", text(keys::plan_expiry(plan.expires_at, plan.owner, &plan.id))),
            ("name", text(plan.name.as_str())),
            ("media_type", text(plan.media_type.as_str())),
            ("size", number(plan.size)),
            ("sha256", binary(&plan.sha256.0)),
            ("recorded_at", micros(plan.recorded_at.to_utc())),
            ("recorded_offset", number(plan.recorded_at.offset().local_minus_utc())),
            ("staged", text(plan.staged.as_str())),
            ("signing_key", binary(&plan.key.0)),
            ("expires_at", micros(plan.expires_at)),
        ],
    )
}

pub fn plan(item: &Item) -> Result<PendingUpload, StoreError> {
    let item = Attributes(item);
    Ok(PendingUpload {
        owner: item.parsed_after("pk", "U#", UserId::parse)?,
        id: item.parsed_after("sk", keys::PLAN, RecordingId::parse)?,
        name: item.parsed("name", |name| RecordingName::parse(name.to_owned()))?,
        media_type: item.parsed("media_type", MediaType::parse)?,
        size: item.number("size")?,
        sha256: item.digest("sha256")?,
        recorded_at: item.local_time("recorded_at", "recorded_offset")?,
        staged: StagedRef::new(item.text("staged")?.to_owned()),
        key: LinkKey(item.digest("signing_key")?.0),
        expires_at: item.time("expires_at")?,
    })
}

/// The bytes an owner uses, of the item that counts them.
pub fn used_bytes(item: &Item) -> Result<u64, StoreError> {
    Attributes(item).number("bytes")
}

pub fn of_account(account: &Account) -> Item {
    let mut item = with(keys::account(account.user.id), of_identity(&account.user.identity));
    item.insert("created_at".to_owned(), micros(account.user.created_at));
    if let Some(password) = &account.password {
        item.insert("password".to_owned(), text(password.expose()));
    }
    item
}

pub fn account(item: &Item) -> Result<Account, StoreError> {
    let item = Attributes(item);
    let id = item.parsed_after("pk", "U#", UserId::parse)?;
    let user = User { id, identity: identity(item)?, created_at: item.time("created_at")? };
    let password = item.optional_text("password")?;
    Ok(Account { user, password: password.map(|phc| PasswordHash::new(phc.to_owned())) })
}

/// Who has an identity.
pub fn of_owned_identity(user: &User) -> Item {
    with(keys::identity(&user.identity), [("user", text(user.id.to_string()))])
}

pub fn owner_of_identity(item: &Item) -> Result<UserId, StoreError> {
    Attributes(item).parsed("user", UserId::parse)
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

/// A session as its token finds it, with all there is to say about its user, so that one read authenticates.
pub fn of_opened_session(session: &Session, token: TokenHash, user: &User) -> Item {
    let mut item = with(keys::token(token), of_session_alone(session));
    item.extend(named([
        ("session", text(session.id.to_string())),
        ("user", text(user.id.to_string())),
        ("user_created_at", micros(user.created_at)),
    ]));
    item.extend(named(of_identity(&user.identity)));
    item
}

pub fn opened_session(item: &Item) -> Result<(User, Session), StoreError> {
    let item = Attributes(item);
    let id = item.parsed("user", UserId::parse)?;
    let user = User { id, identity: identity(item)?, created_at: item.time("user_created_at")? };
    Ok((user, session_alone(item, item.parsed("session", SessionId::parse)?, id)?))
}

/// From when on the table may forget an item that has expired, or ended.
pub fn time_to_live(expired_at: Timestamp) -> AttributeValue {
    number(expired_at.timestamp() + KEPT_SECONDS)
}

/// What stays for a day where an item was, so that a late request to add it is refused.
/// `stamp` tells it from any other that was or will be there.
pub fn of_tombstone(key: Item, stamp: &[u8; 12], now: Timestamp) -> Item {
    with(key, [("gone", binary(stamp)), ("ttl", time_to_live(now))])
}

/// The stamp of a tombstone; `None` if it is none.
pub fn stamp(item: &Item) -> Option<&AttributeValue> {
    item.get("gone")
}

/// Whether it is more than a tombstone, or the empty item that stands for none in some answers.
pub fn is_alive(item: &Item) -> bool {
    !item.is_empty() && stamp(item).is_none()
}

pub fn of_store(id: StoreId) -> Item {
    with(keys::store(), [("id", text(id.to_string()))])
}

pub fn store_id(item: &Item) -> Result<StoreId, StoreError> {
    Attributes(item).parsed("id", StoreId::parse)
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

/// An email address has no network.
fn of_identity(identity: &Identity) -> [(&'static str, AttributeValue); 2] {
    let (network, subject) = match identity {
        Identity::Email(email) => ("", email.as_str()),
        Identity::Social(social) => (social.network(), social.id()),
    };
    [("network", text(network)), ("subject", text(subject))]
}

fn identity(item: Attributes<'_>) -> Result<Identity, StoreError> {
    let (network, subject) = (item.text("network")?, item.text("subject")?);
    if network.is_empty() {
        return Ok(Identity::Email(item.parsed("subject", Email::parse)?));
    }
    let social = SocialId::parse(network.to_owned(), subject.to_owned());
    Ok(Identity::Social(social.map_err(|error| broken("subject", error))?))
}

fn with<const N: usize>(mut key: Item, attributes: [(&'static str, AttributeValue); N]) -> Item {
    key.extend(named(attributes));
    key
}

fn named<const N: usize>(
    attributes: [(&'static str, AttributeValue); N],
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
        assert_eq!(message(&item), "attribute `name` is missing");
        item.insert("name".to_owned(), number(1));
        assert_eq!(message(&item), "attribute `name` is not text");
        item.insert("name".to_owned(), text(""));
        assert_eq!(message(&item), "attribute `name`: the name is empty");
    }
}
