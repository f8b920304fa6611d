//! Signing up and logging in.

use serde_json::{Value, json};

use super::{
    at_once, expect_all,
    user::{PASSWORD, User, fresh_email, id, log_in, sign_up, token},
};
use crate::http::{Client, Request, Response};

const SIGN_UP: &str = "/v1/auth/signup";
const LOG_IN: &str = "/v1/auth/login";

/// Fails unless a session is that of whoever reads this of themselves.
fn is_of(grant: &Response, me: &Value) {
    for member in ["id", "email", "created_at"] {
        assert_eq!(grant.json()["user"][member], me[member], "{grant:?}");
    }
}

pub fn signing_up_signs_in(client: &dyn Client) {
    let email = fresh_email("ann");

    let grant = client.send(&sign_up(&email, PASSWORD)).expect(201);

    assert_eq!(grant.header("cache-control"), Some("no-store"));
    assert_eq!(grant.json()["token_type"], "Bearer");
    assert_eq!(grant.json()["user"]["email"], *email);
    assert!(grant.json()["expires_at"].as_str() > grant.json()["user"]["created_at"].as_str(), "{grant:?}");
    let me = client.send(&Request::new("GET", "/v1/me").bearer(&token(&grant))).expect(200);
    assert_eq!(me.header("cache-control"), Some("no-store"));
    is_of(&grant, &me.json());
}

pub fn a_token_can_be_told_from_other_secrets(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let digits = ann.token.strip_prefix("tb_").expect("a prefix to search leaks for");

    assert!(digits.len() == 38 && digits.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{}", ann.token);
}

pub fn logging_in_opens_another_session(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let grant = client.send(&log_in(&ann.email, PASSWORD)).expect(200);

    assert_eq!(grant.header("cache-control"), Some("no-store"));
    assert_eq!(grant.json()["token_type"], "Bearer");
    is_of(&grant, &ann.read("/v1/me"));
    assert_ne!(token(&grant), ann.token);
}

pub fn an_email_address_has_no_letter_case(client: &dyn Client) {
    let email = fresh_email("ann");

    let grant = client.send(&sign_up(&email.to_uppercase(), PASSWORD)).expect(201);

    assert_eq!(grant.json()["user"]["email"], *email);
    expect_all(
        client,
        [
            (log_in(&email, PASSWORD), "200"),
            (log_in(&email.to_uppercase(), PASSWORD), "200"),
            (sign_up(&email, PASSWORD), "409 email-taken"),
            (sign_up(&email.replace("ann", "Ann"), PASSWORD), "409 email-taken"),
        ],
    );
}

pub fn an_email_address_is_one_however_it_is_typed(client: &dyn Client) {
    let email = fresh_email("straße").replace("example.com", "bücher.example");

    let grant = client.send(&sign_up(&email, PASSWORD)).expect(201);

    let ways = [
        email.to_uppercase(),
        format!(" {email}\n"),
        email.replace('ß', "ss"),
        email.replace("bücher", "xn--bcher-kva"),
        grant.json()["user"]["email"].as_str().expect("an address").to_owned(),
    ];
    expect_all(client, ways.iter().map(|way| (log_in(way, PASSWORD), "200")));
    expect_all(client, ways.iter().map(|way| (sign_up(way, PASSWORD), "409 email-taken")));
}

pub fn an_email_address_or_password_may_be_composed_or_not(client: &dyn Client) {
    let email = fresh_email("jos\u{e9}");

    let _ = client.send(&sign_up(&email, "caf\u{e9} c\u{f4}t\u{e9}")).expect(201);

    let decomposed = email.replace('\u{e9}', "e\u{301}");
    expect_all(
        client,
        [
            (log_in(&decomposed, "cafe\u{301} co\u{302}te\u{301}"), "200"),
            (log_in(&decomposed, "cafe cote"), "401 wrong-credentials"),
            (sign_up(&decomposed, PASSWORD), "409 email-taken"),
        ],
    );
}

pub fn a_taken_email_address_stays_its_owners(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let refused = client.send(&sign_up(&ann.email, "another password"));

    assert_eq!(refused.outcome(), "409 email-taken");
    expect_all(
        client,
        [(log_in(&ann.email, PASSWORD), "200"), (log_in(&ann.email, "another password"), "401 wrong-credentials")],
    );
}

pub fn one_of_many_at_once_gets_an_email_address(client: &dyn Client) {
    let email = fresh_email("ann");

    let mut outcomes = at_once(6, |_| client.send(&sign_up(&email, PASSWORD)).outcome());

    outcomes.sort();
    let taken = "409 email-taken";
    assert_eq!(outcomes, ["201", taken, taken, taken, taken, taken]);
}

pub fn what_is_no_email_address_is_refused(client: &dyn Client) {
    let too_long = format!("{}@example.com", "a".repeat(243));
    let emails = ["", "ann", "@example.com", "ann@", "ann@@example.com", "a@b@example.com", "ann@.com", &too_long];
    let unclean = [
        "an n@example.com",
        "ann@exam\nple.com",
        "a\u{0}nn@example.com",
        "an\u{200b}n@example.com",
        "\u{202e}nna@x.com",
    ];

    expect_all(client, emails.into_iter().chain(unclean).map(|email| (sign_up(email, PASSWORD), "400 invalid-email")));
}

pub fn a_password_has_8_characters_to_1024_bytes(client: &dyn Client) {
    let fits = ["eight ch", "여덟글자비밀번호", " \t\u{0}      ", &"x".repeat(1_024)];
    let fits_not = ["", "seven c", "일곱글자비밀번", &"x".repeat(1_025), &"가".repeat(342)];

    let accepted = fits.map(|password| (sign_up(&fresh_email("ann"), password), "201"));
    let refused = fits_not.map(|password| (sign_up(&fresh_email("ann"), password), "400 invalid-password"));

    expect_all(client, accepted.into_iter().chain(refused));
}

pub fn a_password_counts_to_its_last_byte(client: &dyn Client) {
    let (email, password) = (fresh_email("ann"), "x".repeat(1_024));

    let _ = client.send(&sign_up(&email, &password)).expect(201);

    expect_all(
        client,
        [
            (log_in(&email, &password), "200"),
            (log_in(&email, &format!("{}y", &password[1..])), "401 wrong-credentials"),
            (log_in(&email, &password[1..]), "401 wrong-credentials"),
            (log_in(&email, &format!("{password} ")), "401 wrong-credentials"),
        ],
    );
}

pub fn guessing_is_slowed_down_for_known_and_unknown_addresses_alike(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    // However slow the front end is, the next wait is longer.
    let guess = |email: &str| {
        let mut heard = 0;
        loop {
            let answer = client.send(&log_in(email, "something else"));
            if answer.status == 429 {
                assert!(heard >= 8, "{heard} were heard");
                return answer;
            }
            assert_eq!(answer.problem(), "wrong-credentials");
            heard += 1;
            assert!(heard < 40, "nobody is told to wait");
        }
    };
    let answers = [guess(&ann.email), guess(&fresh_email("nobody"))];

    for answer in &answers {
        assert_eq!(answer.problem(), "too-many-attempts");
        let seconds: u32 = answer.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
        assert!((1..=42).contains(&seconds), "{answer:?}");
        assert_eq!(answer.header("ratelimit-policy"), Some("\"passwords\";q=100;w=3600"));
        assert_eq!(answer.header("ratelimit"), Some(&*format!("\"passwords\";r=0;t={seconds}")));
    }
    // Who is signed in stays so.
    ann.read("/v1/me");
}

pub fn an_unknown_user_and_a_wrong_password_are_answered_alike(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let without_id = |response: Response| {
        let mut body = response.json();
        body["instance"] = Value::Null;
        let is_of_all = |name: &str| name != "x-request-id" && name != "date";
        let mut headers: Vec<_> = response.headers.iter().filter(|(name, _)| is_of_all(name)).cloned().collect();
        headers.sort();
        (response.status, headers, body)
    };

    let wrong_password = client.send(&log_in(&ann.email, "wrong password"));
    assert_eq!(wrong_password.outcome(), "401 wrong-credentials");
    let expected = without_id(wrong_password);

    for (email, password) in [(&*fresh_email("nobody"), PASSWORD), (&ann.email, "short"), ("no address", PASSWORD)] {
        let answer = client.send(&log_in(email, password));
        assert_eq!(without_id(answer), expected, "{email} {password}");
    }
}

pub fn credentials_that_are_not_such_json_are_refused(client: &dyn Client) {
    let email = fresh_email("ann");
    let valid = json!({"email": email, "password": PASSWORD}).to_string();
    let bodies = [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "{".to_owned(),
        "{}".to_owned(),
        valid[..valid.len() - 1].to_owned(),
        format!("{valid} x"),
        "[".repeat(60_000),
        json!({"email": email}).to_string(),
        json!({"password": PASSWORD}).to_string(),
        json!({"email": email, "password": null}).to_string(),
        json!({"email": 1, "password": PASSWORD}).to_string(),
        json!({"email": [email], "password": PASSWORD}).to_string(),
        json!({"email": email, "password": PASSWORD, "admin": true}).to_string(),
        format!(r#"{{"email": "a@example.com", {}"#, &valid[1..]),
        format!("email={email}&password={PASSWORD}"),
    ];
    let not_utf8 = [br#"{"email": "ann@example.com", "password": "long enough "#, &b"\xFF\"}"[..]].concat();
    let bodies = bodies.into_iter().map(String::into_bytes).chain([not_utf8]);
    let bodies = bodies.flat_map(|body| [(SIGN_UP, body.clone()), (LOG_IN, body)]);

    let requests = bodies.map(|(target, body)| Request::new("POST", target).body("application/json", body));

    expect_all(client, requests.map(|request| (request, "400 invalid-body")));
}

pub fn credentials_in_an_array_are_none(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    expect_all(
        client,
        [
            (Request::new("POST", SIGN_UP).json(&json!([fresh_email("ann"), PASSWORD])), "400 invalid-body"),
            (Request::new("POST", LOG_IN).json(&json!([ann.email, PASSWORD])), "400 invalid-body"),
        ],
    );
}

pub fn credentials_have_at_most_64_kib(client: &dyn Client) {
    let large = |length: usize| {
        let body = json!({"email": "ann@example.com", "password": "x".repeat(length)}).to_string();
        [SIGN_UP, LOG_IN].map(|target| Request::new("POST", target).body("application/json", body.clone()))
    };

    expect_all(client, large(70_000).map(|request| (request, "413 too-large")));
    expect_all(client, large(1_000_000).map(|request| (request, "413 too-large")));
    let [signing_up, logging_in] = large(65_000);
    expect_all(client, [(signing_up, "400 invalid-password"), (logging_in, "401 wrong-credentials")]);
}

pub fn credentials_come_as_json(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let request = |media_type: Option<&str>| {
        let request = log_in(&ann.email, PASSWORD);
        match media_type {
            Some(media_type) => Request { headers: Vec::new(), ..request.clone() }.body(media_type, request.body),
            None => Request { headers: Vec::new(), ..request },
        }
    };

    for media_type in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        assert_eq!(client.send(&request(Some(media_type))).outcome(), "200", "{media_type}");
    }
    for media_type in
        ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonx", "json"]
    {
        let refused = client.send(&request(Some(media_type)));
        assert_eq!(refused.outcome(), "415 unsupported-media-type", "{media_type}");
    }
    assert_eq!(client.send(&request(None)).outcome(), "415 unsupported-media-type");
}

pub fn one_is_told_how_much_one_has_and_may_have(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let usage = |bytes: u64, recordings: u64, uploads: u64, sessions: u64| json!({"bytes": bytes, "recordings": recordings, "uploads": uploads, "sessions": sessions});

    let me = ann.read("/v1/me");
    assert_eq!(me["usage"], usage(0, 0, 0, 1));
    for limit in ["bytes", "recording_bytes", "recordings", "uploads", "sessions"] {
        assert!(me["limits"][limit].as_u64() > Some(0), "{me}");
    }
    assert_eq!(me["email"], ann.email);

    // What is smaller than a block counts as one.
    let tiny = ann.upload("memo");
    let _ = ann.upload(vec![0; 10_000]);
    let announced = json!({"size": 5_000, "sha256": "0".repeat(64), "media_type": "audio/mp4"});
    let _ = ann.send(Request::new("POST", "/v1/direct").json(&announced)).expect(201);
    let _ = ann.log_in_again();
    assert_eq!(ann.read("/v1/me")["usage"], usage(4_096 + 10_000 + 5_000, 2, 1, 2));
    ann.delete(&id(&tiny));

    assert_eq!(ann.read("/v1/me")["usage"], usage(15_000, 1, 1, 2));
}
