//! What the API answers: one function per behaviour, named after it, to be run through every front end.
//!
//! ```text
//! fn server() -> (Tcp, Server) { .. }
//!
//! tapebase_conformance::http_tests!(server());
//! ```
//!
//! The expression is a [`Client`] and whatever must outlive it; `limits.quota` has to be [`announcements::QUOTA`] there.
//! A front end that sees heads as they are sent runs `raw_head_tests!` as well, and one that takes requests of
//! 8 MiB `long_upload_tests!`.
//! Every case has accounts of its own, so that all can run on one server, at once and again.

#![expect(missing_docs, reason = "the name of a case is the sentence it checks")]
#![expect(clippy::must_use_candidate, clippy::return_self_not_must_use, reason = "a test uses what it makes")]

pub mod accounts;
pub mod announcements;
pub mod authorization;
pub mod changes;
mod contract;
pub mod cookies;
pub mod cross_origin;
pub mod digests;
pub mod direct;
pub mod fixtures;
pub mod form;
pub mod forms;
pub mod identities;
pub mod leaving;
pub mod lists;
pub mod long;
pub mod names;
pub mod parts;
pub mod passwords;
pub mod play_links;
pub mod playback;
pub mod problems;
pub mod ranges;
pub mod recordings;
pub mod sending;
pub mod sessions;
pub mod tokens;
pub mod types;
pub mod under_way;
pub mod uploads;
pub mod user;

use std::thread;

pub use self::{contract::Strict, user::User};
use super::{Client, Request};

/// Sends every request, and fails with all answers that are not as expected.
#[track_caller]
fn expect_all<'e>(client: &dyn Client, table: impl IntoIterator<Item = (Request, &'e str)>) {
    let mut wrong = Vec::new();
    for (request, expected) in table {
        let outcome = client.send(&request).outcome();
        if outcome != expected {
            wrong.push(format!("{outcome}, not {expected}: {}", shown(&request)));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Does something this many times at once, on threads of their own.
pub(super) fn at_once<T: Send>(times: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = (0..times).map(|index| scope.spawn(move || work(index))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it did not panic")).collect()
    })
}

fn shown(request: &Request) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(100)]).escape_debug().to_string();
    let headers = request.headers.iter().filter(|(name, _)| name != "Authorization");
    let headers: Vec<_> = headers.map(|(name, value)| format!("{name}: {}", text(value))).collect();
    format!("{} {} {headers:?} {}", request.method, text(request.target.as_bytes()), text(&request.body))
}

/// One test per case, through a front end: `(a client, what must outlive it)`.
#[macro_export]
macro_rules! http_tests {
    ($server:expr) => {
        $crate::http_cases! { $server, accounts:
            signing_up_signs_in,
            a_token_can_be_told_from_other_secrets,
            logging_in_opens_another_session,
            an_email_address_has_no_letter_case,
            an_email_address_is_one_however_it_is_typed,
            an_email_address_or_password_may_be_composed_or_not,
            a_taken_email_address_stays_its_owners,
            one_of_many_at_once_gets_an_email_address,
            what_is_no_email_address_is_refused,
            a_password_has_8_characters_to_1024_bytes,
            a_password_counts_to_its_last_byte,
            an_unknown_user_and_a_wrong_password_are_answered_alike,
            guessing_is_slowed_down_for_known_and_unknown_addresses_alike,
            credentials_that_are_not_such_json_are_refused,
            credentials_in_an_array_are_none,
            credentials_have_at_most_64_kib,
            credentials_come_as_json,
            one_is_told_how_much_one_has_and_may_have,
        }
        $crate::http_cases! { $server, cookies:
            a_cookie_opens_a_session_until_its_user_signs_out,
            a_cookie_changes_nothing_for_a_page_of_another_origin,
            a_page_of_another_origin_signs_nobody_in,
            a_token_goes_before_a_cookie,
            what_is_no_cookie_of_a_session_signs_nobody_in,
        }
        $crate::http_cases! { $server, passwords:
            a_changed_password_is_the_one_that_signs_in,
            changing_a_password_ends_all_other_sessions_and_links,
            changing_a_password_again_is_answered_the_same,
            the_same_change_many_times_at_once_is_one,
            a_password_is_changed_by_whoever_knows_it,
            a_password_is_changed_to_one_that_can_be,
            one_of_many_at_once_changes_a_password,
            changing_a_password_takes_one_who_is_signed_in,
        }
        $crate::http_cases! { $server, identities:
            a_new_user_has_the_identity_they_signed_up_with,
            a_linked_email_address_signs_in_to_the_same_account,
            linking_an_address_again_is_answered_the_same,
            an_address_of_somebody_else_is_not_linked,
            an_address_is_linked_by_whoever_knows_the_password,
            an_address_that_is_unlinked_lets_nobody_in,
            the_last_identity_is_not_unlinked,
            identities_of_others_are_not_there,
            a_user_has_twenty_identities_at_most,
            identities_take_one_who_is_signed_in,
        }
        $crate::http_cases! { $server, leaving:
            who_leaves_is_told_by_when_nothing_is_left,
            who_has_left_is_signed_out_everywhere_and_their_links_end,
            an_address_of_somebody_who_has_left_is_anybodys,
            leaving_takes_nothing_from_others,
            leaving_takes_one_who_is_signed_in,
        }
        $crate::http_cases! { $server, tokens:
            an_api_token_is_shown_once_and_described_from_then_on,
            a_scope_is_for_what_it_says,
            what_is_of_the_account_takes_one_who_is_signed_in,
            a_token_for_one_recording_uploads_that_and_nothing_else,
            a_token_outlives_the_session_until_it_is_revoked,
            a_token_ends_with_its_account,
            what_is_no_token_that_can_be_is_refused,
        }
        $crate::http_cases! { $server, sessions:
            sessions_are_listed_the_newest_first,
            sessions_come_in_pages,
            a_session_shows_its_times_and_never_its_token,
            a_session_shows_what_its_client_calls_itself,
            a_session_is_read_by_its_id_in_any_letter_case,
            what_is_not_ones_own_session_is_not_found,
            closing_a_session_ends_it_at_once_and_no_other,
            the_session_in_use_can_be_closed,
            closing_all_sessions_signs_out_everywhere,
            logging_out_ends_the_session_in_use_and_no_other,
        }
        $crate::http_cases! { $server, authorization:
            what_is_somebodys_wants_a_token,
            a_token_that_opens_nothing_is_told_so,
            the_scheme_has_no_letter_case,
            every_digit_of_a_token_counts,
            other_schemes_are_no_way_in,
            a_token_counts_in_the_authorization_header_only,
        }
        $crate::http_cases! { $server, uploads:
            what_is_uploaded_is_what_is_found,
            an_id_is_a_ulid_or_uuid_and_its_letter_case_does_not_matter,
            what_is_no_ulid_or_uuid_is_no_id,
            the_same_upload_again_is_answered_the_same,
            repeating_an_upload_changes_nothing,
            an_upload_repeated_after_a_rename_keeps_the_new_name,
            an_id_keeps_its_first_content,
            one_of_many_contents_at_once_gets_the_id,
            an_upload_can_depend_on_what_is_there,
            one_of_many_at_once_is_the_first,
            what_is_gone_is_not_made_anew_by_a_tag,
            a_part_of_a_recording_is_refused,
            two_users_can_upload_under_the_same_id,
            an_upload_without_an_id_gets_a_ulid,
            a_recording_may_be_empty,
            recordings_of_any_size_come_back_whole,
            every_recorders_files_come_back_as_they_were,
            the_time_of_recording_keeps_its_offset,
            times_are_taken_as_libraries_write_them,
            answers_have_times_of_one_form,
            the_length_a_client_tells_is_answered_as_it_was_told,
            a_recording_of_no_told_time_is_of_now,
            what_is_no_time_is_refused,
            a_recording_without_a_name_is_called_by_its_time,
        }
        $crate::http_cases! { $server, announcements:
            a_plan_says_how_to_send_every_part,
            what_is_announced_is_kept,
            an_announced_recording_without_a_name_is_called_by_its_time,
            an_announced_id_is_a_ulid_or_uuid_in_any_letter_case,
            announced_bytes_of_no_told_type_are_looked_at,
            announced_bytes_say_what_they_are,
            announced_bytes_that_are_no_recording_are_refused,
            announcing_the_same_again_gives_fresh_links,
            one_of_many_contents_announced_at_once_gets_the_id,
            an_announced_id_keeps_its_first_content,
            what_is_stored_already_has_no_parts_to_send,
            two_users_can_announce_the_same_id,
            what_is_no_announcement_is_refused,
            what_cannot_become_a_recording_is_refused,
            what_is_announced_too_large_is_refused,
            uploads_under_way_take_up_the_quota,
        }
        $crate::http_cases! { $server, under_way:
            an_upload_under_way_is_found_until_it_is_completed,
            an_upload_whose_announcement_got_no_answer_is_found_and_ended,
            an_upload_whose_announcement_got_no_answer_is_found_and_completed,
            uploads_under_way_come_in_pages,
            uploads_under_way_are_shown_to_nobody_else,
        }
        $crate::http_cases! { $server, parts:
            an_empty_recording_is_one_empty_part,
            a_missing_part_is_named,
            a_part_that_arrived_damaged_can_be_sent_again,
            a_part_of_another_length_is_refused,
            an_altered_link_is_refused,
            a_link_is_of_one_part,
            a_link_is_for_sending_alone,
            a_link_to_the_server_itself_ends_with_its_upload,
        }
        $crate::http_cases! { $server, direct:
            what_is_sent_in_parts_is_what_is_found,
            there_is_no_recording_before_it_is_completed,
            completing_again_is_answered_the_same,
            one_of_many_at_once_completes_an_upload,
            an_announced_id_can_be_uploaded_otherwise_meanwhile,
            other_bytes_than_announced_are_no_recording,
            aborting_ends_an_upload,
            what_is_complete_cannot_be_aborted,
            what_was_never_announced_is_not_found,
            another_users_upload_is_not_there,
            direct_uploads_are_somebodys,
        }
        $crate::http_cases! { $server, types:
            bytes_of_no_told_type_are_looked_at,
            bytes_that_show_no_type_stay_bytes,
            a_declared_type_is_kept_where_the_bytes_show_none,
            whatever_recorders_declare_is_taken,
            the_bytes_say_what_a_recording_is,
            what_is_recognised_as_something_else_is_refused,
            what_is_no_recording_is_refused,
            encoded_bodies_are_refused,
            every_line_of_encodings_counts,
        }
        $crate::http_cases! { $server, digests:
            a_right_digest_is_taken,
            a_body_with_another_digest_is_not_stored,
            another_digest_under_a_taken_id_conflicts,
            a_repeated_upload_that_arrives_damaged_is_told_so,
            digests_that_contradict_are_refused,
            a_malformed_digest_is_refused,
            algorithms_nobody_knows_are_ignored,
            an_empty_recording_has_a_digest_too,
        }
        $crate::http_cases! { $server, forms:
            forms_of_browsers_and_curl_are_taken,
            forms_of_http_libraries_are_taken,
            a_form_may_have_a_preamble_and_an_epilogue,
            a_form_may_end_without_a_line_break,
            a_file_may_look_like_a_form,
            large_files_come_whole_out_of_a_form,
            files_of_no_told_type_are_looked_at,
            a_file_that_is_no_recording_is_refused,
            an_encoded_form_is_refused,
            an_encoded_file_in_a_form_is_refused,
            the_time_of_recording_may_be_in_a_field_or_the_head,
            the_length_may_be_in_a_field_or_the_query,
            the_name_field_wins_over_the_files_and_the_querys_over_both,
            fields_nobody_knows_are_ignored,
            a_digest_in_the_files_part_is_checked,
            a_digest_of_a_whole_form_is_refused,
            a_form_that_breaks_off_is_not_stored,
            a_form_without_its_end_is_not_stored,
            a_form_with_two_files_is_refused,
            fields_may_follow_the_file,
            fields_that_contradict_are_refused,
            a_form_that_breaks_off_behind_the_file_is_not_stored,
            a_file_without_a_name_is_the_recording,
            a_transfer_encoding_that_is_none_means_nothing,
            empty_fields_say_nothing,
            a_form_without_a_file_is_refused,
            a_form_in_which_no_file_was_chosen_is_refused,
            a_form_with_bad_fields_is_refused,
            a_form_that_is_no_form_is_refused,
        }
        $crate::http_cases! { $server, names:
            names_in_the_query_come_back,
            names_in_content_disposition_come_back,
            names_of_files_in_forms_come_back,
            names_in_fields_of_forms_come_back,
            new_names_come_back,
            a_quotation_mark_in_a_browsers_form_is_one,
            a_plain_file_name_in_content_disposition_is_the_name,
            the_name_in_the_query_wins_over_the_one_in_the_header,
            what_cannot_be_a_name_is_refused,
            a_name_in_a_header_that_cannot_be_one_is_passed_over,
            names_of_files_come_back_however_libraries_write_them,
            a_name_that_is_not_utf_8_is_refused,
            two_names_in_the_query_are_refused,
            downloads_spell_their_name_as_rfc_8187_has_it,
            downloads_offer_a_harmless_name_to_old_clients,
        }
        $crate::http_cases! { $server, lists:
            a_list_without_recordings_is_empty,
            a_list_can_be_asked_for_its_head,
            a_list_has_only_ones_own_recordings,
            lists_are_by_either_time_in_either_order,
            recordings_of_one_instant_are_all_there,
            a_page_has_1_to_200_recordings_and_50_unless_told,
            other_orders_are_refused,
            a_walk_has_what_stays_exactly_once_while_others_come_and_go,
            a_cursor_outlives_all_recordings,
            a_cursor_counts_in_its_own_order_only,
            a_cursor_alone_knows_its_order,
            empty_parameters_say_nothing,
            what_is_no_cursor_is_refused,
            another_users_cursor_shows_nothing_of_theirs,
            from_counts_and_to_does_not,
            from_and_to_are_of_the_time_the_list_is_by,
            an_offset_may_have_a_bare_plus,
            times_to_select_by_are_taken_as_libraries_write_them,
            what_is_no_time_selects_nothing,
            a_deleted_recording_is_in_no_list,
        }
        $crate::http_cases! { $server, changes:
            the_first_run_has_every_recording_once_and_nothing_that_was_deleted,
            what_changes_is_there_once_as_it_is_now,
            what_is_deleted_during_the_first_run_is_told,
            an_upload_that_comes_to_nothing_changes_nothing,
            a_cursor_of_changes_is_its_owners,
            what_is_no_page_of_changes_is_refused,
            who_waits_is_told_of_a_change_at_once,
            who_waits_in_vain_gets_an_empty_page,
            a_deleted_id_stays_deleted_unless_it_is_wanted_again,
            what_was_deleted_and_is_wanted_again_is_a_change_like_others,
            a_deleted_id_is_announced_if_it_is_wanted_again,
            what_is_deleted_while_it_is_sent_in_parts_stays_deleted,
        }
        $crate::http_cases! { $server, play_links:
            a_link_plays_its_recording_without_a_token,
            whoever_asks_for_a_link_again_is_given_the_same,
            a_link_can_be_one_to_save_the_file,
            nobody_is_given_a_link_to_what_is_not_theirs,
            a_link_lets_nobody_do_anything_else,
            what_was_no_link_plays_nothing,
            a_link_ends_when_its_recording_is_deleted,
            a_link_ends_when_its_owner_signs_out_everywhere,
            a_link_plays_under_the_new_name,
            recordings_come_with_links_if_that_is_asked_for,
        }
        $crate::http_cases! { $server, recordings:
            a_recording_is_read_with_its_tag,
            a_recording_can_be_asked_for_its_head,
            what_a_client_has_already_is_not_sent_again,
            a_read_can_depend_on_the_tag,
            a_recording_gets_a_new_name_and_a_new_tag,
            a_merge_patch_is_a_patch,
            what_is_no_change_of_a_name_is_refused,
            a_name_in_an_array_is_none,
            a_write_can_depend_on_the_tag,
            a_tag_is_compared_letter_for_letter,
            a_tag_that_a_proxy_has_marked_counts,
            a_byte_order_mark_in_front_of_json_means_nothing,
            a_write_can_depend_on_one_of_many_tags,
            one_of_many_at_once_changes_a_version,
            a_write_can_depend_on_there_being_a_recording,
            a_malformed_condition_never_lets_a_write_through,
            a_deleted_recording_is_gone_for_every_verb,
            what_is_no_id_is_the_id_of_nothing,
            another_users_recording_is_not_there,
            another_users_recording_is_answered_like_none,
        }
        $crate::answer_tests! { $server }
    };
}

/// Those of them that show whether answers come as they are made: with every kind of head and body.
#[macro_export]
macro_rules! answer_tests {
    ($server:expr) => {
        $crate::http_cases! { $server, playback:
            audio_comes_whole_and_described,
            audio_can_be_asked_for_its_head,
            an_empty_recording_plays_nothing,
            audio_a_client_has_already_is_not_sent_again,
            audio_a_client_has_already_brings_its_new_name,
            playing_can_depend_on_the_tag,
            a_renamed_recording_keeps_its_bytes_and_their_tag,
        }
        $crate::http_cases! { $server, ranges:
            a_range_is_played,
            a_part_is_described_like_the_whole,
            ranges_of_a_long_recording_are_exact,
            a_range_beyond_the_end_is_told_where_the_end_is,
            several_ranges_come_in_one_answer,
            one_range_that_is_left_of_several_comes_alone,
            ranges_that_ask_for_more_than_there_is_get_the_whole,
            what_is_no_range_of_bytes_is_ignored,
            one_malformed_range_of_several_spoils_them_all,
            a_range_counts_if_it_is_of_this_version,
        }
        $crate::http_cases! { $server, problems:
            other_paths_are_not_found,
            a_path_that_is_not_utf_8_leads_to_nothing,
            other_methods_are_answered_with_the_ones_there_are,
            every_answer_has_a_request_id_of_its_own,
            every_problem_is_explained_where_its_type_points,
            health_and_readiness_need_no_token,
            the_api_describes_itself,
            the_description_is_there_to_be_read,
            there_is_a_page_to_delete_an_account,
            the_root_leads_browsers_to_the_reference_and_tells_others_what_this_is,
            what_the_server_says_of_itself_is_not_sent_again,
        }
    };
}

/// More cases, for front ends that take requests of 8 MiB, or hand out links to stores that do.
#[macro_export]
macro_rules! long_upload_tests {
    ($server:expr) => {
        $crate::http_cases! { $server, long:
            many_parts_may_come_in_any_order,
            many_parts_may_come_at_once,
            the_first_missing_part_is_named,
            announcing_the_same_again_keeps_what_was_sent,
            other_bytes_than_announced_end_the_upload,
            uploads_that_end_give_back_the_quota,
        }
        $crate::http_cases! { $server, under_way:
            the_parts_that_are_here_are_listed,
        }
    };
}

/// More cases, where `http.allowed_origins` is [`ALLOWED_ORIGINS`](crate::http::cases::cross_origin::ALLOWED_ORIGINS).
#[macro_export]
macro_rules! cross_origin_tests {
    ($server:expr) => {
        $crate::http_cases! { $server, cross_origin:
            a_preflight_is_answered_wherever_it_asks,
            every_answer_may_be_read,
            another_origin_is_told_nothing,
            a_preflight_for_what_nobody_sends_is_refused,
            whoever_is_no_browser_is_answered_as_ever,
        }
    };
}

/// More cases, for front ends that see the bytes and lines of a head as they are sent.
///
/// API Gateway and function URLs do not: they join lines of one name by commas, even where the field is no
/// list, and pass values on in JSON, which has no bytes.
#[macro_export]
macro_rules! raw_head_tests {
    ($server:expr) => {
        $crate::http_cases! { $server, authorization:
            two_authorizations_are_one_too_many,
        }
        $crate::http_cases! { $server, names:
            a_header_that_is_not_utf_8_has_no_name,
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! http_cases {
    ($server:expr, $topic:ident: $($case:ident,)*) => {$(
        #[test]
        fn $case() {
            let (client, _kept) = $server;
            $crate::http::cases::$topic::$case(&$crate::http::cases::Strict(&client));
        }
    )*};
}

#[cfg(test)]
mod tests {
    /// A function missing from the list above would be forgotten in silence.
    #[test]
    fn every_case_is_run() {
        let list = include_str!("mod.rs");

        crate::assert_all_listed("http/cases", "pub fn ", "(client: &dyn Client) {", list);
    }
}
