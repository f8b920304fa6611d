//! Clients that hang up, on S3 and DynamoDB.

use tapebase_adapters::connect::{Locations, S3Dialect};

use super::stores;
use crate::{
    cancel::{hang_up_everywhere, settings},
    server::{Server, borrowed},
};

#[test]
fn whoever_hangs_up_leaves_nothing_half_done() {
    let stores = stores::fresh();
    let settings = settings();
    let server = Server::start(&[borrowed(&stores), borrowed(&settings)].concat());
    let dialect = S3Dialect { path_style: true, ..S3Dialect::default() };

    hang_up_everywhere(&server, &Locations::parse(&stores[0].1, &stores[1].1, dialect).expect("they are known"));
}
