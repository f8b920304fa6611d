//! The server itself.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A server that takes requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// How it is, in a word.
    #[schema(example = "ready")]
    pub status: String,
    /// How many changes are under way, those included whose clients have left.
    pub tasks: usize,
    /// How many recordings are known to be damaged.
    pub damaged: u64,
    /// What it does in the background without success; requests are answered all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failing: Vec<Failure>,
}

/// A server that is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// How it is, in a word.
    #[schema(example = "ok")]
    pub status: String,
}

/// Something a server does in the background, and fails at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// What it is.
    #[schema(example = "sweep")]
    pub task: String,
    /// Since when; the log says why.
    pub since: DateTime<Utc>,
}

/// Which program this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct About {
    /// Always `Tapebase`.
    #[schema(example = "Tapebase")]
    pub name: String,
    /// Of the program, by semantic versioning.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// Where the reference is.
    #[schema(example = "/docs")]
    pub docs: String,
    /// Where the OpenAPI description is.
    #[schema(example = "/openapi.json")]
    pub openapi: String,
}
