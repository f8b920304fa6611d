//! What both AWS adapters share: where credentials come from, and how long is waited.
//!
//! Region, credentials and endpoints come from where every AWS program looks for them:
//! `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL_DYNAMODB` and so on in the
//! environment, the shared configuration file, the role of a function, task or instance.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, SdkConfig, retry::RetryConfig, stalled_stream_protection::StalledStreamProtectionConfig,
    timeout::TimeoutConfig,
};
use aws_sdk_s3::config::{Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_smithy_http_client::{
    Builder as HttpClient,
    tls::{self, rustls_provider::CryptoMode},
};
use tapebase_domain::ports::BoxError;
use tokio::sync::OnceCell;

use crate::{
    dynamodb::DynamoDb,
    s3::{Place, S3},
    s3_dialect::{S3Credentials, S3Dialect},
};

/// Idle connections are given up before AWS does so: a request on one it has closed would fail.
const IDLE: Duration = Duration::from_secs(15);
/// For a TCP connection with TLS.
const CONNECT: Duration = Duration::from_secs(3);
/// For one try of a call to DynamoDB, which answers within milliseconds or not at all.
const ROW_ATTEMPT: Duration = Duration::from_secs(3);
/// For all tries together.
const ROW_CALL: Duration = Duration::from_secs(10);
/// For one try of a call to S3 that carries little, until its answer begins.
const BLOB_ATTEMPT: Duration = Duration::from_secs(5);
/// For all tries together.
const BLOB_CALL: Duration = Duration::from_secs(12);
/// For one try with 8 MiB to send, or with parts to put together.
const SEND_ATTEMPT: Duration = Duration::from_mins(1);
/// For all tries together.
const SEND_CALL: Duration = Duration::from_mins(3);
/// For S3 to send on, once it has begun; a client may hold it up for as long as it likes.
const STALL: Duration = Duration::from_secs(20);
/// How often a call is tried.
const ATTEMPTS: u32 = 4;
/// Before the second try, at most; doubled before each further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// The SDK's configuration, read the first time it is needed.
#[derive(Debug, Default)]
pub struct Sdk(OnceCell<SdkConfig>);

impl Sdk {
    /// Rows in a table of the account the environment has credentials for.
    ///
    /// # Errors
    /// If no region is set.
    pub async fn dynamodb(&self, table: &str) -> Result<DynamoDb, BoxError> {
        let config = aws_sdk_dynamodb::config::Builder::from(self.config().await?)
            .timeout_config(timeouts(ROW_ATTEMPT, ROW_CALL))
            .build();
        Ok(DynamoDb::new(aws_sdk_dynamodb::Client::from_conf(config), table.to_owned()))
    }

    /// Blobs in a bucket.
    ///
    /// # Errors
    /// If no region is set.
    pub async fn s3(&self, place: &Place, dialect: &S3Dialect) -> Result<S3, BoxError> {
        let common = if dialect.region.is_some() { self.0.get_or_init(load).await } else { self.config().await? };
        let config = aws_sdk_s3::config::Builder::from(common)
            .timeout_config(timeouts(BLOB_ATTEMPT, BLOB_CALL))
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(STALL).build())
            .force_path_style(dialect.path_style);
        let config = match &dialect.region {
            Some(region) => config.region(Region::new(region.clone())),
            None => config,
        };
        let config = match dialect.credentials.clone() {
            Some(S3Credentials { access_key_id, secret_access_key }) => {
                config.credentials_provider(Credentials::new(access_key_id, secret_access_key, None, None, "s3"))
            }
            None => config,
        };
        // By itself the SDK adds a checksum to whatever has none.
        let config = if dialect.without_checksums {
            config
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        } else {
            config
        };
        let public = match &dialect.public_endpoint {
            Some(endpoint) => config.clone().endpoint_url(endpoint),
            None => config.clone(),
        };
        let sending = config.clone().timeout_config(timeouts(SEND_ATTEMPT, SEND_CALL));
        let clients = [config, sending, public].map(|config| aws_sdk_s3::Client::from_conf(config.build()));
        let [client, sender, signer] = clients;
        Ok(S3::new(client, sender, signer, place.clone(), dialect))
    }

    async fn config(&self) -> Result<&SdkConfig, BoxError> {
        let config = self.0.get_or_init(load).await;
        if config.region().is_none() {
            return Err("no AWS region is set: set AWS_REGION".into());
        }
        Ok(config)
    }
}

async fn load() -> SdkConfig {
    let http = HttpClient::new().tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).pool_idle_timeout(IDLE);
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http.build_https())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(FIRST_BACKOFF))
        .load()
        .await
}

fn timeouts(attempt: Duration, call: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .read_timeout(attempt)
        .operation_attempt_timeout(attempt)
        .operation_timeout(call)
        .build()
}
