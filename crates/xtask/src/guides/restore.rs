//! The runbook of `deploy/README.md` for a table that is put back to an earlier moment, on the engines of AWS.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{DEPLOYMENT, Desk};
use crate::engines::Engines;
use crate::markdown::blocks;
use crate::{deploy, server, workspace};

/// The runbook is between these.
const RUNBOOK: (&str, &str) = ("<a id=\"restore\">", "<a id=\"name\">");
/// The moment it has for an example, and the table it makes.
const MOMENT: &str = "2026-11-23T09:30:00Z";
const RESTORED: &str = "tapebase-restored";

/// The table and the bucket of the stack.
const STACK: &str = "tapebase-before";

/// What the account answers. `DynamoDB` Local cannot restore a table: it was copied at that moment.
const ACCOUNT: &str = r#"
output() { echo tapebase-before; }
aws() {
  [ "$2" = restore-table-to-point-in-time ] || AWS_DEFAULT_REGION=$AWS_REGION "$PYTHON" -m awscli "$@"
}
A=0192f0c1-7c7e-7b3a-9d55-00000000000a B=0192f0c1-7c7e-7b3a-9d55-00000000000b C=0192f0c1-7c7e-7b3a-9d55-00000000000c
FILE=crates/http/assets/hello.m4a
call() { curl -sS --fail -H "Authorization: Bearer $(cat token)" "$@"; }
store() { call -X PUT -H 'Content-Type: audio/mp4' --data-binary @$FILE -o stored.json -w '%{http_code}\n' $API/v1/recordings/$1; }
play() { call -L $API/v1/recordings/$1/audio | cmp - $FILE && echo identical; }
"#;

/// What the stack makes.
const MAKE: &str = "
target/release/tapebase setup
aws s3api put-bucket-versioning --bucket tapebase-before --versioning-configuration Status=Enabled
";

/// Two recordings, a moment, and what came after it: another recording, and a deletion.
const LIVE: &str = r#"
curl -sS $API/v1/auth/signup -H 'Content-Type: application/json' \
  -d '{"email":"ann@example.com","password":"correct horse battery staple"}' | jq -r .access_token > token
store $A; store $B
sleep 1; date -u +%Y-%m-%dT%H:%M:%SZ > moment
AWS_DEFAULT_REGION=$AWS_REGION "$PYTHON" crates/xtask/copy_table.py tapebase-before tapebase-restored; sleep 1
store $C
call -X DELETE $API/v1/recordings/$B
"#;

/// What is there is played, what was lost is uploaded again, and nothing is removed on the word of the rows before.
const GO_ON: &str = "
play $A; play $B
store $C; play $C
target/release/tapebase verify
target/release/tapebase sweep && echo swept
! TAPEBASE_RECORDS=dynamodb://tapebase-before target/release/tapebase sweep && echo refused
";

/// Lives through it.
pub fn run(desk: &Desk, engines: &Engines) -> Result<()> {
    let account = Account { desk, engines, python: deploy::python()? };
    account.paste(STACK, MAKE, &[])?;
    account.serve(STACK, |address| {
        account.paste(STACK, &format!("API={address}\n{LIVE}"), &["201\n201\n201\n"])?;
        let moment = std::fs::read_to_string(desk.folder.path().join("moment"))?;
        account.paste(STACK, &runbook()?.replace(MOMENT, moment.trim_end()), &[]).context("the runbook")
    })?;
    account.serve(RESTORED, |address| {
        let expected = ["identical\nidentical\n201\nidentical\n", "3 recordings were checked", "swept\n", "refused\n"];
        account.paste(RESTORED, &format!("API={address}\n{GO_ON}"), &expected)
    })
}

/// Stands for an account of AWS.
struct Account<'a> {
    desk: &'a Desk,
    engines: &'a Engines,
    /// Which has the command line of AWS.
    python: PathBuf,
}

impl Account<'_> {
    /// Serves a table.
    fn serve(&self, table: &str, work: impl FnOnce(&str) -> Result<()>) -> Result<()> {
        let settings = self.settings(table);
        let settings: Vec<_> = settings.iter().map(|(name, value)| (&**name, &**value)).collect();
        let program = Command::new(self.desk.folder.path().join("target/release/tapebase"));
        server::serve_by(program, &settings, |address, _| work(address))
    }

    /// Runs commands of whoever looks after a table.
    fn paste(&self, table: &str, script: &str, expected: &[&str]) -> Result<()> {
        let exports = self.settings(table).into_iter().map(|(name, value)| format!("export {name}='{value}'\n"));
        let exports: String = exports.collect();
        self.desk.bash(&format!("{exports}PYTHON='{}'\n{ACCOUNT}{script}", self.python.display()), expected)
    }

    fn settings(&self, table: &str) -> Vec<(String, String)> {
        let stores = [("TAPEBASE_RECORDS", format!("dynamodb://{table}")), ("TAPEBASE_BLOBS", format!("s3://{STACK}"))];
        let stores = stores.map(|(name, value)| (name.to_owned(), value));
        self.engines.environment().iter().cloned().chain(stores).collect()
    }
}

/// The commands of the runbook, without their prompts.
fn runbook() -> Result<String> {
    let text = std::fs::read_to_string(workspace::path(DEPLOYMENT.0))?;
    let (begin, end) = RUNBOOK;
    let part = text.split_once(begin).and_then(|(_, rest)| Some(rest.split_once(end)?.0)).context("no runbook")?;
    let lines = blocks(part, "console").flat_map(str::lines);
    Ok(lines.flat_map(|line| [line.trim_start().trim_start_matches("$ "), "\n"]).collect())
}
