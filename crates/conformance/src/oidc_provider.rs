//! A real OpenID provider on this machine, for as long as a test wants it.

use serde_json::{Value, json};

use crate::node_program::NodeProgram;

/// The provider, which signs everybody in as whoever they say; it ends with this value.
pub struct OidcProvider {
    _program: NodeProgram,
    issuer: String,
}

impl OidcProvider {
    /// Starts one.
    ///
    /// # Panics
    /// If its packages are not there, or it does not start.
    #[must_use]
    pub fn start() -> Self {
        let mut program = NodeProgram::start("oidc/provider.mjs", "OIDC_PROVIDER");
        let issuer = program.address();
        Self { _program: program, issuer }
    }

    /// The settings of a server that knows it as `test`, and its subjects as the ids of the network `kakao`; and as `native`,
    /// whose tokens it can revoke.
    #[must_use]
    pub fn settings(&self) -> [(&'static str, String); 10] {
        [
            ("TAPEBASE_AUTH__OIDC__TEST__ISSUER", self.issuer.clone()),
            ("TAPEBASE_AUTH__OIDC__TEST__AUDIENCES", "app, app-es256".to_owned()),
            ("TAPEBASE_AUTH__OIDC__TEST__ALGORITHMS", "RS256, ES256".to_owned()),
            ("TAPEBASE_AUTH__OIDC__TEST__SOCIAL_TYPE", "kakao".to_owned()),
            ("TAPEBASE_AUTH__OIDC__TEST__CLIENT_ID", "web".to_owned()),
            ("TAPEBASE_AUTH__OIDC__TEST__CLIENT_SECRET", "s3cret web".to_owned()),
            ("TAPEBASE_AUTH__OIDC__NATIVE__ISSUER", self.issuer.clone()),
            ("TAPEBASE_AUTH__OIDC__NATIVE__AUDIENCES", "native, another".to_owned()),
            ("TAPEBASE_AUTH__OIDC__NATIVE__CLIENT_ID", "native".to_owned()),
            ("TAPEBASE_AUTH__OIDC__NATIVE__CLIENT_SECRET", "s3cret native".to_owned()),
        ]
    }

    /// What it calls itself.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The ID token that an app gets for somebody, by an authorization code: `app` with RS256, `app-es256` with ES256.
    #[must_use]
    pub fn token(&self, app: &str, subject: &str, nonce: Option<&str>) -> String {
        self.ask("token", &json!({"client_id": app, "sub": subject, "nonce": nonce}))
    }

    /// The authorization code that the app `native` gets with an ID token for somebody.
    #[must_use]
    pub fn code(&self, subject: &str) -> String {
        self.ask("code", &json!({"client_id": "native", "sub": subject}))
    }

    /// Whether what the app `native` got for somebody was revoked.
    #[must_use]
    pub fn has_revoked(&self, subject: &str) -> bool {
        let revoked: Vec<String> = serde_json::from_str(&self.ask("revoked", &json!({}))).expect("a list");
        revoked.iter().any(|it| it == subject)
    }

    /// A token that says this, signed with the current key.
    #[must_use]
    pub fn sign(&self, algorithm: &str, claims: &Value, header: &Value) -> String {
        self.ask("sign", &json!({"alg": algorithm, "claims": claims, "header": header}))
    }

    /// Where a browser that is sent to this URL ends up, outside of the provider.
    #[must_use]
    pub fn walk(&self, url: &str) -> String {
        self.ask("walk", &json!({"url": url}))
    }

    /// Signs with new keys from now on, and publishes the former no more if told so.
    pub fn rotate(&self, drop: bool) {
        self.ask("rotate", &json!({"drop": drop}));
    }

    fn ask(&self, what: &str, body: &Value) -> String {
        let mut answer = ureq::post(format!("{}/test/{what}", self.issuer)).send(body.to_string()).expect("an answer");
        answer.body_mut().read_to_string().expect("text")
    }
}
