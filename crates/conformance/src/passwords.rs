//! What a password hasher promises.

use std::sync::Arc;

use tapebase_domain::{
    ports::{HasherError, PasswordHasher},
    user::{Password, PasswordHash},
};

fn password(text: &str) -> Password {
    Password::parse(text).expect("long enough")
}

/// Hash MUST make another hash each time, also of an equal password.
pub async fn hash_makes_another_each_time(store: Arc<dyn PasswordHasher>) {
    let one = store.hash(password("correct horse")).await.expect("hashed");
    let other = store.hash(password("correct horse")).await.expect("hashed");

    assert_ne!(one.expose(), other.expose());
    for hash in [one, other] {
        assert!(!hash.expose().contains("correct horse"));
        assert!(store.verify(password("correct horse"), hash).await.expect("verified"));
    }
}

/// Verify MUST be true for the password that was hashed, and for no other.
pub async fn verify_knows_the_password_from_every_other(store: Arc<dyn PasswordHasher>) {
    let long = format!("{}1", "correct horse ".repeat(9));
    for text in ["correct horse", "pässwörter", "  spaces count  ", &long] {
        let hash = store.hash(password(text)).await.expect("hashed");

        assert!(store.verify(password(text), hash.clone()).await.expect("verified"), "{text}");
        for other in ["Correct horse", "correct horse ", "passworter", "spaces count", &long.replace('1', "2")] {
            assert!(!store.verify(password(other), hash.clone()).await.expect("verified"), "{other} for {text}");
        }
    }
}

/// Verify MUST fail with `Failed` for what is no hash of this hasher.
pub async fn verify_fails_for_what_is_no_hash(store: Arc<dyn PasswordHasher>) {
    for text in ["", "correct horse", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv"] {
        let verified = store.verify(password("correct horse"), PasswordHash::new(text.to_owned())).await;

        assert!(matches!(verified, Err(HasherError::Failed(_))), "{text}: {verified:?}");
    }
}

/// The decoy MUST match no password.
pub async fn the_decoy_matches_no_password(store: Arc<dyn PasswordHasher>) {
    for text in ["correct horse", "password", "decoy decoy"] {
        assert!(!store.verify(password(text), store.decoy()).await.expect("verified"));
    }
}
