//! What `tapebase setup` and `tapebase doctor` ask of whatever stores are configured.

use std::error::Error;

use futures_util::FutureExt as _;
use tapebase_domain::ports::{BoxError, Ports};

use super::{ConnectError, Locations, open};
use crate::finding::{Finding, Outcome, causes};

impl Locations {
    /// Makes what is missing of the stores, and brings their settings right.
    ///
    /// # Errors
    /// [`ConnectError::Open`] naming the setting at fault.
    pub async fn set_up(&self) -> Result<Vec<Finding>, ConnectError> {
        let mut findings = self.look_at_rows(true).boxed().await.map_err(|source| open("records", source))?;
        findings.extend(self.look_at_blobs(true).boxed().await.map_err(|source| open("blobs", source))?);
        findings.extend(self.try_out(&findings).boxed().await?);
        Ok(findings)
    }

    /// Tries everything that serving needs, and changes nothing that stays.
    ///
    /// # Errors
    /// [`ConnectError::Open`] naming the setting at fault.
    pub async fn diagnose(&self) -> Result<Vec<Finding>, ConnectError> {
        let mut findings = self.look_at_rows(false).boxed().await.map_err(|source| open("records", source))?;
        findings.extend(self.look_at_blobs(false).boxed().await.map_err(|source| open("blobs", source))?);
        findings.extend(self.try_out(&findings).boxed().await?);
        Ok(findings)
    }

    #[cfg_attr(not(feature = "aws"), expect(clippy::unused_async, reason = "only AWS is asked over the network"))]
    async fn look_at_rows(&self, mends: bool) -> Result<Vec<Finding>, BoxError> {
        match &self.records {
            #[cfg(feature = "aws")]
            super::Location::DynamoDb(table) => {
                let store = self.sdk.dynamodb(table).await?;
                Ok(if mends { store.set_up().await } else { store.diagnose().await })
            }
            _ => Ok(Vec::new()),
        }
    }

    #[cfg_attr(not(feature = "aws"), expect(clippy::unused_async, reason = "only AWS is asked over the network"))]
    async fn look_at_blobs(&self, mends: bool) -> Result<Vec<Finding>, BoxError> {
        match &self.blobs {
            #[cfg(feature = "aws")]
            super::Location::S3(place) => {
                let store = self.sdk.s3(place, &self.s3).await?;
                Ok(if mends { store.set_up().await } else { store.diagnose().await })
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Opens the stores as serving does, unless it is known already that they cannot be.
    async fn try_out(&self, findings: &[Finding]) -> Result<Vec<Finding>, ConnectError> {
        if !findings.iter().all(Finding::is_fine) {
            return Ok(Vec::new());
        }
        let ports = self.open().await?;
        let Ports { records, users, blobs, .. } = &ports;
        Ok(vec![
            finding("the rows can be read", records.ping().await),
            finding("the users can be read", users.ping().await),
            finding("the audio can be read", blobs.ping().await),
            finding("the audio belongs to the rows", ports.pair().await),
        ])
    }
}

fn finding<E: Error + 'static>(what: &str, tried: Result<(), E>) -> Finding {
    let outcome = tried.map_or_else(|error| Outcome::Failed(causes(&error)), |()| Outcome::AlreadyRight);
    Finding { what: what.to_owned(), outcome }
}
