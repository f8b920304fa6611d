//! The server itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A server that is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// How it is, in a word.
    #[schema(example = "ok")]
    pub status: String,
}
