//! What `tapebase setup` and `tapebase doctor` ask of whatever stores are configured.

use std::error::Error;

use futures_util::FutureExt as _;
use tapebase_domain::{
    lineage::Lineage,
    ports::{BoxError, Ports, causes},
};

use super::{ConnectError, Locations, open};
use crate::finding::{Finding, Outcome};

impl Locations {
    /// Makes what is missing of the stores, brings their settings right, and ties audio and rows together.
    ///
    /// # Errors
    /// [`ConnectError::Open`] naming the setting at fault.
    pub async fn set_up(&self) -> Result<Vec<Finding>, ConnectError> {
        let mut findings = self.look(true).await?;
        if findings.iter().all(Finding::is_fine) {
            let ports = self.open().await?;
            findings.push(finding("audio and database belong together", ports.pair().await));
        }
        Ok(findings)
    }

    /// Tries everything that serving needs, and changes nothing that stays.
    ///
    /// # Errors
    /// [`ConnectError::Open`] naming the setting at fault.
    pub async fn diagnose(&self) -> Result<Vec<Finding>, ConnectError> {
        let mut findings = self.look(false).await?;
        if findings.iter().all(Finding::is_fine) {
            let ports = self.open().await?;
            let Ports { records, users, blobs, .. } = &ports;
            findings.push(finding("the rows can be read", records.ping().await));
            findings.push(finding("the users can be read", users.ping().await));
            findings.push(finding("the audio can be read", blobs.ping().await));
            findings.push(finding("audio and database belong together", ports.check_pair().await));
            findings.push(finding("audio and database have the same history", Lineage::new(&ports).check().await));
        }
        if let Some(mailer) = &self.mailer {
            let outcome =
                mailer.check().await.map_or_else(|error| Outcome::Failed(causes(&*error)), |()| Outcome::AlreadyRight);
            findings.push(Finding { what: "the mail server lets this server in".to_owned(), outcome });
        }
        Ok(findings)
    }

    async fn look(&self, repairs: bool) -> Result<Vec<Finding>, ConnectError> {
        let mut findings = self.look_at_rows(repairs).boxed().await.map_err(|source| open("records", source))?;
        findings.extend(self.look_at_blobs(repairs).boxed().await.map_err(|source| open("blobs", source))?);
        Ok(findings)
    }

    #[cfg_attr(
        not(any(feature = "embedded", feature = "aws")),
        expect(unused_variables, clippy::unused_async, reason = "nothing is looked at")
    )]
    async fn look_at_rows(&self, repairs: bool) -> Result<Vec<Finding>, BoxError> {
        match &self.records {
            #[cfg(feature = "embedded")]
            super::Rows::Sqlite(path) if !repairs => Ok(crate::sqlite::Sqlite::open(path)?.diagnose().await),
            #[cfg(feature = "aws")]
            super::Rows::DynamoDb(table) => {
                let store = self.sdk.dynamodb(table).await?;
                Ok(if repairs { store.set_up().await } else { store.diagnose().await })
            }
            _ => Ok(Vec::new()),
        }
    }

    #[cfg_attr(not(feature = "aws"), expect(unused_variables, clippy::unused_async, reason = "only AWS is looked at"))]
    async fn look_at_blobs(&self, repairs: bool) -> Result<Vec<Finding>, BoxError> {
        match &self.blobs {
            #[cfg(feature = "aws")]
            super::Audio::S3(place) => {
                let store = self.sdk.s3(place, &self.s3).await?;
                Ok(if repairs { store.set_up().await } else { store.diagnose().await })
            }
            _ => Ok(Vec::new()),
        }
    }
}

fn finding<E: Error + 'static>(what: &str, tried: Result<(), E>) -> Finding {
    let outcome = tried.map_or_else(|error| Outcome::Failed(causes(&error)), |()| Outcome::AlreadyRight);
    Finding { what: what.to_owned(), outcome }
}
