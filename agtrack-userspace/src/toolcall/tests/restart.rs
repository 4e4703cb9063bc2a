//! Calls over the end of a recorder and the start of the next.

use super::*;
use crate::input::LeftCall;
use crate::record::{ProcessKey, WhyOver};

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start: 5 }
}

fn left(pid: u32, running: &[u32]) -> LeftCall {
    let process = action(
        &key(pid).uid("one"),
        &[],
        "process.exec",
        json!({"exe": "/x"}),
    )
    .process;
    LeftCall {
        tool_call: crate::record::ToolCall {
            id: process.uid.clone(),
            command: vec!["make".into()],
        },
        class: CallClass::Tool,
        process: (*process).clone(),
        began: 100,
        exit: None,
        processes: 3,
        running: running.iter().copied().map(key).collect(),
    }
}

fn calls(told: &Told) -> Vec<&ToolCallChange> {
    let call = |draft: &'_ Draft| match &draft.body {
        Body::ToolCall(_) => Some(()),
        _ => None,
    };
    let drafts = told.out.iter().filter(|draft| call(draft).is_some());
    drafts
        .filter_map(|draft| match &draft.body {
            Body::ToolCall(call) => Some(&**call),
            _ => None,
        })
        .collect()
}

/// The recorder stops; what it recorded goes on.
#[test]
fn a_call_that_runs_on_is_suspended_and_not_ended() {
    let mut told = Told::default();
    told.exec("m", &["claude"])
        .fork("m", "b")
        .exec("b", &["bash"])
        .fork("b", "x");
    assert_eq!(
        told.calls.end_session(7, (1 << 40, false), &mut told.out),
        1
    );
    let last = calls(&told).pop().unwrap();
    assert_eq!(last.change, Change::Suspend);
    assert_eq!(last.still_running, ["b", "x"]);
    assert!(last.duration.is_some() && last.exit.is_none(), "{last:?}");
    assert!(told.ends().is_empty());
}

#[test]
fn a_call_goes_on_with_the_processes_that_are_known_again() {
    let mut told = Told::default();
    let lefts = vec![left(10, &[10, 11]), left(20, &[])];
    told.calls
        .resume(7, &agent(), lefts, ("one", 1000), &mut told.out);
    let [resumed, over] = calls(&told)[..] else {
        panic!("{:?}", told.out)
    };
    assert_eq!(
        (resumed.change, resumed.duration),
        (Change::Resume, Some(900))
    );
    assert_eq!(resumed.still_running, ["one-10-5", "one-11-5"]);
    assert_eq!(resumed.totals_since, Some(1000));
    assert_eq!(
        (over.change, over.unseen.map(|unseen| unseen.why)),
        (Change::End, Some(WhyOver::ProcessesGone))
    );
    assert_eq!(over.duration, None, "nobody knows when it ended");
    // What they do is the call's, and their end is its end.
    told.write("one-11-5", "/w/x");
    assert_eq!(told.story().last().unwrap(), "one-11-5 open one-10-5");
    told.exit("one-10-5", 3).exit("one-11-5", 0);
    let end = *told.ends().last().unwrap();
    assert_eq!(end.tool_call.id, "one-10-5");
    assert_eq!(end.exit.as_ref().and_then(|exit| exit.code), Some(3));
    assert_eq!((end.totals_since, end.unseen), (Some(1000), None));
    let books = &told.calls.books;
    assert_eq!(books.processes, 0);
    assert_eq!(
        told.calls.end_session(7, (1 << 40, true), &mut told.out),
        0,
        "it was counted when it began"
    );
}
