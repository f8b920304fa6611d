//! `ErasureStore` in DynamoDB: everything of a user but their identities, tokens and tries is in one partition.

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use tapebase_domain::{
    attempts::AttemptKey,
    id::UserId,
    ports::{ErasureStore, StoreError, TokenStore as _},
    time::Timestamp,
};

use super::{
    DynamoDb,
    counting::{Check, Delta},
    due::{Due, Kind},
    items::{self, Item, text},
    keys, query,
};

/// How many items one transaction may have.
const AT_ONCE: usize = 100;

/// What may become of an item of a user who has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It goes with the account.
    Stays,
    /// Something is still to be done about it.
    Waits,
    /// It is of no use.
    Goes,
    /// It is of no use once nothing waits.
    GoesLast,
}

#[async_trait]
impl ErasureStore for DynamoDb {
    async fn to_erase(&self, now: Timestamp) -> Result<Vec<UserId>, StoreError> {
        let due = self.due_before(Kind::Erasure, now).await?;
        Ok(due.iter().filter_map(|key| query::readable(items::user(key))).collect())
    }

    async fn put_off(&self, user: UserId, until: Timestamp) -> Result<(), StoreError> {
        self.reschedule(&Due::erasure(user), Kind::Erasure, until).await
    }

    async fn forget_tries(&self, key: AttemptKey) -> Result<(), StoreError> {
        self.forget_item(keys::attempts(key)).await
    }

    async fn forget_rest(&self, user: UserId) -> Result<bool, StoreError> {
        let (mut last, mut is_empty) = (Vec::new(), true);
        let mut pages = query::pages(self.everything_of(user));
        while let Some(mut items) = pages.next().await? {
            let tombstones: Vec<_> = items.extract_if(.., |item| keys::is_tombstone(item)).collect();
            let going: Vec<_> = items.extract_if(.., |item| fate(item) == Fate::Goes).collect();
            is_empty &= items.iter().all(|item| fate(item) != Fate::Waits);
            last.extend(items.extract_if(.., |item| fate(item) == Fate::GoesLast));
            is_empty &= self.forget_tombstones(user, &tombstones).await?;
            self.forget_items(&going).await?;
        }
        if is_empty {
            self.forget_items(&last).await?;
        }
        Ok(is_empty)
    }

    async fn forget_account(&self, user: UserId) -> Result<(), StoreError> {
        let account = self.get(keys::account(user)).await?;
        let erase_at = account.as_ref().map(|account| account.get("erase_at").cloned());
        if matches!(erase_at, Some(None)) {
            return Ok(());
        }
        self.revoke_tokens(user).await?;
        self.end_all_but(user, None).await?;
        if let Some(account) = &account {
            self.free_identities(user, account).await?;
        }
        let mut pages = query::pages(self.everything_of(user));
        while let Some(mut items) = pages.next().await? {
            items.retain(|item| fate(item) != Fate::Stays);
            self.forget_items(&items).await?;
        }
        let mut forget = self.transaction();
        if let Some(erase_at) = erase_at.flatten() {
            let values = Item::from([(":erase_at".to_owned(), erase_at)]);
            forget.take_out_if(keys::account(user), "erase_at = :erase_at", &[], values)?;
        }
        Due::erasure(user).cancel(&mut forget)?;
        // Refused, somebody else has done it.
        forget.commit().await.map(|_| ())
    }
}

impl DynamoDb {
    /// The keys of all that is in a user's partition, and what tells what it is.
    fn everything_of(&self, user: UserId) -> QueryFluentBuilder {
        self.query()
            .consistent_read(true)
            .key_condition_expression("pk = :user")
            .projection_expression("pk, sk, gone, sweep_pk")
            .expression_attribute_values(":user", text(keys::of_user(user)))
    }

    /// Forgets tombstones of recordings, which are counted; `false` if one has become something else.
    async fn forget_tombstones(&self, user: UserId, tombstones: &[Item]) -> Result<bool, StoreError> {
        let mut are_gone = true;
        // One action more counts them.
        for some in tombstones.chunks(AT_ONCE - 1) {
            let mut forget = self.transaction();
            for tombstone in some {
                let stamp = tombstone.get("gone").cloned().map(|stamp| (":gone".to_owned(), stamp));
                forget.take_out_if(keys::of(tombstone), "gone = :gone", &[], stamp.into_iter().collect())?;
            }
            let delta = Delta { tombstones: -(some.len() as i128), ..Delta::default() };
            forget.count(user, &delta, &Check::default())?;
            are_gone &= forget.commit().await?.is_ok();
        }
        Ok(are_gone)
    }

    async fn forget_items(&self, items: &[Item]) -> Result<(), StoreError> {
        for some in items.chunks(AT_ONCE) {
            let mut forget = self.transaction();
            some.iter().try_for_each(|item| forget.clear(keys::of(item)))?;
            forget.commit().await.map(|_| ())?;
        }
        Ok(())
    }

    /// There are none where the use case has freed them.
    async fn free_identities(&self, user: UserId, account: &Item) -> Result<(), StoreError> {
        for linked in items::account(account)?.user.identities {
            let mut free = self.transaction();
            let owner = Item::from([(":user".to_owned(), text(user.to_string()))]);
            free.take_out_if(keys::identity(&linked.identity), "#user = :user", &[("#user", "user")], owner)?;
            // Refused, it is somebody else's.
            free.commit().await.map(|_| ())?;
        }
        Ok(())
    }
}

/// From its keys: see the table in [`super`].
fn fate(item: &Item) -> Fate {
    let part = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str);
    let is_due = |kind: Kind| part("sweep_pk").starts_with(&kind.shard_prefix());
    match part("sk") {
        keys::ACCOUNT => Fate::Stays,
        "COUNTERS" => Fate::GoesLast,
        _ if is_due(Kind::Erasure) => Fate::Stays,
        _ if is_due(Kind::Audio) => Fate::Waits,
        _ if is_due(Kind::Tombstone) => Fate::Goes,
        sk if sk.starts_with(keys::DUE) => Fate::GoesLast,
        // Recordings, uploads and sessions, or what is left of them.
        _ if items::is_alive(item) => Fate::Waits,
        _ => Fate::Goes,
    }
}
