//! What each error of the domain is to a client: every variant by name, so that a new one cannot slip by.

use actix_web::http::header;
use chrono::TimeDelta;
use tapebase_api::{Slug, paths};
use tapebase_domain::{
    auth::AuthError,
    blob::BodyError,
    changes::ChangesError,
    direct::DirectError,
    id::InvalidId,
    list::ListError,
    playback::{LinkError, PlaybackError},
    ports::{BlobError, StoreError},
    readiness::NotReady,
    recording::InvalidName,
    upload::UploadError,
    user::{InvalidEmail, InvalidPassword},
};

use super::{CHALLENGE, Problem};
use crate::cors::rate_limits;

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Incomplete => Self::new(Slug::IncompleteBody, "Nothing was stored. Send the whole body again."),
            BodyError::Malformed => Self::new(
                Slug::InvalidBody,
                "Nothing was stored. Send a well-formed form with one recording, and each field once.",
            ),
            BodyError::Stalled => {
                Self::new(Slug::BodyTimeout, "Nothing was stored. Send the whole body again, without pauses.")
            }
            BodyError::TooLarge { limit } => Self::new(Slug::TooLarge, format!("The maximum is {limit} bytes.")),
            BodyError::OverQuota => {
                Self::new(Slug::QuotaExceeded, "Nothing was stored. Delete recordings to make room.")
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(cause) => Self::storage_full(cause),
            StoreError::NotWritten(cause) | StoreError::Unavailable(cause) => Self::unavailable(cause),
        }
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Body(error) => error.into(),
            BlobError::Full(cause) => Self::storage_full(cause),
            BlobError::Damaged(cause) | BlobError::Unavailable(cause) => Self::unavailable(cause),
        }
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Body(error) => error.into(),
            UploadError::UnsupportedType(media_type) => {
                Self::new(Slug::UnsupportedMediaType, format!("{media_type} is not a recording. {}", Self::SEND_TYPE))
            }
            UploadError::Foreign(what) => Self::new(
                Slug::UnsupportedMediaType,
                format!("Nothing was stored. What arrived is {what} and no recording."),
            ),
            UploadError::Unmet => Self::new(
                Slug::PreconditionFailed,
                "Nothing was stored: the precondition in If-Match or If-None-Match failed. Fetch the recording and decide again.",
            ),
            UploadError::Conflict(id) => Self::new(
                Slug::RecordingConflict,
                format!("Recording {id} was stored with other audio and stays as it is. Choose a new id."),
            ),
            UploadError::Deleted(deleted) => {
                let detail = format!(
                    "Recording {} was deleted. Delete it on the device, too, or upload it with again=true.",
                    deleted.id
                );
                Self::new(Slug::RecordingDeleted, detail).with_deleted_at(deleted.deleted_at)
            }
            UploadError::SendAgain(id) => Self::caused_by(
                Slug::SendAgain,
                format!("The stored audio of recording {id} is damaged. Upload it once more, which replaces it."),
                format!("the audio of recording {id} is missing or damaged").into(),
            ),
            UploadError::DigestMismatch { received } => Self::new(
                Slug::DigestMismatch,
                format!("Nothing was stored. What arrived has SHA-256 {}.", received.to_hex()),
            ),
            UploadError::TooManyRecordings { limit } => Self::new(
                Slug::TooManyRecordings,
                format!("Nothing was stored. You have {limit} recordings, pending uploads included: delete some."),
            ),
            UploadError::TooManyUploads { limit } => Self::new(
                Slug::TooManyUploads,
                format!(
                    "Nothing was created. You have {limit} pending uploads: complete or abort some; GET /v1/direct lists them."
                ),
            ),
            UploadError::Full(cause) => Self::storage_full(cause),
            UploadError::Unavailable(cause) => Self::unavailable(cause),
        }
    }
}

impl From<DirectError> for Problem {
    fn from(error: DirectError) -> Self {
        match error {
            DirectError::Upload(UploadError::DigestMismatch { received }) => Self::new(
                Slug::UploadMismatch,
                format!(
                    "The parts have SHA-256 {}, so the upload was discarded. Start over with POST /v1/direct.",
                    received.to_hex()
                ),
            ),
            DirectError::Upload(error) => error.into(),
            DirectError::NotFound => {
                Self::new(Slug::NotFound, "You have no pending upload of this id. Create it with POST /v1/direct.")
            }
            DirectError::MissingPart { number, count } => Self::new(
                Slug::UploadIncomplete,
                format!("Part {number} of {count} is missing. Send it, and complete the upload again."),
            ),
            DirectError::InvalidLink => Self::new(
                Slug::InvalidLink,
                "If the recording is not stored yet, repeat POST /v1/direct for fresh URLs.",
            ),
        }
    }
}

impl From<ListError> for Problem {
    fn from(error: ListError) -> Self {
        match error {
            ListError::NotFound => Self::new(Slug::NotFound, "You have no recording of this id."),
            ListError::Damaged(id) => Self::caused_by(
                Slug::AudioDamaged,
                "The stored audio is not what was uploaded. An app that still has it can upload it again under the same id.",
                format!("the audio of recording {id} is missing or damaged").into(),
            ),
            ListError::Changed => Self::new(Slug::PreconditionFailed, "Fetch the recording again and decide again."),
            ListError::Full(cause) => Self::storage_full(cause),
            ListError::Unavailable(cause) => Self::unavailable(cause),
        }
    }
}

impl From<LinkError> for Problem {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::SignedOut => AuthError::InvalidToken.into(),
            LinkError::List(error) => error.into(),
        }
    }
}

impl From<PlaybackError> for Problem {
    fn from(error: PlaybackError) -> Self {
        match error {
            PlaybackError::InvalidLink => Self::new(
                Slug::InvalidLink,
                "It is incomplete, its recording was deleted, or its owner has signed out everywhere. Request a fresh one.",
            ),
            PlaybackError::Expired => Self::new(Slug::InvalidLink, "It has expired. Request a fresh one."),
            PlaybackError::Unavailable(cause) => Self::unavailable(cause),
        }
    }
}

impl From<ChangesError> for Problem {
    fn from(error: ChangesError) -> Self {
        match error {
            ChangesError::InvalidCursor => {
                Self::new(Slug::InvalidParameter, "Send as cursor the cursor of your previous response, unchanged.")
            }
            ChangesError::CursorExpired => Self::new(
                Slug::CursorExpired,
                "Read all changes again without a cursor: what is not listed then was deleted.",
            )
            .with_restart(paths::CHANGES),
            ChangesError::HistoryChanged => Self::new(
                Slug::HistoryChanged,
                "Read all changes again without a cursor, upload what is not listed then, and delete nothing.",
            )
            .with_restart(paths::CHANGES),
            ChangesError::Unavailable(cause) => Self::unavailable(cause),
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::SignupClosed => {
                Self::new(Slug::SignupClosed, "Ask the operator of this server for an invitation, and send its `code`.")
            }
            AuthError::EmailTaken => Self::new(
                Slug::EmailTaken,
                "Sign in to the account that has it, reset its password if you do not know it, or use another email address.",
            ),
            AuthError::WrongCredentials => {
                Self::new(Slug::WrongCredentials, "Check both and try again, reset the password, or sign up.")
                    .with_header(header::WWW_AUTHENTICATE, CHALLENGE.to_owned())
            }
            AuthError::UnverifiedEmail => Self::new(
                Slug::UnverifiedEmail,
                "Sign in with `code`, the code that was mailed to the address, or repeat with it what links the address. Without it another mail is sent, unless three were in this half hour; then wait for the next one. If none arrives, ask the operator of this server.",
            ),
            AuthError::NoMail => Self::new(
                Slug::MailNotConfigured,
                "Ask the operator of this server for a code to reset the password (`tapebase user reset`), to verify the address (`tapebase user verify`), or to set `mail.smtp`.",
            ),
            AuthError::InvalidCode => Self::new(
                Slug::InvalidCode,
                "Type the code of the latest mail about this: one to reset a password, to verify an address or to sign up is for nothing else. Or request another one. If you have just used it to reset the password, sign in with the new one.",
            ),
            AuthError::WrongPassword => {
                Self::new(Slug::WrongPassword, "This is not the password of the account, or the account has none.")
            }
            AuthError::Disabled => {
                Self::new(Slug::AccountDisabled, "Ask the operator of this server. What the user has stored is kept.")
            }
            AuthError::InvalidExpiry => Self::new(
                Slug::InvalidBody,
                "expires_at: send a time in the future, at most ten years from now, or leave it out.",
            ),
            AuthError::OperatorsScope => Self::new(
                Slug::InsufficientScope,
                "Only the operator of this server creates tokens with the scope `admin`: `tapebase user create-token`.",
            ),
            AuthError::TooManyTokens => {
                Self::new(Slug::TooManyTokens, "Revoke one that is not needed any more, at /v1/me/tokens.")
            }
            AuthError::BeingErased => Self::new(
                Slug::AccountErased,
                "The user has left, and all that is theirs is removed. While `erasure.grace` lasts, the operator can let them in again.",
            ),
            AuthError::NotRecent => Self::new(
                Slug::SignInAgain,
                "Sign in again, and send the request with the new token within 15 minutes.",
            ),
            AuthError::LastIdentity => Self::new(
                Slug::LastIdentity,
                "A user keeps one way to sign in that proves who they are. Link another one first.",
            ),
            AuthError::IdentityTaken => {
                Self::new(Slug::IdentityTaken, "Sign in with it, or link an account at the provider that no user has.")
            }
            AuthError::UnknownProvider => {
                Self::new(Slug::NotFound, "The operator has configured no provider of this name.")
            }
            AuthError::CannotRevoke => Self::new(
                Slug::NotFound,
                "The operator has not configured how tokens of this provider are revoked. Delete the account all the same.",
            ),
            AuthError::NotRevoked(cause) => Self::caused_by(
                Slug::ProviderUnavailable,
                "The provider has revoked nothing, and the code is used up: have the user sign in there once more, and send the new code.",
                cause,
            ),
            AuthError::UnknownClient => {
                Self::new(Slug::InvalidBody, "client_id: send the id of an app that is configured, or leave it out.")
            }
            AuthError::InvalidIdToken(flaw) => {
                Self::new(Slug::InvalidIdToken, format!("Sign in at the provider again, with a new nonce: {flaw}."))
            }
            AuthError::ProviderUnavailable(cause) => {
                Self::caused_by(Slug::ProviderUnavailable, "Try again in a moment.".to_owned(), cause)
            }
            AuthError::TooManyIdentities => {
                Self::new(Slug::TooManyIdentities, "Unlink one that the user does not need any more.")
            }
            AuthError::UntrustedSocialId => Self::new(
                Slug::UntrustedSocialId,
                "Anybody can know a social id: it proves nothing. Sign up with email and password, or ask the operator.",
            ),
            AuthError::InvalidToken => Self::new(Slug::InvalidToken, "Sign in again, or use another API token.")
                .with_header(header::WWW_AUTHENTICATE, format!("{CHALLENGE}, error=\"invalid_token\"")),
            AuthError::TooManyFromAddress { wait } => {
                let seconds = whole_seconds(wait);
                let detail = format!(
                    "Too many wrong passwords, sign-ups or requests for mail from this address. Wait for {seconds} seconds."
                );
                Self::new(Slug::TooManyRequests, detail).with_header(header::RETRY_AFTER, seconds.to_string())
            }
            AuthError::TooManyAttempts { wait } => Self::too_many_attempts(wait),
            AuthError::Busy => Self::new(Slug::Busy, "Try again in a moment."),
            AuthError::Full(cause) => Self::storage_full(cause),
            AuthError::Unavailable(cause) => Self::unavailable(cause),
        }
    }
}

impl Problem {
    /// With what is left of how many tries (draft-ietf-httpapi-ratelimit-headers).
    fn too_many_attempts(wait: TimeDelta) -> Self {
        let seconds = whole_seconds(wait);
        Self::new(Slug::TooManyAttempts, format!("Wait for {seconds} seconds, then try once more."))
            .with_header(header::RETRY_AFTER, seconds.to_string())
            .with_header(rate_limits::POLICY, "\"passwords\";q=100;w=3600".to_owned())
            .with_header(rate_limits::LIMIT, format!("\"passwords\";r=0;t={seconds}"))
    }
}

/// At least one.
pub(crate) fn whole_seconds(wait: TimeDelta) -> i64 {
    (wait.num_milliseconds().max(1) + 999) / 1_000
}

impl From<NotReady> for Problem {
    fn from(error: NotReady) -> Self {
        match error {
            NotReady::Full(cause) => Self::storage_full(cause.into()),
            NotReady::Unavailable(cause) => Self::unavailable(cause.into()),
        }
    }
}

impl From<InvalidName> for Problem {
    fn from(error: InvalidName) -> Self {
        Self::new(Slug::InvalidName, format!("Choose another name: {error}."))
    }
}

impl From<InvalidEmail> for Problem {
    fn from(error: InvalidEmail) -> Self {
        Self::new(Slug::InvalidEmail, format!("Check the address: {error}."))
    }
}

impl From<InvalidPassword> for Problem {
    fn from(error: InvalidPassword) -> Self {
        Self::new(Slug::InvalidPassword, format!("Choose another password: {error}."))
    }
}

impl From<InvalidId> for Problem {
    fn from(_: InvalidId) -> Self {
        Self::new(Slug::InvalidId, "Choose an id that is a ULID or a UUID.")
    }
}
