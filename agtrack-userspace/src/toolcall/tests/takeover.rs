//! A well-known program is the main one as long as it runs: what it took over from is it again.

use super::*;

/// The commands whose calls began, in order.
fn begun(told: &Told) -> Vec<String> {
    let calls = told.out.iter().filter_map(|draft| match &draft.body {
        Body::ToolCall(call) if call.change == Change::Start => Some(&call.tool_call.command),
        _ => None,
    });
    let words = |command: &Vec<Text>| -> Vec<_> { command.iter().map(Text::printable).collect() };
    calls.map(|command| words(command).join(" ")).collect()
}

impl Told {
    fn start(&mut self, by: &str, uid: &str, command: &[&str]) -> &mut Self {
        self.fork(by, uid).exec(uid, command)
    }

    fn gone(&mut self, uid: &str) -> &mut Self {
        self.calls.gone(7, uid, self.time, &mut self.out);
        self
    }
}

/// A shell that has started claude, which has listed a directory.
fn wrapped() -> Told {
    let mut told = Told::default();
    told.exec("s", &["bash", "wrap.sh"]);
    told.start("s", "m", &["claude", "-p", "x"]);
    told.start("m", "c", &["ls"]).exit("c", 0);
    told
}

#[test]
fn what_a_script_does_behind_the_program_is_a_call_again() {
    let mut told = wrapped();
    told.start("s", "beside", &["date"]).exit("beside", 0);
    told.exit("m", 0).write("s", "/w/direct");
    assert_eq!(told.story().last().unwrap(), "s open -");
    told.start("s", "g", &["git", "push"]).exit("g", 0);
    assert_eq!(begun(&told), ["ls", "git push"]);
    assert_eq!(told.story().last().unwrap(), "-g git push");
    told.exit("s", 0);
    assert_eq!(told.calls.books.processes, 0);
}

#[test]
fn an_end_that_no_event_tells_gives_back_too() {
    let mut told = wrapped();
    told.gone("m").start("s", "g", &["git", "push"]);
    assert_eq!(begun(&told), ["ls", "git push"]);
}

#[test]
fn one_that_had_ended_itself_gets_nothing_back() {
    let mut told = wrapped();
    told.fork("s", "job").exit("s", 0).exit("m", 0);
    told.start("job", "g", &["git", "push"]);
    assert_eq!(begun(&told), ["ls", "git push"], "its child is a child");
}

/// A job of the shell that runs beside claude, and goes on behind it.
#[test]
fn what_was_started_beside_it_begins_calls_when_it_has_ended() {
    let mut told = wrapped();
    told.fork("s", "job").start("job", "w", &["sleep", "3"]);
    told.exit("m", 0).exit("w", 0);
    told.start("job", "u", &["curl"]);
    assert_eq!(begun(&told), ["ls", "curl"]);
}

#[test]
fn what_only_started_it_is_no_call_and_its_next_child_is() {
    let mut told = Told::default();
    told.exec("s", &["bash", "wrap.sh"]);
    told.start("s", "t", &["timeout", "60", "claude"]);
    told.start("t", "m", &["claude"]).exit("m", 0);
    told.start("t", "k", &["kill"]).exit("k", 0).exit("t", 0);
    told.start("s", "g", &["git", "push"]);
    assert_eq!(begun(&told), ["kill", "git push"]);
}

#[test]
fn as_long_as_one_process_runs_the_program_it_has_not_ended() {
    let mut told = Told::default();
    told.exec("s", &["bash", "wrap.sh"]);
    told.start("s", "m", &["codex"]);
    told.start("m", "n", &["codex", "native"]).exit("m", 137);
    told.start("s", "e", &["date"]);
    told.fork("n", "c")
        .exec("c", &["codex", "--codex-run-as-process-setup"])
        .exec("c", &["make"]);
    told.exit("n", 0).start("s", "g", &["git", "push"]);
    assert_eq!(begun(&told), ["make", "git push"]);
}

#[test]
fn an_agent_in_a_call_of_its_gives_nothing_back() {
    let mut told = wrapped();
    told.start("m", "b", &["bash", "-c", "codex"]);
    told.start("b", "x", &["codex"]);
    told.start("x", "y", &["make"]).exit("y", 0).exit("x", 0);
    told.start("s", "e", &["date"]).exit("b", 0);
    told.start("m", "d", &["pwd"]).exit("d", 0).exit("m", 0);
    told.start("s", "g", &["git", "push"]);
    let expect = ["ls", "bash -c codex", "make", "pwd", "git push"];
    assert_eq!(begun(&told), expect);
}

#[test]
fn the_next_one_takes_over_in_turn() {
    let mut told = wrapped();
    told.exit("m", 0).start("s", "x", &["codex"]);
    told.start("x", "y", &["make"]).exit("x", 0);
    told.start("s", "g", &["git", "push"]);
    assert_eq!(begun(&told), ["ls", "make", "git push"]);
    told.exit("y", 0).exit("g", 0);
    assert_eq!(told.calls.books.processes, 1, "the shell");
}

#[test]
fn of_two_at_once_the_last_gives_back() {
    let mut told = wrapped();
    told.start("s", "n", &["claude"]).exit("m", 0);
    told.start("s", "e", &["date"]);
    told.start("n", "c", &["pwd"]).exit("n", 0);
    told.start("s", "g", &["git", "push"]);
    assert_eq!(begun(&told), ["ls", "pwd", "git push"]);
}

/// The one beside it does not become the main program, and what it starts begins calls.
#[test]
fn another_one_beside_it_has_calls_when_it_has_ended() {
    let mut told = wrapped();
    told.start("s", "x", &["codex"]);
    told.start("x", "y", &["make"]).exit("m", 0);
    told.start("x", "z", &["make", "test"]);
    assert_eq!(begun(&told), ["ls", "make test"]);
}

#[test]
fn one_that_the_configuration_names_gives_back_too() {
    let mut told = Told::default();
    let programs = ["acme-*".to_owned()];
    told.calls.begin_session(7, &agent(), &programs);
    told.exec("s", &["start.sh"]);
    told.start("s", "m", &["acme-agent"]).exit("m", 0);
    told.start("s", "x", &["codex"]).exit("x", 0);
    told.start("s", "g", &["git", "push"]);
    assert_eq!(begun(&told), ["codex", "git push"]);
}

/// Of the next recorder, which has not seen what claude took over from.
#[test]
fn a_main_program_that_ran_already_gives_back_to_whom_it_finds() {
    for acts_before in [true, false] {
        let mut told = Told::default();
        let object = json!({ "child_uid": "c", "child_pid": 2 });
        let mut process = (*action("m", &[], "process.fork", object).process).clone();
        process.exe = Some("/usr/bin/claude".into());
        told.calls.found(7, &agent(), &process);
        if acts_before {
            told.start("s", "e", &["date"]);
        }
        told.start("m", "c", &["ls"]).exit("m", 0);
        told.start("s", "g", &["git", "push"]);
        assert_eq!(begun(&told), ["ls", "git push"], "{acts_before}");
    }
}
