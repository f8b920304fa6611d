//! Argon2id keeps every promise of its port.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use tapebase_adapters::argon2id::Argon2id;

fn fresh() -> Ready<(Arc<Argon2id>, ())> {
    ready((Arc::default(), ()))
}

tapebase_conformance::password_hasher_tests!(fresh());
