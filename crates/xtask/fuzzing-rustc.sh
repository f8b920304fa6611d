#!/bin/sh
# rustc that has libFuzzer see which way an input takes, for cargo's RUSTC_WORKSPACE_WRAPPER.
exec "$@" -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 \
  -C llvm-args=-sanitizer-coverage-inline-8bit-counters -C llvm-args=-sanitizer-coverage-pc-table \
  -C llvm-args=-sanitizer-coverage-trace-compares
