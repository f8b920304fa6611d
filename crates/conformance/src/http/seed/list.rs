//! `GET /record/list`: which recordings there are, and what their ids tell.

use std::{collections::HashSet, thread, time::SystemTime};

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::json;

use super::{
    Client,
    phone::{Phone, assert_answer, audio, percent_encoded},
    text,
};

const TIME_FORMAT: &str = "%Y-%m-%d_%H-%M-%S";
const TIME_LENGTH: usize = "2018-01-31_23-59-59".len();

/// What comes after the owner in an id: the time, and the rest.
#[track_caller]
fn parse_id<'a>(phone: &Phone, id: &'a str) -> (NaiveDateTime, &'a str) {
    let rest = id.strip_prefix(&phone.user_id).and_then(|rest| rest.strip_prefix('_'));
    let rest = rest.unwrap_or_else(|| panic!("{id} does not start with {}_", phone.user_id));
    let (time, rest) = rest.split_at_checked(TIME_LENGTH).unwrap_or_else(|| panic!("no time of day: {id}"));
    (NaiveDateTime::parse_from_str(time, TIME_FORMAT).unwrap_or_else(|error| panic!("{error}: {id}")), rest)
}

/// Whether a text stands in a path segment as it is (RFC 3986 `pchar`).
pub(super) fn is_url_safe(text: &str) -> bool {
    let mut bytes = text.bytes();
    let is_hex = |bytes: &mut std::str::Bytes| bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
    while let Some(byte) = bytes.next() {
        let is_safe = match byte {
            b'%' => is_hex(&mut bytes) && is_hex(&mut bytes),
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte),
        };
        if !is_safe {
            return false;
        }
    }
    !text.is_empty()
}

/// `[]` if there are none.
pub fn a_list_is_empty_before_the_first_upload(client: &dyn Client) {
    let phone = Phone::new(client);

    let response = client.send(&phone.request("GET", "/record/list"));

    assert_answer(&response, 200, &json!({"records": []}));
}

/// `id`, `user_id`, `file_name` and `created_at`, which is the day of the id.
pub fn a_list_item_tells_its_id_owner_name_and_day(client: &dyn Client) {
    let phone = Phone::new(client);
    let started = DateTime::<Utc>::from(SystemTime::now()).naive_utc();
    phone.upload("memo.m4a", b"audio");
    let ended = DateTime::<Utc>::from(SystemTime::now()).naive_utc();

    let records = phone.list();

    let [record] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!((text(record, "user_id"), text(record, "file_name")), (phone.user_id.as_str(), "memo.m4a"));
    let (time, _) = parse_id(&phone, text(record, "id"));
    assert_eq!(text(record, "created_at"), time.format("%Y-%m-%d").to_string());
    // The time in the id has whole seconds.
    assert!(time >= started - chrono::TimeDelta::seconds(1) && time <= ended, "{started} {time} {ended}");
}

/// After the last dot of the name, case kept, nothing if there is no dot.
pub fn an_id_ends_with_the_extension_of_the_name(client: &dyn Client) {
    let cases = [
        ("memo.m4a", Some(".m4a")),
        ("memo.tar.M4A", Some(".M4A")),
        ("a.b.c.mp3", Some(".mp3")),
        (".hidden", Some(".hidden")),
        ("2018-01-31.12.30.WAV", Some(".WAV")),
        ("memo", None),
        ("memo-m4a", None),
        ("my_memo_1", None),
    ];
    for (name, extension) in cases {
        let phone = Phone::new(client);
        phone.upload(name, b"audio");

        let id = phone.only_id();

        let (_, rest) = parse_id(&phone, &id);
        match extension {
            Some(extension) => assert!(rest.ends_with(extension), "{name}: {id}"),
            None => assert!(!rest.contains('.'), "{name}: {id}"),
        }
        // Only what makes it unique is between the time and the extension.
        assert_eq!(rest.matches('.').count(), usize::from(extension.is_some()), "{name}: {id}");
    }
}

/// Whatever the extension, the id stands in a path as it is, and finds its recording.
pub fn an_id_is_safe_in_a_url_whatever_the_extension(client: &dyn Client) {
    let names = [
        "memo.m4a",
        "memo.",
        "memo.한글",
        "memo.a b",
        "memo.a/b",
        "memo.?x=1",
        "memo.#x",
        "memo.%",
        "memo.%41",
        "x.\"<>",
    ];
    for name in names {
        let phone = Phone::new(client);
        phone.upload(&percent_encoded(name), b"audio");

        let id = phone.only_id();

        assert!(is_url_safe(&id), "{name}: {id}");
        assert_eq!(phone.download(&id).expect(200).body, b"audio", "{name}: {id}");
        assert_answer(&phone.delete(&id), 200, &json!({"result": "success"}));
        assert!(phone.list().is_empty(), "{name}: {id}");
    }
}

/// Some proxies take `%2F` for a slash. An id that was listed with more behind the dot finds its recording all the same.
pub fn an_id_has_letters_and_digits_of_the_extension_alone(client: &dyn Client) {
    for (name, extension, former) in [
        ("a.m4a/../../x", "", ".%2Fx"),
        ("memo.m4a (1)", ".m4a", ".m4a%20%281%29"),
        ("memo.한글", ".%ED%95%9C%EA%B8%80", ".%ED%95%9C%EA%B8%80"),
        ("memo.", "", "."),
        ("memo./", "", ".%2F"),
        ("memo.a/b", ".a", ".a%2Fb"),
    ] {
        let phone = Phone::new(client);
        phone.upload(&percent_encoded(name), b"audio");

        let id = phone.only_id();

        assert!(id.ends_with(extension) && !id.contains("%2F"), "{name}: {id}");
        let plain = id.strip_suffix(extension).unwrap_or_else(|| panic!("{name}: {id}"));
        assert!(!plain.contains('.'), "{name}: {id}");
        let former = format!("{plain}{former}").replace("%28", "(").replace("%29", ")");
        for id in [&id, &former] {
            assert_eq!(phone.download(id).expect(200).body, b"audio", "{name}: {id}");
        }
        assert_answer(&phone.delete(&former), 200, &json!({"result": "success"}));
        assert!(phone.list().is_empty(), "{name}: {former}");
    }
}

/// Ids are unique, among one's own and everybody's, and of the plainest characters.
pub fn ids_are_unique(client: &dyn Client) {
    let phones: Vec<Phone> = (0..3).map(|_| Phone::new(client)).collect();
    for _ in 0..10 {
        for phone in &phones {
            phone.upload("memo.m4a", b"audio");
        }
    }

    let ids: HashSet<String> = phones
        .iter()
        .flat_map(|phone| phone.list().iter().map(|record| text(record, "id").to_owned()).collect::<Vec<_>>())
        .collect();

    assert_eq!(ids.len(), 30);
    assert!(ids.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))));
}

/// No paging: all of them, the oldest first. The seed's list lost new uploads.
pub fn a_list_of_450_is_complete_and_in_order(client: &dyn Client) {
    let phone = Phone::new(client);
    let names: Vec<String> = (0..450).map(|count| format!("{count:03}.m4a")).collect();
    for name in &names {
        phone.upload(name, b"audio");
    }

    let records = phone.list();

    assert_eq!(records.iter().map(|record| text(record, "file_name")).collect::<Vec<_>>(), names);
    let times: Vec<NaiveDateTime> = records.iter().map(|record| parse_id(&phone, text(record, "id")).0).collect();
    assert!(times.is_sorted());
    let days: Vec<&str> = records.iter().map(|record| text(record, "created_at")).collect();
    assert!(days.is_sorted());
}

/// The seed read one page of everybody's rows.
pub fn a_list_has_all_of_its_owners_recordings_and_no_others(client: &dyn Client) {
    let phones: Vec<Phone> = (0..4).map(|_| Phone::new(client)).collect();
    thread::scope(|scope| {
        for (phone, seed) in phones.iter().zip(0..) {
            scope.spawn(move || {
                for count in 0..=(seed * 20) {
                    phone.upload(&format!("{seed}-{count:02}.m4a"), &audio(500, seed));
                }
            });
        }
    });

    for (phone, seed) in phones.iter().zip(0..) {
        let expected: Vec<String> = (0..=(seed * 20)).map(|count: u8| format!("{seed}-{count:02}.m4a")).collect();
        assert_eq!(phone.names(), expected);
        assert!(phone.list().iter().all(|record| record["user_id"] == phone.user_id.as_str()));
    }
}
