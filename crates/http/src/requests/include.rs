//! What an answer is to have that it has not by default.

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// What recordings come with.
#[derive(Deserialize, ToSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Include {
    /// A link that plays each.
    Link,
}

/// What a recording comes with.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IncludeQuery {
    /// `link`: a playback link with the recording.
    #[param(inline)]
    pub include: Option<Include>,
}
