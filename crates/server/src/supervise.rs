//! Keeps what runs beside the answering of requests running.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tapebase_domain::ports::Clock;
use tapebase_http::Failures;
use tokio::time::sleep;

/// How long after its end a task is started again: one that ends at once must not take a core.
const PAUSE: Duration = Duration::from_secs(10);

/// Runs what `start` makes, and starts it again whenever it ends or panics, which is logged and noted as a failure of
/// `task`. The task itself clears that once it succeeds.
pub async fn supervise<F: Future<Output = ()>>(
    task: &'static str,
    failures: Failures,
    clock: Arc<dyn Clock>,
    start: impl Fn() -> F,
) {
    loop {
        // Nothing of a run is left for the next one to find half done.
        let has_panicked = AssertUnwindSafe(start()).catch_unwind().await.is_err();
        tracing::error!(task, has_panicked, "a task in the background ended; it is started again");
        failures.add(task, clock.now());
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tapebase_domain::ports::SystemClock;
    use tokio::time::{Instant, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ends_or_panics_is_started_again() {
        let (started, runs) = (Instant::now(), Cell::new(0));
        let failures = Failures::default();

        let supervised = supervise("count", failures.clone(), Arc::new(SystemClock), || async {
            runs.set(runs.get() + 1);
            assert!(runs.get() != 1, "on purpose");
        });
        let ended = timeout(3 * PAUSE + PAUSE / 2, supervised).await;

        assert!(ended.is_err(), "it goes on");
        assert_eq!(runs.get(), 4, "in {:?}", started.elapsed());
        assert!(format!("{failures:?}").contains("count"), "{failures:?}");
    }
}
