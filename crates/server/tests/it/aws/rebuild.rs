//! `tapebase rebuild` for a bucket whose table is gone.

use tapebase_conformance::engines;
use tempfile::TempDir;

use super::stores::fresh;
use crate::{
    rebuild::{add_user, assert_all_back, log_in, rebuild, sign_up, text, upload_all},
    server::{Server, borrowed, command},
};

#[test]
fn all_recordings_come_back_after_the_table_was_lost() {
    let settings = fresh();
    let server = Server::start(&borrowed(&settings));
    let (token, user) = sign_up(&server, "ann");
    upload_all(&server, &token);
    assert!(server.terminate().success());
    // Another table, and the bucket as it was.
    let (table, bucket) = (&engines::fresh_stores()[0], &settings[1..]);
    let settings = [std::slice::from_ref(table), bucket].concat();
    let folder = TempDir::new().expect("a temporary folder");
    let set_up = command(folder.path(), &borrowed(&settings)).arg("setup").output().expect("it starts");
    assert!(text(&set_up).contains("belongs to other rows"), "{}", text(&set_up));

    let rebuilt = rebuild(folder.path(), &borrowed(&settings), &[]);

    assert!(rebuilt.status.success() && text(&rebuilt).contains("back             4,"), "{}", text(&rebuilt));
    let added = add_user(folder.path(), &borrowed(&settings), "ann", &user);
    assert!(added.status.success(), "{}", text(&added));
    let server = Server::start(&borrowed(&settings));
    assert_all_back(&server, &log_in(&server, "ann"));
}
