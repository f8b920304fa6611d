//! `SeaweedFS` with its S3 gateway, which checks signatures, digests and conditions as S3 does.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::json;

use super::keeper::Tether;
use super::ports::{Port, Ports};
use super::{ACCESS_KEY, REGION, SECRET_KEY, curl};
use crate::process::Process;

/// With a key it can encrypt at rest. What it encrypts lives as long as a run, so the key may be known.
const ENCRYPTION_KEY: [&str; 4] = ["0123456789abcdef"; 4];

/// Each option that takes a port.
const OPTIONS: [(&str, Port); 8] = [
    ("master.port", Port::Master),
    ("master.port.grpc", Port::MasterGrpc),
    ("volume.port", Port::Volume),
    ("volume.port.grpc", Port::VolumeGrpc),
    ("filer.port", Port::Filer),
    ("filer.port.grpc", Port::FilerGrpc),
    ("s3.port", Port::S3),
    ("s3.port.grpc", Port::S3Grpc),
];

/// The sockets it makes, whatever the options say, by the word in the name of each.
const SOCKETS: [(&str, Port); 6] = [
    ("master-grpc", Port::MasterGrpc),
    ("volume-grpc", Port::VolumeGrpc),
    ("filer", Port::Filer),
    ("filer-grpc", Port::FilerGrpc),
    ("s3", Port::S3),
    ("s3-grpc", Port::S3Grpc),
];

/// A running server; it ends with this value and then leaves nothing.
pub struct Seaweedfs {
    pub process: Process,
    _sockets: Sockets,
}

/// What the first object holds.
const BODY: [&str; 4] = ["--data-binary", "ready", "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"];

/// Starts it with its data in `folder`.
pub fn start(program: &Path, ports: &Ports, folder: &Path) -> Result<Seaweedfs> {
    let data = folder.join("objects");
    std::fs::create_dir(&data)?;
    let identities = folder.join("identities.json");
    std::fs::write(&identities, self::identities())?;
    let sockets = Sockets::of(ports);
    // Those of a run that was killed with its keeper.
    sockets.remove();
    let process = Process::start("SeaweedFS", folder, |command| {
        command
            .arg(program)
            // Else the log goes to files in /tmp.
            .args(["-logtostderr=true", "-alsologtostderr=false", "server", "-filer", "-s3"])
            .args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"])
            // The only master has nobody to wait for.
            .args(["-master.electionTimeout=1s", "-master.volumeSizeLimitMB=64", "-volume.max=0"])
            // Unless told otherwise it stores nothing on a disk of which less than a hundredth is free, however large.
            .arg("-volume.minFreeSpace=256MiB")
            .args(OPTIONS.map(|(name, port)| format!("-{name}={}", ports.get(port))))
            .args(["-s3.port.iceberg=0", "-s3.port.lance=0"])
            // As S3: a bucket is made by whoever wants it, and not deleted with what is in it.
            .args(["-s3.autoCreateBucket=false", "-s3.allowDeleteBucketNotEmpty=false"])
            .arg(format!("-dir={}", data.display()))
            .arg(format!("-s3.config={}", identities.display()))
            .env("WEED_S3_SSE_KEK", ENCRYPTION_KEY.concat());
    })?;
    Ok(Seaweedfs { process, _sockets: sockets })
}

/// Waits until it stores and returns an object: it says that it is well seconds before it can.
pub fn wait(seaweedfs: &Seaweedfs, tether: &Tether, port: u16) -> Result<()> {
    let bucket = format!("http://127.0.0.1:{port}/ready");
    let object = format!("{bucket}/object");
    seaweedfs.process.wait_until(|| {
        tether.ensure_held()?;
        Ok(matches!(signed("PUT", &bucket, &[]).as_str(), "200" | "409")
            && signed("PUT", &object, &BODY) == "200"
            && signed("GET", &object, &[]) == "200")
    })?;
    // Whoever comes finds it empty.
    signed("DELETE", &object, &[]);
    signed("DELETE", &bucket, &[]);
    Ok(())
}

fn signed(method: &str, url: &str, body: &[&str]) -> String {
    let (signature, user) = (format!("aws:amz:{REGION}:s3"), format!("{ACCESS_KEY}:{SECRET_KEY}"));
    let options = ["--request", method, "--aws-sigv4", &signature, "--user", &user];
    curl::status(url, &[&options, body].concat())
}

fn identities() -> String {
    let identity = json!({
        "name": "tests",
        "credentials": [{ "accessKey": ACCESS_KEY, "secretKey": SECRET_KEY }],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    });
    json!({ "identities": [identity] }).to_string()
}

/// The sockets in /tmp, which it leaves behind.
struct Sockets(Vec<PathBuf>);

impl Sockets {
    fn of(ports: &Ports) -> Self {
        Self(SOCKETS.map(|(word, port)| format!("/tmp/seaweedfs-{word}-{}.sock", ports.get(port)).into()).to_vec())
    }

    fn remove(&self) {
        for socket in &self.0 {
            // It fails for one that is not there.
            let _ = std::fs::remove_file(socket);
        }
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        self.remove();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sockets_of_two_runs_differ() {
        let (one, other) = (Ports::claim().unwrap(), Ports::claim().unwrap());

        let (one, other) = (Sockets::of(&one), Sockets::of(&other));

        assert!(one.0.iter().all(|socket| !other.0.contains(socket)));
    }

    #[test]
    fn one_key_may_do_everything() {
        let identities: serde_json::Value = serde_json::from_str(&identities()).unwrap();

        let credentials = &identities["identities"][0]["credentials"];
        assert_eq!(*credentials, json!([{ "accessKey": ACCESS_KEY, "secretKey": SECRET_KEY }]));
        assert!(ACCESS_KEY.chars().all(|letter| letter.is_ascii_alphanumeric()), "DynamoDB Local takes no other");
    }
}
