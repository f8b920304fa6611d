//! What goes over the wire as JSON.

use chrono::{DateTime, FixedOffset, Utc};
use serde::{Deserialize, Serialize};
use tapebase_domain::{
    auth::Grant,
    page::Page,
    recording::Recording,
    session::Session,
    user::{Identity, User},
};
use utoipa::ToSchema;

/// An email address and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// Compared without regard to letter case.
    #[schema(example = "ann@example.com", max_length = 254, format = Email)]
    pub email: String,
    /// At least 8 characters of any kind.
    #[schema(example = "correct horse battery staple", min_length = 8, max_length = 1024)]
    pub password: String,
}

/// A session that just began.
#[derive(Serialize, ToSchema)]
#[schema(as = Grant)]
pub struct GrantBody {
    /// Send it as `Authorization: Bearer …`; it is not shown again.
    #[schema(example = "tb_7Hc0…")]
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// When it ends unless it is used; every use puts that off.
    expires_at: DateTime<Utc>,
    /// Whose it is.
    user: UserBody,
}

impl From<Grant> for GrantBody {
    fn from(grant: Grant) -> Self {
        Self {
            access_token: grant.token.expose().to_owned(),
            token_type: "Bearer",
            expires_at: grant.session.expires_at,
            user: (&grant.user).into(),
        }
    }
}

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserBody {
    /// A ULID.
    id: String,
    /// Null for users who came by a social id.
    email: Option<String>,
    /// When they signed up.
    created_at: DateTime<Utc>,
}

impl From<&User> for UserBody {
    fn from(user: &User) -> Self {
        let email = match &user.identity {
            Identity::Email(email) => Some(email.as_str().to_owned()),
            Identity::Social(_) => None,
        };
        Self { id: user.id.to_string(), email, created_at: user.created_at }
    }
}

/// A signed-in device or app.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionBody {
    /// A ULID.
    id: String,
    /// The `User-Agent` it signed in with.
    client: String,
    /// When it signed in.
    created_at: DateTime<Utc>,
    /// When it was last used, to the hour.
    last_used_at: DateTime<Utc>,
    /// When it ends unless it is used.
    expires_at: DateTime<Utc>,
    /// Whether this very request came by it.
    current: bool,
}

impl SessionBody {
    pub fn new(session: &Session, current: &Session) -> Self {
        Self {
            id: session.id.to_string(),
            client: session.client.clone(),
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
            current: session.id == current.id,
        }
    }
}

/// The sessions of a user, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Sessions)]
pub struct SessionsBody {
    pub items: Vec<SessionBody>,
}

/// A recording.
#[derive(Serialize, ToSchema)]
#[schema(as = Recording)]
pub struct RecordingBody {
    /// A ULID or UUID.
    #[schema(example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE")]
    id: String,
    /// Byte for byte as it was sent.
    #[schema(example = "회의록 3.m4a")]
    name: String,
    /// Without parameters.
    #[schema(example = "audio/mp4")]
    media_type: String,
    /// In bytes.
    size: u64,
    /// SHA-256 of the bytes, hexadecimal. Once it equals that of the local copy, that copy may go.
    #[schema(min_length = 64, max_length = 64)]
    sha256: String,
    /// When it was recorded, on the client's clock and in its time zone.
    recorded_at: DateTime<FixedOffset>,
    /// When the server took it in.
    received_at: DateTime<Utc>,
    /// Counts the changes of its name, from 1.
    revision: u64,
}

impl From<&Recording> for RecordingBody {
    fn from(recording: &Recording) -> Self {
        Self {
            id: recording.id.to_string(),
            name: recording.name.as_str().to_owned(),
            media_type: recording.media_type.to_string(),
            size: recording.size,
            sha256: recording.sha256.to_hex(),
            recorded_at: recording.recorded_at,
            received_at: recording.received_at,
            revision: recording.revision.0,
        }
    }
}

/// Some recordings, and where to go on.
#[derive(Serialize, ToSchema)]
#[schema(as = RecordingPage)]
pub struct PageBody {
    items: Vec<RecordingBody>,
    /// Send it as `cursor` for the next page; null at the end.
    next_cursor: Option<String>,
}

impl From<&Page> for PageBody {
    fn from(page: &Page) -> Self {
        Self {
            items: page.items.iter().map(RecordingBody::from).collect(),
            next_cursor: page.next.as_ref().map(tapebase_domain::page::Cursor::encode),
        }
    }
}

/// What may be changed about a recording.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingChanges {
    /// The new name.
    #[schema(example = "Interview with Ann.m4a", min_length = 1, pattern = r"^[^\x00-\x1F\x7F-\x9F]+$")]
    pub name: String,
}

/// A server that is well.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub struct HealthBody {
    #[schema(example = "ok")]
    pub status: &'static str,
}
