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
pub struct RecordingBody<'a> {
    /// A ULID or UUID.
    #[schema(example = "01JD9Z8Q3NVX4T6M2K7C5B1ARE")]
    id: &'a str,
    /// Byte for byte as it was sent.
    #[schema(example = "회의록 3.m4a")]
    name: &'a str,
    /// Without parameters.
    #[schema(example = "audio/mp4")]
    media_type: &'a str,
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

impl<'a> From<&'a Recording> for RecordingBody<'a> {
    fn from(recording: &'a Recording) -> Self {
        Self {
            id: recording.id.as_str(),
            name: recording.name.as_str(),
            media_type: recording.media_type.as_str(),
            size: recording.size,
            sha256: recording.sha256.to_hex(),
            recorded_at: recording.recorded_at,
            received_at: recording.received_at,
            revision: recording.revision.0,
        }
    }
}

/// A recording that is about to be sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUpload {
    /// A ULID or UUID of the client's choice; with one, announcing may be repeated safely.
    pub id: Option<String>,
    /// Made from the time otherwise.
    #[schema(example = "회의록 3.m4a")]
    pub name: Option<String>,
    /// Bytes of which nothing is said otherwise.
    #[schema(example = "audio/mp4")]
    pub media_type: Option<String>,
    /// In bytes.
    #[schema(example = 24895)]
    pub size: u64,
    /// SHA-256 of the bytes, hexadecimal.
    #[schema(pattern = "^[0-9a-fA-F]{64}$")]
    pub sha256: String,
    /// RFC 3339 with an offset; now otherwise.
    #[schema(format = DateTime)]
    pub recorded_at: Option<String>,
}

/// How to send a recording: each part with a request of its own, in any order.
#[derive(Serialize, ToSchema)]
#[schema(as = PendingUpload)]
pub struct PlanBody {
    /// The id the recording will have.
    pub id: String,
    /// Until when it can be completed: twelve hours, unless the operator says otherwise.
    pub expires_at: Option<DateTime<Utc>>,
    /// Until when the links are good; announcing the recording again gives fresh ones.
    pub links_expire_at: Option<DateTime<Utc>>,
    /// How many bytes every part has but the last.
    pub part_size: u64,
    /// What to send; nothing if the very same recording is stored already.
    pub parts: Vec<PartBody>,
}

/// How to send one part.
#[derive(Serialize, ToSchema)]
#[schema(as = UploadPart)]
pub struct PartBody {
    /// From 1.
    pub number: u32,
    /// How many bytes it has; send them with this `Content-Length`, not chunked.
    pub size: u64,
    /// Always `PUT`.
    #[schema(example = "PUT")]
    pub method: &'static str,
    /// Where to. Send no `Authorization` header: the link is the proof, and another store refuses two.
    pub url: String,
    /// What to send with it, beside the bytes.
    pub headers: std::collections::BTreeMap<String, String>,
}

/// Some recordings, and where to go on.
#[derive(Serialize, ToSchema)]
#[schema(as = RecordingPage)]
pub struct PageBody<'a> {
    items: Vec<RecordingBody<'a>>,
    /// Send it as `cursor` for the next page; null at the end.
    next_cursor: Option<String>,
}

impl<'a> From<&'a Page> for PageBody<'a> {
    fn from(page: &'a Page) -> Self {
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
