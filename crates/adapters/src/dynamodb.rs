//! `RecordStore`, `ChangeFeed`, `DeletedStore`, `UploadStore`, `UserStore`, `TokenStore`, `ErasureStore`, `AttemptStore` and
//! `SingleUse` in one DynamoDB table.
//!
//! | Item | `pk` | `sk` | Indexed by |
//! |---|---|---|---|
//! | recording | `U#<owner>` | `R#<id>` | `by_received`, `by_recorded`, `by_changed`, `sweep`: `B#<2 characters>`, `<blob>` |
//! | tombstone of one | `U#<owner>` | `R#<id>` | `by_received`: `x<number>`, in no list; `by_changed` |
//! | upload under way | `U#<owner>` | `P#<id>` | |
//! | tombstone of one | `U#<owner>` | `P#<id>` | |
//! | what is due | `U#<owner>` | `D#<kind>#<reference>` | `sweep`: `<kind>#<hexadecimal digit>`, `<time>#<owner>#<reference>` |
//! | counters | `U#<owner>` | `COUNTERS` | |
//! | user | `U#<id>` | `ACCOUNT` | |
//! | session of a user | `U#<user>` | `S#<id>` | |
//! | who has an identity | `I#<kind>#<subject>` | `IDENTITY` | |
//! | session of a token | `T#<hash>` | `SESSION` | |
//! | API token of a user | `U#<user>` | `K#<00 to 99>` | |
//! | API token | `T#<hash>` | `TOKEN` | |
//! | tries of an account's password | `A#<SHA-256>` | `ATTEMPTS` | |
//! | what was used, of what counts once | `N#<SHA-256>` | `USED` | |
//! | the table's own id, and its history | `STORE` | `ID` | |
//! | what playback links are signed with | `STORE` | `PLAYBACK_KEYS` | |
//!
//! `U#<owner>`, `B#<recording>#<kind>` is for what else belongs to a recording, such as a waveform; `by_search` and
//! `spare` are for what comes.
//!
//! | To | it takes |
//! |---|---|
//! | insert | 1 transaction: the recording, the counters; 2 over a tombstone |
//! | reserve | 1 transaction: the upload, the counters, when it is due; 2 over a tombstone |
//! | settle | 1 transaction: the upload, the recording, the counters, what was due; 2 over a tombstone |
//! | release | 1 transaction: the upload, the counters, what was due, and what is due of the object it may leave |
//! | find, look up, upload, counters | 1 consistent read |
//! | find to play | 1 call: consistent reads of the recording and of the counters, which have the epoch of its owner's links |
//! | list a page | 1 consistent query of `by_received` or `by_recorded`; more only past 1 MB |
//! | edit, move | 1 consistent read, 1 transaction: the recording, the counters; of one whose audio is replaced, what is due of that |
//! | remove | 1 consistent read, 1 transaction: the recording, the counters, what is due of its audio |
//! | note that audio is to be removed, or is, or is put off | 1 conditional put, or update, of what is due |
//! | list changes | 1 consistent query of `by_changed`, 1 consistent read of the counters |
//! | find orphans | 1 query of `sweep` for each pair of first characters among them |
//! | find what is due of a kind | 16 queries of `sweep` |
//! | walk through all recordings, or count what everybody has | a scan of the table |
//! | sign up | 1 transaction: the user, the identity |
//! | find an account | 2 consistent reads |
//! | open a session | 1 consistent read of the user, 1 transaction: the session twice, when it is due, the counters; where there are as many as there may be, 1 consistent query and another that ends the least recently used as well |
//! | authenticate | 1 consistent read |
//! | touch a session | 1 consistent read, 1 transaction |
//! | close a session | 1 consistent read, 1 transaction: the session twice, what was due, the counters |
//! | look up a session | 1 consistent read |
//! | look up an API token | 1 consistent read |
//! | add, touch or revoke one | 1 consistent query, 1 transaction: the token twice |
//! | look up tries | 1 consistent read |
//! | change tries | 1 conditional put; 1 consistent read more where it is refused |
//! | use something up | 1 transaction |
//! | list a page of sessions, or of uploads | 1 consistent query; more only past what has expired, or tombstones |
//! | forget what is left of a user | as many queries, and transactions of 100 items, as it takes |
//! | close all sessions | as many queries, and transactions of 33 sessions, as it takes; 2 more that end playback links |
//!
//! Whoever changes a recording in a process that has not yet seen its owner's counters reads them before.
//!
//! Nothing is ever scanned but by `tapebase verify` and `rebuild`, and nothing else filtered that a key could select. What has to be right together is
//! one transaction, so it is right on its own after a crash at any point.
//!
//! The item collection of one user is limited to 10 GB by the local indexes: some five million recordings.
//! Tombstones of uploads are removed by the table's time to live (attribute `ttl`) a day later, and sessions a month after
//! they have expired, should no sweep have come by; what was used and what was tried once nobody needs to know.
//!
//! [`DynamoDb::set_up`] makes the table, [`DynamoDb::diagnose`] looks whether everything works. Serving needs the permissions
//! `dynamodb:GetItem`, `BatchGetItem`, `PutItem`, `UpdateItem`, `DeleteItem` and `Query` on the table and `Query` on its indexes,
//! whoever sweeps `DescribeTable` as well, `tapebase verify` `Scan` on the table, and `tapebase rebuild` `Scan` on `sweep`.

mod attempts;
mod commit;
mod counting;
mod deleted;
mod doctor;
mod due;
mod erasure;
mod errors;
mod feed;
mod generations;
mod inventory;
mod items;
mod keys;
mod list;
mod owners;
mod playback;
mod query;
mod records;
mod remembered;
mod schema;
mod sessions;
mod setup;
mod single_use;
mod tokens;
mod transact;
mod uploads;
mod users;

use aws_sdk_dynamodb::Client;
use tapebase_domain::{
    history::HistoryId,
    id::StoreId,
    ports::{Clock as _, StoreError, SystemClock},
};

use self::{
    due::Kind,
    errors::from_sdk,
    items::{Item, text},
    owners::Owners,
    playback::KeyPair,
    remembered::Remembered,
};

/// Rows in one table.
pub struct DynamoDb {
    client: Client,
    table: String,
    history: Remembered<HistoryId>,
    playback_keys: Remembered<KeyPair>,
    owners: Owners,
}

impl DynamoDb {
    /// Rows in `table`, which [`Self::set_up`] has made. Nothing is sent yet.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self {
            client,
            table,
            history: Remembered::default(),
            playback_keys: Remembered::default(),
            owners: Owners::default(),
        }
    }

    /// Reads one item as every write before has left it.
    async fn get(&self, key: Item) -> Result<Option<Item>, StoreError> {
        Ok(self.get_any(key).await?.filter(items::is_alive))
    }

    /// The same, tombstones as well.
    async fn get_any(&self, key: Item) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true);
        Ok(get.send().await.map_err(from_sdk)?.item)
    }

    /// The table's own id, drawn the first time.
    async fn identify(&self) -> Result<StoreId, StoreError> {
        if let Some(item) = self.get(keys::store()).await? {
            return items::store_id(&item);
        }
        let fresh = StoreId::generate(SystemClock.now());
        let mut drawn = self.transaction();
        drawn.add(items::of_store(fresh, HistoryId::generate()))?;
        match drawn.commit().await? {
            Ok(()) => Ok(fresh),
            // Somebody else drew one at the same moment.
            Err(refusal) => items::store_id(&refusal.item()?),
        }
    }

    /// Whether there is nothing but users and their sessions: the sweeper's index has every recording, every upload under way and
    /// what is left to do of every deletion, a moment after they are written.
    async fn has_sessions_at_most(&self) -> Result<bool, StoreError> {
        let mut start = None;
        loop {
            let scan = self
                .client
                .scan()
                .table_name(&self.table)
                .index_name(schema::SWEEP)
                .filter_expression("sweep_pk <> :users AND NOT begins_with(sweep_pk, :sessions)")
                .expression_attribute_values(":users", text(keys::USERS))
                .expression_attribute_values(":sessions", text(Kind::Session.shard_prefix()))
                .set_exclusive_start_key(start);
            let page = scan.send().await.map_err(from_sdk)?;
            start = page.last_evaluated_key;
            if page.count > 0 || start.is_none() {
                return Ok(page.count == 0);
            }
        }
    }

    /// Gives the table another id; its history stays its own.
    async fn replace_id(&self, id: StoreId) -> Result<(), StoreError> {
        self.identify().await?;
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(keys::store()))
            .update_expression("SET id = :id")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":id", text(id.to_string()));
        update.send().await.map(|_| ()).map_err(from_sdk)
    }

    /// Fails unless the table answers.
    async fn probe(&self) -> Result<(), StoreError> {
        self.get(keys::store()).await.map(|_| ())
    }
}
