//! The domain's answers as they go over the wire: pages are long and often asked for, so what can be moved is moved.

use actix_web::{HttpResponse, http::header::ContentType};
use serde::Serialize;
use tapebase_api::{self as api, paths};
use tapebase_domain::{
    api_token::{ApiToken, Scope},
    auth::{ErasureReceipt, Grant, Invitation},
    changes::ChangesPage,
    direct::{UnderWay, UnderWayPage},
    history::Entry,
    id::{RecordingId, SessionId, UserId},
    mail::MailedCode,
    oidc::Nonce,
    page::{Cursor, Page},
    playback::PlaybackLink,
    quota::Quota,
    recording::Recording,
    session::{Session, SessionPage, SessionToken},
    usage::UsageReport,
    user::{Account, Identity, LinkedIdentity, User},
};

use crate::{answers::problem::Problem, requests::place::Place};

/// A session that just began.
pub fn grant(grant: &Grant) -> api::Grant {
    api::Grant {
        access_token: grant.token.expose().to_owned(),
        token_type: "Bearer".to_owned(),
        expires_at: grant.session.expires_at,
        user: user(&grant.user),
    }
}

/// A session that just began, whose token is in a cookie.
pub fn cookie_session(grant: &Grant) -> api::CookieSession {
    api::CookieSession { expires_at: grant.session.expires_at, user: user(&grant.user) }
}

/// A user.
pub fn user(user: &User) -> api::User {
    let email_verified = user.email().is_some_and(|email| user.reads(email));
    let email = user.email().map(|email| email.as_str().to_owned());
    api::User { id: user.id.to_string(), email, email_verified, created_at: user.created_at }
}

/// A user, how much they have, and how much they may have.
pub fn me(user: &User, usage: &UsageReport) -> api::Me {
    let api::User { id, email, email_verified, created_at } = self::user(user);
    let api::StorageUsage { usage, limits } = storage_usage(usage);
    api::Me { id, email, email_verified, created_at, usage, limits }
}

/// How much a user has, and how much they may have.
pub fn storage_usage(usage: &UsageReport) -> api::StorageUsage {
    let UsageReport { has, limits, most_sessions } = usage;
    let Quota { bytes, recordings, uploads } = limits.quota;
    let usage = api::Usage {
        bytes: has.used_bytes(),
        recordings: has.recordings,
        uploads: has.uploads,
        sessions: has.sessions,
    };
    let recording_bytes = limits.recording_bytes;
    let limits = api::UserLimits { bytes, recording_bytes, recordings, uploads, sessions: *most_sessions };
    api::StorageUsage { usage, limits }
}

/// What somebody who leaves is told.
pub fn erasure(receipt: &ErasureReceipt) -> api::Erasure {
    let ErasureReceipt { user, begins_at, completed_by, backups_expire_by } = *receipt;
    api::Erasure { user_id: user.to_string(), begins_at, completed_by, backups_expire_by }
}

/// A user, as operators see them.
pub fn admin_user(user: &User) -> api::AdminUser {
    let api::User { id, email, email_verified, created_at } = self::user(user);
    let (disabled_at, erase_at) = (user.disabled_at, user.erase_at);
    api::AdminUser { id, email, email_verified, created_at, disabled_at, erase_at }
}

/// Some users, and where to go on.
pub fn admin_users(users: &[User], next: Option<UserId>) -> api::AdminUserPage {
    api::AdminUserPage { items: users.iter().map(admin_user).collect(), next_cursor: next.map(|id| id.to_string()) }
}

/// A user with all that operators see of them.
pub fn admin_user_details(account: &Account, usage: &UsageReport) -> api::AdminUserDetails {
    let Account { user, password } = account;
    let api::StorageUsage { usage, limits } = storage_usage(usage);
    let api::Identities { items: identities } = self::identities(user);
    api::AdminUserDetails { user: admin_user(user), identities, has_password: password.is_some(), usage, limits }
}

/// A code to sign up with.
pub fn invitation(Invitation { email, code }: &Invitation, mailed: bool) -> api::Invitation {
    let (email, expires_in) = (email.as_str().to_owned(), seconds(code));
    api::Invitation { email, code: code.expose().to_owned(), expires_in, mailed }
}

/// A code to choose another password with.
pub fn password_reset_code(email: String, code: &MailedCode) -> api::PasswordResetCode {
    api::PasswordResetCode { email, code: code.expose().to_owned(), expires_in: seconds(code) }
}

fn seconds(code: &MailedCode) -> u64 {
    code.lifetime().num_seconds().unsigned_abs()
}

/// What a user signs in with.
pub fn identities(user: &User) -> api::Identities {
    api::Identities { items: user.identities.iter().map(identity).collect() }
}

/// One of the things a user signs in with.
pub fn identity(linked: &LinkedIdentity) -> api::Identity {
    let (kind, provider, subject) = match &linked.identity {
        Identity::Email(email) => (api::IdentityKind::Email, None, email.as_str()),
        Identity::Oidc(subject) => (api::IdentityKind::Oidc, Some(subject.issuer().to_owned()), subject.subject()),
        Identity::Social(social) => (api::IdentityKind::Social, Some(social.network().to_owned()), social.id()),
    };
    let (id, subject) = (linked.id.to_string(), subject.to_owned());
    api::Identity { id, kind, provider, subject, linked_at: linked.linked_at, verified_at: linked.verified_at }
}

/// What an ID token is to repeat.
pub fn nonce(nonce: &Nonce) -> api::OidcNonce {
    api::OidcNonce { nonce: nonce.expose().to_owned(), expires_at: nonce.expires_at() }
}

/// A new API token.
pub fn api_token_grant(secret: &SessionToken, token: &ApiToken) -> api::ApiTokenGrant {
    api::ApiTokenGrant { access_token: secret.expose().to_owned(), token: api_token(token) }
}

/// An API token.
pub fn api_token(token: &ApiToken) -> api::ApiToken {
    let scopes = token.scopes.iter().map(|scope| match scope {
        Scope::Read => api::Scope::Read,
        Scope::Upload => api::Scope::Upload,
        Scope::Full => api::Scope::Full,
        Scope::Admin => api::Scope::Admin,
    });
    api::ApiToken {
        id: token.id.to_string(),
        name: token.name.clone(),
        scopes: scopes.collect(),
        recording_id: token.recording.clone().map(RecordingId::into_string),
        created_at: token.created_at,
        last_used_at: token.last_used_at,
        expires_at: token.expires_at,
    }
}

/// Some sessions of a user who came by the session `current`, and where to go on.
pub fn sessions(page: SessionPage, current: Option<SessionId>) -> api::SessionPage {
    api::SessionPage {
        items: page.items.into_iter().map(|it| session(it, current)).collect(),
        next_cursor: page.next.map(|id| id.to_string()),
    }
}

/// Some uploads under way, and where to go on.
pub fn uploads(page: UnderWayPage) -> api::PendingUploadPage {
    api::PendingUploadPage {
        items: page.items.into_iter().map(upload).collect(),
        next_cursor: page.next.map(RecordingId::into_string),
    }
}

/// An upload under way, and which of its parts are here.
pub fn upload(UnderWay { upload, sent }: UnderWay) -> api::PendingUpload {
    let parts = upload.parts();
    let received = |number| api::ReceivedPart { number, size: parts.range(number).map_or(0, |range| range.length) };
    api::PendingUpload {
        id: upload.id.into_string(),
        name: upload.details.name.into_string(),
        media_type: upload.details.media_type.into_string(),
        size: upload.size,
        sha256: upload.sha256.to_hex(),
        recorded_at: upload.details.recorded_at,
        client_duration_ms: upload.details.client_duration_ms,
        expires_at: upload.expires_at,
        part_size: parts.part_size(),
        part_count: parts.count(),
        received_parts: sent.into_iter().map(received).collect(),
    }
}

/// A session, of a user who came by the session `current`.
pub fn session(session: Session, current: Option<SessionId>) -> api::Session {
    api::Session {
        id: session.id.to_string(),
        client: session.client,
        created_at: session.created_at,
        last_used_at: session.last_used_at,
        expires_at: session.expires_at,
        current: current == Some(session.id),
    }
}

/// How much JSON an item of a list usually is.
const ITEM_BYTES: usize = 512;

/// Answers with so many items as JSON. Room for it is made at once: while it grew, it would be moved again and again.
pub fn list(items: usize, body: &impl Serialize) -> Result<HttpResponse, Problem> {
    let mut json = Vec::with_capacity(ITEM_BYTES * (items + 1));
    serde_json::to_writer(&mut json, body).map_err(Problem::internal)?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(json))
}

/// Some recordings, and where to go on.
pub fn page(page: Page) -> api::RecordingPage {
    api::RecordingPage {
        items: page.items.into_iter().map(recording).collect(),
        next_cursor: page.next.as_ref().map(Cursor::encode),
    }
}

/// Some changes, and where to go on.
pub fn changes(page: ChangesPage) -> api::Changes {
    api::Changes {
        items: page.entries.into_iter().map(change).collect(),
        cursor: page.cursor,
        more: page.has_more,
        poll_after_s: page.poll_after.map(|pause| pause.as_secs()),
    }
}

fn change(entry: Entry) -> api::Change {
    let (id, changed) = (entry.id().to_string(), entry.changed().0);
    match entry {
        Entry::Recording(found) => api::Change { id, changed, recording: Some(recording(*found)), deleted_at: None },
        Entry::Deleted(deleted) => api::Change { id, changed, recording: None, deleted_at: Some(deleted.deleted_at) },
    }
}

/// A recording.
pub fn recording(recording: Recording) -> api::Recording {
    api::Recording {
        id: recording.id.into_string(),
        name: recording.details.name.into_string(),
        media_type: recording.media_type.into_string(),
        size: recording.size,
        sha256: recording.sha256.to_hex(),
        recorded_at: recording.details.recorded_at,
        client_duration_ms: recording.details.client_duration_ms,
        received_at: recording.received_at,
        revision: recording.revision.0,
        damaged_at: recording.damaged_at,
        link: None,
        repaired: None,
    }
}

/// A link that plays a recording, for whoever finds this server at `place`.
pub fn link(place: &Place, link: &PlaybackLink) -> api::PlaybackLink {
    let PlaybackLink { ticket, extension, expires_at } = link;
    let path = paths::play(ticket, &format!("audio{extension}"));
    api::PlaybackLink { url: place.url(&path), path: place.path(&path), expires_at: *expires_at }
}

/// Some recordings with a link each.
pub fn linked(page: api::RecordingPage, place: &Place, links: &[PlaybackLink]) -> api::RecordingPage {
    let with_link = |(recording, its)| api::Recording { link: Some(link(place, its)), ..recording };
    api::RecordingPage { items: page.items.into_iter().zip(links).map(with_link).collect(), ..page }
}

/// A recording whose audio an upload has put right.
pub fn repaired(recording: Recording) -> api::Recording {
    api::Recording { repaired: Some(true), ..self::recording(recording) }
}
