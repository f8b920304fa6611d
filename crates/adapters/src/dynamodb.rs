//! `RecordStore`, `UploadStore` and `UserStore` in one DynamoDB table.
//!
//! | Item | `pk` | `sk` | Indexed by |
//! |---|---|---|---|
//! | recording | `U#<owner>` | `R#<id>` | `by_received`, `by_recorded`, `sweep`: `B#<2 characters>`, `<blob>` |
//! | plan of an upload | `U#<owner>` | `P#<id>` | `sweep`: `P#<hexadecimal digit>`, `<expiry>#<owner>#<id>` |
//! | bytes a user uses | `U#<owner>` | `USAGE` | |
//! | user | `U#<id>` | `ACCOUNT` | |
//! | session of a user | `U#<user>` | `S#<id>` | |
//! | who has an identity | `I#<kind>#<subject>` | `IDENTITY` | |
//! | session of a token | `T#<hash>` | `SESSION` | |
//! | the table's own id | `STORE` | `ID` | |
//! | tombstone of a recording or plan | as it had | as it had | |
//!
//! | To | it takes |
//! |---|---|
//! | insert, reserve | 1 transaction: the item, the bytes used; 2 over a tombstone |
//! | settle | 1 transaction: the plan, the recording; 2 over a tombstone |
//! | release | 1 transaction: the plan, the bytes used |
//! | find, plan, used bytes | 1 consistent read |
//! | list a page | 1 consistent query of `by_received` or `by_recorded`; more only past 1 MB |
//! | rename | 1 conditional update |
//! | remove | 1 consistent read, 1 transaction: the recording, the bytes used |
//! | find orphans blobs | 1 query of `sweep` for each pair of first characters among them |
//! | find expired plans | 16 queries of `sweep`, 1 consistent read for each plan |
//! | sign up | 1 transaction: the user, the identity |
//! | find an account | 2 consistent reads |
//! | open a session | 1 consistent read of the user, 1 transaction: the session under its user and its token |
//! | authenticate | 1 consistent read |
//! | touch, close a session | 1 consistent read, 1 transaction |
//! | list sessions | 1 consistent query |
//! | close all sessions | as many queries, and transactions of 50 sessions, as it takes |
//!
//! Nothing is ever scanned but by `tapebase rebuild`, and nothing filtered that a key could select. What has to be right together is
//! one transaction, so it is right on its own after a crash at any point.
//!
//! The item collection of one user is limited to 10 GB by the local indexes: some five million recordings.
//! Sessions and tombstones are removed by the table's time to live (attribute `ttl`), a day after they expire or later.
//!
//! [`DynamoDb::set_up`] makes the table, [`DynamoDb::diagnose`] looks whether everything works. Serving needs the permissions
//! `dynamodb:GetItem`, `PutItem`, `UpdateItem`, `DeleteItem` and `Query` on the table and `Query` on its indexes,
//! and `tapebase rebuild` needs `Scan` on `sweep`.

mod doctor;
mod errors;
mod items;
mod keys;
mod list;
mod query;
mod records;
mod schema;
mod sessions;
mod setup;
mod transact;
mod uploads;
mod users;

use aws_sdk_dynamodb::Client;
use tapebase_domain::{
    id::StoreId,
    ports::{Clock as _, StoreError, SystemClock},
};

use self::{errors::from_sdk, items::Item};

/// Rows in one table.
pub struct DynamoDb {
    client: Client,
    table: String,
}

impl DynamoDb {
    /// Rows in `table`, which [`Self::set_up`] has made. Nothing is sent yet.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Reads one item as every write before has left it.
    async fn get(&self, key: Item) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true);
        Ok(get.send().await.map_err(from_sdk)?.item.filter(items::is_alive))
    }

    /// The table's own id, drawn the first time.
    async fn identify(&self) -> Result<StoreId, StoreError> {
        if let Some(item) = self.get(keys::store()).await? {
            return items::store_id(&item);
        }
        let fresh = StoreId::generate(SystemClock.now());
        let mut drawn = self.transaction();
        drawn.add(items::of_store(fresh))?;
        match drawn.commit().await? {
            Ok(()) => Ok(fresh),
            // Somebody else drew one at the same moment.
            Err(refusal) => items::store_id(&refusal.item()?),
        }
    }

    /// Whether the sweeper would find neither a recording nor a plan: its index has all of them, a moment after they
    /// are written.
    async fn has_nothing_to_sweep(&self) -> Result<bool, StoreError> {
        let scan = self.client.scan().table_name(&self.table).index_name(schema::SWEEP).limit(1);
        let page = scan.send().await.map_err(from_sdk)?;
        Ok(page.count == 0 && page.last_evaluated_key.is_none())
    }

    /// Gives the table another id.
    async fn replace_id(&self, id: StoreId) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(items::of_store(id)));
        put.send().await.map(|_| ()).map_err(from_sdk)
    }

    /// Fails unless the table answers.
    async fn probe(&self) -> Result<(), StoreError> {
        self.get(keys::store()).await.map(|_| ())
    }
}
