//! Names of recordings, and the disk, which never sees them.

use std::path::{Path, PathBuf};

use tapebase_conformance::http::cases::names;

use crate::server::Server;

#[test]
fn no_path_has_any_part_of_a_name() {
    let server = Server::start(&[]);
    let tcp = server.tcp();
    let before = below(server.data_dir());

    names::names_in_the_query_come_back(&tcp);
    names::names_in_content_disposition_come_back(&tcp);
    names::names_of_files_in_forms_come_back(&tcp);
    names::names_in_fields_of_forms_come_back(&tcp);
    names::new_names_come_back(&tcp);

    let mut paths = below(server.data_dir());
    paths.retain(|path| !before.contains(path));
    assert!(server.blobs() >= 5 * names::names().len() && !paths.is_empty(), "{} blobs", server.blobs());
    let words: Vec<String> = names::names().iter().flat_map(|name| words(name)).collect();
    for path in paths {
        let path = path.strip_prefix(server.data_dir()).expect("below").to_str().expect("ASCII").to_owned();
        assert!(path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/.-_".contains(&byte)), "{path}");
        assert_eq!(words.iter().find(|word| path.contains(*word)), None, "{path}");
    }
}

#[test]
fn nothing_is_written_beside_the_data_folder() {
    let server = Server::start(&[]);

    names::names_of_files_in_forms_come_back(&server.tcp());

    let beside = server.data_dir().parent().expect("a folder around it");
    let entries: Vec<_> =
        std::fs::read_dir(beside).expect("a folder").map(|entry| entry.expect("read").path()).collect();
    assert_eq!(entries, [server.data_dir()]);
}

/// The words of a name that cannot be in a random hexadecimal number.
fn words(name: &str) -> Vec<String> {
    let words = name.split(|char: char| !char.is_alphanumeric());
    let telling = words.filter(|word| word.len() > 2 && !word.chars().all(|char| char.is_ascii_hexdigit()));
    telling.map(str::to_owned).collect()
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| if path.is_dir() { [vec![path.clone()], below(&path)].concat() } else { vec![path] })
        .collect()
}
