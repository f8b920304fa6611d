//! Use case: how much a user has, and how much they may have.

use std::sync::Arc;

use crate::{
    history::Counters,
    id::UserId,
    ports::{Ports, RecordStore, StoreError},
    upload::Limits,
};

/// How much a user has, and how much they may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageReport {
    /// What they have.
    pub has: Counters,
    /// What they may have.
    pub limits: Limits,
    /// How many sessions they may have.
    pub most_sessions: u64,
}

/// Says how much there is.
#[derive(Clone)]
pub struct Usage {
    records: Arc<dyn RecordStore>,
    limits: Limits,
    most_sessions: u64,
}

impl Usage {
    /// Wires the use case.
    #[must_use]
    pub fn new(ports: &Ports, limits: Limits, most_sessions: u64) -> Self {
        Self { records: ports.records.clone(), limits, most_sessions }
    }

    /// How much a user has, in one look-up.
    ///
    /// # Errors
    /// A failing store.
    pub async fn of(&self, user: UserId) -> Result<UsageReport, StoreError> {
        let has = self.records.counters(user).await?;
        Ok(UsageReport { has, limits: self.limits, most_sessions: self.most_sessions })
    }
}
