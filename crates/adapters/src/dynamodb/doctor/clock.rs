//! What the time is at the server, as its replies say.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeDeserializationInterceptorContextRef},
    error::BoxError as SdkBoxError,
};
use chrono::{DateTime, TimeDelta};
use tapebase_domain::{ports::BoxError, time::Timestamp};

/// Requests are refused when the clocks differ by more than five minutes; before that, people should know.
const TOLERANCE: TimeDelta = TimeDelta::minutes(1);

/// Reads the `Date` of a reply.
#[derive(Debug, Clone, Default)]
pub struct ServerTime(Arc<Mutex<Option<Timestamp>>>);

impl ServerTime {
    pub fn check(&self, now: Timestamp) -> Result<(), BoxError> {
        let server = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let off = now - server.ok_or("the reply has no date")?;
        if off.abs() <= TOLERANCE {
            return Ok(());
        }
        let direction = if off > TimeDelta::zero() { "fast" } else { "slow" };
        Err(format!("this machine's clock is {} seconds {direction}", off.abs().num_seconds()).into())
    }
}

impl Intercept for ServerTime {
    fn name(&self) -> &'static str {
        "ServerTime"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), SdkBoxError> {
        let date = context.response().headers().get("date").and_then(|date| DateTime::parse_from_rfc2822(date).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date.map(|date| date.to_utc());
        Ok(())
    }
}
