//! What each port promises: one function per promise, named after it, to be run against every adapter.
//!
//! An adapter's test file makes a store and expands the suite:
//!
//! ```text
//! async fn fresh() -> (Arc<Sqlite>, TempDir) { .. }
//!
//! tapebase_conformance::record_store_tests!(fresh());
//! tapebase_conformance::user_store_tests!(fresh());
//! ```
//!
//! The expression is a future of a store of its own for each test, empty, and whatever must outlive it.
//! The caller needs `tokio` with `macros` and `rt-multi-thread`, and nothing else.

#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a broken promise panics")]

pub mod attempts;
pub mod aws_proxy;
pub mod batches;
pub mod blobs;
pub mod changes;
#[doc(hidden)]
pub mod counted;
pub mod engines;
pub mod erasure;
pub mod http;
pub mod inventory;
pub mod links;
pub mod mail_server;
mod node_program;
pub mod oidc_provider;
pub mod passwords;
pub mod pending;
pub mod playback;
pub mod records;
pub mod salvage;
mod samples;
pub mod single_use;
pub mod staging;
pub mod tokens;
pub mod users;

/// One test per promise of a `RecordStore`, each on a fresh one: a future of `(Arc<store>, what must outlive it)`.
#[macro_export]
macro_rules! record_store_tests {
    ($fresh:expr) => {
        $crate::row_tests! { $fresh, records:
            insert_answers_taken_with_the_recording_that_is_there,
            insert_answers_taken_even_when_the_quota_is_used_up,
            insert_gives_an_id_to_one_of_many_at_once,
            insert_fills_the_quota_to_the_last_byte_and_no_further,
            insert_keeps_the_quota_however_many_insert_at_once,
            insert_counts_a_block_at_least_however_many_insert_at_once,
            insert_keeps_to_so_many_recordings_however_many_insert_at_once,
            insert_counts_only_the_owners_bytes_towards_the_quota,
            insert_takes_the_largest_quota,
            two_users_can_have_recordings_of_the_same_id,
            finds_what_was_inserted_equal_in_every_field,
            finds_names_byte_for_byte,
            finds_times_in_every_time_zone_and_age,
            finds_sizes_beyond_32_bits,
            finds_the_length_a_client_told,
            finds_nothing_of_another_user,
            used_bytes_is_the_sum_of_what_the_owners_recordings_weigh,
            orphans_are_exactly_what_no_recording_of_any_user_refers_to,
            a_record_store_keeps_its_id,
            a_record_store_is_empty_until_something_is_inserted,
            a_record_store_with_a_tombstone_is_not_empty,
            a_record_store_has_the_id_it_adopted,
            a_step_is_noted_on_condition_of_the_last,
            a_record_store_that_serves_answers_pings,
            look_up_finds_recordings_and_tombstones,
            insert_answers_deleted_unless_it_is_again,
            remove_forgets_the_oldest_tombstones_past_so_many,
            mark_damaged_says_since_when_and_changes_nothing_else,
            mark_damaged_marks_only_what_is_not_marked_yet,
            move_blob_changes_where_the_audio_is_and_nothing_else,
            move_blob_moves_only_what_is_where_it_is_said_to_be,
            counters_are_what_there_is,
            edit_answers_the_recording_as_it_is_now,
            edit_finds_nothing_of_another_user,
            edit_conflicts_at_another_revision_and_changes_nothing,
            edit_gives_a_revision_to_one_of_many_at_once,
            edit_counts_every_change_of_many_at_once,
            remove_answers_the_recording_that_was_there,
            remove_leaves_what_is_of_another_user,
            remove_conflicts_at_another_revision_and_leaves_it,
            remove_gives_back_the_bytes_and_the_id,
            remove_gives_back_the_bytes_once_of_many_at_once,
            lists_only_recordings_of_the_owner,
            lists_one_more_than_the_limit_if_there_are_that_many,
            lists_by_the_time_asked_for_then_by_id_in_the_direction_asked_for,
            lists_from_inclusive_to_exclusive,
            pages_have_every_recording_exactly_once,
            pages_keep_to_from_and_to,
            pages_have_what_stays_exactly_once_while_others_come_and_go,
        }
    };
}

/// One test per promise of an `Inventory`, each on a fresh one that is a `RecordStore` too: a future of
/// `(Arc<store>, what must outlive it)`.
#[macro_export]
macro_rules! inventory_tests {
    ($fresh:expr) => {
        $crate::row_tests! { $fresh, inventory:
            a_walk_has_every_recording_of_every_user_exactly_once,
            a_walk_has_what_stays_while_others_come_and_go,
            rows_that_were_only_written_have_no_faults_and_stay_as_they_are,
            nobody_is_miscounted_whose_recordings_and_plans_come_and_go,
            what_is_counted_anew_is_what_there_is,
            what_is_forgotten_leaves_no_tombstone,
        }
    };
}

/// The promise of an `Inventory` that finds what is damaged without reading all rows, on a fresh one as in
/// `inventory_tests!`.
#[macro_export]
macro_rules! damage_tests {
    ($fresh:expr) => {
        $crate::row_tests! { $fresh, inventory:
            what_is_damaged_is_listed_as_long_as_it_is,
        }
    };
}

/// Eight who write and two who read the changes, and 32 who write, each on a fresh store as in `change_feed_tests!`.
#[macro_export]
macro_rules! storm_tests {
    ($fresh:expr) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn whoever_reads_the_changes_has_in_the_end_what_there_is() {
            let (store, _kept) = $fresh.await;
            $crate::changes::storm(vec![store], $crate::changes::Storm::of_eight()).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn thirty_two_writers_of_one_owner_all_succeed() {
            let (store, _kept) = $fresh.await;
            $crate::changes::storm(vec![store], $crate::changes::Storm::of_thirty_two()).await;
        }
    };
}

/// One test per promise of a `ChangeFeed` and a `DeletedStore`, each on a fresh one that is a `RecordStore` and an
/// `UploadStore` too: a future of `(Arc<store>, what must outlive it)`.
#[macro_export]
macro_rules! change_feed_tests {
    ($fresh:expr) => {
        $crate::row_tests! { $fresh, changes:
            changes_have_the_latest_state_in_order,
            changes_are_the_owners_and_later_than_asked_for,
            changes_are_walked_in_pages_without_early_tombstones,
            every_change_takes_the_next_number,
            history_stays_until_it_is_renewed,
            deleted_audio_is_listed_until_it_is_noted_as_removed,
            noted_audio_is_listed_in_its_time_and_stays_as_it_was_noted_first,
            audio_that_is_put_off_is_listed_later,
            audio_of_a_user_is_listed_whenever_it_is_due,
            what_a_recording_leaves_behind_is_noted_where_that_is_wanted,
            what_an_upload_leaves_behind_is_noted_with_its_release,
            tombstones_are_forgotten_in_their_time,
            a_later_tombstone_of_the_same_id_stays,
        }
    };
}

/// One test per promise of a `UploadStore`, each on a fresh one that is a `RecordStore` too: a future of
/// `(Arc<store>, what must outlive it)`.
#[macro_export]
macro_rules! upload_store_tests {
    ($fresh:expr) => {
        $crate::row_tests! { $fresh, pending:
            reserve_answers_planned_with_the_plan_that_is_there,
            reserve_answers_planned_even_when_the_quota_is_used_up,
            reserve_gives_an_id_to_one_of_many_at_once,
            reserve_fills_the_quota_to_the_last_byte_and_no_further,
            recordings_and_plans_fill_one_quota,
            reserve_and_insert_keep_one_quota_however_many_at_once,
            reserve_keeps_to_so_many_plans_however_many_reserve_at_once,
            recordings_and_plans_are_so_many_together_however_many_at_once,
            reserve_counts_only_the_owners_bytes_towards_the_quota,
            reserve_takes_the_largest_quota,
            a_plan_and_a_recording_can_have_the_same_id,
            two_users_can_have_plans_of_the_same_id,
            finds_what_was_reserved_equal_in_every_field,
            finds_a_plan_even_past_its_expiry,
            finds_no_plan_of_another_user,
            lists_only_plans_of_the_owner_past_their_expiry_too,
            pages_have_every_plan_that_stays_exactly_once,
            used_bytes_is_the_sum_of_what_recordings_and_plans_weigh,
            a_plan_is_no_recording,
            lists_expired_plans_of_all_users_until_all_are_released,
            lists_expired_plans_equal_in_every_field,
            lists_no_plan_that_has_not_expired,
            lists_no_plan_that_is_over,
            settle_makes_the_plan_a_recording,
            a_settled_recording_is_like_any_other,
            settle_keeps_the_bytes_counted_once,
            settle_answers_gone_and_adds_nothing_if_this_very_plan_is_not_there,
            settle_answers_gone_if_it_is_repeated,
            settle_makes_one_recording_of_many_at_once,
            settle_answers_taken_and_leaves_the_plan,
            an_id_is_settled_or_inserted_and_never_both,
            settle_leaves_another_users_plan_of_the_same_id,
            release_gives_back_the_bytes_and_the_id,
            release_answers_false_and_gives_nothing_back_if_this_very_plan_is_not_there,
            release_gives_back_the_bytes_once_of_many_at_once,
            a_plan_is_settled_or_released_and_never_both,
        }
    };
}

/// One test per promise of a `BlobStore`, each on a fresh one: a future of `(Arc<store>, what must outlive it)`.
#[macro_export]
macro_rules! blob_store_tests {
    ($fresh:expr) => {
        $crate::tests! { $fresh, blobs:
            put_answers_the_size_and_digest_of_exactly_what_it_kept,
            put_takes_empty_pieces_for_what_they_are,
            put_gives_equal_bytes_references_of_their_own,
            put_never_gives_a_reference_twice,
            put_answers_the_error_of_a_failing_body_and_keeps_nothing,
            put_keeps_many_bodies_at_once,
            open_yields_exactly_the_bytes_of_the_range,
            open_lets_many_read_at_once,
            open_answers_none_for_a_blob_that_is_not_there,
            a_blob_deleted_while_it_is_read_never_ends_early,
            describe_says_whose_the_blob_is,
            provenance_says_whose_the_blob_is,
            describe_answers_the_size_and_no_other_digest,
            describe_answers_none_for_a_blob_that_is_not_there,
            is_intact_is_false_for_a_blob_that_is_not_there_or_shorter_than_it_was,
            delete_leaves_the_other_blobs,
            delete_succeeds_when_the_blob_is_already_gone,
            a_walk_has_every_blob_exactly_once,
            a_walk_goes_on_when_what_it_passed_is_deleted,
            claim_is_granted_to_one_store_for_ever,
            a_step_begins_where_the_blobs_are,
            of_two_steps_at_once_one_is_taken,
            a_blob_store_that_serves_answers_pings,
        }
    };
}

/// One test per promise of a `Batches`, each on a fresh one that is a `BlobStore` too: a future of
/// `(Arc<store>, what must outlive it)`.
#[macro_export]
macro_rules! batch_tests {
    ($fresh:expr) => {
        $crate::tests! { $fresh, batches:
            what_is_not_settled_is_in_a_batch_that_is_listed,
            what_is_settled_is_in_no_batch_that_is_listed,
            a_batch_may_be_closed_twice,
        }
    };
}

/// One test per promise of a `StagedBlobs`, each on a fresh one that is a `BlobStore` too: a future of
/// `(Arc<store>, what must outlive it)`, and which `PartAccess` the store offers, `Server` or `Presigned`.
#[macro_export]
macro_rules! staged_blob_tests {
    ($fresh:expr, $access:ident) => {
        $crate::tests! { $crate::parted!($fresh, $access), staging:
            begin_gives_every_blob_a_place_of_its_own,
            sent_lists_every_part_that_was_sent_and_no_other,
            sent_lists_nothing_that_is_gone,
            assemble_answers_the_size_and_digest_of_exactly_what_was_sent,
            assemble_puts_parts_together_that_were_sent_in_any_order,
            assemble_has_a_part_once_that_was_sent_again,
            assemble_answers_the_first_part_that_was_never_sent_and_keeps_the_others,
            assemble_answers_the_blob_again_until_the_parts_are_cleared,
            assemble_answers_the_blob_to_each_of_many_at_once,
            an_assembled_blob_says_whose_it_is,
            assemble_answers_a_blob_again_that_was_taken_apart,
            clear_keeps_the_blob_and_nothing_else,
            clear_succeeds_when_the_parts_are_already_gone,
            abort_removes_everything_that_was_sent,
            abort_succeeds_when_everything_is_already_gone,
            abort_begun_before_leaves_what_was_begun_later,
            abort_begun_before_removes_parts_that_were_never_put_together,
        }
    };
}

/// One test per promise of a `PartStore`, each on a fresh one that is a `BlobStore` and `StagedBlobs` too: a future of
/// `(Arc<store>, what must outlive it)`.
#[macro_export]
macro_rules! part_store_tests {
    ($fresh:expr) => {
        $crate::tests! { $crate::parted!($fresh, Server), staging:
            put_part_counts_the_last_one_that_was_sent,
            put_part_keeps_one_of_many_at_once_whole,
            put_part_answers_the_error_of_a_failing_body_and_keeps_what_was_sent_before,
            put_part_keeps_the_other_parts_when_a_body_fails,
            clear_succeeds_while_parts_arrive,
        }
    };
}

/// One test per promise of `PresignParts`, each on a fresh store that is a `BlobStore` and `StagedBlobs` too: a future of
/// `(Arc<store>, what must outlive it)`.
#[macro_export]
macro_rules! part_link_tests {
    ($fresh:expr) => {
        $crate::tests! { $crate::parted!($fresh, Presigned), staging:
            a_part_link_takes_no_other_bytes_than_announced,
            a_part_link_lets_no_other_owner_be_said,
            a_part_link_expires,
            a_part_link_leads_to_its_own_blob_only,
            a_part_link_is_for_writing_alone,
            a_part_link_changes_no_blob_that_is_put_together,
        }
    };
}

/// One test per promise of `PresignDownloads`, each on a fresh store that is a `BlobStore` too: a future of
/// `(Arc<store>, what must outlive it)`.
#[macro_export]
macro_rules! download_link_tests {
    ($fresh:expr) => {
        $crate::tests! { $fresh, links:
            a_download_link_yields_exactly_the_bytes_presented_as_told,
            a_download_link_yields_any_range,
            a_download_link_expires,
            a_download_link_leads_to_its_own_blob_only,
            a_download_link_is_for_reading_alone,
            a_download_link_outlives_no_blob,
        }
    };
}

/// One test per promise of a `Salvage`, each on a fresh store that is a `BlobStore` too: a future of
/// `(Arc<store>, what must outlive it)`.
#[macro_export]
macro_rules! salvage_tests {
    ($fresh:expr) => {
        $crate::tests! { $fresh, salvage:
            no_blob_has_a_bad_header_that_is_as_it_was_put,
            a_rewritten_header_leaves_the_bytes_as_they_are,
            there_are_no_remains_of_blobs_that_were_put_and_deleted,
            clear_leaves_every_blob_that_can_be_listed,
        }
    };
}

/// One test per promise of a `PasswordHasher`, each on a fresh one: a future of `(Arc<hasher>, what must outlive it)`.
#[macro_export]
macro_rules! password_hasher_tests {
    ($fresh:expr) => {
        $crate::tests! { $fresh, passwords:
            hash_makes_another_each_time,
            verify_knows_the_password_from_every_other,
            verify_fails_for_what_is_no_hash,
            the_decoy_matches_no_password,
        }
    };
}

/// One test per promise of a `UserStore`, each on a fresh one: a future of `(Arc<store>, what must outlive it)`.
#[macro_export]
macro_rules! user_store_tests {
    ($fresh:expr) => {
        $crate::row_tests! { $fresh, users:
            finds_the_account_that_was_created_equal_in_every_field,
            finds_nobody_under_an_identity_nobody_has,
            create_conflicts_if_a_user_has_this_identity,
            create_gives_an_identity_to_one_of_many_at_once,
            an_email_and_a_social_id_of_the_same_text_are_two_users,
            social_ids_that_join_to_the_same_text_are_two_users,
            social_ids_that_only_look_alike_are_two_users,
            a_user_store_that_serves_answers_pings,
            finds_a_users_account_equal_in_every_field,
            create_conflicts_if_a_user_has_one_of_these_identities,
            update_gives_an_account_other_identities_and_another_password,
            update_frees_the_identities_that_are_left_out,
            update_links_an_identity_anew,
            update_verifies_an_address,
            create_keeps_when_an_address_was_verified,
            pages_of_users_have_every_user_exactly_once,
            update_puts_an_identity_in_the_place_of_another,
            update_changes_nothing_from_another_account,
            update_changes_nothing_to_an_identity_of_another_user,
            update_is_done_by_one_of_many_at_once,
            update_leaves_the_users_sessions,
            change_password_changes_it_and_nothing_else_of_a_user,
            change_password_changes_nothing_from_another_password,
            change_password_is_done_by_one_of_many_at_once,
            change_password_ends_all_sessions_but_one,
            finds_the_session_that_was_opened_equal_in_every_field,
            finds_no_session_under_another_token,
            finds_a_session_even_past_its_expiry,
            touch_changes_last_used_at_and_expires_at_and_nothing_else,
            touch_leaves_another_users_session,
            touch_does_not_bring_back_a_closed_session,
            open_ends_the_session_that_was_used_least_recently_for_one_more,
            open_leaves_so_many_sessions_however_many_begin_at_once,
            open_ends_no_session_of_another_user,
            lists_only_sessions_of_that_user,
            lists_the_newest_session_first,
            finds_a_session_of_a_user_by_its_id,
            lists_no_session_that_has_expired,
            pages_have_every_session_that_stays_exactly_once,
            close_makes_the_token_find_nothing,
            close_answers_false_if_there_is_no_such_session,
            close_leaves_another_users_session,
            close_sessions_ends_all_of_a_user_and_nobody_elses,
            leaves_sessions_that_have_not_expired,
        }
    };
}

/// One test per promise about playback links, each on a fresh store of rows: a future of
/// `(Arc<store>, what must outlive it)`.
#[macro_export]
macro_rules! playback_tests {
    ($fresh:expr) => {
        $crate::row_tests! { $fresh, playback:
            finds_a_recording_to_play_for_nobody_but_its_owner,
            the_epoch_of_links_is_another_whenever_their_owner_signs_out_everywhere,
            the_epoch_of_links_stays_whatever_else_changes,
            playback_keys_are_the_same_for_all_who_ask_first,
            a_key_that_is_rotated_counts_until_the_next_time,
        }
    };
}

/// One test per promise of a `TokenStore`, each on a fresh store of rows: a future of `(Arc<store>, what must outlive it)`.
#[macro_export]
macro_rules! token_store_tests {
    ($fresh:expr) => {
        $crate::tests! { $fresh, tokens:
            finds_the_token_that_was_added_equal_in_every_field,
            lists_the_tokens_of_a_user_that_have_not_expired,
            touch_changes_when_a_token_was_last_used_and_nothing_else,
            revoke_ends_a_token_of_its_user,
            revoke_tokens_ends_all_of_a_user_and_nobody_elses,
            a_user_has_so_many_tokens_however_many_are_added_at_once,
        }
    };
}

/// One test per promise of a `TokenStore` that forgets when it is told to, and not by itself.
#[macro_export]
macro_rules! token_sweep_tests {
    ($fresh:expr) => {
        $crate::tests! { $fresh, tokens:
            forgets_tokens_once_they_have_expired,
        }
    };
}

/// One test per promise of an `ErasureStore`, each on a fresh store of rows: a future of
/// `(Arc<store>, what must outlive it)`.
#[macro_export]
macro_rules! erasure_store_tests {
    ($fresh:expr) => {
        $crate::row_tests! { $fresh, erasure:
            lists_those_who_have_left_once_it_is_time,
            an_account_may_have_nothing_to_sign_in_with_once_it_is_left,
            forgets_the_tries_of_an_account,
            forgets_what_is_left_once_there_is_nothing_more_to_do,
            forgets_an_account_and_whatever_is_left,
            forgets_no_account_that_is_not_to_be_erased,
        }
    };
}

/// One test per promise of an `AttemptStore`, each on a fresh one: a future of `(Arc<store>, what must outlive it)`.
#[macro_export]
macro_rules! attempt_store_tests {
    ($fresh:expr) => {
        $crate::tests! { $fresh, attempts:
            finds_the_attempts_that_were_remembered_last,
            attempts_are_changed_from_what_they_are_alone,
            attempts_are_changed_by_one_of_many_at_once,
            attempts_are_known_until_they_expire,
        }
    };
}

/// One test per promise of an `AttemptStore` that forgets when it is told to, and not by itself.
#[macro_export]
macro_rules! attempt_sweep_tests {
    ($fresh:expr) => {
        $crate::tests! { $fresh, attempts:
            forgets_attempts_once_they_have_expired,
        }
    };
}

/// One test per promise of a `SingleUse`, each on a fresh one: a future of `(Arc<store>, what must outlive it)`.
#[macro_export]
macro_rules! single_use_tests {
    ($fresh:expr) => {
        $crate::tests! { $fresh, single_use:
            what_counts_once_is_used_by_one_of_many_at_once,
            what_was_used_is_known_until_it_expires,
        }
    };
}

/// One test per promise of a `SingleUse` that forgets when it is told to, and not by itself.
#[macro_export]
macro_rules! single_use_sweep_tests {
    ($fresh:expr) => {
        $crate::tests! { $fresh, single_use:
            forgets_what_was_used_once_it_has_expired,
        }
    };
}

/// One test per promise of a `UserStore` that forgets expired sessions when it is told to, and not by itself.
#[macro_export]
macro_rules! session_sweep_tests {
    ($fresh:expr) => {
        $crate::row_tests! { $fresh, users:
            removes_expired_sessions_and_leaves_the_others,
        }
    };
}

/// What takes parts of blobs, made of a fresh store.
#[doc(hidden)]
#[macro_export]
macro_rules! parted {
    ($fresh:expr, $access:ident) => {
        async {
            let (store, kept) = $fresh.await;
            let parts = $crate::staging::PartAccess::$access(store.clone());
            let staging = $crate::staging::Staging { blobs: store.clone(), parts };
            ($crate::staging::Parted { blobs: store, staging }, kept)
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! tests {
    ($fresh:expr, $port:ident: $($promise:ident,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            let (store, _kept) = $fresh.await;
            $crate::$port::$promise(store).await;
        }
    )*};
}

/// As [`tests!`], on rows: afterwards everybody's counters are what there is.
#[doc(hidden)]
#[macro_export]
macro_rules! row_tests {
    ($fresh:expr, $port:ident: $($promise:ident,)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            let (store, _kept) = $fresh.await;
            $crate::counted::counted(store.clone(), $crate::$port::$promise(store)).await;
        }
    )*};
}

/// Fails unless every function that begins and goes on like this, in any file of a folder of the sources, is in a macro's
/// list; also in a file that nobody has heard of.
#[cfg(test)]
pub(crate) fn assert_all_listed(folder: &str, begins: &str, goes_on: &str, lists: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let sources = sources(&folder);
    let cases: Vec<_> = sources.lines().filter_map(|line| line.strip_prefix(begins)?.split_once(goes_on)).collect();
    assert!(!cases.is_empty(), "{} has none", folder.display());
    // What is generic is no case.
    for (case, _) in cases.into_iter().filter(|(case, _)| !case.contains('<')) {
        assert!(lists.contains(&format!("            {case},\n")), "{case} is in no list");
    }
}

/// All that is in a folder, and in those below it.
#[cfg(test)]
fn sources(folder: &std::path::Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("listed").path();
        let source = if path.is_dir() { sources(&path) } else { std::fs::read_to_string(&path).expect("text") };
        all.push_str(&source);
    }
    all
}

#[cfg(test)]
mod tests {
    /// A function missing from the lists above would be forgotten in silence.
    #[test]
    fn every_promise_is_run() {
        crate::assert_all_listed("", "pub async fn ", "(store: ", include_str!("lib.rs"));
    }

    #[test]
    #[should_panic(expected = "is in no list")]
    fn a_case_that_is_in_no_list_is_noticed() {
        crate::assert_all_listed("", "pub async fn ", "(store: ", "");
    }
}
