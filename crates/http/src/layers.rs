//! What every request passes on its way in, whichever front end it came through.

use actix_web::{
    App, Error,
    body::MessageBody,
    dev::{ServiceFactory, ServiceRequest, ServiceResponse},
    middleware::{Condition, from_fn},
};

use crate::{
    Origins,
    cors::{self, cors},
    rates, request_log,
};

/// The same app, where every request has an id and a line in the log, pages of these origins may use it, and nobody sends
/// too many requests.
#[must_use]
pub fn wrapped<T, B>(
    app: App<T>,
    origins: &Origins,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<T, B>>,
        Error = Error,
        InitError = (),
    > + use<T, B>,
>
where
    T: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<B>, Error = Error, InitError = ()>
        + 'static,
    B: MessageBody + 'static,
{
    // Where no other origin is allowed, neither costs a request anything.
    let is_shared = !origins.is_none();
    app.wrap(from_fn(rates::limit))
        .wrap(Condition::new(is_shared, cors(origins)))
        .wrap(Condition::new(is_shared, from_fn(cors::explain)))
        .wrap(from_fn(request_log::identify))
}
