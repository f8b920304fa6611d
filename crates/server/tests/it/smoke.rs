use crate::server::Server;
use tapebase_conformance::http::Request;

#[test]
fn healthz() {
    let server = Server::start(&[]);
    let _ = server.send(&Request::new("GET", "/healthz")).expect(200);
    let token = server.sign_up("ann");
    assert!(server.list_all(&token).is_empty());
    assert!(server.terminate().success());
}
