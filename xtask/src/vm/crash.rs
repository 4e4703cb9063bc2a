//! What a kernel says that goes down, and whether its emulator is to blame.

use super::console::quoted;

/// How a kernel begins to tell what went wrong, and lines that are enough of it.
const BEGINS: [&str; 6] = [
    "BUG: ",
    "Oops: ",
    "int3: ",
    "general protection fault",
    "self-detected stall",
    "Kernel panic",
];
const LINES: usize = 40;

/// True if the kernel gave up.
pub(crate) fn has_panicked(console: &str) -> bool {
    console.contains("Kernel panic - not syncing")
}

/// True if the kernel met a breakpoint that it had already removed when it looked: it puts one there
/// while it patches a call (attaching a program does), and waits for every processor before it takes
/// it away. Emulated processors may still run what they translated before that.
pub(crate) fn has_stale_breakpoint(console: &str) -> bool {
    // `int3: 0000 [#1]` (5.10), `Oops: int3: 0000 [#1]` (6.12 and later).
    console.contains("int3: 0000 [#") || is_stuck_at_breakpoint(console)
}

/// The same where the kernel tries the instruction again and again: a processor is stuck at the begin of a
/// function, where programs are attached, or in what looks at such breakpoints.
pub(crate) fn is_stuck_at_breakpoint(console: &str) -> bool {
    let mut lines = console.lines();
    while lines.any(|line| line.contains("watchdog: BUG: soft lockup")) {
        let place = lines.find_map(|line| line.split_once("RIP: 0010:"));
        let is_begin = |place: &str| place.contains("+0x0/") || place.contains("+0x1/");
        if place.is_some_and(|(_, at)| is_begin(at) || at.starts_with("poke_int3_handler")) {
            return true;
        }
    }
    false
}

/// The first of what the kernel told to have gone wrong: all that comes later may come of it. Empty if
/// it told nothing.
pub(crate) fn report(console: &str) -> String {
    let is_begin = |line: &&str| BEGINS.iter().any(|begin| line.contains(begin));
    quoted(
        console
            .lines()
            .skip_while(|line| !is_begin(line))
            .take(LINES),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_kernel_that_panics_the_first_mistake_is_shown() {
        let console = "[    1.0] Run /init as init process\n[   43.2] BUG: kernel NULL pointer dereference\n\
            [   43.2] RIP: 0010:do_exit+0x17/0xa0\n[  292.7] Kernel panic - not syncing\n";
        let told = report(console);
        assert!(told.starts_with("    [   43.2] BUG:"), "{told}");
        assert!(
            told.contains("do_exit") && told.contains("Kernel panic"),
            "{told}"
        );
        assert!(has_panicked(console));
        assert_eq!(report("[    1.0] Run /init as init process\n"), "");
    }

    #[test]
    fn a_processor_that_is_stuck_where_programs_are_attached_is_noticed() {
        let stuck = |place: &str| {
            format!(
                "[  532.5] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [pipeline:126]\n\
                 [  532.5] RIP: 0010:{place}/0x250\n"
            )
        };
        assert!(has_stale_breakpoint(&stuck("__fput+0x0")));
        assert!(has_stale_breakpoint(&stuck("poke_int3_handler+0x17")));
        // Anywhere else it is a mistake.
        assert!(!has_stale_breakpoint(&stuck("bpf_prog_1234_close+0x97")));
        assert!(!has_stale_breakpoint(
            "[  1.0] RIP: 0010:__fput+0x0/0x250\n"
        ));
    }
}
