use std::convert::Infallible;

use actix_web::body::SizedStream;
use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use super::*;

fn audio(bytes: &'static [u8]) -> HttpResponse {
    HttpResponse::Ok().insert_header((problem::X_REQUEST_ID, "42")).content_type("audio/mp4").body(bytes)
}

async fn answered(response: HttpResponse, is_head: bool) -> Value {
    answered_in(Form::Second, response, is_head).await
}

async fn answered_in(form: Form, response: HttpResponse, is_head: bool) -> Value {
    match whole(response, is_head, form).await {
        Ok(Answer::BufferedResponse(answer)) => serde_json::from_str(answer.get()).expect("JSON"),
        Ok(Answer::StreamingResponse(_)) => panic!("it is streamed"),
        Err(error) => panic!("{error}"),
    }
}

fn problem_of(answer: &Value) -> Value {
    assert_eq!(answer["headers"]["content-type"], "application/problem+json", "{answer}");
    assert_eq!(answer["headers"]["x-request-id"], "42", "{answer}");
    let problem: Value = serde_json::from_str(answer["body"].as_str().expect("text")).expect("JSON");
    assert_eq!(problem["instance"], "urn:uuid:42", "{answer}");
    assert_eq!(problem["status"], answer["statusCode"], "{answer}");
    problem
}

#[actix_web::test]
async fn text_stays_text_and_all_else_is_base64() {
    let text = |media_type: &str, body: &'static [u8]| HttpResponse::Ok().content_type(media_type).body(body);
    for (response, body, is_base64) in [
        (text("application/json", b"{}"), "{}", false),
        (text("application/problem+json", b"{}"), "{}", false),
        (text("text/html; charset=utf-8", "ä".as_bytes()), "ä", false),
        (text("text/plain", b"\xFF"), "/w==", true),
        (audio(b"ID3"), "SUQz", true),
        (audio(b""), "", false),
    ] {
        let answer = answered(response, false).await;
        assert_eq!((&answer["body"], &answer["isBase64Encoded"]), (&body.into(), &is_base64.into()));
    }
}

#[actix_web::test]
async fn the_older_form_has_a_list_of_values_for_each_header_or_one_value() {
    let response = || {
        let mut response = HttpResponse::NotFound();
        for name in ["vary", "set-cookie"] {
            response.append_header((name, "a")).append_header((name, "b"));
        }
        response.content_type("audio/mp4").body("ID3")
    };

    let lists = answered_in(Form::First { has_lists: true, is_balanced: false }, response(), false).await;
    let values = answered_in(Form::First { has_lists: false, is_balanced: true }, response(), false).await;

    for answer in [&lists, &values] {
        assert_eq!(answer["statusCode"], 404);
        assert_eq!((&answer["body"], &answer["isBase64Encoded"]), (&"SUQz".into(), &true.into()));
        assert_eq!(answer["cookies"], Value::Null);
    }
    assert_eq!((&lists["statusDescription"], &values["statusDescription"]), (&Value::Null, &"404 Not Found".into()));
    assert_eq!(lists["multiValueHeaders"]["vary"], serde_json::json!(["a, b"]));
    assert_eq!(lists["multiValueHeaders"]["set-cookie"], serde_json::json!(["a", "b"]));
    assert_eq!(lists["multiValueHeaders"]["content-length"], serde_json::json!(["3"]));
    assert_eq!((&values["headers"]["vary"], &values["headers"]["set-cookie"]), (&"a, b".into(), &"a".into()));
    assert_eq!((&lists["headers"], &values["multiValueHeaders"]), (&Value::Null, &Value::Null));
}

#[actix_web::test]
async fn lines_of_one_name_are_joined_and_cookies_are_not() {
    let mut response = HttpResponse::Ok();
    for name in ["vary", "set-cookie"] {
        response.append_header((name, "a")).append_header((name, "b"));
    }

    let answer = answered(response.finish(), false).await;

    assert_eq!(answer["headers"]["vary"], "a, b");
    assert_eq!(answer["cookies"], serde_json::json!(["a", "b"]));
    assert_eq!(answer["headers"]["set-cookie"], Value::Null);
}

#[actix_web::test]
async fn a_head_keeps_its_length_and_loses_its_body() {
    let response = HttpResponse::Ok().body(SizedStream::new(5_000_000_000, stream::empty::<Result<_, Infallible>>()));

    let answer = answered(response, true).await;

    assert_eq!((&answer["statusCode"], &answer["body"]), (&200.into(), &"".into()));
    assert_eq!(answer["headers"]["content-length"], "5000000000");
}

#[actix_web::test]
async fn what_has_no_content_has_no_length() {
    let answer = answered(HttpResponse::NoContent().finish(), false).await;

    assert_eq!(answer["headers"], serde_json::json!({}));
}

#[actix_web::test]
async fn what_lambda_does_not_take_is_a_problem() {
    let large = |bytes: usize| {
        let body = stream::iter([Ok::<_, Infallible>(bytes::Bytes::from(vec![0; bytes]))]);
        HttpResponse::Ok().insert_header((problem::X_REQUEST_ID, "42")).content_type("audio/mp4").streaming(body)
    };
    let escaped = "\u{1}".repeat(ANSWER_BYTES / 6);
    let text = HttpResponse::Ok().insert_header((problem::X_REQUEST_ID, "42")).content_type("text/plain").body(escaped);

    let fits = answered(large(ANSWER_BYTES / 4 * 3 - 1_000), false).await;
    assert_eq!(fits["statusCode"], 200);
    for response in [large(ANSWER_BYTES / 4 * 3), large(ANSWER_BYTES / 4 * 3 + 1), text] {
        let answer = answered(response, false).await;
        assert_eq!(answer["statusCode"], 413);
        assert_eq!(problem_of(&answer)["type"], "/problems/answer-too-large");
        assert_eq!(problem_of(&answer)["retryable"], false);
    }
}

#[actix_web::test]
async fn a_body_that_breaks_off_is_a_problem() {
    for (length, end) in [(5, Some(Err("the disk is gone"))), (5, None)] {
        let pieces = stream::iter([Ok("ID3".into())]).chain(stream::iter(end));
        let mut response = HttpResponse::Ok();
        response.insert_header((problem::X_REQUEST_ID, "42"));

        let answer = answered(response.body(SizedStream::new(length, pieces)), false).await;

        assert_eq!((&answer["statusCode"], &answer["headers"]["retry-after"]), (&503.into(), &"2".into()));
        assert_eq!(problem_of(&answer)["type"], "/problems/unavailable");
    }
}

#[actix_web::test]
async fn a_streamed_answer_has_the_same_head() {
    let answer = streamed(audio(b"ID3"), false, &Abort::default());

    let Ok(Answer::StreamingResponse(StreamResponse { metadata_prelude, stream })) = answer else {
        panic!("it is not streamed")
    };
    assert_eq!(metadata_prelude.status_code, 200);
    assert_eq!(metadata_prelude.headers["content-length"], "3");
    assert_eq!(metadata_prelude.headers["content-type"], "audio/mp4");
    assert_eq!(stream.collect::<Vec<_>>().await, [Ok(bytes::Bytes::from("ID3"))]);
}
