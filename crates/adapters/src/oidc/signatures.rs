//! The signatures of JSON Web Tokens by ring, which TLS has brought along: what `jsonwebtoken` offers of its own would add
//! a second such library to the program, or one with an advisory that has no fix.

use std::sync::OnceLock;

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind,
    crypto::{CryptoProvider, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
    signature::{Error, Verifier},
};
use ring::signature::{self as rings, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};

static PROVIDER: CryptoProvider = CryptoProvider {
    // Nothing is signed with this crate: see `signing_key`.
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: |algorithm, key| verifier(*algorithm, key),
    // They are for thumbprints and private keys, of which there are none here.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Has every token of this process checked here.
pub fn install() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    #[expect(clippy::expect_used, reason = "nothing else here knows the crate")]
    INSTALLED.get_or_init(|| PROVIDER.install_default().expect("nobody else has installed another"));
}

fn verifier(algorithm: Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let scheme = Scheme::of(algorithm).ok_or(ErrorKind::UnsupportedAlgorithm)?;
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    Ok(Box::new(Ring { algorithm, scheme, key: key.clone() }))
}

/// Checks one token.
struct Ring {
    algorithm: Algorithm,
    scheme: Scheme,
    key: DecodingKey,
}

/// RFC 7518 section 3.1, and RFC 8037.
#[derive(Clone, Copy)]
enum Scheme {
    Rsa(&'static RsaParameters),
    Curve(&'static dyn VerificationAlgorithm),
}

impl Scheme {
    /// `None` for what needs a secret that is shared, and for what comes with later versions.
    fn of(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::RS256 => Some(Self::Rsa(&rings::RSA_PKCS1_2048_8192_SHA256)),
            Algorithm::RS384 => Some(Self::Rsa(&rings::RSA_PKCS1_2048_8192_SHA384)),
            Algorithm::RS512 => Some(Self::Rsa(&rings::RSA_PKCS1_2048_8192_SHA512)),
            Algorithm::PS256 => Some(Self::Rsa(&rings::RSA_PSS_2048_8192_SHA256)),
            Algorithm::PS384 => Some(Self::Rsa(&rings::RSA_PSS_2048_8192_SHA384)),
            Algorithm::PS512 => Some(Self::Rsa(&rings::RSA_PSS_2048_8192_SHA512)),
            Algorithm::ES256 => Some(Self::Curve(&rings::ECDSA_P256_SHA256_FIXED)),
            Algorithm::ES384 => Some(Self::Curve(&rings::ECDSA_P384_SHA384_FIXED)),
            Algorithm::EdDSA => Some(Self::Curve(&rings::ED25519)),
            _ => None,
        }
    }
}

impl Verifier<Vec<u8>> for Ring {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let checked = match (self.scheme, self.key.kind()) {
            (Scheme::Rsa(parameters), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            (Scheme::Curve(algorithm), DecodingKeyKind::SecretOrDer(key)) => {
                UnparsedPublicKey::new(algorithm, key).verify(message, signature)
            }
            _ => return Err(Error::new()),
        };
        checked.map_err(|_| Error::new())
    }
}

impl JwtVerifier for Ring {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// Whether tokens that are signed so can be checked.
#[must_use]
pub fn is_known(algorithm: Algorithm) -> bool {
    Scheme::of(algorithm).is_some()
}
