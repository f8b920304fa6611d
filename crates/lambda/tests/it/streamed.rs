//! The function with answers that come piece by piece.

use crate::rie::Shared;

static SHARED: Shared = Shared::new(&[("TAPEBASE_LAMBDA__STREAM", "true")]);

tapebase_conformance::answer_tests!((SHARED.caller(), ()));
