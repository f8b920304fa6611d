#!/bin/sh
# cargo, for the guides: its program is built, as for the tests. A release takes as long to build as all of these, and
# nothing in the guides tells one from the other.
[ "$*" = "run --release" ] || { echo "there is nothing here to run but what \`cargo run --release\` does" >&2; exit 2; }
exec "$(dirname "$0")/../target/release/tapebase"
