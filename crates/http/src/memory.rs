//! Memory for bodies: whoever sends or is sent one has some granted first.

use std::time::Duration;

use actix_web::{HttpRequest, web::Data};
use tapebase_api::Slug;
use tapebase_domain::{
    id::UserId,
    memory::{Budget, Grant, Purpose},
    ports::Ports,
};
use tokio::time::timeout;

use crate::answers::problem::Problem;

/// How long somebody waits for memory.
const PATIENCE: Duration = Duration::from_secs(10);

/// The memory of the server that a request came to.
pub fn of(request: &HttpRequest) -> Result<Budget, Problem> {
    let ports = request.app_data::<Data<Ports>>();
    ports.map(|ports| ports.memory.clone()).ok_or_else(|| Problem::internal("the app has no ports"))
}

/// Waits until there are `bytes` for `user`, and refuses those who would have to wait for long.
pub async fn grant(memory: &Budget, user: UserId, purpose: Purpose, bytes: u64) -> Result<Grant, Problem> {
    timeout(PATIENCE, memory.take(user, purpose, bytes)).await.map_err(|_| {
        let detail = match purpose {
            Purpose::Receiving => {
                "The server has no memory left for this request. Nothing of the body was read; try again."
            }
            Purpose::Sending => "The server has no memory left for this response. Try again.",
        };
        Problem::new(Slug::Busy, detail)
    })
}
