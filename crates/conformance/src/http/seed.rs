//! The routes of 2018: what its clients rely on, and what they suffered from that must not come back.
//!
//! A front end that trusts social ids runs them all:
//!
//! ```text
//! fn front_end() -> (Tcp, Server) { .. }
//!
//! tapebase_conformance::seed_tests!(front_end());
//! ```
//!
//! The expression yields a client and whatever must outlive it, for each test again.
//! Every test signs up users of its own, so it may be the same front end for all.
//! What needs more than HTTP (sockets, the disk, a restart) is in the server's `tests/it/seed.rs`.

mod accounts;
mod authorization;
mod list;
mod login;
mod manners;
mod names;
mod phone;
mod recordings;
mod upload;
mod views;

use super::{Client, Request, Response, text};

pub use self::{
    accounts::*, authorization::*, list::*, login::*, manners::*, names::*, recordings::*, upload::*, views::*,
};

/// One test per line of the contract of 2018: first what to keep, row by row, then the faults not to keep.
#[macro_export]
macro_rules! seed_tests {
    ($front_end:expr) => {
        $crate::seed_tests! { @each $front_end;
            // All bodies are JSON; a trailing slash is ignored; two words of authorization.
            a_trailing_slash_is_ignored_on_every_route,
            authorization_takes_any_white_space_and_any_case_of_its_name,

            // GET /login: 200, the key, and sign-up by the first call.
            a_login_answers_a_key_of_64_letters_and_digits_and_the_joined_user_id,
            the_first_login_signs_up_and_later_ones_log_in,
            keys_given_earlier_keep_working,
            who_came_by_a_social_id_cannot_take_the_account,
            a_login_takes_its_parameters_in_any_order_and_among_others,

            // GET /login: a parameter missing, empty or in the wrong case.
            a_login_without_both_parameters_is_refused,

            // PUT /upload/record/{file_name} and /record/{file_name}.
            both_upload_routes_store_what_they_are_sent,
            recordings_of_any_size_are_stored,
            the_declared_type_may_have_parameters_and_any_letter_case,
            audio_types_are_taken,
            bytes_of_any_kind_are_taken,

            // PUT: another, missing or empty content type.
            another_content_type_is_415_before_anything_else,
            an_empty_content_type_is_415,
            a_missing_content_type_is_415,
            a_missing_content_type_is_named_as_the_framework_of_2018_took_it,
            a_content_type_that_is_not_text_is_415,

            // GET /record/list: all of them, and the form of the items.
            a_list_is_empty_before_the_first_upload,
            a_list_item_tells_its_id_owner_name_and_day,
            an_id_ends_with_the_extension_of_the_name,
            an_id_is_safe_in_a_url_whatever_the_extension,
            an_id_has_letters_and_digits_of_the_extension_alone,
            ids_are_unique,
            a_file_name_is_listed_as_sent_or_decoded_once,
            a_recording_may_be_called_list,

            // DELETE /record/{id}.
            a_delete_removes_that_recording_and_no_other,
            a_recording_is_deleted_once,
            an_id_may_be_percent_encoded_in_the_path,

            // GET /record/{id}.
            a_download_is_what_was_uploaded,
            a_download_can_be_of_a_part,

            // No Authorization.
            requests_without_authorization_are_told_that_it_is_required,
            an_upload_without_authorization_is_refused,

            // Wrong key, unknown user, another user's key, swapped, wrong case, very long.
            wrong_credentials_are_refused,
            very_long_credentials_are_refused,

            // Fault: who knows a social id is let in; keys are guessable and for ever.
            every_login_gives_another_key,
            a_key_can_be_revoked,

            // Fault: any user deletes any recording.
            nobody_else_deletes_a_recording,
            an_unknown_id_is_not_found_and_touches_nothing,

            // Fault: all audio is world-readable.
            nobody_else_downloads_a_recording,

            // Fault: uploads in the same second overwrite each other.
            forty_uploads_at_once_are_all_kept,

            // Fault: two social ids are one account.
            ids_that_join_to_the_same_text_are_never_one_account,
            an_id_that_is_not_utf_8_is_refused,
            ids_that_look_alike_are_distinct_accounts,

            // Fault: odd ids log in but can never authenticate or delete.
            an_odd_id_works_everywhere_or_is_refused_at_login,
            a_long_id_works_everywhere_or_is_refused_at_login,

            // Fault: malformed Authorization is a 500.
            anything_but_two_words_is_refused,
            credentials_that_are_not_ascii_are_refused,

            // Fault: concurrent uploads of one name mix users' audio.
            users_who_upload_one_name_at_once_never_mix,

            // Fault: the list loses uploads.
            a_list_of_450_is_complete_and_in_order,
            a_list_has_all_of_its_owners_recordings_and_no_others,

            // Fault: several accounts of one person.
            sixteen_first_logins_at_once_make_one_account,
            an_account_stays_the_same_among_many_others,

            // Fault: names that fail.
            an_odd_name_is_refused_or_done_properly,
            a_name_that_is_not_utf_8_is_refused,
            an_upload_without_a_name_is_refused,

            // Fault: GET and DELETE with a content type are 415, HEAD has a body, errors tell too much.
            reads_and_deletes_take_any_content_type,
            head_answers_as_get_does_without_the_body,
            errors_tell_neither_paths_nor_keys,

            // Fault: no download route; now there are two views of the same recordings.
            what_the_old_routes_store_is_in_v1,
            what_v1_stores_is_in_the_old_list,
            a_rename_in_v1_shows_in_the_old_list,
            users_who_came_by_email_can_use_the_old_routes,
        }
    };
    (@each $front_end:expr; $($promise:ident,)*) => {$(
        #[test]
        fn $promise() {
            let (client, _kept) = $front_end;
            $crate::http::seed::$promise(&client);
        }
    )*};
}

#[cfg(test)]
mod tests {
    /// A function missing from the list above would be forgotten in silence.
    #[test]
    fn every_promise_is_run() {
        let list = include_str!("seed.rs");

        crate::assert_all_listed("http/seed", "pub fn ", "(client: &dyn", list);
    }
}
