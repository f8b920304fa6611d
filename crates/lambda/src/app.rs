//! The actix app of the server, as a service that takes requests without a connection.

use actix_http::Request;
use actix_service::{IntoServiceFactory as _, Service, ServiceFactory as _};
use actix_web::{
    App, Error,
    body::MessageBody,
    dev::{AppConfig, ServiceResponse},
    web::ServiceConfig,
};
use tapebase_http::{Origins, wrapped};

/// Starts the app, once for all invocations.
pub async fn start<R: FnOnce(&mut ServiceConfig)>(
    routes: R,
    origins: &Origins,
) -> anyhow::Result<impl Service<Request, Response = ServiceResponse<impl MessageBody + use<R>>, Error = Error> + use<R>>
{
    let app = wrapped(App::new(), origins).configure(routes);
    let service = app.into_factory().new_service(AppConfig::default()).await;
    service.map_err(|()| anyhow::anyhow!("the app does not start"))
}
