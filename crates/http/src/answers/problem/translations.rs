//! What each error of the domain is to a client: every variant by name, so that a new one cannot slip by.

use actix_web::http::header;
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
            BodyError::TooLarge { limit } => {
                Self::new(Slug::TooLarge, format!("At most {limit} bytes are taken here."))
            }
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
                "Nothing was stored: what If-Match or If-None-Match asks for is not so. Fetch the recording and decide anew.",
            ),
            UploadError::Conflict(id) => Self::new(
                Slug::RecordingConflict,
                format!("Recording {id} was stored with other content and stays as it is. Choose a new id."),
            ),
            UploadError::Deleted(deleted) => {
                let detail = format!(
                    "Recording {} was deleted and stays so: delete it on the device, too. To store it all the same, say again.",
                    deleted.id
                );
                Self::new(Slug::RecordingDeleted, detail).with_deleted_at(deleted.deleted_at)
            }
            UploadError::SendAgain(id) => Self::caused_by(
                Slug::SendAgain,
                format!(
                    "The audio of recording {id} turned out to be damaged here. Send it once more: it is stored anew then."
                ),
                format!("the audio of recording {id} is missing or damaged").into(),
            ),
            UploadError::DigestMismatch { received } => Self::new(
                Slug::DigestMismatch,
                format!("Nothing was stored. What arrived has SHA-256 {}.", received.to_hex()),
            ),
            UploadError::TooManyRecordings { limit } => Self::new(
                Slug::TooManyRecordings,
                format!("Nothing was stored. You have {limit} recordings, uploads under way among them: delete some."),
            ),
            UploadError::TooManyUploads { limit } => Self::new(
                Slug::TooManyUploads,
                format!(
                    "Nothing was begun. You have {limit} uploads under way: complete or abort some, GET /v1/direct lists them."
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
                format!("The upload is over, for what arrived has SHA-256 {}. Announce it again.", received.to_hex()),
            ),
            DirectError::Upload(error) => error.into(),
            DirectError::NotFound => {
                Self::new(Slug::NotFound, "You have no upload of this id under way. Announce it again.")
            }
            DirectError::MissingPart { number, count } => Self::new(
                Slug::UploadIncomplete,
                format!("Part {number} of {count} is missing. Send it, and complete the upload again."),
            ),
            DirectError::InvalidLink => {
                Self::new(Slug::InvalidLink, "Announce the recording again for fresh links, if it is not stored.")
            }
        }
    }
}

impl From<ListError> for Problem {
    fn from(error: ListError) -> Self {
        match error {
            ListError::NotFound => Self::new(Slug::NotFound, "You have no recording of this id."),
            ListError::Damaged(id) => Self::caused_by(
                Slug::AudioDamaged,
                "What is left of the audio is not what was uploaded. Whoever still has it can upload it again under the same id.",
                format!("the audio of recording {id} is missing or damaged").into(),
            ),
            ListError::Changed => Self::new(Slug::PreconditionFailed, "Fetch the recording again and decide anew."),
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
                "It is incomplete, or its recording is gone, or its owner has signed out everywhere. Ask for a fresh one.",
            ),
            PlaybackError::Expired => Self::new(Slug::InvalidLink, "It has expired. Ask for a fresh one."),
            PlaybackError::Unavailable(cause) => Self::unavailable(cause),
        }
    }
}

impl From<ChangesError> for Problem {
    fn from(error: ChangesError) -> Self {
        match error {
            ChangesError::InvalidCursor => {
                Self::new(Slug::InvalidParameter, "Send as cursor the cursor of your page before, as it was.")
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
            AuthError::SignupClosed => Self::new(Slug::SignupClosed, "Ask the operator of this server for an account."),
            AuthError::EmailTaken => Self::new(Slug::EmailTaken, "Log in instead, or sign up with another."),
            AuthError::WrongCredentials => Self::new(Slug::WrongCredentials, "Check both and try again, or sign up.")
                .with_header(header::WWW_AUTHENTICATE, CHALLENGE.to_owned()),
            AuthError::UntrustedSocialId => Self::new(
                Slug::UntrustedSocialId,
                "Anybody can know a social id. Sign up with email and password, or ask the operator.",
            ),
            AuthError::InvalidToken => Self::new(Slug::InvalidToken, "Log in again.")
                .with_header(header::WWW_AUTHENTICATE, format!("{CHALLENGE}, error=\"invalid_token\"")),
            AuthError::Busy => Self::new(Slug::Busy, "Try again in a moment."),
            AuthError::Full(cause) => Self::storage_full(cause),
            AuthError::Unavailable(cause) => Self::unavailable(cause),
        }
    }
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
    fn from(error: InvalidId) -> Self {
        Self::new(Slug::InvalidId, format!("Choose another id: {error}."))
    }
}
