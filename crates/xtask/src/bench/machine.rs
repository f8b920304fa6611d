//! What the machine is on which was measured.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::folder::file_system;
use super::table::aligned;
use crate::program;

/// A table of everything that numbers depend on.
pub fn describe(folder: &Path) -> Result<String> {
    let memory = field(&read("/proc/meminfo")?, "MemTotal").and_then(|size| gibibytes(&size)).unwrap_or_default();
    let lines = [
        ["processor", &processor()?],
        ["cores", &std::thread::available_parallelism()?.to_string()],
        ["memory", &memory],
        ["kernel", &format!("Linux {}", read("/proc/sys/kernel/osrelease")?.trim())],
        ["file system", &file_system(folder)?],
        ["date", &today()?],
    ];
    let lines = lines.map(|line| line.map(str::to_owned));
    Ok(aligned(&[&[["machine".to_owned(), String::new()]], &lines[..]].concat()))
}

/// What the kernel calls the processor.
pub fn processor() -> Result<String> {
    let name = field(&read("/proc/cpuinfo")?, "model name");
    Ok(name.unwrap_or_else(|| std::env::consts::ARCH.to_owned()))
}

fn read(file: &str) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("reading {file}"))
}

fn today() -> Result<String> {
    let date = program::read(Command::new("date").args(["--utc", "+%F"]))?;
    Ok(String::from_utf8(date)?.trim().to_owned())
}

/// The value of a line `name : value`.
fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

fn gibibytes(size: &str) -> Option<String> {
    let kibibytes: f64 = size.strip_suffix(" kB")?.parse().ok()?;
    Some(format!("{:.0} GiB", kibibytes / 1_048_576.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named_as_the_kernel_does() {
        let text = "processor\t: 0\nmodel\t\t: 1\nmodel name\t: A Fast One @ 3: GHz\n";

        assert_eq!(field(text, "model name").as_deref(), Some("A Fast One @ 3: GHz"));
        assert_eq!(field(text, "name"), None);
    }

    #[test]
    fn memory_is_told_in_the_unit_it_is_sold_in() {
        assert_eq!(gibibytes("24562340 kB").as_deref(), Some("23 GiB"));
    }

    #[test]
    fn this_machine_can_be_described() {
        let description = describe(&std::env::temp_dir()).unwrap();

        assert!(description.contains("| kernel ") && description.contains("Linux "), "{description}");
    }
}
