//! A full disk: uploads are answered with 507, nothing is lost, and deleting makes room again.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use tapebase_conformance::http::Request;
use tempfile::TempDir;

use crate::server::{Server, command};

const MIB: usize = 1 << 20;

/// Starts the server on a disk of 64 MiB that is there for this process alone, and gone with it.
fn start_on_a_small_disk(mount_point: &Path) -> Server {
    let plain = command(&mount_point.join("data"), &[]);
    let mut confined = Command::new("unshare");
    confined.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    confined.arg("mount -t tmpfs -o size=64m tmpfs \"$1\" && exec \"$2\"").arg("sh").arg(mount_point);
    confined.arg(plain.get_program());
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => confined.env(name, value),
            None => confined.env_remove(name),
        };
    }
    confined.stdout(Stdio::piped()).stderr(Stdio::null());
    Server::run(confined, mount_point)
}

#[test]
fn a_full_disk_answers_507_and_loses_nothing() {
    let folder = TempDir::new().expect("a temporary folder");
    let server = start_on_a_small_disk(folder.path());
    let token = server.sign_up("ann");
    let upload = |size: usize, fill: u8| {
        server.send(&Request::new("POST", "/v1/recordings").bearer(&token).body("audio/mp4", vec![fill; size]))
    };

    // Filled with recordings of 5 MiB, and then of 100 KiB, until not even those fit.
    let mut stored = Vec::new();
    for size in [5 * MIB, 100 << 10] {
        let refused = loop {
            let fill = u8::try_from(stored.len() % 251).expect("less than 251");
            let response = upload(size, fill);
            if response.status != 201 {
                break response;
            }
            stored.push((response.json()["id"].as_str().expect("an id").to_owned(), size, fill));
            assert!(stored.len() < 1_000, "the disk never fills");
        };
        assert_eq!(refused.status, 507);
        assert_eq!(refused.problem(), "storage-full");
        assert_eq!(refused.json()["retryable"], true);
    }
    assert!(stored.len() > 8, "hardly anything fitted: {}", stored.len());

    // All of it is there, and nothing else.
    assert_eq!(server.list_all(&token).len(), stored.len());
    for (id, size, fill) in &stored {
        let audio = server.send(&Request::new("GET", format!("/v1/recordings/{id}/audio")).bearer(&token)).expect(200);
        assert!(audio.body == vec![*fill; *size], "{id} is what was sent");
    }

    // There is room to delete, and then to upload.
    let (id, _, _) = &stored[0];
    let _ = server.send(&Request::new("DELETE", format!("/v1/recordings/{id}")).bearer(&token)).expect(204);
    let _ = upload(4 * MIB, 1).expect(201);
    assert_eq!(server.list_all(&token).len(), stored.len());

    // What small ones had, small ones get back: they share files, which must not stay as they were.
    let small: Vec<_> = stored.iter().filter(|(_, size, _)| *size < MIB).collect();
    for (id, _, _) in &small {
        let _ = server.send(&Request::new("DELETE", format!("/v1/recordings/{id}")).bearer(&token)).expect(204);
    }
    for _ in 0..small.len().div_ceil(2) {
        let id = upload(100 << 10, 9).expect(201).json()["id"].as_str().expect("an id").to_owned();
        let audio = server.send(&Request::new("GET", format!("/v1/recordings/{id}/audio")).bearer(&token)).expect(200);
        assert!(audio.body == vec![9; 100 << 10], "{id} is what was sent");
    }
}
