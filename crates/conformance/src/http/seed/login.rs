//! `GET /login`: accounts and keys.

use std::{collections::HashSet, thread};

use serde_json::{Value, json};

use super::{
    Client, Request,
    phone::{Phone, assert_answer, login, somebody},
};

/// Who the server takes the bearer of a key for, by an id that is not made of the social id.
fn account_of(phone: &Phone, client: &dyn Client) -> Value {
    client.send(&Request::new("GET", "/v1/me").bearer(&phone.key)).expect(200).json()["id"].clone()
}

/// 200 with `auth_key`, of 64 letters and digits, and `user_id`, which is `<type>_<id>`.
pub fn a_login_answers_a_key_of_64_letters_and_digits_and_the_joined_user_id(client: &dyn Client) {
    let id = somebody();
    for id in [id.clone(), format!("{id}-1.2~3_4")] {
        let response = client.send(&login("Facebook", &id));

        assert_eq!(response.header("content-type"), Some("application/json"));
        let grant = response.expect(200).json();
        assert_eq!(grant["user_id"], format!("Facebook_{id}"));
        let key = grant["auth_key"].as_str().expect("a key");
        assert_eq!(key.len(), 64);
        assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{key}");
    }
}

/// Whoever knows a social id must not take the account with it: no address is linked, and the id stays.
pub fn who_came_by_a_social_id_cannot_take_the_account(client: &dyn Client) {
    let id = somebody();
    let phone = Phone::sign_in(client, "X", &id);
    let ask = |method, path: &str| Request::new(method, path).bearer(&phone.key);
    let credentials = json!({"email": format!("{id}@example.com"), "password": "correct horse battery staple"});

    let linked = client.send(&ask("POST", "/v1/me/identities").json(&credentials));

    assert_eq!(linked.outcome(), "403 untrusted-social-id");
    let listed = client.send(&ask("GET", "/v1/me/identities")).expect(200).json();
    let identity = &listed["items"][0];
    assert_eq!(
        (&identity["type"], &identity["provider"], &identity["subject"]),
        (&json!("social"), &json!("X"), &json!(id))
    );
    let path = format!("/v1/me/identities/{}", identity["id"].as_str().expect("an id"));
    assert_eq!(client.send(&ask("DELETE", &path)).outcome(), "409 last-identity");
    assert_eq!(Phone::sign_in(client, "X", &id).user_id, phone.user_id);
}

/// The first call signs up, later calls log in.
pub fn the_first_login_signs_up_and_later_ones_log_in(client: &dyn Client) {
    let id = somebody();

    let first = Phone::sign_in(client, "X", &id);
    first.upload("memo.m4a", b"audio");
    let second = Phone::sign_in(client, "X", &id);

    assert_eq!(second.user_id, first.user_id);
    assert_eq!(account_of(&second, client), account_of(&first, client));
    assert_eq!(second.names(), ["memo.m4a"]);
}

/// Keys given earlier keep working.
pub fn keys_given_earlier_keep_working(client: &dyn Client) {
    let id = somebody();

    let phones: Vec<Phone> = (0..5).map(|_| Phone::sign_in(client, "X", &id)).collect();

    for (count, phone) in phones.iter().enumerate() {
        phone.upload(&format!("{count}.m4a"), b"audio");
    }
    for phone in &phones {
        assert_eq!(phone.list().len(), phones.len());
    }
}

/// Neither the order of parameters nor others beside them matter.
pub fn a_login_takes_its_parameters_in_any_order_and_among_others(client: &dyn Client) {
    let id = somebody();
    for query in [format!("social_type=X&social_id={id}"), format!("v=2&social_id={id}&&social_type=X&flag")] {
        let grant = client.send(&Request::new("GET", format!("/login?{query}"))).expect(200).json();
        assert_eq!(grant["user_id"], format!("X_{id}"));
    }
}

/// 400 if `social_id` or `social_type` is missing, empty or in the wrong case, or there is no query at all.
pub fn a_login_without_both_parameters_is_refused(client: &dyn Client) {
    let queries = [
        "",
        "?",
        "?social_id=1",
        "?social_type=X",
        "?social_id=&social_type=X",
        "?social_id=1&social_type=",
        "?social_id=&social_type=",
        "?social_id&social_type",
        "?social_id&social_type=X",
        "?SOCIAL_ID=1&social_type=X",
        "?social_id=1&Social_Type=X",
        "?socialId=1&socialType=X",
        "?id=1&type=X",
    ];
    for path in ["/login", "/login/"] {
        for query in queries {
            let response = client.send(&Request::new("GET", format!("{path}{query}")));
            assert_answer(&response, 400, &json!({"error": "social_id or social_type is null."}));
        }
    }
}

/// Keys are random: no two are alike.
pub fn every_login_gives_another_key(client: &dyn Client) {
    let id = somebody();

    let keys: HashSet<String> = (0..20).map(|_| Phone::sign_in(client, "X", &id).key).collect();

    assert_eq!(keys.len(), 20);
}

/// A lost phone's key can be made worthless.
pub fn a_key_can_be_revoked(client: &dyn Client) {
    let id = somebody();
    let [lost, kept, other] = [(); 3].map(|()| Phone::sign_in(client, "X", &id));

    let _ = client.send(&Request::new("POST", "/v1/auth/logout").bearer(&lost.key)).expect(204);

    let refused = json!({"error": "Not Authorization"});
    assert_answer(&client.send(&lost.request("GET", "/record/list")), 401, &refused);
    assert!(kept.list().is_empty());

    let _ = client.send(&Request::new("DELETE", "/v1/me/sessions").bearer(&kept.key)).expect(204);

    for phone in [&kept, &other] {
        assert_answer(&client.send(&phone.request("GET", "/record/list")), 401, &refused);
    }
}

/// The seed made several accounts of parallel first logins, each with recordings of its own.
pub fn sixteen_first_logins_at_once_make_one_account(client: &dyn Client) {
    let id = somebody();

    let phones: Vec<Phone> = thread::scope(|scope| {
        let logins: Vec<_> = (0..16).map(|_| scope.spawn(|| Phone::sign_in(client, "X", &id))).collect();
        logins.into_iter().map(|login| login.join().expect("signed in")).collect()
    });

    phones[0].upload("memo.m4a", b"audio");
    for phone in &phones {
        assert_eq!(phone.user_id, phones[0].user_id);
        assert_eq!(account_of(phone, client), account_of(&phones[0], client));
        assert_eq!(phone.names(), ["memo.m4a"]);
    }
}

/// The seed lost sight of accounts when there were many.
pub fn an_account_stays_the_same_among_many_others(client: &dyn Client) {
    let ids: Vec<String> = (0..60).map(|_| somebody()).collect();
    let first: Vec<Value> = ids.iter().map(|id| account_of(&Phone::sign_in(client, "X", id), client)).collect();

    let second: Vec<Value> = ids.iter().map(|id| account_of(&Phone::sign_in(client, "X", id), client)).collect();

    assert_eq!(second, first);
    assert_eq!(first.iter().map(Value::to_string).collect::<HashSet<_>>().len(), ids.len());
}
