//! Mails that are due: sent once their clients are answered, who are not to learn how long that takes.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web::Data};
use tapebase_domain::{
    Services,
    auth::{AuthError, DueMail, Invitation, Mailed, WithMail},
    ports::{Clock as _, SystemClock, causes},
};
use tracing::warn;

use crate::{Failures, Tasks, answers::problem::Problem};

/// What fails, as operators see it.
const MAIL: &str = "mail";

/// Sends mails that are due.
pub struct Mailing {
    services: Data<Services>,
    tasks: Data<Tasks>,
    failures: Option<Data<Failures>>,
}

impl FromRequest for Mailing {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parts = request.app_data::<Data<Services>>().zip(request.app_data::<Data<Tasks>>());
        let mailing = parts.map(|(services, tasks)| {
            let failures = request.app_data().cloned();
            Self { services: services.clone(), tasks: tasks.clone(), failures }
        });
        ready(mailing.ok_or_else(|| Problem::internal("the app was built without its use cases")))
    }
}

impl Mailing {
    /// What was done, if it was; the mail about it is on its way.
    pub async fn start<T>(self, outcome: WithMail<T>) -> Result<Option<T>, Problem> {
        match outcome {
            WithMail::Done(done, mail) => {
                if let Some(mail) = mail {
                    // What is done is not undone because nobody is told.
                    let _ = self.start_one(mail).await;
                }
                Ok(Some(done))
            }
            WithMail::CodeNeeded(mail) => self.start_one(mail).await.map(|()| None),
        }
    }

    /// An invitation; whether there is a mail about it.
    pub async fn start_invitation(self, invitation: Invitation) -> bool {
        let Self { services, tasks, failures } = self;
        if !services.auth.sends_mail() {
            return false;
        }
        let mail = async move { tell(Ok(services.auth.mail_invitation(invitation).await), failures) };
        tasks.start(mail).await.is_ok()
    }

    /// One mail.
    pub async fn start_one(self, mail: DueMail) -> Result<(), Problem> {
        let Self { services, tasks, failures } = self;
        tasks.start(async move { tell(services.auth.mail(mail).await, failures) }).await
    }
}

/// Nobody but the operator is told of what fails: in the log, and at `/readyz` where no mail can be sent at all.
fn tell(mailed: Result<Mailed, AuthError>, failures: Option<Data<Failures>>) {
    match (&mailed, failures) {
        (Ok(Mailed::Sent), Some(failures)) => failures.clear(MAIL),
        (Ok(Mailed::Failed(_)), Some(failures)) => failures.add(MAIL, SystemClock.now()),
        _ => {}
    }
    match mailed {
        Ok(Mailed::Nothing | Mailed::Sent) => {}
        Ok(Mailed::Refused) => warn!("somebody was not mailed: the mail server refuses its address"),
        Ok(Mailed::Failed(error)) => warn!(cause = causes(&*error), "somebody was not mailed"),
        Err(error) => warn!(cause = causes(&error), "somebody was not mailed"),
    }
}
