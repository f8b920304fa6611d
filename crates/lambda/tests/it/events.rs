//! What Lambda invokes the function with, one event after the other, and how it ends.

use std::{
    io::Read as _,
    net::{Ipv4Addr, TcpListener},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tapebase_conformance::http::{
    Client as _, Request,
    cases::{Strict, User, fixtures::noise, user::id},
    lambda,
};

use crate::rie::{Function, Shared};

/// For what never comes to a request.
const STORES: [(&str, &str); 2] = [("TAPEBASE_RECORDS", "memory:"), ("TAPEBASE_BLOBS", "memory:")];

static SHARED: Shared = Shared::new(&[]);

fn get(target: &str) -> Value {
    lambda::event(&Request::new("GET", target)).expect("it is small")
}

fn invoke(event: &Value) -> Value {
    let answer = SHARED.caller().invoke(event).expect("an answer");
    serde_json::from_slice(&answer).expect("JSON")
}

#[test]
fn a_stage_is_no_part_of_the_path() {
    let mut event = get("/prod/healthz");
    event["requestContext"]["stage"] = "prod".into();

    assert_eq!(invoke(&event)["statusCode"], 200);
}

#[test]
fn what_is_no_event_fails_and_the_next_is_answered() {
    let mut without_method = get("/healthz");
    without_method["requestContext"]["http"] = json!({});
    let mut bad_body = get("/healthz");
    (bad_body["body"], bad_body["isBase64Encoded"]) = ("%".into(), true.into());
    for event in [json!({}), json!([]), json!("x"), json!({"tapebase": "fly"}), without_method, bad_body] {
        let answer = invoke(&event);
        assert!(answer["errorType"].is_string() && answer["errorMessage"].is_string(), "{event}: {answer}");

        assert_eq!(invoke(&get("/healthz"))["statusCode"], 200);
    }
}

#[test]
fn a_schedule_sweeps() {
    let scheduled = json!({"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}});

    for event in [json!({"tapebase": "sweep"}), scheduled] {
        let report = invoke(&event);
        for count in ["orphans", "failed", "uploads", "staged", "sessions"] {
            assert_eq!(report[count], 0, "{report}");
        }
    }
}

#[test]
fn megabytes_come_back_as_they_went_in() {
    for settings in [&[][..], &[("TAPEBASE_LAMBDA__STREAM", "true")]] {
        let caller = Function::start(settings).into_caller();
        let client = Strict(&caller);
        let ann = User::sign_up(&client, "ann");
        let audio = noise(4 << 20);

        let upload = Request::new("POST", "/v1/recordings").body("audio/mp4", &*audio);
        let recording = ann.send(upload).expect(201).json();

        assert!(ann.audio(&id(&recording)) == audio, "it came back with other bytes");
    }
}

#[test]
fn what_is_more_than_lambda_takes_never_arrives() {
    let request = Request::new("POST", "/v1/recordings").body("audio/mp4", noise(5 << 20));

    assert_eq!(SHARED.caller().send(&request).status, 413);
}

#[test]
fn it_ends_when_it_is_told_to() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are ports");
    let mut function = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
        .envs(STORES)
        .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr().expect("it is bound").to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "function")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let (_asking, _) = listener.accept().expect("it asks for an event");

    let asked = Command::new("kill").args(["-s", "TERM", &function.id().to_string()]).status();

    assert!(asked.expect("kill runs").success());
    assert_eq!(function.wait().expect("it ended").code(), Some(0));
}

#[test]
fn outside_of_lambda_it_says_so() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
    let mut function = command.envs(STORES).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut said = String::new();
    function.stderr.take().expect("piped").read_to_string(&mut said).expect("text");

    assert!(said.contains("AWS_LAMBDA_RUNTIME_API is not set: this program is for Lambda to start"), "{said}");
    assert_eq!(function.wait().expect("it ended").code(), Some(1));
}
