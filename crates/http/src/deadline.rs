//! Most of what neither takes nor sends audio is answered within a time, whatever the stores do; `routes` says what.

use std::time::Duration;

use actix_web::{Handler, Responder};
use futures_util::{TryFutureExt as _, future::MapErr};
use tapebase_api::Slug;
use tokio::time::{Timeout, error::Elapsed, timeout};

use crate::answers::problem::Problem;

/// From when a request is read and its caller known. A call of a store has a time limit of its own; several one after the other have this.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// Answers a request, or says that it takes too long. What changes something goes on, as when a client hangs up.
#[derive(Clone)]
pub struct Prompt<F> {
    handler: F,
    patience: Duration,
}

impl<F> Prompt<F> {
    /// Answers as `handler` does, if that takes no longer than `patience`.
    pub const fn new(handler: F, patience: Duration) -> Self {
        Self { handler, patience }
    }
}

impl<F, Args> Handler<Args> for Prompt<F>
where
    F: Handler<Args>,
    F::Output: Responder,
{
    type Output = Result<F::Output, Problem>;
    type Future = MapErr<Timeout<F::Future>, fn(Elapsed) -> Problem>;

    fn call(&self, args: Args) -> Self::Future {
        timeout(self.patience, self.handler.call(args)).map_err(|elapsed| {
            let detail = "The stores take too long; if something was to be changed, it may still be. Try again.";
            Problem::caused_by(Slug::Unavailable, detail, elapsed.into())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use actix_web::{App, http::StatusCode, test, web};

    use super::*;

    #[actix_web::test]
    async fn what_takes_too_long_is_answered_that_it_does() {
        let patience = Duration::from_millis(20);
        let never = Prompt::new(future::pending::<&str>, patience);
        let at_once = Prompt::new(|| future::ready("here"), Duration::MAX);
        let app = App::new().route("/never", web::get().to(never)).route("/at-once", web::get().to(at_once));
        let app = test::init_service(app).await;

        let late = test::call_service(&app, test::TestRequest::get().uri("/never").to_request()).await;
        let prompt = test::call_service(&app, test::TestRequest::get().uri("/at-once").to_request()).await;

        assert_eq!(late.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(late.headers().contains_key("retry-after"));
        assert_eq!(test::read_body(prompt).await, "here");
    }
}
