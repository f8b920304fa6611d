//! `Inventory` in DynamoDB: the one place that reads a whole table, with an operator's rights. Serving has none to scan.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::scan::builders::ScanFluentBuilder;
use futures_util::future::try_join_all;
use tapebase_domain::{
    history::Counters,
    id::{RecordingId, UserId},
    ports::{Inventory, InventoryPage, Miscount, RecordStore as _, StoreError, causes},
};

use super::{
    DynamoDb,
    commit::Change,
    counting,
    errors::{Backoff, from_sdk},
    items::{self, Item, text},
    keys,
};

/// In how many parts a whole table is read: as many as a new one has partitions. More would take what serving needs of each.
const SEGMENTS: i32 = 4;

#[async_trait]
impl Inventory for DynamoDb {
    async fn recordings(&self, after: Option<(UserId, RecordingId)>) -> Result<InventoryPage, StoreError> {
        let scan = self
            .scan()
            .filter_expression("begins_with(sk, :recordings) AND attribute_not_exists(gone)")
            .expression_attribute_values(":recordings", text(keys::RECORDING))
            .set_exclusive_start_key(after.map(|(owner, id)| keys::recording(owner, &id)));
        let (mut page, mut unreadable, mut pages) = (InventoryPage::default(), Vec::new(), Pages(Some(scan)));
        while page.recordings.is_empty()
            && let Some(found) = pages.next().await?
        {
            for item in found {
                match items::recording(&item) {
                    Ok(recording) => {
                        page.recordings.push(recording);
                        page.unreadable.append(&mut unreadable);
                    }
                    Err(error) => unreadable.push(describe(&item, &error)),
                }
            }
        }
        // What comes behind the last is told of with the next page.
        if page.recordings.is_empty() {
            page.unreadable = unreadable;
        }
        Ok(page)
    }

    /// They are known once they are met: to find them, all of the table would be read at every start.
    async fn damaged(&self, _: usize) -> Result<Vec<(UserId, RecordingId)>, StoreError> {
        Ok(Vec::new())
    }

    /// DynamoDB looks after that.
    async fn faults(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn unreadable(&self) -> Result<Vec<String>, StoreError> {
        Ok(try_join_all(self.segments().map(unreadable_in)).await?.concat())
    }

    /// Nor are there any to be made anew.
    async fn rebuild_indexes(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn miscounted(&self) -> Result<Vec<Miscount>, StoreError> {
        Ok(try_join_all(self.segments().map(|pages| self.miscounted_in(pages))).await?.concat())
    }

    async fn forget(&self, owner: UserId, id: &RecordingId) -> Result<bool, StoreError> {
        let forget = |before| Ok::<_, StoreError>(Some(Change::Forget { before }));
        Ok(self.change_seen(owner, id, forget).await?.is_some())
    }
}

impl DynamoDb {
    fn scan(&self) -> ScanFluentBuilder {
        self.client.scan().table_name(&self.table).consistent_read(true)
    }

    /// The whole table, in parts that are read beside each other, as it was a moment ago: that is half the price. What is of one
    /// user is in one of them.
    fn segments(&self) -> impl Iterator<Item = Pages> {
        (0..SEGMENTS)
            .map(|segment| Pages(Some(self.scan().consistent_read(false).segment(segment).total_segments(SEGMENTS))))
    }

    /// All that is of an owner comes in one piece, but for the end of a page. Who looks miscounted is counted once more, as of now.
    async fn miscounted_in(&self, mut pages: Pages) -> Result<Vec<Miscount>, StoreError> {
        let mut miscounted = Vec::new();
        let mut owners = HashMap::<UserId, (Counters, Counters)>::new();
        loop {
            let page = pages.next().await?;
            let last = page.as_ref().and_then(|items| items.iter().rev().find_map(owner));
            for item in page.iter().flatten() {
                let Some(owner) = owner(item) else { continue };
                let (counted, found) = owners.entry(owner).or_default();
                // A row that cannot be read is named, and not counted.
                let _ = counting::tally(found, item);
                if keys::is_counters(item)
                    && let Ok((counters, _)) = items::counters(item)
                {
                    *counted = counters;
                }
            }
            let over = owners.extract_if(|owner, _| page.is_none() || Some(*owner) != last);
            let suspects: Vec<UserId> =
                over.filter(|(_, (counted, found))| !counting::agree(counted, found)).map(|(owner, _)| owner).collect();
            for owner in suspects {
                miscounted.extend(self.miscount(owner).await?);
            }
            if page.is_none() {
                return Ok(miscounted);
            }
        }
    }

    /// What is counted wrong of an owner, as of a moment when nothing changed it.
    async fn miscount(&self, owner: UserId) -> Result<Option<Miscount>, StoreError> {
        let mut backoff = Backoff::default();
        loop {
            let counted = self.counters(owner).await?;
            let found = match self.count_items(owner).await {
                Ok(found) => Counters { changed: found.changed.max(counted.changed), ..found },
                // It cannot be counted.
                Err(error) => {
                    tracing::error!(%owner, cause = causes(&error), "what an owner has cannot be counted");
                    return Ok(None);
                }
            };
            if self.counters(owner).await? == counted {
                return Ok((found != counted).then_some(Miscount { owner, counted, found }));
            }
            backoff.wait("the counters change all the time").await?;
        }
    }
}

/// The answers to a scan, one after the other.
struct Pages(Option<ScanFluentBuilder>);

impl Pages {
    /// The next items, which may be none; `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<Item>>, StoreError> {
        let Some(scan) = self.0.take() else { return Ok(None) };
        let page = scan.clone().send().await.map_err(from_sdk)?;
        self.0 = page.last_evaluated_key.map(|last| scan.set_exclusive_start_key(Some(last)));
        Ok(Some(page.items.unwrap_or_default()))
    }
}

async fn unreadable_in(mut pages: Pages) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    while let Some(items) = pages.next().await? {
        found.extend(items.iter().filter_map(|item| Some(describe(item, &read(item).err()?))));
    }
    Ok(found)
}

/// Whose an item is, if it is one of a user.
fn owner(item: &Item) -> Option<UserId> {
    UserId::parse(item.get("pk")?.as_s().ok()?.strip_prefix("U#")?).ok()
}

/// Reads an item that is not a recording's.
fn read(item: &Item) -> Result<(), StoreError> {
    let sk = item.get("sk").and_then(|sk| sk.as_s().ok()).map_or("", String::as_str);
    match sk {
        keys::ACCOUNT => items::account(item).map(drop),
        keys::COUNTERS => items::counters(item).map(drop),
        "IDENTITY" => items::owner_of_identity(item).map(drop),
        _ if sk.starts_with(keys::UPLOAD) && items::is_alive(item) => items::upload(item).map(drop),
        _ if sk.starts_with(keys::SESSION) => items::session(item).map(drop),
        _ if sk.starts_with(keys::RECORDING) && !items::is_alive(item) => items::deleted(item).map(drop),
        _ => Ok(()),
    }
}

fn describe(item: &Item, error: &StoreError) -> String {
    let part = |name| item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str);
    format!("{} {}: {}", part("pk"), part("sk"), causes(error))
}
