//! Counters of what an owner has: how they change, and how they are counted anew.

use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure::AllOld, Update, builders::UpdateBuilder};
use tapebase_domain::{
    history::{ChangeNumber, Counters},
    id::UserId,
    playback::LinkEpoch,
    ports::StoreError,
    quota::{Quota, weight},
};

use super::{
    DynamoDb,
    errors::Backoff,
    items::{self, Item, number, text},
    keys, query,
};

/// What there will be more of, or less.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delta {
    /// Bytes used, those set aside among them.
    pub used: i128,
    /// Recordings, and uploads that will be some.
    pub held: i128,
    /// Bytes set aside.
    pub reserved: i128,
    pub recordings: i128,
    pub uploads: i128,
    pub sessions: i128,
    pub tombstones: i128,
    /// The number that the last change has now.
    pub changed: Option<ChangeNumber>,
    /// Up to which change deletions may be forgotten now.
    pub forgotten: Option<ChangeNumber>,
    /// Which playback links count now.
    pub link_epoch: Option<LinkEpoch>,
}

/// What must hold before.
#[derive(Debug, Clone, Copy, Default)]
pub struct Check {
    /// The number that the last change had.
    pub changed: Option<ChangeNumber>,
    /// How many tombstones there were.
    pub tombstones: Option<u64>,
    /// The most bytes that are used.
    pub used: Option<u64>,
    /// The most recordings, and uploads that will be some.
    pub held: Option<u64>,
    /// The most uploads.
    pub uploads: Option<u64>,
    /// The most sessions.
    pub sessions: Option<u64>,
}

impl Check {
    /// That there is room for another recording of `size` bytes; `None` if there never is.
    pub fn for_recording(quota: Quota, size: u64) -> Option<Self> {
        let (used, held) = (quota.bytes.checked_sub(weight(size))?, quota.recordings.checked_sub(1)?);
        Some(Self { used: Some(used), held: Some(held), ..Self::default() })
    }

    /// That there is room for another upload of `size` bytes; `None` if there never is.
    pub fn for_upload(quota: Quota, size: u64) -> Option<Self> {
        let uploads = quota.uploads.checked_sub(1)?;
        Some(Self { uploads: Some(uploads), ..Self::for_recording(quota, size)? })
    }
}

impl Delta {
    /// The update that makes it so.
    pub fn update(&self, check: &Check) -> UpdateBuilder {
        let counts = [
            ("used", self.used),
            ("held", self.held),
            ("reserved", self.reserved),
            ("recordings", self.recordings),
            ("uploads", self.uploads),
            ("sessions", self.sessions),
            ("tombstones", self.tombstones),
        ];
        let number_of = |change: Option<ChangeNumber>| change.map(|change| change.0);
        let numbers = [
            ("changed", number_of(self.changed)),
            ("forgotten", number_of(self.forgotten)),
            ("link_epoch", self.link_epoch.map(|epoch| epoch.0)),
        ];
        let (mut update, mut add, mut set) = (Update::builder(), Vec::new(), Vec::new());
        // One session may take the place of another: an update of nothing is none that DynamoDB takes.
        let counts_all = |name| name == "sessions" && check.sessions.is_some();
        for (name, count) in counts.into_iter().filter(|(name, count)| *count != 0 || counts_all(*name)) {
            add.push(format!("#{name} :{name}"));
            update = update.expression_attribute_names(format!("#{name}"), name);
            update = update.expression_attribute_values(format!(":{name}"), number(count));
        }
        for (name, change) in numbers.into_iter().filter_map(|(name, change)| Some((name, change?))) {
            set.push(format!("#{name} = :{name}"));
            update = update.expression_attribute_names(format!("#{name}"), name);
            update = update.expression_attribute_values(format!(":{name}"), number(change));
        }
        let clause = |word: &str, parts: Vec<String>| {
            if parts.is_empty() { String::new() } else { format!("{word} {} ", parts.join(", ")) }
        };
        check.condition(update.update_expression(clause("ADD", add) + &clause("SET", set)), self.forgotten)
    }
}

impl Check {
    /// Whatever is checked, it is never forgotten how much is: `forgotten` takes the place of less, or of the same.
    fn condition(&self, update: UpdateBuilder, forgotten: Option<ChangeNumber>) -> UpdateBuilder {
        let mut conditions = Vec::new();
        let mut update = update;
        match self.changed {
            Some(ChangeNumber(0)) => {
                conditions.push("attribute_not_exists(#changed)");
                update = update.expression_attribute_names("#changed", "changed");
            }
            Some(ChangeNumber(seen)) => {
                conditions.push("#changed = :seen");
                update = update.expression_attribute_names("#changed", "changed");
                update = update.expression_attribute_values(":seen", number(seen));
            }
            None => {}
        }
        if forgotten.is_some() {
            conditions.push("(attribute_not_exists(#forgotten) OR #forgotten <= :forgotten)");
        }
        if let Some(tombstones) = self.tombstones {
            conditions.push("#tombstones = :there");
            update = update.expression_attribute_names("#tombstones", "tombstones");
            update = update.expression_attribute_values(":there", number(tombstones));
        }
        let room = [
            ("used", self.used, "(attribute_not_exists(#used) OR #used <= :used_room)"),
            ("held", self.held, "(attribute_not_exists(#held) OR #held <= :held_room)"),
            ("uploads", self.uploads, "(attribute_not_exists(#uploads) OR #uploads <= :uploads_room)"),
            ("sessions", self.sessions, "(attribute_not_exists(#sessions) OR #sessions <= :sessions_room)"),
        ];
        for (name, most, condition) in room.into_iter().filter_map(|(name, most, text)| Some((name, most?, text))) {
            conditions.push(condition);
            update = update.expression_attribute_names(format!("#{name}"), name);
            update = update.expression_attribute_values(format!(":{name}_room"), number(most));
        }
        if conditions.is_empty() {
            return update;
        }
        update.condition_expression(conditions.join(" AND ")).return_values_on_condition_check_failure(AllOld)
    }
}

impl DynamoDb {
    /// What is counted of an owner, and up to which change deletions may be forgotten.
    pub(super) async fn read_counters(&self, owner: UserId) -> Result<(Counters, ChangeNumber), StoreError> {
        let item = self.get(keys::counters(owner)).await?;
        item.as_ref().map_or_else(|| Ok(Default::default()), items::counters)
    }

    /// Counts everything of an owner anew, as of a moment when nothing else changed it.
    pub(super) async fn count_anew(&self, owner: UserId) -> Result<Counters, StoreError> {
        let mut backoff = Backoff::default();
        loop {
            let before = self.get(keys::counters(owner)).await?;
            let found = self.count_items(owner).await?;
            let counted = before.as_ref().map_or_else(|| Ok(Default::default()), items::counters)?.0;
            let counters = Counters { changed: found.changed.max(counted.changed), ..found };
            if counters == counted || self.correct(owner, before.as_ref(), &counters).await? {
                return Ok(counters);
            }
            backoff.wait("the counters change all the time").await?;
        }
    }

    pub(super) async fn count_items(&self, owner: UserId) -> Result<Counters, StoreError> {
        let everything = self
            .query()
            .consistent_read(true)
            .key_condition_expression("pk = :owner")
            .expression_attribute_values(":owner", text(keys::of_user(owner)));
        let mut counters = Counters::default();
        for item in query::all(everything).await? {
            tally(&mut counters, &item)?;
        }
        Ok(counters)
    }

    /// Writes counters down unless they have changed since; `false` if they have.
    async fn correct(&self, owner: UserId, before: Option<&Item>, counters: &Counters) -> Result<bool, StoreError> {
        let mut item = keys::counters(owner);
        item.extend(before.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
        let counts = [
            ("used", counters.used_bytes()),
            ("held", counters.held_recordings()),
            ("reserved", counters.reserved_bytes),
            ("recordings", counters.recordings),
            ("uploads", counters.uploads),
            ("sessions", counters.sessions),
            ("tombstones", counters.tombstones),
            ("changed", counters.changed.0),
        ];
        for (name, count) in counts {
            // None is as if it had never been counted.
            if count > 0 {
                item.insert(name.to_owned(), number(count));
            } else {
                item.remove(name);
            }
        }
        let mut write = self.transaction();
        match before {
            None => write.add(item)?,
            // Neither is counted: what was set since must stay.
            Some(before) => write.replace_same(item, before, &["forgotten", "link_epoch"])?,
        }
        Ok(write.commit().await?.is_ok())
    }
}

/// Whether what is counted is what was found, in whatever order that was read.
pub fn agree(counted: &Counters, found: &Counters) -> bool {
    let of_one_time = Counters { changed: counted.changed, ..*found };
    of_one_time == *counted
}

/// Adds one item of an owner to what they have.
pub fn tally(counters: &mut Counters, item: &Item) -> Result<(), StoreError> {
    let Some(sk) = item.get("sk").and_then(|sk| sk.as_s().ok()) else { return Ok(()) };
    if sk.starts_with(keys::RECORDING) {
        match items::entry(item)? {
            tapebase_domain::history::Entry::Recording(recording) => {
                counters.bytes += weight(recording.size);
                counters.recordings += 1;
                counters.changed = counters.changed.max(recording.changed);
            }
            tapebase_domain::history::Entry::Deleted(deleted) => {
                counters.tombstones += 1;
                counters.changed = counters.changed.max(deleted.changed);
            }
        }
    } else if sk.starts_with(keys::UPLOAD) && items::is_alive(item) {
        counters.reserved_bytes += weight(items::upload(item)?.size);
        counters.uploads += 1;
    } else if sk.starts_with(keys::SESSION) {
        counters.sessions += 1;
    }
    Ok(())
}
