//! The function: what is done for each event.

use actix_http::Request;
use actix_service::Service;
use actix_web::{Error, HttpResponse, body::MessageBody, dev::ServiceResponse, http::Method};
use lambda_runtime::{Diagnostic, FunctionResponse, LambdaEvent, service_fn};
use serde_json::value::to_raw_value;

use crate::{
    answer::{self, Answer, AnswerError, Form},
    event::{Event, EventError, Work},
    pieces::Abort,
    range,
    sweeper::Sweeper,
};

/// The app behind Lambda's events.
pub struct Function<A> {
    app: A,
    sweeper: Sweeper,
    streams: bool,
    abort: Abort,
}

/// Why an invocation fails: what no client asked for, or could be told.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Event(#[from] EventError),
    #[error(transparent)]
    Answer(#[from] AnswerError),
    #[error("cannot sweep: {0}")]
    Sweep(String),
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        let kind = match failure {
            Failure::Event(_) => "Tapebase.Event",
            Failure::Answer(_) => "Tapebase.Answer",
            Failure::Sweep(_) => "Tapebase.Sweep",
        };
        Self { error_type: kind.to_owned(), error_message: failure.to_string() }
    }
}

impl<A, B> Function<A>
where
    A: Service<Request, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    /// Puts `app` behind events. With `streams`, answers go out piece by piece.
    pub fn new(app: A, sweeper: Sweeper, streams: bool) -> Self {
        Self { app, sweeper, streams, abort: Abort::default() }
    }

    /// Does what events ask for, one after the other, until an answer breaks off or Lambda is gone.
    pub async fn serve(&self) -> anyhow::Result<()> {
        let handler = service_fn(|event: LambdaEvent<Event>| self.handle(event.payload));
        tokio::select! {
            result = lambda_runtime::run(handler) => result.map_err(anyhow::Error::from_boxed),
            () = self.abort.called() => anyhow::bail!("an answer broke off: ending, so that it does not pass for whole"),
        }
    }

    async fn handle(&self, event: Event) -> Result<Answer, Failure> {
        let result = match event.work() {
            Ok(Work::Answer(request, form)) => self.answer(request, form).await,
            Ok(Work::Sweep) => self.sweep().await,
            Err(error) => Err(error.into()),
        };
        result.inspect_err(|failure| tracing::error!(cause = %failure, "an invocation failed"))
    }

    async fn answer(&self, mut request: Request, form: Form) -> Result<Answer, Failure> {
        // Nobody who sends the older form takes answers in pieces.
        let streams = self.streams && form == Form::Second;
        if !streams {
            range::cut(&mut request);
        }
        let is_head = request.method() == Method::HEAD;
        let response = match self.app.call(request).await {
            Ok(response) => response.into_parts().1.map_into_boxed_body(),
            Err(error) => HttpResponse::from_error(error),
        };
        let answer = if streams {
            answer::streamed(response, is_head, &self.abort)
        } else {
            answer::whole(response, is_head, form).await
        };
        Ok(answer?)
    }

    async fn sweep(&self) -> Result<Answer, Failure> {
        let report = self.sweeper.sweep().await.map_err(|error| Failure::Sweep(format!("{error:#}")))?;
        Ok(FunctionResponse::BufferedResponse(to_raw_value(&report).map_err(AnswerError::from)?))
    }
}
