//! Prints the description of the API, as it is to be committed: `cargo run -p tapebase-http --example openapi >
//! docs/openapi.json`.

use std::io::{self, Write as _};

fn main() -> io::Result<()> {
    io::stdout().write_all(tapebase_http::generate_openapi()?.as_bytes())
}
