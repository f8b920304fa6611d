//! Lists of recordings: their order, their pages, and what is selected.

use serde_json::{Value, json};

use super::{
    fixtures::{MEMO, fresh_ulid, percent_encoded},
    user::{User, id},
};
use crate::http::{Client, Request, text};

const LIST: &str = "/v1/recordings";

/// The ids in a list, in its order.
fn ids(list: &Value) -> Vec<String> {
    list["items"].as_array().expect("a list").iter().map(id).collect()
}

/// The ids on every page from the first on; `query` begins with `?`.
fn walk(user: &User, query: &str) -> Vec<String> {
    walk_on(user, query, user.read(&format!("{LIST}{query}")))
}

/// The ids on this page and every one after it.
fn walk_on(user: &User, query: &str, mut page: Value) -> Vec<String> {
    let mut all = ids(&page);
    while let Some(cursor) = page["next_cursor"].as_str() {
        page = user.read(&format!("{LIST}{query}&cursor={cursor}"));
        assert!(!ids(&page).is_empty(), "an empty page after {all:?}");
        all.extend(ids(&page));
    }
    all
}

fn refused<const N: usize>(user: &User, queries: [&str; N]) {
    let requests = queries.map(|query| (Request::new("GET", format!("{LIST}?{query}")), "400 invalid-parameter"));
    user.expect_all(requests);
}

/// Uploads in this order, of which the times of recording are another order.
fn upload_of_four_times(user: &User) -> [String; 4] {
    ["2026-11-23T12:00:00+09:00", "2026-11-23T02:00:00.000001Z", "2026-11-22T23:30:00-03:00", "2020-02-29T00:00:00Z"]
        .map(|time| user.upload_of(time))
}

pub fn a_list_without_recordings_is_empty(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    let list = ann.get(LIST).expect(200);

    assert_eq!(list.json(), json!({"items": [], "next_cursor": null}));
    assert_eq!(list.header("cache-control"), Some("no-store"));
}

pub fn a_list_can_be_asked_for_its_head(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    ann.upload(MEMO);

    let [get, head] = ["GET", "HEAD"].map(|method| ann.send(Request::new(method, LIST)).expect(200));

    for name in ["content-type", "content-length", "cache-control"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}

pub fn a_list_has_only_ones_own_recordings(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let bob = User::sign_up(client, "bob");

    let recording = ann.upload(MEMO);

    assert_eq!(ann.recordings(), [recording]);
    assert!(bob.recordings().is_empty());
}

pub fn lists_are_by_either_time_in_either_order(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let received = upload_of_four_times(&ann);
    let [noon_in_korea, a_moment_after_two, half_past_two, leap_day] = received.clone();
    let recorded = [leap_day, a_moment_after_two, half_past_two, noon_in_korea];
    let newest = |oldest: [String; 4]| oldest.into_iter().rev().collect::<Vec<_>>();

    for limit in [1, 2, 3, 4, 200] {
        let walk = |query: &str| walk(&ann, &format!("?limit={limit}{query}"));
        assert_eq!(walk(""), newest(received.clone()));
        assert_eq!(walk("&by=received&order=newest"), newest(received.clone()));
        assert_eq!(walk("&order=oldest"), received);
        assert_eq!(walk("&by=recorded"), newest(recorded.clone()));
        assert_eq!(walk("&by=recorded&order=oldest"), recorded);
    }
}

pub fn recordings_of_one_instant_are_all_there(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let times = ["12:00:00+09:00", "03:00:00Z", "03:00:00.000000Z", "00:00:00-03:00", "06:00:00+03:00"];
    let mut expected = times.map(|time| ann.upload_of(&format!("2026-11-23T{time}")));
    expected.sort();

    assert_eq!(walk(&ann, "?by=recorded&order=oldest&limit=1"), expected);
    expected.reverse();
    assert_eq!(walk(&ann, "?by=recorded&order=newest&limit=1"), expected);
}

pub fn a_page_has_1_to_200_recordings_and_50_unless_told(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    for _ in 0..51 {
        ann.upload("");
    }

    for (query, expected, has_more) in [
        ("", 50, true),
        ("?limit=1", 1, true),
        ("?limit=50", 50, true),
        ("?limit=51", 51, false),
        ("?limit=200", 51, false),
    ] {
        let page = ann.read(&format!("{LIST}{query}"));
        assert_eq!((ids(&page).len(), page["next_cursor"].is_string()), (expected, has_more), "{query}");
    }
    refused(&ann, ["limit=0", "limit=201", "limit=-1", "limit=1e2", "limit=1.5", "limit=all"]);
    refused(&ann, ["limit=99999999999999999999", "limit=1&limit=2", "limit=%31%30%30%30"]);
}

pub fn other_orders_are_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    refused(&ann, ["by=name", "by=Received", "order=random", "order=asc", "by=received&by=recorded"]);
}

pub fn a_walk_has_what_stays_exactly_once_while_others_come_and_go(client: &dyn Client) {
    for order in ["newest", "oldest"] {
        let ann = User::sign_up(client, "ann");
        for _ in 0..8 {
            ann.upload("");
        }
        let query = format!("?order={order}&limit=3");
        let everything = walk(&ann, &query);
        let first = ann.read(&format!("{LIST}{query}"));

        ann.upload("it comes");
        // One that was seen, one that is still to come, and the one the cursor stands at.
        for at in [0, 2, 5] {
            ann.delete(&everything[at]);
        }

        let mut walked = walk_on(&ann, &query, first);
        walked.retain(|id| everything.contains(id));
        let mut expected = everything;
        expected.remove(5);
        assert_eq!(walked, expected, "{order}");
    }
}

pub fn a_cursor_outlives_all_recordings(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let ids = [(), (), ()].map(|()| id(&ann.upload("")));
    let page = ann.read(&format!("{LIST}?limit=1"));
    for id in &ids {
        ann.delete(id);
    }

    let rest = ann.read(&format!("{LIST}?cursor={}", page["next_cursor"].as_str().expect("more")));

    assert_eq!(rest, json!({"items": [], "next_cursor": null}));
}

pub fn a_cursor_counts_in_its_own_order_only(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    upload_of_four_times(&ann);
    let orders = [
        "by=received&order=newest",
        "by=received&order=oldest",
        "by=recorded&order=newest",
        "by=recorded&order=oldest",
    ];

    for order in orders {
        let page = ann.read(&format!("{LIST}?limit=1&{order}"));
        let cursor = page["next_cursor"].as_str().expect("more");
        for another in orders {
            let answer = ann.get(&format!("{LIST}?{another}&cursor={cursor}"));
            let expected = if another == order { "200" } else { "400 invalid-parameter" };
            assert_eq!(answer.outcome(), expected, "a cursor of {order} in {another}");
        }
    }
}

/// Whoever hands it on alone means the list it is of.
pub fn a_cursor_alone_knows_its_order(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    upload_of_four_times(&ann);

    for order in
        ["by=received&order=newest", "by=received&order=oldest", "by=recorded&order=newest", "by=recorded&order=oldest"]
    {
        let all = ids(&ann.read(&format!("{LIST}?{order}")));
        let page = ann.read(&format!("{LIST}?limit=1&{order}"));
        let cursor = page["next_cursor"].as_str().expect("more");
        let (by, order) = order.split_once('&').expect("two");
        for said in ["", by, order, "by=&order="] {
            let rest = ann.read(&format!("{LIST}?{said}&cursor={cursor}"));
            assert_eq!(ids(&rest), all[1..], "{said} and a cursor of {by}, {order}");
        }
    }
}

pub fn empty_parameters_say_nothing(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let id = id(&ann.upload(MEMO));

    let page = ann.read(&format!("{LIST}?by=&order=&limit=&cursor=&from=&to=&cursor&&"));

    assert_eq!(ids(&page), [&*id]);
    assert_eq!(ann.get("/v1/changes?cursor=&limit=&wait=").status, 200);
    let upload = Request::new("PUT", format!("/v1/recordings/{}?name=&client_duration_ms=&again=", fresh_ulid()));
    let recording = ann.send(upload.body("audio/mp4", MEMO)).expect(201).json();
    assert!(text(&recording, "name").starts_with("Recording "), "{recording}");
    assert_eq!(recording.get("client_duration_ms"), None);
}

pub fn what_is_no_cursor_is_refused(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    upload_of_four_times(&ann);
    let page = ann.read(&format!("{LIST}?limit=1"));
    let cursor = page["next_cursor"].as_str().expect("more");

    refused(&ann, ["cursor=1", "cursor=!!!!", "cursor=%FF", "cursor=null", &format!("cursor={cursor}AAAA")]);
    refused(&ann, [&format!("cursor={}", &cursor[1..]), &format!("cursor={cursor}&cursor={cursor}")]);
}

pub fn another_users_cursor_shows_nothing_of_theirs(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let bob = User::sign_up(client, "bob");
    let own: Vec<String> = (0..4).map(|_| id(&bob.upload(""))).collect();
    for _ in 0..4 {
        ann.upload("");
    }

    for query in ["?limit=2", "?limit=2&order=oldest", "?limit=2&by=recorded"] {
        let theirs = ann.read(&format!("{LIST}{query}"));
        let cursor = theirs["next_cursor"].as_str().expect("more");
        let page = bob.read(&format!("{LIST}{query}&cursor={cursor}"));

        let shown = walk_on(&bob, query, page);
        assert!(shown.iter().all(|id| own.contains(id)), "{query}: {shown:?} are not all of {own:?}");
    }
}

pub fn from_counts_and_to_does_not(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let times = ["2026-11-23T00:00:00Z", "2026-11-23T00:00:00.000001Z", "2026-11-24T00:00:00Z"];
    let [first, second, third] = &times.map(|time| ann.upload_of(time));

    for (query, expected) in [
        ("from=2026-11-23T00:00:00Z", vec![first, second, third]),
        ("from=2026-11-23T00:00:00.000001Z", vec![second, third]),
        ("from=2026-11-23T00:00:00.000002Z", vec![third]),
        ("to=2026-11-24T00:00:00Z", vec![first, second]),
        ("to=2026-11-24T00:00:00.000001Z", vec![first, second, third]),
        ("from=2026-11-23T00:00:00Z&to=2026-11-23T00:00:00Z", vec![]),
        ("from=2026-11-23T00:00:00Z&to=2026-11-23T00:00:00.000001Z", vec![first]),
        ("from=2026-11-24T00:00:00Z&to=2026-11-23T00:00:00Z", vec![]),
        ("from=1970-01-01T00:00:00Z&to=9999-12-31T23:59:59Z", vec![first, second, third]),
    ] {
        for limit in [1, 200] {
            let walked = walk(&ann, &format!("?by=recorded&order=oldest&limit={limit}&{query}"));
            assert_eq!(walked.iter().collect::<Vec<_>>(), expected, "{query}");
        }
    }
}

pub fn from_and_to_are_of_the_time_the_list_is_by(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let [first, second, third] = [(), (), ()].map(|()| {
        let upload = Request::new("POST", LIST).body("audio/mp4", MEMO);
        ann.send(upload.header("X-Recorded-At", "1999-12-31T23:59:59Z")).expect(201).json()
    });
    let received_at = |recording: &Value| percent_encoded(recording["received_at"].as_str().expect("a time"));

    let from = ann.read(&format!("{LIST}?from={}", received_at(&second)));
    assert_eq!(ids(&from), [id(&third), id(&second)]);
    let to = ann.read(&format!("{LIST}?to={}", received_at(&second)));
    assert_eq!(ids(&to), [id(&first)]);
    let recorded = ann.read(&format!("{LIST}?by=recorded&from=2000-01-01T00:00:00Z"));
    assert!(ids(&recorded).is_empty());
}

/// A `+` in a query is a space unless it is encoded, which people forget.
pub fn an_offset_may_have_a_bare_plus(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let id = ann.upload_of("2026-11-23T09:00:00+09:00");

    for time in ["2026-11-23T09:00:00+09:00", "2026-11-23T09:00:00%2B09:00", "2026-11-23T09%3A00%3A00%2B09%3A00"] {
        assert_eq!(walk(&ann, &format!("?by=recorded&from={time}")), [&*id], "{time}");
        assert!(walk(&ann, &format!("?by=recorded&to={time}")).is_empty(), "{time}");
    }
    assert_eq!(walk(&ann, "?by=recorded&from=2026-11-22T20:00:00-04:00"), [id]);
}

pub fn times_to_select_by_are_taken_as_libraries_write_them(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let id = ann.upload_of("2026-11-23T09:00:00+09:00");

    for time in ["2026-11-23T09:00+09:00", "2026-11-23T09:00:00%2B0900", "2026-11-23T09:00 0900", "2026-11-23T00:00Z"] {
        let time = time.replace(' ', "%20");
        assert_eq!(walk(&ann, &format!("?by=recorded&from={time}")), [&*id], "{time}");
        assert!(walk(&ann, &format!("?by=recorded&to={time}")).is_empty(), "{time}");
    }
}

pub fn what_is_no_time_selects_nothing(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");

    for time in ["yesterday", "2026-11-23", "2026-11-23T09:00:00", "1763859125", "2026-02-30T00:00:00Z", "%FF"] {
        refused(&ann, [&format!("from={time}"), &format!("to={time}")]);
    }
}

pub fn a_deleted_recording_is_in_no_list(client: &dyn Client) {
    let ann = User::sign_up(client, "ann");
    let [kept, deleted] = [ann.upload("kept"), ann.upload("deleted")];

    ann.delete(&id(&deleted));

    assert_eq!(ann.recordings(), [kept]);
}
