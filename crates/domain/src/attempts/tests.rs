use super::*;
use crate::{testing::timestamp, user::Email};

fn key() -> AttemptKey {
    AttemptKey::of_email(&Email::parse("ann@example.com").expect("an address"))
}

fn network(address: &str) -> Network {
    Network::of(address.parse().expect("an address"))
}

fn noon() -> Timestamp {
    timestamp("2026-11-30T12:00:00Z")
}

/// How many tries are heard in this time, by somebody who tries every second.
fn heard(attempts: &mut Attempts, network: Option<Network>, from: Timestamp, during: TimeDelta) -> usize {
    let seconds = (0..during.num_seconds()).map(TimeDelta::seconds);
    let tries = seconds.filter(|second| match attempts.with_try(key(), network, from + *second) {
        Ok(tried) => {
            *attempts = tried;
            true
        }
        Err(_) => false,
    });
    tries.count()
}

#[test]
fn a_mistyped_password_costs_no_waiting_and_guessing_does() {
    let mut attempts = Attempts::default();
    let at_once: Vec<_> = (0..10)
        .map(|_| {
            let tried = attempts.with_try(key(), None, noon());
            tried.map(|tried| attempts = tried)
        })
        .collect();

    assert_eq!(at_once[..8], [Ok(()); 8]);
    assert_eq!(at_once[8], Err(TryAgainAt(noon() + TimeDelta::seconds(1))));
    let waits: Vec<_> = (0..8)
        .map(|_| {
            let at = attempts.strangers.next_at;
            attempts = attempts.with_try(key(), None, at).expect("it is time");
            (attempts.strangers.next_at - at).num_seconds()
        })
        .collect();
    assert_eq!(waits, [2, 4, 8, 16, 32, 42, 42, 42]);
}

#[test]
fn an_hour_of_guessing_is_a_hundred_tries_at_most_from_however_many_networks() {
    let mut attempts = Attempts::default();
    let mut hours = Vec::new();
    for hour in 0..24 {
        let from = noon() + TimeDelta::hours(hour);
        hours.push(heard(&mut attempts, Some(network(&format!("192.0.{hour}.7"))), from, TimeDelta::hours(1)));
    }
    assert!(hours.iter().all(|tries| (80..=100).contains(tries)), "{hours:?}");
}

#[test]
fn whoever_guesses_never_locks_out_where_somebody_has_signed_in_before() {
    let home = network("198.51.100.7");
    let mut attempts = Attempts::default().with_success(key(), Some(home), noon());
    heard(&mut attempts, Some(network("203.0.113.9")), noon(), TimeDelta::hours(1));

    let at = noon() + TimeDelta::hours(1);
    let at = attempts.strangers.next_at.max(at) - TimeDelta::seconds(1);
    // From another address of the same network.
    let tried = attempts.with_try(key(), Some(network("198.51.100.99")), at).expect("it is another lane");
    assert!(attempts.with_try(key(), Some(network("198.51.101.7")), at).is_err(), "another network is the strangers'");
    // What succeeds at home frees nobody else.
    let after = tried.with_success(key(), Some(home), at);
    assert_eq!(after.strangers, attempts.strangers);

    // Who guesses at home, too, has two lanes, and no other wait tells that there is one.
    let mut home_alone = after;
    let at_home = heard(&mut home_alone, Some(home), at, TimeDelta::hours(1));
    assert!((150..=200).contains(&at_home), "{at_home}");
    let Err(TryAgainAt(next)) =
        home_alone.with_try(key(), Some(home), at + TimeDelta::hours(1) - TimeDelta::seconds(1))
    else {
        return;
    };
    assert!(next <= at + TimeDelta::hours(1) + TimeDelta::seconds(42));
}

/// Tries that servers in turn hear whose clocks are apart.
#[test]
fn servers_whose_clocks_are_apart_count_together() {
    for apart in [TimeDelta::milliseconds(20), TimeDelta::seconds(1), TimeDelta::minutes(4)] {
        let mut attempts = Attempts::default();
        let mut count = 0;
        for second in 0..3_600 {
            for ahead in [TimeDelta::zero(), apart] {
                if let Ok(tried) = attempts.with_try(key(), None, noon() + TimeDelta::seconds(second) + ahead) {
                    (attempts, count) = (tried, count + 1);
                }
            }
        }
        assert!(count <= 110, "{count} with clocks {apart} apart");
    }
}

#[test]
fn a_success_frees_its_lane() {
    let mut attempts = Attempts::default();
    heard(&mut attempts, None, noon(), TimeDelta::minutes(10));
    let after = attempts.with_success(key(), Some(network("192.0.2.1")), noon() + TimeDelta::minutes(10));
    assert_eq!(after.strangers, Lane::default());
    assert_eq!(attempts.with_success(key(), None, noon()).strangers, Lane::default());
}

#[test]
fn five_networks_are_known_for_ninety_days() {
    let mut attempts = Attempts::default();
    for number in 0..6 {
        attempts = attempts.with_success(
            key(),
            Some(network(&format!("192.0.{number}.1"))),
            noon() + TimeDelta::hours(number),
        );
    }
    let knows =
        |address: &str, days: i64| attempts.knows(key(), Some(network(address)), noon() + TimeDelta::days(days));
    assert!(!knows("192.0.0.1", 1) && knows("192.0.1.1", 1) && knows("192.0.5.1", 90) && !knows("192.0.5.1", 91));
    assert!(!attempts.knows(key(), None, noon()));
    let other = AttemptKey::of_email(&Email::parse("bob@example.com").expect("an address"));
    assert!(!attempts.knows(other, Some(network("192.0.5.1")), noon()));
    assert_eq!(attempts.expires_at(), noon() + TimeDelta::hours(5) + TimeDelta::days(90));
}

#[test]
fn a_quiet_hour_forgives_and_a_clock_that_was_set_back_keeps_nobody_waiting() {
    let mut attempts = Attempts::default();
    heard(&mut attempts, None, noon(), TimeDelta::hours(1));
    let at = attempts.strangers.next_at + TimeDelta::hours(1);
    assert_eq!(attempts.expires_at(), at);
    assert_eq!(attempts.with_try(key(), None, at).expect("it is time").strangers.failed, 1);

    let years_before = noon() - TimeDelta::days(1_000);
    let tried = attempts.with_try(key(), None, years_before).expect("at once");
    assert_eq!(tried.strangers.failed, attempts.strangers.failed + 1, "and nothing is forgiven");
}

#[test]
fn a_network_is_24_bits_of_an_ipv4_address_and_56_of_an_ipv6_one() {
    assert_eq!(network("192.0.2.1"), network("192.0.2.255"));
    assert_ne!(network("192.0.2.1"), network("192.0.3.1"));
    assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.9"));
    assert_eq!(network("2001:db8:0:1::1"), network("2001:db8:0:1f::9"));
    assert_ne!(network("2001:db8:0:1::1"), network("2001:db8:0:100::1"));
}

#[test]
fn attempts_are_read_back_as_they_were_stored() {
    let mut attempts = Attempts::default();
    assert_eq!(Attempts::from_bytes(&attempts.to_bytes()), Ok(attempts.clone()));
    for number in 0..5 {
        attempts = attempts.with_success(key(), Some(network(&format!("192.0.{number}.1"))), noon());
        heard(&mut attempts, Some(network("192.0.2.1")), noon(), TimeDelta::minutes(3));
        assert_eq!(Attempts::from_bytes(&attempts.to_bytes()), Ok(attempts.clone()));
    }
    let bytes = attempts.to_bytes();
    for wrong in [&[][..], &[2], &bytes[1..], &bytes[..bytes.len() - 1]] {
        assert_eq!(Attempts::from_bytes(wrong), Err(InvalidAttempts), "{wrong:?}");
    }
}
