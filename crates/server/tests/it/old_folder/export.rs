//! Getting everything out without the program, by the script in docs/adapters/disk.md.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use tapebase_conformance::http::{
    cases::{
        fixtures::{noise, sha256},
        user::id,
    },
    text,
};

use super::copied::{DATA, OldFolder, items};

/// Where there is no `sqlite3`, what the script asks of it is done by the Python that the tests need anyway.
const STAND_IN: &str = r#"
command -v sqlite3 > /dev/null || sqlite3() {
  python3 -c '
import sqlite3, sys
option, separator, file, query = sys.argv[1:]
assert option == "-separator"
for row in sqlite3.connect(file).execute(query):
    print(*row, sep=separator)
' "$@"
}
"#;

/// The digests of recordings, by `OWNER/ID`.
type Digests = BTreeMap<String, String>;

/// The script, as somebody would paste it.
fn script() -> String {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/adapters/disk.md");
    let document = fs::read_to_string(document).expect("a document");
    let mut blocks = document.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.find(|block| block.contains("sqlite3 ")).expect("the script is in the document").to_owned()
}

/// What the script makes of the data folder, in a folder `out` that is made for it.
fn exported(old: &OldFolder) -> Digests {
    let here = old.shelf.path("");
    let mut bash = Command::new("bash");
    let output =
        bash.args(["-euc", &format!("{STAND_IN}{}", script())]).current_dir(&here).output().expect("bash runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let out = old.shelf.path("out");
    let mut digests = Digests::new();
    for owner in fs::read_dir(&out).expect("a folder") {
        for recording in fs::read_dir(owner.expect("read").path()).expect("a folder") {
            let path = recording.expect("read").path();
            let name = path.strip_prefix(&out).expect("below").to_str().expect("ASCII").to_owned();
            digests.insert(name, sha256(&fs::read(path).expect("read")));
        }
    }
    fs::remove_dir_all(out).expect("removed");
    digests
}

/// What was told when the folder was made.
fn told(old: &OldFolder) -> Digests {
    let of = |user| {
        let digest = move |told| (format!("{}/{}", text(user, "id"), id(told)), text(told, "sha256").to_owned());
        items(user, "recordings").iter().map(digest)
    };
    old.users.iter().flat_map(of).collect()
}

#[test]
fn everything_comes_out_of_an_old_folder_without_the_program() {
    let old = OldFolder::copied();

    let exported = exported(&old);

    assert_eq!(exported, told(&old));
}

#[test]
fn everything_comes_out_of_an_old_folder_that_goes_on_growing() {
    let old = OldFolder::copied();
    let server = old.serve(DATA);
    let mut expected = told(&old);
    for account in old.log_in(&server.tcp()) {
        let owner = text(account.told, "id");
        for size in [0, 1, 700, 64 << 10, 300_000, 2_500_000] {
            let audio = noise(size);
            expected.insert(format!("{owner}/{}", id(&account.user.upload(audio.clone()))), sha256(&audio));
        }
        for gone in [id(&account.user.upload(noise(20_000))), id(&items(account.told, "recordings")[2])] {
            account.user.delete(&gone);
            expected.remove(&format!("{owner}/{gone}"));
        }
    }

    let beside = exported(&old);
    assert!(server.terminate().success());
    let after = exported(&old);

    assert_eq!(beside, expected);
    assert_eq!(after, expected);
}
