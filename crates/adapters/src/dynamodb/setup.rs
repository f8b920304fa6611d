//! Makes the table, and brings its settings right.
//!
//! It needs `dynamodb:CreateTable`, `DescribeTable`, `UpdateTable`, `DescribeTimeToLive`, `UpdateTimeToLive`,
//! `DescribeContinuousBackups` and `UpdateContinuousBackups` on the table; serving does not.

use std::{error::Error, time::Duration};

use aws_sdk_dynamodb::{
    operation::describe_table::DescribeTableError,
    types::{
        ContinuousBackupsDescription, PointInTimeRecoverySpecification, PointInTimeRecoveryStatus, TableDescription,
        TableStatus, TimeToLiveDescription, TimeToLiveSpecification, TimeToLiveStatus,
    },
};
use tapebase_domain::ports::{BoxError, causes};
use tokio::time::sleep;

use super::{DynamoDb, schema};
use crate::finding::{Finding, Outcome};

/// How long a table may take until it serves.
const PATIENCE: Duration = Duration::from_mins(2);
/// What to do about what is not as it must be.
const ABSENT: &str = "it is not so: check the name in `records`; if it is right, `tapebase setup` repairs it";
const PAUSE: Duration = Duration::from_millis(500);

impl DynamoDb {
    /// Makes the table if it is not there, and brings its settings right. Run again, it changes nothing.
    pub async fn set_up(&self) -> Vec<Finding> {
        self.inspect(true).await
    }

    /// Makes the table if it is not there, with its keys and indexes and nothing else set.
    pub async fn make_table(&self) -> Finding {
        Inspection { store: self, repairs: true, findings: Vec::new() }.look_at_table().await
    }

    /// Looks at the table and its settings; with `repairs` it brings them right.
    pub(super) async fn inspect(&self, repairs: bool) -> Vec<Finding> {
        Inspection { store: self, repairs, findings: Vec::new() }.run().await
    }
}

/// Goes through all that must be so.
struct Inspection<'a> {
    store: &'a DynamoDb,
    repairs: bool,
    findings: Vec<Finding>,
}

impl Inspection<'_> {
    async fn run(mut self) -> Vec<Finding> {
        let table = self.look_at_table().await;
        self.findings.push(table);
        if self.is_fine() {
            self.look_at_design().await;
        }
        // A table of another design is somebody else's, and its settings, too.
        if self.is_fine() {
            self.look_at_settings().await;
        }
        self.findings
    }

    fn is_fine(&self) -> bool {
        self.findings.iter().all(Finding::is_fine)
    }

    async fn look_at_table(&self) -> Finding {
        let store = self.store;
        let is_there = store.describe().await.map(|table| table.is_some());
        let outcome = self.judge(is_there, store.create_table()).await;
        Finding { what: format!("table {} is there", store.table), outcome }
    }

    async fn look_at_design(&mut self) {
        let table = match self.store.describe().await {
            Ok(table) => table.unwrap_or_else(|| TableDescription::builder().build()),
            Err(error) => return self.note("it can be described", failed(error.as_ref())),
        };
        let looks = [
            ("its keys are pk and sk", schema::has_keys(&table)),
            ("its local indexes are those of this version", schema::has_local_indexes(&table)),
            ("its global index is sweep", schema::has_sweep(&table)),
        ];
        for (what, is_right) in looks {
            let outcome = self.judge(Ok(is_right), async { Err(schema::OLD_FORM.into()) }).await;
            self.note(what, outcome);
        }
    }

    async fn look_at_settings(&mut self) {
        let store = self.store;
        let outcome = self.judge(store.is_protected().await, store.protect()).await;
        self.note("it is protected from deletion", outcome);
        let outcome = self.judge(store.forgets_expired().await, store.forget_expired()).await;
        self.note("it forgets items past their `ttl`", outcome);
        let outcome = self.judge(store.is_backed_up().await, store.back_up()).await;
        self.note("it can be restored to any point in time", outcome);
    }

    /// Mends what is not right, where that is wanted.
    async fn judge(
        &self,
        is_right: Result<bool, BoxError>,
        mend: impl Future<Output = Result<(), BoxError>>,
    ) -> Outcome {
        match is_right {
            Ok(true) => Outcome::AlreadyRight,
            Ok(false) if self.repairs => mend.await.map_or_else(|error| failed(error.as_ref()), |()| Outcome::Done),
            Ok(false) => Outcome::Failed(ABSENT.to_owned()),
            Err(error) => failed(error.as_ref()),
        }
    }

    fn note(&mut self, what: &str, outcome: Outcome) {
        self.findings.push(Finding { what: what.to_owned(), outcome });
    }
}

/// The error and its causes in one line.
pub(super) fn failed(error: &(dyn Error + 'static)) -> Outcome {
    let reason = causes(error);
    // DynamoDB Local does not know every setting.
    if reason.contains("UnknownOperationException") { Outcome::Unsupported } else { Outcome::Failed(reason) }
}

impl DynamoDb {
    async fn describe(&self) -> Result<Option<TableDescription>, BoxError> {
        match self.client.describe_table().table_name(&self.table).send().await {
            Ok(described) => Ok(described.table),
            Err(error) if error.as_service_error().is_some_and(DescribeTableError::is_resource_not_found_exception) => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn create_table(&self) -> Result<(), BoxError> {
        schema::define(self.client.create_table().table_name(&self.table))?.send().await?;
        self.settle_down().await
    }

    async fn is_protected(&self) -> Result<bool, BoxError> {
        let table = self.describe().await?.ok_or("there is no such table")?;
        Ok(table.deletion_protection_enabled() == Some(true))
    }

    async fn protect(&self) -> Result<(), BoxError> {
        self.client.update_table().table_name(&self.table).deletion_protection_enabled(true).send().await?;
        self.settle_down().await
    }

    async fn forgets_expired(&self) -> Result<bool, BoxError> {
        let described = self.client.describe_time_to_live().table_name(&self.table).send().await?;
        let is_on = |ttl: &TimeToLiveDescription| {
            let status = ttl.time_to_live_status();
            matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
                && ttl.attribute_name() == Some("ttl")
        };
        Ok(described.time_to_live_description().is_some_and(is_on))
    }

    async fn forget_expired(&self) -> Result<(), BoxError> {
        let on = TimeToLiveSpecification::builder().enabled(true).attribute_name("ttl").build()?;
        self.client.update_time_to_live().table_name(&self.table).time_to_live_specification(on).send().await?;
        Ok(())
    }

    async fn is_backed_up(&self) -> Result<bool, BoxError> {
        let described = self.client.describe_continuous_backups().table_name(&self.table).send().await?;
        let recovery = described
            .continuous_backups_description()
            .and_then(ContinuousBackupsDescription::point_in_time_recovery_description);
        let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status());
        Ok(status == Some(&PointInTimeRecoveryStatus::Enabled))
    }

    async fn back_up(&self) -> Result<(), BoxError> {
        let on = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build()?;
        let update = self.client.update_continuous_backups().table_name(&self.table);
        update.point_in_time_recovery_specification(on).send().await?;
        Ok(())
    }

    /// Waits until the table serves.
    async fn settle_down(&self) -> Result<(), BoxError> {
        for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
            let table = self.describe().await?;
            if table.is_some_and(|table| table.table_status() == Some(&TableStatus::Active)) {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
        Err("it takes longer than two minutes; run this again later".into())
    }
}
