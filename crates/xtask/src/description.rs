//! `cargo xtask lint-description`: what Redocly and Spectral have against docs/openapi.json, and whether generators make
//! bytes of audio in Kotlin, Swift and Dart. Those for TypeScript and Python have their clients do something: `clients`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::engines::JAVA;
use crate::node::{NODE, Packages};
use crate::program::{read, succeed};
use crate::python::{self, Environment};
use crate::workspace;

const PACKAGES: Packages = Packages {
    name: "description-lint",
    manifest: include_str!("../description/package.json"),
    lock: include_str!("../description/package-lock.json"),
};

const GENERATOR: Environment = Environment {
    name: "openapi-generator",
    requirements: include_str!("../requirements/generator.txt"),
    works: |home| python::runs(home, &["-c", "import openapi_generator_cli"]),
};

/// A generator, and what it must write into one of its files: the parameters and results that are audio.
type Generated = (&'static str, &'static str, &'static [&'static str]);

const GENERATED: [Generated; 3] = [
    (
        "kotlin",
        "src/main/kotlin/org/openapitools/client/apis/RecordingsApi.kt",
        &[
            "fun uploadRecording(",
            "body: java.io.File?",
            "fun uploadRecordingForm(file: java.io.File,",
            ": java.io.File {",
        ],
    ),
    (
        "swift6",
        "Sources/OpenAPIClient/APIs/RecordingsAPI.swift",
        &["func uploadRecording(", "body: URL?", "func uploadRecordingForm(file: URL,", "-> URL {"],
    ),
    (
        "dart",
        "lib/api/recordings_api.dart",
        &[
            "uploadRecording(",
            "MultipartFile? body",
            "uploadRecordingForm(MultipartFile file,",
            "Future<MultipartFile?>",
        ],
    ),
];

/// Fails on any warning of a linter, and where a generator makes anything but bytes of audio.
pub fn run() -> Result<()> {
    let (home, description) = (PACKAGES.find()?, workspace::path("docs/openapi.json"));
    lint(&home, &description)?;
    let folder = tempfile::tempdir()?;
    generate(folder.path(), &description)?;
    GENERATED.iter().try_for_each(|generated| inspect(folder.path(), generated))
}

fn lint(home: &Path, description: &Path) -> Result<()> {
    let mut redocly = NODE.command()?;
    redocly.arg(home.join("node_modules/@redocly/cli/bin/cli.js")).args(["lint", "--extends", "recommended-strict"]);
    // Two send a browser on; Spectral wants 2xx or 3xx of all.
    redocly.args(["--skip-rule", "operation-2xx-response"]);
    redocly.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    succeed(redocly.arg(description)).context("Redocly")?;

    let mut spectral = NODE.command()?;
    spectral.arg(home.join("node_modules/@stoplight/spectral-cli/dist/index.js")).args([
        "lint",
        "--fail-severity",
        "hint",
    ]);
    let rules = workspace::path("crates/xtask/description/spectral.yaml");
    succeed(spectral.arg("--ruleset").arg(rules).arg(description)).context("Spectral")
}

/// All of them in one JVM, the start of which takes longest.
fn generate(folder: &Path, description: &Path) -> Result<()> {
    let mut java = JAVA.command()?;
    java.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-jar"]).arg(archive()?);
    java.args(["batch", "--fail-fast"]).current_dir(folder);
    for (generator, ..) in GENERATED {
        let file = folder.join(format!("{generator}.json"));
        let options =
            json!({"generatorName": generator, "inputSpec": description, "outputDir": folder.join(generator)});
        std::fs::write(&file, options.to_string())?;
        java.arg(file);
    }
    read(&mut java).map(drop).context("openapi-generator")
}

/// Where the Python package has the Java program.
fn archive() -> Result<PathBuf> {
    let home = GENERATOR.find()?;
    let script = "import openapi_generator_cli as it; print(it.__path__[0])";
    let path = read(std::process::Command::new(python::interpreter(&home)).args(["-c", script]))?;
    Ok(Path::new(String::from_utf8(path)?.trim_end()).join("openapi-generator.jar"))
}

fn inspect(folder: &Path, (generator, file, expected): &Generated) -> Result<()> {
    let path = folder.join(generator).join(file);
    let written = std::fs::read_to_string(&path).with_context(|| format!("{generator} writes no {file}"))?;
    let missing = expected.iter().find(|expected| !written.contains(**expected));
    ensure!(missing.is_none(), "{file} of {generator} has no {missing:?}");
    Ok(())
}
