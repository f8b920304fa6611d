//! Looks whether the table is as it must be, and whether it may be used as it must be.
//!
//! A probe is written and removed; it expires by itself should that fail.

mod clock;

use aws_sdk_dynamodb::types::ReturnValue;
use tapebase_domain::{
    id::random_bytes,
    ports::{BoxError, Clock as _, StoreError, SystemClock},
};

use self::clock::ServerTime;
use super::{
    DynamoDb,
    items::{self, Item, number, text},
    keys,
    setup::failed,
};
use crate::finding::{Finding, Outcome};

impl DynamoDb {
    /// Checks the table, its settings, and what this program is allowed there. What it writes, it removes.
    pub async fn diagnose(&self) -> Vec<Finding> {
        let mut findings = self.inspect(false).await;
        let probe = Probe::new(self);
        let written = probe.write().await;
        let is_written = written.is_ok();
        findings.push(finding("this program may write (dynamodb:PutItem)", written));
        if is_written {
            // Each needs what the ones before it did.
            findings.extend([
                finding("it may read (dynamodb:GetItem)", probe.read().await),
                finding("it may read several items at once (dynamodb:BatchGetItem)", probe.read_both().await),
                finding("nothing is overwritten (conditional writes)", probe.write_again().await),
                finding("it may change items (dynamodb:UpdateItem)", probe.change().await),
                finding("it may list (dynamodb:Query on the table and its indexes)", probe.query().await),
                finding("it may delete (dynamodb:DeleteItem)", probe.remove().await),
                finding("this machine's clock is right", probe.compare_clocks().await),
            ]);
        }
        findings
    }
}

fn finding(what: &str, result: Result<(), BoxError>) -> Finding {
    let outcome = result.map_or_else(|error| failed(error.as_ref()), |()| Outcome::AlreadyRight);
    Finding { what: what.to_owned(), outcome }
}

/// An item that is nobody's.
struct Probe<'a> {
    store: &'a DynamoDb,
    pk: String,
}

impl<'a> Probe<'a> {
    fn new(store: &'a DynamoDb) -> Self {
        Self { store, pk: format!("PROBE#{}", data_encoding::HEXLOWER.encode(&random_bytes::<16>())) }
    }

    fn key(&self) -> Item {
        keys::key(self.pk.clone(), "PROBE".to_owned())
    }

    /// As a recording would be, in every index.
    fn item(&self) -> Item {
        let mut item = self.key();
        let names = ["received_key", "recorded_key", "changed_key", "search_key", "spare_key", "sweep_pk", "sweep_sk"];
        item.extend(names.map(|name| (name.to_owned(), text(self.pk.clone()))));
        item.insert("ttl".to_owned(), items::time_to_live(SystemClock.now()));
        item
    }

    async fn write(&self) -> Result<(), BoxError> {
        let is_written = self.add().await?;
        if is_written { Ok(()) } else { Err("refused for no reason".into()) }
    }

    async fn write_again(&self) -> Result<(), BoxError> {
        let is_written = self.add().await?;
        if is_written { Err("an item was overwritten".into()) } else { Ok(()) }
    }

    async fn add(&self) -> Result<bool, StoreError> {
        let mut add = self.store.transaction();
        add.add(self.item())?;
        Ok(add.commit().await?.is_ok())
    }

    async fn read(&self) -> Result<(), BoxError> {
        match self.store.get(self.key()).await? {
            Some(_) => Ok(()),
            None => Err("what was just written is not there".into()),
        }
    }

    async fn read_both(&self) -> Result<(), BoxError> {
        match self.store.get_all(vec![self.key(), keys::store()]).await?.len() {
            0 => Err("what was just written is not there".into()),
            _ => Ok(()),
        }
    }

    async fn change(&self) -> Result<(), BoxError> {
        let update = self.store.client.update_item().table_name(&self.store.table).set_key(Some(self.key()));
        let changed = update
            .update_expression("ADD revision :one")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .send()
            .await?;
        let is_counted = changed.attributes().and_then(|item| item.get("revision")) == Some(&number(1));
        if is_counted { Ok(()) } else { Err("what was changed is not there".into()) }
    }

    async fn query(&self) -> Result<(), BoxError> {
        let partition = |name: &str| {
            let query = self.store.query().key_condition_expression("#pk = :pk");
            query.expression_attribute_names("#pk", name).expression_attribute_values(":pk", text(self.pk.clone()))
        };
        for index in ["by_received", "by_recorded", "by_changed", "by_search", "spare"] {
            let found = partition("pk").index_name(index).consistent_read(true).send().await?;
            if found.count() != 1 {
                return Err(format!("{index} does not have what was just written").into());
            }
        }
        partition("pk").consistent_read(true).send().await?;
        // This one is a little behind the table: whether it has the probe says nothing.
        partition("sweep_pk").index_name("sweep").send().await?;
        Ok(())
    }

    async fn remove(&self) -> Result<(), BoxError> {
        self.store.client.delete_item().table_name(&self.store.table).set_key(Some(self.key())).send().await?;
        match self.store.get(self.key()).await? {
            None => Ok(()),
            Some(_) => Err("what was just removed is there".into()),
        }
    }

    async fn compare_clocks(&self) -> Result<(), BoxError> {
        let server = ServerTime::default();
        let get = self.store.client.get_item().table_name(&self.store.table).set_key(Some(self.key()));
        get.customize().interceptor(server.clone()).send().await?;
        server.check(SystemClock.now())
    }
}
