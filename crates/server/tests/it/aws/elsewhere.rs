//! Rows in DynamoDB, and audio in a store of somebody else.

use tapebase_conformance::{engines, http::Request};
use tempfile::TempDir;

use crate::server::{Server, borrowed, command};

#[test]
fn audio_is_in_a_store_with_a_region_and_a_key_of_its_own() {
    let own = |name| std::env::var_os(name).and_then(|value| value.into_string().ok()).expect("the engines' own");
    let (key, secret) = (own("AWS_ACCESS_KEY_ID"), own("AWS_SECRET_ACCESS_KEY"));
    let of_aws = [("AWS_ACCESS_KEY_ID", "another"), ("AWS_SECRET_ACCESS_KEY", "another"), ("AWS_REGION", "eu-west-1")];
    let of_aws = of_aws.map(|(name, value)| (name, value.to_owned()));
    let of_store = [
        ("TAPEBASE_S3__REGION", "auto".to_owned()),
        ("TAPEBASE_S3__ACCESS_KEY_ID", key),
        ("TAPEBASE_S3__SECRET_ACCESS_KEY", secret.clone()),
    ];
    let without = [&engines::fresh_stores()[..], &of_aws].concat();
    let settings = [&without[..], &of_store].concat();
    let folder = TempDir::new().expect("a temporary folder");
    let run = |settings: &[(&str, String)], arguments: &[&str]| {
        let output = command(folder.path(), &borrowed(settings)).args(arguments).output().expect("it starts");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };

    let (is_right, said) = run(&without, &["setup"]);
    assert!(!is_right, "the store knows no such key: {said}");
    let (is_right, said) = run(&settings, &["setup"]);
    assert!(is_right, "{said}");
    let (_, said) = run(&settings, &["doctor"]);
    assert!(said.contains("ok      this program may write (s3:PutObject)"), "{said}");
    let (is_right, said) = run(&settings, &["check-config"]);
    assert!(is_right && said.contains("[redacted]") && !said.contains(&secret), "{said}");

    let server = Server::start(&borrowed(&settings));
    let token = server.sign_up("ann");
    let upload = Request::new("POST", "/v1/recordings").bearer(&token).body("audio/mp4", vec![7; 9 << 20]);
    let recording = server.send(&upload).expect(201).json();
    let audio = format!("/v1/recordings/{}/audio", recording["id"].as_str().expect("an id"));
    assert_eq!(server.send(&Request::new("GET", audio).bearer(&token)).expect(200).body.len(), 9 << 20);
    assert!(server.terminate().success());
}
