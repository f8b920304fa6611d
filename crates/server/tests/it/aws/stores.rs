//! A table and a place in a bucket for the server, made by its own `setup`.

use serde_json::Value;
use tapebase_conformance::{
    engines,
    http::{Client as _, Request, Web},
};
use tempfile::TempDir;

use crate::server::{Server, borrowed, command};

/// The settings of a table and a prefix of their own, made as an operator makes them.
pub fn fresh() -> Vec<(&'static str, String)> {
    let settings = engines::fresh_stores();
    let folder = TempDir::new().expect("a temporary folder");
    let made = command(folder.path(), &borrowed(&settings)).arg("setup").output().expect("it starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
    settings
}

/// Starts a server on stores of its own.
pub fn serve(more: &[(&str, &str)]) -> Server {
    let settings = fresh();
    Server::start(&[&borrowed(&settings), more].concat())
}

/// What DynamoDB Local answers, which believes any signature.
pub fn call(operation: &str, request: &Value) -> Value {
    let key = std::env::var_os("AWS_ACCESS_KEY_ID").expect("the engines' own");
    let region = std::env::var_os("AWS_REGION").expect("the engines' own");
    let (key, region) = (key.to_string_lossy(), region.to_string_lossy());
    let scope = format!("{key}/20260101/{region}/dynamodb/aws4_request");
    let request = Request::new("POST", format!("http://{}/", engines::address(engines::DYNAMODB)))
        .body("application/x-amz-json-1.0", request.to_string())
        .header("X-Amz-Target", format!("DynamoDB_20120810.{operation}"))
        .header("Authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"));
    Web.send(&request).expect(200).json()
}
