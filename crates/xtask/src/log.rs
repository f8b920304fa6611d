//! What a server has said last, which tells why it failed.

use std::path::Path;

const LINES: usize = 40;

/// The end of a log file, with a title that follows the name of who wrote it.
pub fn last_words(log: &Path) -> String {
    let log = std::fs::read(log).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<_> = log.lines().collect();
    let end = &lines[lines.len().saturating_sub(LINES)..];
    format!("last words ({} of {} lines):\n{}", end.len(), lines.len(), end.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_long_log_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("server.log");
        std::fs::write(&log, "first\n".to_owned() + &"next\n".repeat(40)).unwrap();

        let words = last_words(&log);

        assert!(words.starts_with("last words (40 of 41 lines):\nnext\n"), "{words}");
    }
}
