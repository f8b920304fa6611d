//! Operators look after accounts over HTTP, where users are in DynamoDB.

use std::sync::{Arc, LazyLock};

use tapebase_conformance::http::Tcp;

use super::stores;
use crate::server::{Server, Shared, borrowed, operators_token};

fn shared() -> ((Tcp, Arc<Server>), impl Fn(&str) -> String) {
    static SERVER: Shared = Shared::new();
    static STORES: LazyLock<Vec<(&str, String)>> = LazyLock::new(stores::fresh);
    let (tcp, server) = SERVER.get(|| Server::start(&borrowed(&STORES)));
    let data_dir = server.data_dir().to_owned();
    ((tcp, server), move |email: &str| operators_token(&data_dir, &borrowed(&STORES), email))
}

tapebase_conformance::admin_tests!(shared());
