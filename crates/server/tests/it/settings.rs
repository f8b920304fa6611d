//! Settings as people and machines write them, and what is said of those that cannot be meant.

use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use tapebase_conformance::http::Request;
use tempfile::TempDir;

use crate::server::{Server, command};

/// Runs the program to its end.
fn run(data_dir: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = command(data_dir, settings);
    command.args(arguments).stderr(Stdio::piped()).stdin(Stdio::null());
    command.output().expect("it runs")
}

/// What it says of settings it does not take.
fn refusal(settings: &[(&str, &str)]) -> String {
    let folder = TempDir::new().expect("a temporary folder");
    let output = run(&folder.path().join("data"), settings, &["check-config"]);
    assert_eq!(output.status.code(), Some(1), "{settings:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn what_kubernetes_tells_of_services_stops_no_server() {
    let server = Server::start(&[
        ("TAPEBASE_SERVICE_HOST", "10.0.0.11"),
        ("TAPEBASE_SERVICE_PORT", "8080"),
        ("TAPEBASE_SERVICE_PORT_HTTP", "8080"),
        ("TAPEBASE_PORT", "tcp://10.0.0.11:8080"),
        ("TAPEBASE_PORT_8080_TCP", "tcp://10.0.0.11:8080"),
        ("TAPEBASE_PORT_8080_TCP_PROTO", "tcp"),
        ("TAPEBASE_PORT_8080_TCP_PORT", "8080"),
        ("TAPEBASE_PORT_8080_TCP_ADDR", "10.0.0.11"),
        // Nor does what only begins alike.
        ("TAPEBASELINE", "1"),
    ]);

    let _ = server.send(&Request::new("GET", "/readyz")).expect(200);

    for unknown in ["TAPEBASE_PORT", "TAPEBASE_LISTN", "TAPEBASE_LIMITS_QUOTA"] {
        assert!(refusal(&[(unknown, "8080")]).contains(unknown), "a setting nobody knows is named");
    }
}

#[test]
fn what_cargo_hands_over_to_the_program_is_no_wrong_setting() {
    // `cargo test` hands the same over as `cargo run` does: what the build script has made, too.
    assert!(std::env::vars_os().any(|(name, _)| name == "BUILT_AS"));
    let folder = TempDir::new().expect("a temporary folder");

    let mut check = Command::new(env!("CARGO_BIN_EXE_tapebase"));
    let output = check.arg("check-config").current_dir(folder.path()).output().expect("it runs");

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_example_can_be_served_with_every_setting_in_it() {
    let folder = TempDir::new().expect("a temporary folder");
    let example = run(&folder.path().join("data"), &[], &["config", "example"]).stdout;
    let example = String::from_utf8(example).expect("UTF-8");
    let is_setting = |line: &&str| line.contains(" = ") && !line.contains("listen") && !line.contains("data_dir");
    let set: Vec<&str> = example.lines().filter(|line| is_setting(line) || line.starts_with('[')).collect();
    std::fs::write(folder.path().join("tapebase.toml"), set.join("\n").replace("# ", "")).expect("written");
    let mut command = command(Path::new("tapebase-data"), &[]);
    command.current_dir(folder.path());

    let server = Server::run(command, folder.path());

    assert!(folder.path().join("tapebase-data/tapebase.db").exists());
    assert!(server.terminate().success());
}

#[test]
fn a_folder_may_have_a_number_for_a_name() {
    let folder = TempDir::new().expect("a temporary folder");
    for name in ["007", "1e3", "true"] {
        let mut command = command(Path::new(name), &[]);
        command.current_dir(folder.path());

        let server = Server::run(command, folder.path());

        assert!(folder.path().join(name).join("tapebase.db").exists(), "{name}");
        assert!(server.terminate().success());
    }
}

#[test]
fn numbers_and_switches_are_still_read_from_variables() {
    let folder = TempDir::new().expect("a temporary folder");
    let settings = [
        ("TAPEBASE_LIMITS__CONNECTIONS", "77"),
        ("TAPEBASE_LIMITS__RECORDING", "100000"),
        ("TAPEBASE_AUTH__OPEN_SIGNUP", "false"),
        ("TAPEBASE_TIMEOUTS__BODY", "5s"),
    ];
    let output = run(&folder.path().join("data"), &settings, &["check-config"]);

    let text = String::from_utf8(output.stdout).expect("UTF-8");
    for line in ["connections = 77", "open_signup = false", "body = \"5s\""] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(refusal(&[("TAPEBASE_AUTH__OPEN_SIGNUP", "maybe")]).contains("auth.open_signup"));
}

#[test]
fn a_path_after_two_slashes_is_refused_with_what_to_write() {
    for (name, url, instead) in [
        ("TAPEBASE_RECORDS", "sqlite://tapebase.db", "sqlite:PATH"),
        ("TAPEBASE_BLOBS", "file://audio", "file:PATH"),
        ("TAPEBASE_BLOBS", "file://", "file:PATH"),
    ] {
        let said = refusal(&[(name, url)]);
        assert!(said.contains(instead), "{url}: {said}");
    }
    let folder = TempDir::new().expect("a temporary folder");
    let records = format!("sqlite://{}", folder.path().join("elsewhere.db").display());

    let server = Server::start(&[("TAPEBASE_RECORDS", &records)]);

    let _ = server.send(&Request::new("GET", "/readyz")).expect(200);
    assert!(folder.path().join("elsewhere.db").exists());
}

#[test]
fn a_host_to_listen_on_is_a_name_or_left_out() {
    for listen in ["localhost:0", ":0", "127.0.0.1:0"] {
        let server = Server::start(&[("TAPEBASE_LISTEN", listen)]);
        let _ = server.send(&Request::new("GET", "/healthz")).expect(200);
    }
    for listen in ["8080", "localhost", "http://localhost:8080", "127.0.0.1:x"] {
        let said = refusal(&[("TAPEBASE_LISTEN", listen)]);
        assert!(said.contains("listen must be a host and a port"), "{listen}: {said}");
    }
}

#[test]
fn a_port_that_is_taken_is_named_with_the_setting_that_helps() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listen = taken.local_addr().expect("bound").to_string();
    let folder = TempDir::new().expect("a temporary folder");

    let output = run(&folder.path().join("data"), &[("TAPEBASE_LISTEN", &listen)], &["serve"]);

    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("TAPEBASE_LISTEN=127.0.0.1:"), "{said}");
}

#[test]
fn a_second_server_on_a_folder_is_refused_and_other_commands_are_not() {
    let server = Server::start(&[]);
    let started = Instant::now();

    let second = run(server.data_dir(), &[], &["serve"]);

    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && said.contains("another server"), "{said}");
    assert!((10..30).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    let _ = server.send(&Request::new("GET", "/readyz")).expect(200);
    let copy = server.data_dir().with_file_name("copy").display().to_string();
    for arguments in [&["sweep"][..], &["verify"], &["doctor"], &["backup", &copy], &["history", "renew"]] {
        let output = run(server.data_dir(), &[], arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_doctor_asks_for_the_proxy_in_front_wherever_the_server_listens() {
    let server = Server::start(&[]);
    let said = |settings: &[(&str, &str)]| {
        String::from_utf8(run(server.data_dir(), settings, &["doctor"]).stdout).expect("text")
    };

    for listen in ["127.0.0.1:8080", "0.0.0.0:8080"] {
        assert!(said(&[("TAPEBASE_LISTEN", listen)]).contains("note: http.proxies is not set"), "{listen}");
    }
    assert!(!said(&[("TAPEBASE_HTTP__PROXIES", "127.0.0.1")]).contains("http.proxies"));
}

#[test]
fn a_server_that_is_started_while_another_ends_waits_for_it() {
    let folder = TempDir::new().expect("a temporary folder");
    let data_dir = folder.path().join("data");
    let first = Server::start_on(&data_dir, &[]);
    let token = first.sign_up("ann");

    let second = std::thread::spawn({
        let data_dir = data_dir.clone();
        move || Server::start_on(&data_dir, &[])
    });
    #[expect(clippy::disallowed_methods, reason = "the second is to be waiting when the first is told to end")]
    std::thread::sleep(Duration::from_secs(2));
    assert!(!second.is_finished(), "it serves beside the first");
    assert!(first.terminate().success());

    let second = second.join().expect("it serves");
    assert!(second.list_all(&token).is_empty());
}

#[test]
fn settings_are_printed_without_what_is_secret_in_urls() {
    let folder = TempDir::new().expect("a temporary folder");
    let settings = [
        ("TAPEBASE_S3__PUBLIC_ENDPOINT", "https://ann:s3cret@s3.example.com"),
        ("TAPEBASE_BLOBS", "s3://bucket/prefix"),
    ];

    let output = run(&folder.path().join("data"), &settings, &["check-config"]);

    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        output.status.success() && text.contains("[redacted]@s3.example.com") && !text.contains("s3cret"),
        "{text}"
    );
    assert!(text.contains("downloads = \"stream\""), "{text}");
}

#[test]
fn a_value_that_is_none_is_refused_with_its_key_and_how_it_is_written() {
    for (name, value, key, told) in [
        ("TAPEBASE_LIMITS__QUOTA", "ten gigs", "limits.quota", "write 4 GiB"),
        ("TAPEBASE_LIMITS__RECORDING", "-1", "limits.recording", "write 4 GiB"),
        ("TAPEBASE_TIMEOUTS__BODY", "soon", "timeouts.body", "write 30days"),
        ("TAPEBASE_LISTEN", "8080", "listen", "127.0.0.1:8080"),
        ("TAPEBASE_HTTP__ALLOWED_ORIGINS", "app.example.com", "http.allowed_origins", "https://app.example.com"),
        ("TAPEBASE_HTTP__PROXIES", "nginx", "http.proxies", "10.0.0.0/8"),
    ] {
        let refused = refusal(&[(name, value)]);
        assert!(refused.contains(key) && refused.contains(told), "{name}={value}: {refused}");
    }
}

#[test]
fn the_command_line_goes_before_the_environment() {
    let folder = TempDir::new().expect("a temporary folder");
    let data = folder.path().join("elsewhere");
    let arguments = ["--listen", "127.0.0.1:1", "--data-dir", data.to_str().expect("text"), "check-config"];

    let output = run(&folder.path().join("data"), &[], &arguments);

    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("listen = \"127.0.0.1:1\"") && text.contains("elsewhere"), "{text}");
    let wrong = run(&folder.path().join("data"), &[], &["--listen", "nowhere"]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("127.0.0.1:8080"), "{wrong:?}");
}

#[test]
fn commands_in_an_empty_folder_say_so_and_make_nothing() {
    let folder = TempDir::new().expect("a temporary folder");
    let data = folder.path().join("data");
    let backup = folder.path().join("backup");
    let backup = ["backup", backup.to_str().expect("text")];

    for arguments in [&["sweep"][..], &["verify"], &backup, &["rebuild"], &["history", "renew"], &["keys", "rotate"]] {
        let output = run(&data, &[], arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("there is no "), "{arguments:?}: {output:?}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "{arguments:?}");
    }
}

#[test]
fn the_program_says_what_it_is_and_what_can_be_set() {
    let said = |arguments: &[&str]| {
        let folder = TempDir::new().expect("a temporary folder");
        // Wrong settings keep nobody from being helped.
        let output = run(&folder.path().join("data"), &[("TAPEBASE_NONSENSE", "1")], arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };

    let version = said(&["--version"]);
    assert!(version.starts_with("tapebase 0.") && version.contains("disk and AWS"), "{version}");
    let help = said(&["--help"]);
    assert!(help.contains("TAPEBASE_LISTEN") && help.contains("--data-dir"), "{help}");
    assert!(said(&["config", "example"]).contains("# quota = "));
    for shell in ["bash", "zsh", "fish"] {
        assert!(said(&["completions", shell]).contains("check-config"), "{shell}");
    }
}
