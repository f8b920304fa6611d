//! The actix app of the server, as a service that takes requests without a connection.

use actix_http::Request;
use actix_service::{IntoServiceFactory as _, Service, ServiceFactory as _};
use actix_web::{
    App, Error,
    body::MessageBody,
    dev::{AppConfig, ServiceResponse},
    middleware::from_fn,
    web::Data,
};
use tapebase_domain::{Services, ports::Ports};
use tapebase_http::{HttpPolicy, request_log, routes::routes};

/// Starts the app, once for all invocations.
pub async fn start(
    services: Services,
    ports: Ports,
    policy: HttpPolicy,
) -> anyhow::Result<impl Service<Request, Response = ServiceResponse<impl MessageBody>, Error = Error>> {
    let app = App::new()
        .app_data(Data::new(services))
        .app_data(Data::new(ports))
        .app_data(Data::new(policy))
        .wrap(from_fn(request_log::identify))
        .configure(routes);
    let service = app.into_factory().new_service(AppConfig::default()).await;
    service.map_err(|()| anyhow::anyhow!("the app does not start"))
}
