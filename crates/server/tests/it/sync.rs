//! Devices that follow changes lose nothing, whatever becomes of the server's rows.

mod device;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    thread,
};

use serde_json::json;
use tapebase_conformance::http::{Request, text};
use tapebase_domain::{
    id::RecordingId,
    ports::{Clock as _, SystemClock},
};

use crate::{server::Server, shelf::Shelf};
use device::{Copy, Device};

const HISTORIES: u64 = 20;
const STEPS: u32 = 40;

#[test]
fn after_a_restore_an_old_cursor_is_told_and_what_was_lost_is_sent_again() {
    let mut world = World::new(0);
    world.record(0);
    world.sync_all();
    world.backup();
    for _ in 0..3 {
        world.record(0);
    }
    world.sync_all();
    let cursor = world.devices[0].cursor.clone().expect("it has read");

    world.restore();

    let old = Request::new("GET", format!("/v1/changes?cursor={cursor}"));
    let answer = world.devices[0].send(world.server().tcp(), old);
    assert_eq!(answer.outcome(), "410 history-changed");
    assert_eq!(text(&answer.json(), "restart"), "/v1/changes");
    assert_eq!(world.server().list_all(&world.devices[0].token).len(), 1);
    world.sync_all();
    assert_eq!(world.server().list_all(&world.devices[0].token).len(), 4);
    world.settle();
}

#[test]
fn a_copy_of_the_folder_that_is_put_back_is_told_by_hand() {
    let mut world = World::new(0);
    world.record(0);
    world.sync_all();
    world.stop();
    let copied = Command::new("cp").arg("-a").args(["data-0", "data-1"].map(|name| world.shelf.path(name))).status();
    assert!(copied.expect("cp runs").success());
    world.start();
    for _ in 0..3 {
        world.record(0);
    }
    world.sync(0);
    let cursor = world.devices[0].cursor.clone().expect("it has read");
    world.stop();
    world.restored = 1;
    world.start();
    // As many changes as were lost: by their number alone nobody would notice.
    for _ in 0..3 {
        world.record(1);
    }
    world.sync(1);

    assert!(world.shelf.succeed("data-1", &["history", "renew"]).starts_with("The history is "));

    // A server that runs notices within ten seconds.
    let old = Request::new("GET", format!("/v1/changes?cursor={cursor}&wait=12"));
    let answer = world.devices[0].send(world.server().tcp(), old);
    assert_eq!(answer.outcome(), "410 history-changed");
    world.sync_all();
    assert_eq!(world.server().list_all(&world.devices[0].token).len(), 7);
    world.settle();
}

#[test]
fn over_random_histories_devices_delete_nothing_they_should_not() {
    thread::scope(|scope| {
        for half in 0..2 {
            scope.spawn(move || {
                for seed in (1..=HISTORIES).filter(|seed| seed % 2 == half) {
                    World::new(seed).live();
                }
            });
        }
    });
}

/// A server, and three devices of one user.
struct World {
    shelf: Shelf,
    server: Option<Server>,
    /// How often it was restored: each time there is another data folder.
    restored: u32,
    backups: u32,
    devices: [Device; 3],
    recorded: BTreeMap<String, Vec<u8>>,
    /// By the user, on any device.
    deleted: BTreeSet<String>,
    seed: u64,
    dice: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let shelf = Shelf::new();
        let server = Server::start_on(&shelf.path("data-0"), &[]);
        let token = server.sign_up("ann");
        let devices = [(); 3].map(|()| Device { token: token.clone(), copies: BTreeMap::new(), cursor: None });
        let (recorded, deleted) = (BTreeMap::new(), BTreeSet::new());
        Self { shelf, server: Some(server), restored: 0, backups: 0, devices, recorded, deleted, seed, dice: seed }
    }

    fn live(mut self) {
        for _ in 0..STEPS {
            // The last device is seldom there.
            let device = [0, 0, 0, 0, 1, 1, 1, 1, 2][self.roll(9)];
            match self.roll(20) {
                0..6 => self.record(device),
                6..12 => self.sync(device),
                12..15 => self.delete(device),
                15..17 => self.rename(device),
                17 => self.backup(),
                18 if self.backups > 0 => self.restore(),
                _ => self.forget_what_was_deleted(),
            }
        }
        self.settle();
    }

    /// A number below this, the same for the same seed.
    fn roll(&mut self, below: usize) -> usize {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.dice >> 33).expect("31 bits") % below
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    fn data_dir(&self) -> String {
        format!("data-{}", self.restored)
    }

    fn record(&mut self, device: usize) {
        let id = RecordingId::generate(SystemClock.now()).to_string();
        let audio = id.as_bytes().to_vec();
        self.recorded.insert(id.clone(), audio.clone());
        self.devices[device].copies.insert(id, Copy { audio, is_stored: false });
    }

    /// The device has everything it had but what the user has deleted.
    fn sync(&mut self, device: usize) {
        let before = self.devices[device].copies.clone();
        self.devices[device].sync(self.server.as_ref().expect("it runs").tcp());
        let after = &self.devices[device].copies;
        for id in before.keys().filter(|id| !self.deleted.contains(*id)) {
            assert_eq!(after.get(id).map(|copy| &copy.audio), Some(&self.recorded[id]), "{id}, seed {}", self.seed);
        }
    }

    fn sync_all(&mut self) {
        for device in 0..self.devices.len() {
            self.sync(device);
        }
    }

    fn chosen(&mut self, device: usize) -> Option<String> {
        let stored = self.devices[device].copies.iter().filter(|(_, copy)| copy.is_stored);
        let stored: Vec<String> = stored.map(|(id, _)| id.clone()).collect();
        (!stored.is_empty()).then(|| stored[self.roll(stored.len())].clone())
    }

    fn delete(&mut self, device: usize) {
        let Some(id) = self.chosen(device) else { return };
        let request = Request::new("DELETE", format!("/v1/recordings/{id}"));
        let answer = self.devices[device].send(self.server().tcp(), request);
        assert!(matches!(answer.status, 204 | 404), "{answer:?}");
        self.devices[device].copies.remove(&id);
        self.deleted.insert(id);
    }

    fn rename(&mut self, device: usize) {
        let Some(id) = self.chosen(device) else { return };
        let name = format!("take {}.m4a", self.roll(1000));
        let request = Request::new("PATCH", format!("/v1/recordings/{id}")).json(&json!({"name": name}));
        let answer = self.devices[device].send(self.server().tcp(), request);
        assert!(matches!(answer.status, 200 | 404), "{answer:?}");
    }

    fn backup(&mut self) {
        self.backups += 1;
        self.shelf.succeed(&self.data_dir(), &["backup", &format!("backup-{}", self.backups)]);
    }

    fn restore(&mut self) {
        self.stop();
        self.restored += 1;
        self.shelf.succeed(&self.data_dir(), &["restore", &format!("backup-{}", self.backups)]);
        self.start();
    }

    fn stop(&mut self) {
        assert!(self.server.take().expect("it runs").terminate().success());
    }

    fn start(&mut self) {
        self.server = Some(Server::start_on(&self.shelf.path(&self.data_dir()), &[]));
    }

    /// As if half a year had passed.
    fn forget_what_was_deleted(&self) {
        let rows = rusqlite::Connection::open(self.shelf.path(&self.data_dir()).join("tapebase.db")).expect("opened");
        rows.execute_batch("UPDATE due SET due_at = 0 WHERE kind = 'tombstone'").expect("aged");
        self.shelf.succeed(&self.data_dir(), &["sweep"]);
        let left: u32 = rows.query_row("SELECT count(*) FROM deleted", [], |row| row.get(0)).expect("counted");
        assert_eq!(left, 0, "tombstones are left");
    }

    /// In the end server and devices have the same, and all that was recorded and never deleted.
    fn settle(mut self) {
        self.sync_all();
        self.sync_all();
        let token = &self.devices[0].token;
        let listed = self.server().list_all(token);
        let listed: BTreeSet<&str> = listed.iter().map(|recording| text(recording, "id")).collect();
        for id in self.recorded.keys().filter(|id| !self.deleted.contains(*id)) {
            let is_somewhere = self.devices.iter().any(|device| device.copies.contains_key(id));
            assert!(listed.contains(&**id) && is_somewhere, "{id} is lost, seed {}", self.seed);
        }
        for device in &self.devices {
            let held: BTreeSet<&str> = device.copies.keys().map(|id| &**id).collect();
            assert_eq!(held, listed, "seed {}", self.seed);
        }
        self.stop();
        self.shelf.succeed(&self.data_dir(), &["verify"]);
    }
}
