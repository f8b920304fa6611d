#!/bin/sh
# rustc that lints, for cargo's RUSTC_WORKSPACE_WRAPPER: clippy-driver compiles what it reads, with rustc's own arguments.
exec clippy-driver "$@" -D warnings
