use super::*;
use crate::correlate::Done;
use crate::input::{Clock, Deed};
use crate::record::{
    Agent, Binding, Body, Effect, Gap, GapReason, Object, Sha256, Shared, ToolCall,
};

const SIZE: u64 = 5;
const PATIENCE: u64 = 500_000_000;

/// A draft that wants a hash, and its question.
fn closed() -> (Draft, HashWanted) {
    let done = done(
        "file.close",
        "success",
        serde_json::json!({
            "path": "/tmp/x", "inode": 7, "device": "8:1", "size": SIZE,
            "written": 5, "writes": 1, "created": true, "last": true,
        }),
    );
    let wanted = wanted(&done, Clock::default()).expect("a file that was written wants one");
    let body = Body::Action(Box::new(done.action));
    let draft = Draft {
        time: 1,
        agent: None,
        body,
    };
    (draft, wanted)
}

fn done(action: &str, result: &str, object: serde_json::Value) -> Done {
    let action = serde_json::json!({
        "tool_call": null,
        "process": {"uid": "b-1-1", "pid": 1, "start": "", "parent_uid": null, "ppid": 2,
            "exe": null, "args": [], "cwd": null, "user": null, "euser": null, "login_user": null,
            "cgroup": null, "container": null, "ancestry": []},
        "action": action, "object": object,
        "outcome": {"result": result, "errno": null},
        "decision": null, "effect": null, "maps": [],
        "completeness": {"path_source": "kernel", "truncated": false, "count": 1},
    });
    let agent = Agent {
        id: String::new(),
        name: String::new(),
        owner: None,
        version: None,
        labels: Default::default(),
        session: uuid::Uuid::nil(),
        parent: None,
        program: None,
        binding: Binding::Cgroup,
    };
    Done {
        time: 60,
        agent: Shared::new(agent),
        session: 1,
        unwritable: false,
        action: serde_json::from_value(action).expect("an action"),
    }
}

/// Any draft that wants nothing, known by its time.
fn plain(time: u64) -> Draft {
    let gap = Gap {
        reason: GapReason::UncleanStop,
        hook: None,
        action: None,
        count: None,
        from: 0,
        until: 0,
        detail: String::new(),
    };
    let body = Body::Gap(Box::new(gap));
    Draft {
        time,
        agent: None,
        body,
    }
}

fn effect(draft: &Draft) -> Option<&Effect> {
    match &draft.body {
        Body::Action(action) => action.effect.as_ref(),
        _ => None,
    }
}

fn hashed(ticket: u64) -> Hashed {
    let file = Effect {
        sha256: Some(Sha256([ticket as u8; 32])),
        ..Effect::default()
    };
    Hashed {
        ticket,
        file: Some(file),
        script: None,
    }
}

/// Drafts as they come out, and the tickets of what was asked.
struct Bench {
    effects: Queue,
    out: Vec<Draft>,
    tickets: Vec<u64>,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            effects: Queue::new(true, PATIENCE),
            out: Vec::new(),
            tickets: Vec::new(),
        }
    }

    fn pass(&mut self, drafts: Vec<Option<Draft>>, boot: u64) {
        let mut fresh = Vec::new();
        for draft in drafts {
            let draft = draft.unwrap_or_else(|| {
                let (draft, wanted) = closed();
                self.effects.ask(fresh.len(), wanted);
                draft
            });
            fresh.push(draft);
        }
        self.effects.pass(&mut fresh, boot, &mut self.out);
        assert!(fresh.is_empty());
        self.tickets.extend(
            self.effects
                .take_wanted()
                .iter()
                .map(|wanted| wanted.ticket),
        );
    }

    fn times(&self) -> Vec<u64> {
        self.out.iter().map(|draft| draft.time).collect()
    }
}

#[test]
fn nothing_waits_where_nothing_is_asked() {
    let mut bench = Bench::new();
    bench.pass(vec![Some(plain(2)), Some(plain(3))], 10);
    assert_eq!(bench.times(), [2, 3]);
    assert!(!bench.effects.is_waiting());
}

#[test]
fn what_comes_after_one_that_waits_waits_too_and_keeps_its_order() {
    let mut bench = Bench::new();
    bench.pass(vec![Some(plain(2)), None, Some(plain(3)), None], 10);
    bench.pass(vec![Some(plain(4))], 20);
    assert_eq!(bench.times(), [2]);
    let [first, second] = bench.tickets[..] else {
        panic!("{:?}", bench.tickets)
    };
    // The answers come in the other order.
    bench.effects.answer(hashed(second));
    bench.pass(vec![], 30);
    assert_eq!(bench.times(), [2]);
    bench.effects.answer(hashed(first));
    bench.pass(vec![], 30);
    assert_eq!(bench.times(), [2, 1, 3, 1, 4]);
    let of = |place: usize| effect(&bench.out[place]).unwrap().sha256.unwrap();
    assert_eq!(of(1), Sha256([first as u8; 32]));
    assert_eq!(of(3), Sha256([second as u8; 32]));
}

#[test]
fn one_whose_time_is_over_is_late_and_its_answer_changes_nothing() {
    let mut bench = Bench::new();
    bench.pass(vec![None, Some(plain(2))], 10);
    bench.pass(vec![None], 20);
    bench.pass(vec![], 10 + PATIENCE - 1);
    assert!(bench.out.is_empty());
    bench.pass(vec![], 10 + PATIENCE);
    assert_eq!(bench.times(), [1, 2], "the other one may still wait");
    assert_eq!(
        effect(&bench.out[0]),
        Some(&Effect::without(Some(SIZE), Unhashed::Late))
    );
    bench.effects.answer(hashed(bench.tickets[0]));
    bench.effects.answer(hashed(u64::MAX));
    bench.effects.answer(hashed(bench.tickets[1]));
    bench.pass(vec![], 10 + PATIENCE);
    assert_eq!(bench.times(), [1, 2, 1]);
    let last = effect(&bench.out[2]).unwrap();
    assert_eq!(
        (last.sha256, last.unhashed),
        (Some(Sha256([bench.tickets[1] as u8; 32])), None)
    );
}

#[test]
fn of_too_many_the_first_goes_without() {
    let mut bench = Bench::new();
    bench.pass((0..MOST).map(|_| None).collect(), 10);
    assert!(bench.out.is_empty());
    bench.pass(vec![Some(plain(2)), None], 10);
    assert_eq!(bench.out.len(), 2);
    for draft in &bench.out {
        assert_eq!(
            effect(draft),
            Some(&Effect::without(Some(SIZE), Unhashed::Busy))
        );
    }
    assert_eq!(bench.effects.queue.len(), MOST);
    // The tickets of those that still wait are theirs.
    bench.effects.answer(hashed(bench.tickets[2]));
    bench.pass(vec![], 10);
    assert_eq!(
        effect(&bench.out[2]).unwrap().sha256,
        hashed(bench.tickets[2]).file.unwrap().sha256
    );
}

#[test]
fn at_the_end_nothing_waits() {
    let mut bench = Bench::new();
    bench.pass(vec![None, Some(plain(2))], 10);
    bench.effects.end();
    bench.pass(vec![None, Some(plain(3))], 10);
    assert_eq!(bench.times(), [1, 2, 1, 3]);
    assert_eq!(
        effect(&bench.out[2]).unwrap().unhashed,
        Some(Unhashed::Late)
    );
}

#[test]
fn only_what_succeeded_and_touches_a_file_asks() {
    let file = serde_json::json!({"path": "/tmp/x", "inode": null, "device": null});
    let asks = |action, result| wanted(&done(action, result, file.clone()), Clock::default());
    assert_eq!(asks("file.unlink", "success").unwrap().deed, Deed::Removed);
    assert_eq!(asks("file.unlink", "failure"), None);
    assert_eq!(asks("file.unlink", "unknown"), None);
    assert_eq!(asks("file.rmdir", "success"), None);
    let mut link = file.clone();
    link["target"] = "/tmp/old".into();
    let link = wanted(&done("file.link", "success", link), Clock::default()).unwrap();
    let (to, exchanged) = ("/tmp/x".into(), false);
    assert_eq!(link.path, "/tmp/old".into());
    assert_eq!(link.deed, Deed::Renamed { to, exchanged });
}

#[test]
fn times_are_on_the_wall_and_the_process_is_named() {
    let clock = Clock {
        boot: 100,
        wall: 1_000,
    };
    let file = serde_json::json!({"path": "/tmp/x", "inode": 4, "device": "0:5"});
    let wanted = wanted(&done("file.unlink", "success", file), clock).unwrap();
    assert_eq!((wanted.at, wanted.pids), (960, [1, 2]));
    assert_eq!(
        (wanted.device.as_deref(), wanted.inode),
        (Some("0:5"), Some(4))
    );
}

fn exec(script: Option<&str>) -> Done {
    let mut object = serde_json::json!({
        "exe": "/bin/sh", "inode": 3, "device": "0:5", "args": [], "args_bytes": 0, "group": 0,
        "egroup": 0, "cwd": "/work",
    });
    if let Some(script) = script {
        object["script"] = script.into();
    }
    done("process.exec", "success", object)
}

#[test]
fn a_script_is_found_from_the_working_directory() {
    let check = |script: Option<&str>, expect: Option<&str>| {
        let wanted = wanted(&exec(script), Clock::default()).unwrap();
        let script = expect.map(crate::record::Text::from);
        assert_eq!(wanted.deed, Deed::Executed { script });
    };
    check(None, None);
    check(Some("/srv/x"), Some("/srv/x"));
    check(Some("./x"), Some("/work/./x"));
}

#[test]
fn what_was_executed_has_its_hashes_in_the_object() {
    for answered in [true, false] {
        let mut effects = Queue::new(true, PATIENCE);
        let done = exec(Some("x"));
        effects.ask(0, wanted(&done, Clock::default()).unwrap());
        let draft = Draft {
            time: 1,
            agent: None,
            body: Body::Action(Box::new(done.action)),
        };
        let mut out = Vec::new();
        effects.pass(&mut vec![draft], 10, &mut out);
        if answered {
            let script = Some(Effect::without(None, Unhashed::Gone));
            let ticket = effects.take_wanted()[0].ticket;
            effects.answer(Hashed {
                script,
                ..hashed(ticket)
            });
        } else {
            effects.end();
        }
        effects.pass(&mut vec![], 10, &mut out);
        let Body::Action(action) = &out[0].body else {
            panic!()
        };
        let Object::Exec { hash, .. } = &action.object else {
            panic!()
        };
        assert_eq!(action.effect, None);
        let found = (hash.sha256.is_some(), hash.unhashed, hash.script_unhashed);
        let expect = match answered {
            true => (true, None, Some(Unhashed::Gone)),
            false => (false, Some(Unhashed::Late), Some(Unhashed::Late)),
        };
        assert_eq!(found, expect);
    }
}

/// The end of a call that created `/tmp/x` and `/tmp/y`.
fn ended(call: &Shared<ToolCall>) -> Draft {
    let change = serde_json::json!({
        "change": "end", "tool_call": **call, "class": "tool",
        "process": {"uid": "b-1-1", "pid": 1, "args": [], "ancestry": []},
        "exit": null, "processes": 1, "running": 0,
        "effects": {"created": {"total": 2, "items": [
            {"name": "/tmp/x", "count": 1}, {"name": "/tmp/y", "count": 1}]}},
    });
    let change = serde_json::from_value(change).expect("a change");
    Draft {
        body: Body::ToolCall(change),
        ..plain(9)
    }
}

#[test]
fn the_end_of_a_call_has_the_hashes_of_its_files() {
    let call = Shared::new(ToolCall {
        id: "b-1-1".to_owned(),
        command: Vec::new(),
    });
    let (mut draft, wanted) = closed();
    let Body::Action(action) = &mut draft.body else {
        panic!("{draft:?}")
    };
    action.tool_call = Some(call.clone());
    let (mut queue, mut out) = (Queue::new(true, PATIENCE), Vec::new());
    queue.ask(0, wanted);
    queue.pass(&mut vec![draft, ended(&call)], 1, &mut out);
    assert!(out.is_empty(), "the end waits behind the file");
    queue.answer(hashed(0));
    queue.pass(&mut vec![ended(&call)], 2, &mut out);
    let shas = out.iter().filter_map(|draft| match &draft.body {
        Body::ToolCall(change) => change.effects.as_ref(),
        _ => None,
    });
    let shas: Vec<Vec<_>> = shas
        .map(|effects| {
            effects
                .created
                .items
                .iter()
                .map(|item| item.sha256)
                .collect()
        })
        .collect();
    let sha256 = effect(&out[0]).and_then(|effect| effect.sha256);
    assert!(sha256.is_some());
    // The second one is of a call that is forgotten by then.
    assert_eq!(shas, [[sha256, None], [None, None]]);
}
