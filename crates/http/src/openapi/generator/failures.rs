//! What every request of a kind can fail with.

use std::collections::BTreeMap;

use serde_json::json;
use tapebase_api::{self as api, Slug, paths};
use utoipa::openapi::{
    Content, Object, Ref, RefOr, Response, Type,
    example::{Example, ExampleBuilder},
    path::Operation,
};

use crate::{answers::problem::Meaning, endpoints::legacy};

/// What the names of operations of 2018 begin with, which answer in a form of their own.
const LEGACY: &str = "legacy";

/// Where examples are that operations refer to.
const EXAMPLES: &str = "#/components/examples/";

/// The problem that a status usually stands for.
const USUAL: [(&str, Slug); 16] = [
    ("400", Slug::InvalidParameter),
    ("401", Slug::InvalidToken),
    ("403", Slug::InsufficientScope),
    ("404", Slug::NotFound),
    ("408", Slug::BodyTimeout),
    ("409", Slug::RecordingConflict),
    ("410", Slug::CursorExpired),
    ("411", Slug::LengthRequired),
    ("412", Slug::PreconditionFailed),
    ("413", Slug::TooLarge),
    ("415", Slug::UnsupportedMediaType),
    ("416", Slug::RangeNotSatisfiable),
    ("429", Slug::TooManyRequests),
    ("500", Slug::AudioDamaged),
    ("503", Slug::Busy),
    ("507", Slug::StorageFull),
];

/// The operations that usually fail in another way with it.
const OTHERS: [(&str, &str, Slug); 69] = [
    ("uploadRecording", "400", Slug::DigestMismatch),
    ("uploadRecording", "507", Slug::QuotaExceeded),
    ("uploadRecordingForm", "400", Slug::InvalidBody),
    ("uploadRecordingForm", "507", Slug::QuotaExceeded),
    ("createDirectUpload", "400", Slug::InvalidBody),
    ("createDirectUpload", "507", Slug::QuotaExceeded),
    ("signUp", "400", Slug::InvalidEmail),
    ("signUp", "403", Slug::SignupClosed),
    ("signUp", "409", Slug::EmailTaken),
    ("signIn", "400", Slug::InvalidBody),
    ("signIn", "401", Slug::WrongCredentials),
    ("signIn", "403", Slug::UnverifiedEmail),
    ("signInWithCookie", "400", Slug::InvalidBody),
    ("signInWithCookie", "401", Slug::WrongCredentials),
    ("signInWithCookie", "403", Slug::CrossOriginRefused),
    ("createOidcNonce", "503", Slug::Unavailable),
    ("signInWithOidc", "400", Slug::InvalidBody),
    ("signInWithOidc", "403", Slug::InvalidIdToken),
    ("signInWithOidc", "503", Slug::ProviderUnavailable),
    ("requestPasswordReset", "400", Slug::InvalidEmail),
    ("requestPasswordReset", "403", Slug::MailNotConfigured),
    ("resetPassword", "400", Slug::InvalidPassword),
    ("resetPassword", "403", Slug::InvalidCode),
    ("getPlaybackAudio", "403", Slug::InvalidLink),
    ("headPlaybackAudio", "403", Slug::InvalidLink),
    ("startWebLogin", "403", Slug::CrossOriginRefused),
    ("finishWebLogin", "400", Slug::InvalidParameter),
    ("finishWebLogin", "403", Slug::LoginExpired),
    ("requestVerification", "403", Slug::MailNotConfigured),
    ("verifyEmail", "400", Slug::InvalidBody),
    ("verifyEmail", "403", Slug::InvalidCode),
    ("changePassword", "400", Slug::InvalidPassword),
    ("changePassword", "403", Slug::WrongPassword),
    ("linkIdentity", "400", Slug::InvalidEmail),
    ("linkIdentity", "403", Slug::WrongPassword),
    ("linkIdentity", "409", Slug::EmailTaken),
    ("linkOidcIdentity", "400", Slug::InvalidBody),
    ("linkOidcIdentity", "403", Slug::InvalidIdToken),
    ("linkOidcIdentity", "409", Slug::IdentityTaken),
    ("revokeOidcTokens", "400", Slug::InvalidBody),
    ("revokeOidcTokens", "403", Slug::InvalidIdToken),
    ("revokeOidcTokens", "503", Slug::ProviderUnavailable),
    ("deleteMe", "403", Slug::SignInAgain),
    ("createToken", "400", Slug::InvalidBody),
    ("createToken", "403", Slug::SignInAgain),
    ("createToken", "409", Slug::TooManyTokens),
    ("adminAddUser", "400", Slug::InvalidEmail),
    ("adminAddUser", "400", Slug::InvalidPassword),
    ("adminAddUser", "409", Slug::EmailTaken),
    ("adminUpdateUser", "400", Slug::InvalidBody),
    ("adminUpdateUser", "403", Slug::InsufficientScope),
    ("adminUpdateUser", "403", Slug::AccountErased),
    ("adminRestoreUser", "403", Slug::InsufficientScope),
    ("adminRestoreUser", "403", Slug::AccountErased),
    ("adminSetPassword", "400", Slug::InvalidPassword),
    ("adminSetPassword", "403", Slug::InsufficientScope),
    ("adminSetPassword", "403", Slug::AccountErased),
    ("adminCreatePasswordReset", "400", Slug::InvalidEmail),
    ("adminCreatePasswordReset", "403", Slug::InsufficientScope),
    ("adminCreatePasswordReset", "403", Slug::AccountDisabled),
    ("adminCreatePasswordReset", "403", Slug::AccountErased),
    ("adminInvite", "400", Slug::InvalidEmail),
    ("adminInvite", "409", Slug::EmailTaken),
    ("unlinkIdentity", "403", Slug::SignInAgain),
    ("unlinkIdentity", "409", Slug::LastIdentity),
    ("completeDirectUpload", "409", Slug::UploadIncomplete),
    ("legacyLogin", "403", Slug::UntrustedSocialId),
    ("legacyLogin", "503", Slug::Unavailable),
    ("getReadiness", "503", Slug::Unavailable),
];

/// Adds the failures that operations like this one have in common, and says what all of its failures are answered with.
pub fn describe(method: &str, operation: &mut Operation) {
    add_common(method, operation);
    let name = operation.operation_id.as_deref().unwrap_or_default();
    let is_legacy = name.starts_with(LEGACY);
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
        {
            let slugs = usual(name, status);
            // Who asks too often is told before anybody looks at the path.
            let (media_type, content) = if is_legacy && status != "429" {
                let mut content = Content::new(Some(Object::with_type(Type::Object)));
                content.example = slugs.first().map(|slug| legacy::example(name, *slug));
                ("application/json", content)
            } else {
                let mut content = Content::new(Some(Ref::from_schema_name("Problem")));
                let example = |slug: Slug| (slug.to_string(), RefOr::Ref(Ref::new(format!("{EXAMPLES}{slug}"))));
                content.examples = slugs.into_iter().map(example).collect();
                ("application/problem+json", content)
            };
            response.content.insert(media_type.to_owned(), RefOr::T(content));
        }
    }
}

fn usual(operation: &str, status: &str) -> Vec<Slug> {
    let others = OTHERS.iter().filter(|(name, of, _)| (*name, *of) == (operation, status)).map(|(.., slug)| *slug);
    let others: Vec<_> = others.collect();
    if others.is_empty() {
        return USUAL.iter().filter(|(of, _)| *of == status).map(|(_, slug)| *slug).collect();
    }
    others
}

/// An example of each problem that operations refer to.
pub fn examples() -> BTreeMap<String, RefOr<Example>> {
    let others = OTHERS.iter().filter(|(name, ..)| !name.starts_with(LEGACY)).map(|(.., slug)| *slug);
    let slugs = USUAL.iter().map(|(_, slug)| *slug).chain(others);
    slugs.map(|slug| (slug.to_string(), RefOr::T(example(slug)))).collect()
}

fn example(slug: Slug) -> Example {
    let title = Meaning::of(slug).title;
    let instance = "urn:uuid:019ac8f0-6b1e-7c4e-9d2a-3f5b8c7d6e10".to_owned();
    let restart = (slug == Slug::CursorExpired).then(|| paths::CHANGES.to_owned());
    let document = api::Problem { restart, ..Meaning::document(slug, format!("{title}."), instance) };
    ExampleBuilder::new().summary(title).value(Some(json!(document))).build()
}

fn add_common(method: &str, operation: &mut Operation) {
    let is_public = operation.security.as_ref().is_some_and(Vec::is_empty);
    // Unless it says otherwise.
    let takes_cookie = operation.security.is_none();
    let takes_body = operation.request_body.is_some();
    let writes = !matches!(method, "get" | "head");
    let name = operation.operation_id.as_deref().unwrap_or_default();
    let stores = OTHERS.contains(&(name, "507", Slug::QuotaExceeded)) || name.starts_with("legacyUpload");
    let plays = ["RecordingAudio", "PlaybackAudio", "Download"].iter().any(|end| name.ends_with(end));
    let mut add = |status: &str, description: &str| {
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(Response::new(description)));
    };
    if takes_body {
        add("400", "A header, parameter or the body is invalid");
        add("408", "The body was sent too slowly");
        add("411", "The request has neither Content-Length nor chunked transfer encoding");
        add("413", "The body is too large");
        add("415", "The media type is not supported");
    }
    if !is_public {
        add("400", "A header or parameter is invalid");
        add("401", "The token is missing, invalid or expired");
    }
    if !is_public && !name.starts_with(LEGACY) {
        let description = if writes && takes_cookie {
            "The token does not allow this, or a page of another origin sends it with a cookie"
        } else {
            "The token does not allow this"
        };
        add("403", description);
    }
    add("429", "Too many requests of the client's address or of the user; retry after Retry-After");
    if plays {
        add("500", "The audio is damaged");
    }
    if !is_public || takes_body || plays {
        add("503", "The server is busy or a store does not respond; retry after Retry-After");
    }
    if writes && (!is_public || takes_body) {
        add("507", if stores { "The quota is exceeded or the storage is full" } else { "The storage is full" });
    }
}
