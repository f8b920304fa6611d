//! The server itself.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::timestamp;

/// Whether a server can serve requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Always `ready`.
    #[schema(extensions(("x-const" = json!("ready"))))]
    pub status: String,
    /// Number of writes in progress, those of disconnected clients included.
    #[schema(example = 0)]
    pub tasks: usize,
    /// Number of recordings known to be damaged.
    #[schema(example = 0)]
    pub damaged: u64,
    /// Background tasks that are failing. Requests are served all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failing: Vec<Failure>,
}

/// Whether a server is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    #[schema(extensions(("x-const" = json!("ok"))))]
    pub status: String,
}

/// A background task that is failing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// The task's name.
    #[schema(example = "sweep")]
    pub task: String,
    /// When it began to fail; the log says why.
    #[serde(serialize_with = "timestamp::serialize")]
    #[schema(example = "2026-11-29T11:00:00.000000Z")]
    pub since: DateTime<Utc>,
}

/// About this server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// Always `Tapebase`.
    #[schema(extensions(("x-const" = json!("Tapebase"))))]
    pub name: String,
    /// The server's version (semantic versioning).
    #[schema(example = "0.1.0")]
    pub version: String,
    /// Path of the API reference.
    #[schema(example = "/docs")]
    pub docs: String,
    /// Path of the OpenAPI description.
    #[schema(example = "/openapi.json")]
    pub openapi: String,
}
