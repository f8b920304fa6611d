//! What is to be done, and when: items of their own, in the global index by kind and time.

use aws_sdk_dynamodb::operation::{put_item::PutItemError, update_item::UpdateItemError};
use tapebase_domain::{
    blob::BlobRef,
    history::DueAudio,
    id::{RecordingId, SessionId, UserId},
    ports::StoreError,
    time::Timestamp,
};

use super::{
    DynamoDb,
    errors::from_sdk,
    items::{Item, text},
    keys, query,
    transact::Transaction,
};

/// How many entries of the index one answer may have.
const ENTRIES: i32 = 100;

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An upload under way expires.
    Upload,
    /// A session may have expired: using it puts that off, and leaves this as it is.
    Session,
    /// Audio is to be removed.
    Audio,
    /// A tombstone may be forgotten.
    Tombstone,
    /// All that is the owner's is to be removed.
    Erasure,
}

impl Kind {
    /// What its partitions of the index begin with.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "UPLOAD",
            Self::Session => "SESSION",
            Self::Audio => "AUDIO",
            Self::Tombstone => "TOMBSTONE",
            Self::Erasure => "ERASURE",
        }
    }

    /// What all its partitions of the index begin with, and no other's.
    pub fn shard_prefix(self) -> String {
        format!("{}#", self.as_str())
    }
}

/// Something of an owner that is due: what, and what it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    owner: UserId,
    kind: Kind,
    reference: String,
}

impl Due {
    pub fn upload(owner: UserId, id: &RecordingId) -> Self {
        Self { owner, kind: Kind::Upload, reference: format!("UPLOAD#{id}") }
    }

    pub fn session(user: UserId, id: SessionId) -> Self {
        Self { owner: user, kind: Kind::Session, reference: format!("SESSION#{id}") }
    }

    /// Audio to be removed; once that is done, its recording's tombstone, in the same place.
    pub fn audio(audio: &DueAudio) -> Self {
        let DueAudio { owner, id, blob } = audio;
        Self { owner: *owner, kind: Kind::Audio, reference: format!("{}{blob}", deleted(id)) }
    }

    pub fn erasure(user: UserId) -> Self {
        Self { owner: user, kind: Kind::Erasure, reference: "ERASURE".to_owned() }
    }

    pub fn key(&self) -> Item {
        keys::due(self.owner, &self.reference)
    }

    fn index_keys(&self, due_at: Timestamp) -> [(&'static str, String); 2] {
        let Self { owner, kind, reference } = self;
        let shard = keys::due_shard(kind.as_str(), *owner, reference);
        [("sweep_pk", shard), ("sweep_sk", keys::due_time(due_at, *owner, reference))]
    }

    /// Notes when it is due.
    pub fn schedule(&self, transaction: &mut Transaction<'_>, due_at: Timestamp) -> Result<(), StoreError> {
        let mut item = self.key();
        item.extend(self.index_keys(due_at).map(|(name, value)| (name.to_owned(), text(value))));
        transaction.set(item)
    }

    /// Takes the note back.
    pub fn cancel(&self, transaction: &mut Transaction<'_>) -> Result<(), StoreError> {
        transaction.clear(self.key())
    }
}

/// What the references of audio begin with.
pub const DELETED: &str = "DELETED#";

/// What the references of a recording's audio begin with.
pub fn deleted(id: &RecordingId) -> String {
    format!("{DELETED}{id}#")
}

/// The audio of a deleted recording, from the key of what is due of it.
pub fn deleted_audio(key: &Item) -> Result<DueAudio, StoreError> {
    let part = |name: &str| key.get(name).and_then(|value| value.as_s().ok());
    let parsed = || {
        let owner = UserId::parse(part("pk")?.strip_prefix("U#")?).ok()?;
        let (id, blob) = part("sk")?.strip_prefix(keys::DUE)?.strip_prefix(DELETED)?.split_once('#')?;
        Some(DueAudio { owner, id: RecordingId::parse(id).ok()?, blob: BlobRef::new(blob.to_owned()) })
    };
    parsed().ok_or_else(|| StoreError::Unavailable("what is due of a deletion has another key".into()))
}

impl DynamoDb {
    /// The keys of some of what is due of a kind before `then`; none at the end. The index is a little behind the table:
    /// what is done with one must be right whatever has become of it.
    pub(super) async fn due_before(&self, kind: Kind, then: Timestamp) -> Result<Vec<Item>, StoreError> {
        let mut due = Vec::new();
        for shard in 0..keys::DUE_SHARDS {
            let query = self
                .query()
                .index_name("sweep")
                // An instant alone sorts just before all that is due then.
                .key_condition_expression("sweep_pk = :shard AND sweep_sk < :then")
                .expression_attribute_values(":shard", text(keys::numbered_due_shard(kind.as_str(), shard)))
                .expression_attribute_values(":then", text(keys::instant(then)))
                .projection_expression("pk, sk")
                .limit(ENTRIES);
            due.extend(query::pages(query).next().await?.unwrap_or_default());
            if due.len() >= ENTRIES.unsigned_abs() as usize {
                break;
            }
        }
        Ok(due)
    }

    /// The keys of some of what is due of an owner, of a kind whose references begin like that, whenever it is due.
    pub(super) async fn due_of(&self, owner: UserId, kind: Kind, begin: &str) -> Result<Vec<Item>, StoreError> {
        let due = self
            .query()
            .consistent_read(true)
            .key_condition_expression("pk = :owner AND begins_with(sk, :begin)")
            .expression_attribute_values(":owner", text(keys::of_user(owner)))
            .expression_attribute_values(":begin", text(format!("{}{begin}", keys::DUE)))
            // What is done already, and only remembered, is in between.
            .filter_expression("begins_with(sweep_pk, :kind)")
            .expression_attribute_values(":kind", text(kind.shard_prefix()));
        query::first(due, ENTRIES.unsigned_abs() as usize).await
    }

    /// Notes when something is due, unless it is noted already.
    pub(super) async fn add_due(&self, due: &Due, due_at: Timestamp) -> Result<(), StoreError> {
        let mut item = due.key();
        item.extend(due.index_keys(due_at).map(|(name, value)| (name.to_owned(), text(value))));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let put = put
            .condition_expression("attribute_not_exists(pk) OR NOT begins_with(sweep_pk, :kind)")
            .expression_attribute_values(":kind", text(due.kind.shard_prefix()));
        match put.send().await {
            Err(error) if error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) => {
                Ok(())
            }
            put => put.map(|_| ()).map_err(from_sdk),
        }
    }

    /// Has something that is there be due at another time, as something else; leaves what is not of kind `from`.
    pub(super) async fn reschedule(&self, due: &Due, to: Kind, due_at: Timestamp) -> Result<(), StoreError> {
        let [(_, shard), (_, time)] = Due { kind: to, ..due.clone() }.index_keys(due_at);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(due.key()))
            .update_expression("SET sweep_pk = :shard, sweep_sk = :time")
            .condition_expression("begins_with(sweep_pk, :from)")
            .expression_attribute_values(":shard", text(shard))
            .expression_attribute_values(":time", text(time))
            .expression_attribute_values(":from", text(due.kind.shard_prefix()));
        match update.send().await {
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            updated => updated.map(|_| ()).map_err(from_sdk),
        }
    }

    /// Takes out an item that is of no use, if it is there.
    pub(super) async fn forget_item(&self, key: Item) -> Result<(), StoreError> {
        let deleted = self.client.delete_item().table_name(&self.table).set_key(Some(key)).send().await;
        deleted.map(|_| ()).map_err(from_sdk)
    }
}
