//! Job control: what the keys of a terminal and a shell's `fg` do.

use libtest_mimic::Trial;

use crate::shell::Shell;

pub(crate) fn tests() -> Vec<Trial> {
    let tests: [(&str, fn()); 8] = [
        ("interrupt_ends_the_command_as_without_agtrack", interrupt),
        (
            "a_command_that_handles_interrupt_keeps_running",
            handled_interrupt,
        ),
        (
            "stop_and_foreground_work_as_without_agtrack",
            stop_and_foreground,
        ),
        (
            "a_command_that_stops_itself_gives_the_shell_back",
            stops_itself,
        ),
        (
            "a_command_that_handles_the_stop_key_is_not_left_behind",
            handled_stop,
        ),
        ("the_command_reads_from_the_terminal", reads_terminal),
        ("a_background_command_can_be_killed", background),
        ("interrupt_ends_the_wait_for_descendants", interrupt_wait),
    ];
    crate::call::trials(&tests)
}

fn interrupt() {
    let mut shell = Shell::going("agtrack j -- sh -c 'echo going; exec sleep 600'");
    shell.key('c');
    let said = shell.returns(130);
    assert!(said.contains("recorded process.exec 1"), "{said}");
    assert!(shell.dir.path().join("j/stopped").exists());
}

fn handled_interrupt() {
    let mut shell = Shell::going(
        "agtrack j -- bash -c 'trap \"echo caught; exit 7\" INT; echo going; while :; do sleep 0.05; done'",
    );
    shell.key('c');
    shell.expect("caught");
    shell.returns(7);
}

fn stop_and_foreground() {
    let mut shell =
        Shell::going("agtrack j -- sh -c 'echo going; read answer; echo got-$answer; exit 5'");
    shell.key('z');
    shell.is_stopped();
    shell.line("fg");
    shell.line("yes");
    shell.expect("got-yes");
    shell.returns(5);
}

fn stops_itself() {
    let mut shell = Shell::going("agtrack j -- sh -c 'echo going; kill -TSTP $$; echo on; exit 6'");
    shell.is_stopped();
    shell.line("fg");
    shell.expect("on\r\n");
    shell.returns(6);
}

fn handled_stop() {
    let mut shell = Shell::going(
        "agtrack j -- bash -c 'trap \"echo not-now\" TSTP; echo going; read -r x; echo got-$x'",
    );
    shell.key('z');
    // bash runs a trap once its read returns.
    shell.line("still-here");
    shell.expect("not-now");
    shell.expect("got-still-here");
    shell.returns(0);
}

fn reads_terminal() {
    let mut shell = Shell::new();
    let said = shell.run(
        "agtrack j -- sh -c 'tty >/dev/null && ps -o stat= -p $$ | grep -q + && echo foreground'",
    );
    assert!(said.contains("foreground"), "{said}");
}

fn background() {
    let mut shell = Shell::going("agtrack j -- sh -c 'echo going; exec sleep 600' & echo");
    shell.line("kill %1; wait $!; echo code-$?.");
    shell.expect("code-143.");
    // That was the shell around it, which the signal ended as well.
    shell.line("until test -e j/stopped; do sleep 0.02; done; echo recorded");
    shell.expect("recorded");
}

fn interrupt_wait() {
    if !crate::call::cgroups_work() {
        eprintln!("not run: the fake engine needs a writable cgroup2 to know descendants");
        return;
    }
    let mut shell = Shell::new();
    // A session of its own, so that the key reaches the launcher only.
    shell.line("agtrack j --until all -- sh -c 'setsid sleep 600 & exit 4'");
    shell.expect("waiting for 1 more");
    shell.key('c');
    shell.expect("no longer waiting");
    shell.expect("still running  1");
    shell.returns(4);
    shell.run("pkill_own() { for p in $(ps -eo pid=,args= | awk '$2==\"sleep\"{print $1}'); do [ \"$(readlink /proc/$p/cwd)\" = \"$PWD\" ] && kill $p; done; }; pkill_own");
}
