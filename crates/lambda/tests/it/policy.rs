//! The functions may do what they do, and nothing else.

use std::collections::BTreeSet;

use serde_json::json;
use tapebase_conformance::{
    aws_proxy::{AwsProxy, permission},
    engines,
    http::{Client as _, Request},
};
use tokio::runtime::Runtime;

use crate::{
    flow::{deployed, sign_up, upload_directly},
    rie::Caller,
};

const TEMPLATE: &str = include_str!("../../../../deploy/aws/template.yaml");

/// What both functions may do, and what the sweeper may besides.
const SHARED: &str = "Stores";
const SWEEPERS: &str = "SweeperRole";

#[test]
fn the_templates_policy_grants_exactly_what_is_used() {
    let runtime = Runtime::new().expect("a runtime");
    let (rows, blobs) = runtime.block_on(async {
        (AwsProxy::start(engines::address(engines::DYNAMODB)), AwsProxy::start(engines::address(engines::S3)))
    });
    let (rows_url, blobs_url) = (rows.url(), blobs.url());

    let caller = deployed(&[(engines::DYNAMODB, &rows_url), (engines::S3, &blobs_url)]);
    let used = || [actions_on_rows(&rows), actions_on_audio(&blobs)].concat().into_iter().collect::<BTreeSet<_>>();

    serve(&caller);
    // Which no request uses: without it, S3 says of nothing that it is not there.
    let to_be_told = BTreeSet::from(["s3:ListBucket".to_owned()]);
    assert_eq!(&used() | &to_be_told, granted(SHARED));
    assert_eq!(granted("Role"), BTreeSet::new(), "whoever answers strangers may do more");
    sweep(&caller);
    assert_eq!(used(), &granted(SHARED) | &granted(SWEEPERS));

    assert!(!TEMPLATE.contains("Resource: \"*\"") && !TEMPLATE.contains("- \"*\"\n"), "it grants them on everything");
}

fn actions_on_rows(proxy: &AwsProxy) -> Vec<String> {
    let mut used = Vec::new();
    for action in proxy.counts().keys() {
        match action.as_str() {
            // IAM asks for the actions of its parts.
            "TransactWriteItems" => used.extend(["PutItem", "UpdateItem", "DeleteItem"].map(str::to_owned)),
            action => used.push(action.to_owned()),
        }
    }
    used.into_iter().map(|action| format!("dynamodb:{action}")).collect()
}

fn actions_on_audio(proxy: &AwsProxy) -> Vec<String> {
    proxy.counts().keys().map(|action| format!("s3:{}", permission(action))).collect()
}

/// Every request that makes another call to AWS.
fn serve(caller: &Caller) {
    let token = sign_up(caller);
    let send = |request: Request| caller.send(&request.bearer(&token));
    let credentials = json!({"email": "ann@example.com", "password": "correct horse"});
    let _ = caller.send(&Request::new("POST", "/v1/auth/login").json(&credentials)).expect(200);
    let _ = send(Request::new("GET", "/v1/me/sessions")).expect(200);
    let recording = send(Request::new("POST", "/v1/recordings").body("audio/mp4", "speech")).expect(201).json();
    let target = format!("/v1/recordings/{}", recording["id"].as_str().expect("an id"));
    let _ = send(Request::new("PATCH", &target).json(&json!({"name": "memo.m4a"}))).expect(200);
    let _ = send(Request::new("GET", "/v1/recordings?include=link")).expect(200);
    let _ = send(Request::new("POST", format!("{target}/link"))).expect(200);
    let _ = upload_directly(caller, &token, b"speech").expect(201);
    let _ = upload_directly(caller, &token, &vec![0; 17 << 20]).expect(201);
    let abandoned = json!({"size": 17 << 20, "sha256": "0".repeat(64)});
    let plan = send(Request::new("POST", "/v1/direct").json(&abandoned)).expect(201).json();
    let _ = send(Request::new("DELETE", format!("/v1/direct/{}", plan["id"].as_str().expect("an id")))).expect(204);
    let _ = send(Request::new("DELETE", &target)).expect(204);
    let _ = send(Request::new("DELETE", "/v1/me/sessions")).expect(204);
}

fn sweep(caller: &Caller) {
    let report = caller.invoke(&json!({"tapebase": "sweep"})).expect("an answer");
    let report = String::from_utf8_lossy(&report);
    assert!(report.contains("\"orphans\":0"), "{report}");
}

/// The actions on rows and audio in a resource of the template, each on a line of its own.
fn granted(resource: &str) -> BTreeSet<String> {
    let (_, rest) = TEMPLATE.split_once(&format!("\n  {resource}:\n")).expect("it is there");
    let resource = rest.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    let lines = resource.filter_map(|line| line.trim().strip_prefix("- "));
    lines.filter(|line| line.starts_with("dynamodb:") || line.starts_with("s3:")).map(str::to_owned).collect()
}
