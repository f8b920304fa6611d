//! How much memory there is.

use bytesize::ByteSize;
use sysinfo::{MemoryRefreshKind, ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};
use tapebase_domain::memory::Budget;

/// A quarter of what this process may use: of its control group's limit, as a container has one and systemd's
/// `MemoryMax=` sets it, or of the machine's memory.
///
/// Where that cannot be found out, it is the least that is of use.
pub fn quarter() -> ByteSize {
    let all = available().unwrap_or_default();
    ByteSize::b((all / 4).max(Budget::LEAST_BYTES))
}

/// In bytes.
fn available() -> Option<u64> {
    let mut system = System::new().ok()?;
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let process = get_current_pid().ok()?;
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[process]), false, ProcessRefreshKind::nothing());
    let limits = system.process(process).and_then(sysinfo::Process::cgroup_limits);
    // Without a limit, this is what the machine has, too.
    Some(limits.map_or_else(|| system.total_memory(), |limits| limits.total_memory))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn it_is_at_most_what_the_machine_has() {
        let machine = fs::read_to_string("/proc/meminfo").expect("Linux");
        let kib = machine.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
        let machine = kib.and_then(|kib| kib.parse::<u64>().ok()).expect("a number") << 10;

        let available = available().expect("Linux tells");

        assert!((1 << 20..=machine).contains(&available), "{available} of {machine}");
        assert_eq!(quarter().as_u64(), (available / 4).max(Budget::LEAST_BYTES));
    }
}
