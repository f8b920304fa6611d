//! What is told on standard output and standard error. Whoever does not listen any more stops nothing: a repair goes on
//! when its output was piped into `head`, and a server starts on a full disk.

use std::{
    fmt,
    io::{self, Write as _},
};

/// Prints a line to standard output, like `println!`, or loses it.
macro_rules! say {
    ($($line:tt)+) => { $crate::print::line(format_args!($($line)+)) };
}

/// See [`say!`].
pub fn line(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints to standard error at once, or loses it.
pub fn to_stderr(text: fmt::Arguments<'_>) {
    let mut stderr = io::stderr();
    let _ = stderr.write_fmt(text).and_then(|()| stderr.flush());
}
