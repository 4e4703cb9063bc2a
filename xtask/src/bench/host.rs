//! The machine that is measured on, in words.

use std::fs;
use std::process::Command;

use crate::run;

/// What a reader must know of the machine.
pub(super) fn describe() -> String {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = value(&information, "model name").unwrap_or("unknown processor");
    let cores = information
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let place = if value(&information, "flags").is_some_and(|flags| flags.contains("hypervisor")) {
        ", in a virtual machine"
    } else {
        ""
    };
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes: u64 = value(&memory, "MemTotal")
        .and_then(|text| text.trim_end_matches(" kB").parse().ok())
        .unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{model}, {cores} cores{place}, {} GiB, Linux {}",
        (kibibytes + (1 << 19)) >> 20,
        kernel.trim()
    )
}

/// The last of the processors that this program may use, where there are several.
pub(super) fn last_processor() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    last(value(&status, "Cpus_allowed_list")?)
}

/// Of a list such as `0-3,8`.
fn last(list: &str) -> Option<String> {
    list.rsplit_once([',', '-'])
        .map(|(_, last)| last.to_owned())
}

/// Today in UTC.
pub(super) fn today() -> String {
    said(Command::new("date").args(["-u", "+%Y-%m-%d"]))
}

/// The load averages, as the kernel shows them.
pub(super) fn load_average() -> String {
    let averages = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    averages.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// The line that a program prints, or `unknown`.
pub(super) fn said(command: &mut Command) -> String {
    let said = run::output(command).map(|text| text.trim().to_owned());
    said.unwrap_or_else(|_| "unknown".to_owned())
}

fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(found, _)| found.trim() == name)
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_several_processors_is_found() {
        assert_eq!(last("0-3,8"), Some("8".to_owned()));
        assert_eq!(last("0-1"), Some("1".to_owned()));
        assert_eq!(last("0"), None);
    }

    #[test]
    fn values_are_found_by_their_names() {
        let text = "processor\t: 0\nmodel name\t: A: B\nMemTotal:  123 kB\n";
        assert_eq!(value(text, "model name"), Some("A: B"));
        assert_eq!(value(text, "MemTotal"), Some("123 kB"));
        assert_eq!(value(text, "flags"), None);
    }
}
