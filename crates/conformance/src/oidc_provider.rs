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

    /// The settings of a server that knows it as `test`, and its subjects as the ids of the network `kakao`.
    #[must_use]
    pub fn settings(&self) -> [(&'static str, String); 6] {
        [
            ("TAPEBASE_AUTH__OIDC__TEST__ISSUER", self.issuer.clone()),
            ("TAPEBASE_AUTH__OIDC__TEST__AUDIENCES", "app, app-es256".to_owned()),
            ("TAPEBASE_AUTH__OIDC__TEST__ALGORITHMS", "RS256, ES256".to_owned()),
            ("TAPEBASE_AUTH__OIDC__TEST__SOCIAL_TYPE", "kakao".to_owned()),
            ("TAPEBASE_AUTH__OIDC__TEST__CLIENT_ID", "web".to_owned()),
            ("TAPEBASE_AUTH__OIDC__TEST__CLIENT_SECRET", "s3cret web".to_owned()),
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
