//! Where everything is: each path as a pattern for routers, and filled in for whoever asks.
//!
//! Nothing is escaped: ids are ULIDs or UUIDs, and slugs are plain.

macro_rules! paths {
    ($($(#[$doc:meta])+ $pattern:ident = $text:literal $(, $path:ident($($part:ident: $type:ty),+))?;)+) => {
        $(
            $(#[$doc])+
            pub const $pattern: &str = $text;

            $(
                #[doc = concat!("[`", stringify!($pattern), "`], filled in.")]
                #[must_use]
                pub fn $path($($part: $type),+) -> String {
                    format!($text)
                }
            )?
        )+
    };
}

paths! {
    /// Making an account.
    SIGN_UP = "/v1/auth/signup";
    /// Signing in.
    LOG_IN = "/v1/auth/login";
    /// Signing in with a cookie.
    COOKIE = "/v1/auth/cookie";
    /// Having a code mailed to choose a new password with.
    PASSWORD_RESET = "/v1/auth/password-reset";
    /// Choosing it.
    NEW_PASSWORD = "/v1/auth/password";
    /// Signing in with an OpenID provider.
    OIDC_LOG_IN = "/v1/auth/oidc/{provider}";
    /// What its ID token is to repeat.
    OIDC_NONCE = "/v1/auth/oidc/{provider}/nonce";
    /// Signing in with it in a browser.
    OIDC_START = "/v1/auth/oidc/{provider}/start";
    /// Where it sends the browser back to.
    OIDC_CALLBACK = "/v1/auth/oidc/{provider}/callback", oidc_callback(provider: &str);
    /// Ending the session in use.
    LOG_OUT = "/v1/auth/logout";
    /// Who is signed in.
    ME = "/v1/me";
    /// How much they store.
    USAGE = "/v1/me/usage";
    /// Their password.
    PASSWORD = "/v1/me/password";
    /// The email addresses and social ids they can sign in with.
    IDENTITIES = "/v1/me/identities";
    /// One of these.
    IDENTITY = "/v1/me/identities/{id}", identity(id: &str);
    /// The code that verifies it.
    VERIFICATION = "/v1/me/verifications/{id}", verification(id: &str);
    /// Their accounts at an OpenID provider.
    OIDC_IDENTITIES = "/v1/me/identities/oidc/{provider}";
    /// What such a provider gave the app, and is to end.
    OIDC_REVOCATION = "/v1/me/identities/oidc/{provider}/revocation";
    /// Their API tokens.
    TOKENS = "/v1/me/tokens";
    /// One of these.
    TOKEN = "/v1/me/tokens/{id}", token(id: &str);
    /// Where they are signed in.
    SESSIONS = "/v1/me/sessions";
    /// One of their sessions.
    SESSION = "/v1/me/sessions/{id}", session(id: &str);

    /// All users, for operators.
    ADMIN_USERS = "/v1/admin/users";
    /// One of them.
    ADMIN_USER = "/v1/admin/users/{id}", admin_user(id: &str);
    /// Their password.
    ADMIN_PASSWORD = "/v1/admin/users/{id}/password";
    /// Their deletion, taken back.
    ADMIN_RESTORE = "/v1/admin/users/{id}/restore";
    /// Where they are signed in.
    ADMIN_SESSIONS = "/v1/admin/users/{id}/sessions";
    /// That one of their addresses is theirs.
    ADMIN_VERIFICATION = "/v1/admin/users/{id}/verifications/{identity}";
    /// Codes to choose another password with.
    ADMIN_PASSWORD_RESETS = "/v1/admin/password-resets";
    /// Codes to sign up with.
    ADMIN_INVITATIONS = "/v1/admin/invitations";

    /// The recordings of whoever asks.
    RECORDINGS = "/v1/recordings";
    /// One of them.
    RECORDING = "/v1/recordings/{id}", recording(id: &str);
    /// A link that plays it.
    PLAYBACK_LINK = "/v1/recordings/{id}/link";
    /// Its audio.
    RECORDING_AUDIO = "/v1/recordings/{id}/audio", recording_audio(id: &str);

    /// A recording, for whoever has the link: a ticket, and a file's name for players that go by its ending.
    PLAY = "/v1/play/{ticket}/{file}", play(ticket: &str, file: &str);

    /// What has changed of the recordings of whoever asks.
    CHANGES = "/v1/changes";

    /// Announcing a recording that is sent in parts.
    UPLOADS = "/v1/direct";
    /// Such an upload.
    UPLOAD = "/v1/direct/{id}", upload(id: &str);
    /// One of its parts, if it is sent to this server: a plan's link says where to, and has what proves it.
    UPLOAD_PART = "/v1/direct/{id}/parts/{number}", upload_part(id: &str, number: u32);
    /// The end of it, which makes the recording.
    UPLOAD_COMPLETION = "/v1/direct/{id}/complete", upload_completion(id: &str);

    /// What this is.
    ROOT = "/";
    /// Whether the process runs.
    HEALTH = "/healthz";
    /// Whether the stores answer.
    READINESS = "/readyz";
    /// What a problem means, in plain words; also its `type`.
    PROBLEM = "/problems/{slug}", problem(slug: &str);
    /// The description of the API for tools.
    DESCRIPTION = "/openapi.json";
    /// The same, to be read.
    DOCS = "/docs";
    /// What that page is made of.
    DOCS_FILE = "/docs/{file}";
    /// Where people delete their account without the app.
    DELETE_ACCOUNT = "/delete-account";
    /// What that page is made of.
    DELETE_ACCOUNT_FILE = "/delete-account/{file}";

    /// Signing in as in 2018.
    LEGACY_LOGIN = "/login";
    /// Listing as in 2018.
    LEGACY_RECORDS = "/record/list";
    /// One recording as in 2018.
    LEGACY_RECORD = "/record/{id}";
    /// Uploading as the article about the server of 2018 had it.
    LEGACY_UPLOAD = "/upload/record/{id}";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_filled_in() {
        let id = "01JD9Z8Q3NVX4T6M2K7C5B1ARE";
        assert_eq!(recording_audio(id), "/v1/recordings/01JD9Z8Q3NVX4T6M2K7C5B1ARE/audio");
        assert_eq!(upload_part(id, 12), "/v1/direct/01JD9Z8Q3NVX4T6M2K7C5B1ARE/parts/12");
        assert_eq!(RECORDING.replace("{id}", id), recording(id));
    }
}
