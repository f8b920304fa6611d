//! Client secrets that are signed by the client, as Sign in with Apple has it
//! (<https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret>).

use std::fmt;

use chrono::TimeDelta;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use serde_json::json;
use tapebase_domain::{ports::BoxError, time::Timestamp};

/// How long a secret counts: it is used at once.
const LIFETIME: TimeDelta = TimeDelta::minutes(5);

/// What client secrets are signed with; prints as `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    team: String,
    id: String,
    /// PKCS #8, of the curve P-256.
    key: Vec<u8>,
}

/// The text is no key that secrets can be signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a private key of the curve P-256 in PEM (PKCS #8), as the text of the .p8 file is that Apple gives")]
pub struct InvalidKey;

impl SigningKey {
    /// The key that a provider calls `id`, of `team`; new lines may be written `\n`, as in variables.
    ///
    /// # Errors
    /// [`InvalidKey`].
    pub fn parse(team: String, id: String, pem: &str) -> Result<Self, InvalidKey> {
        let pem = pem.replace("\\n", "\n");
        let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----").ok_or(InvalidKey)?;
        let (base64, _) = rest.split_once("-----END PRIVATE KEY-----").ok_or(InvalidKey)?;
        let base64: String = base64.split_whitespace().collect();
        let key = BASE64.decode(base64.as_bytes()).map_err(|_| InvalidKey)?;
        let key = Self { team, id, key };
        key.pair().map(|_| key.clone()).map_err(|_| InvalidKey)
    }

    /// What proves to `issuer` that this server is `client` (RFC 7515, ES256).
    pub(super) fn secret(&self, client: &str, issuer: &str, now: Timestamp) -> Result<String, BoxError> {
        let encode = |json: serde_json::Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
        let head = encode(json!({"alg": "ES256", "kid": self.id}));
        let (from, until) = (now.timestamp(), (now + LIFETIME).timestamp());
        let claims = encode(json!({"iss": self.team, "iat": from, "exp": until, "aud": issuer, "sub": client}));
        let signed = format!("{head}.{claims}");
        let signature = self.pair()?.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.map_err(|_| "a client secret cannot be signed")?;
        Ok(format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref())))
    }

    fn pair(&self) -> Result<EcdsaKeyPair, BoxError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.key, &SystemRandom::new());
        pair.map_err(|error| error.to_string().into())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, UnparsedPublicKey};
    use serde_json::Value;
    use tapebase_domain::oidc::ProviderName;

    use super::*;
    use crate::oidc::{Provider, preset};

    fn pem() -> String {
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).expect("a key");
        let lines = BASE64.encode(key.as_ref());
        let (first, second) = lines.split_at(64);
        format!("-----BEGIN PRIVATE KEY-----\n{first}\n{second}\n-----END PRIVATE KEY-----\n")
    }

    fn parse(pem: &str) -> Result<SigningKey, InvalidKey> {
        SigningKey::parse("TEAM".into(), "KEY".into(), pem)
    }

    #[test]
    fn a_secret_is_what_apple_wants_and_signed() {
        let key = parse(&pem()).expect("a key");
        let now = Timestamp::from_timestamp(1_796_000_000, 0).expect("in range");

        let secret = key.secret("com.example.recorder", "https://appleid.apple.com", now).expect("signed");

        let parts: Vec<&str> = secret.split('.').collect();
        let read = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).expect("base64url");
        let json = |part: &str| serde_json::from_slice::<Value>(&read(part)).expect("JSON");
        assert_eq!(json(parts[0]), json!({"alg": "ES256", "kid": "KEY"}));
        assert_eq!(
            json(parts[1]),
            json!({"iss": "TEAM", "iat": 1_796_000_000, "exp": 1_796_000_300, "aud": "https://appleid.apple.com", "sub": "com.example.recorder"})
        );
        let public = UnparsedPublicKey::new(
            &ECDSA_P256_SHA256_FIXED,
            key.pair().expect("a pair").public_key().as_ref().to_vec(),
        );
        public.verify(format!("{}.{}", parts[0], parts[1]).as_bytes(), &read(parts[2])).expect("its signature");
        assert_eq!(format!("{key:?}"), "[redacted]");
    }

    #[test]
    fn a_provider_with_a_key_gets_a_secret_of_whichever_app_it_is() {
        let key = parse(&pem()).expect("a key");
        let name = ProviderName::parse("apple").expect("a name");
        let provider = Provider { signing_key: Some(key), ..preset(&name).expect("it is known") };

        for client in ["com.example.recorder", "com.example.web"] {
            let found = provider.authenticated(client, Timestamp::default()).expect("signed");

            let secret = found.secret.expect("a secret").0;
            let claims =
                BASE64URL_NOPAD.decode(secret.split('.').nth(1).expect("claims").as_bytes()).expect("base64url");
            let claims: Value = serde_json::from_slice(&claims).expect("JSON");
            assert_eq!((&*found.id, &claims["sub"], &claims["iss"]), (client, &json!(client), &json!("TEAM")));
        }
    }

    #[test]
    fn a_key_is_read_as_variables_have_it_and_what_is_none_is_refused() {
        let pem = pem();
        assert_eq!(parse(&pem.replace('\n', "\\n")), parse(&pem));
        for text in ["", "key", &pem.replace("PRIVATE", "PUBLIC"), &pem[..80], &pem.replace("\nM", "\nN")] {
            assert_eq!(parse(text), Err(InvalidKey), "{text}");
        }
    }
}
