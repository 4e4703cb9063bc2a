//! What reads bytes from outside, each as a function that any bytes may be thrown at.
//!
//! In: bytes. Out: nothing; a panic is a mistake found. `tests/fuzz` tries a little of it in each
//! test run, `cargo xtask soak` for as long as one likes and guided by coverage.

mod protocol;

use std::borrow::Cow;
use std::collections::BTreeMap;

use agtrack::btf::Btf;
use agtrack::config;
use agtrack::input::{Clock, Input, InputReader, NewSession, Start};
use agtrack::pipeline::Pipeline;
use agtrack::record::{Binding, Draft, Record, Stamper, Text, printable};
use agtrack::redact::Redactor;
use agtrack::sink::ocsf;
use protocol::{dns, http, tls};
use uuid::Uuid;

/// One reader of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its corpus.
    pub name: &'static str,
    /// Reads the bytes.
    pub read: fn(&[u8]),
}

macro_rules! targets {
    ($($name:ident),+) => {
        /// All of them.
        pub const TARGETS: &[Target] = &[$(Target {
            name: stringify!($name),
            read: $name,
        }),+];
    };
}
include!("../fuzz/targets.rs");

/// Key of the only session there is.
const SESSION: u64 = 1;
/// Where a message's header has its session key.
const SESSION_AT: std::ops::Range<usize> = 32..40;
/// In the length of a message: time passes before it.
const TICK: u16 = 1 << 15;

/// Messages as the rings hand them over, through every room up to the lines of the journal.
fn ring(bytes: &[u8]) {
    let mut drafts = Vec::new();
    let start = Start::default();
    let mut stamper = Stamper::new(start.host.clone(), Uuid::nil());
    let mut pipeline = Pipeline::new(start, &mut drafts);
    pipeline.accept(session(), &mut drafts);
    let mut time = 0;
    for message in messages(bytes) {
        if message.tick {
            time += 1_000_000_000;
            pipeline.accept(clock(time), &mut drafts);
        }
        let bytes = Cow::Owned(message.bytes);
        pipeline.accept(Input::Message { bytes }, &mut drafts);
        write(&mut stamper, &pipeline, &mut drafts);
    }
    pipeline.accept(clock(u64::MAX / 2), &mut drafts);
    pipeline.accept(Input::Stop, &mut drafts);
    write(&mut stamper, &pipeline, &mut drafts);
}

/// Each draft is a line of JSON, and what is read from it has a class in OCSF.
fn write(stamper: &mut Stamper, pipeline: &Pipeline, drafts: &mut Vec<Draft>) {
    for draft in drafts.drain(..) {
        let line = stamper.line(draft, 1, pipeline.time());
        let line = line.expect("a record can be written");
        let record: Record = serde_json::from_slice(line).expect("a record is JSON");
        let event = ocsf::event(&record);
        assert_ne!(event["class_uid"], 0, "{event}");
    }
}

fn session() -> Input<'static> {
    Input::Session(Box::new(NewSession {
        key: SESSION,
        id: Uuid::nil(),
        agent_id: "agent".to_owned(),
        agent_name: "agent".to_owned(),
        owner: None,
        version: None,
        labels: BTreeMap::new(),
        binding: Binding::Cgroup,
        root: None,
        command: Vec::new(),
        cgroup: None,
        cgroup_id: None,
        container: None,
        resumed: None,
        parent: None,
        origin: None,
        request: None,
        program: None,
        programs: Vec::new(),
    }))
}

fn clock(boot: u64) -> Input<'static> {
    Input::Clock(Clock { boot, wall: 0 })
}

struct Message {
    tick: bool,
    bytes: Vec<u8>,
}

/// Lengths of 16 bits, each with a message behind it that belongs to the session.
fn messages(mut bytes: &[u8]) -> Vec<Message> {
    let mut messages = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = u16::from_le_bytes(*length);
        let end = rest.len().min(usize::from(length & !TICK));
        let mut message = rest[..end].to_vec();
        if let Some(session) = message.get_mut(SESSION_AT) {
            session.copy_from_slice(&SESSION.to_ne_bytes());
        }
        messages.push(Message {
            tick: length & TICK != 0,
            bytes: message,
        });
        bytes = &rest[end..];
    }
    messages
}

/// The messages of an input log, as bytes for `ring`.
///
/// # Panics
/// It is no input log.
pub fn ring_seed(log: &[u8]) -> Vec<u8> {
    let mut seed = Vec::new();
    let mut tick = 0;
    for input in InputReader::new(log) {
        match input.expect("an input") {
            Input::Clock(_) => tick = TICK,
            Input::Message { bytes } => {
                let length = u16::try_from(bytes.len()).expect("a message is short");
                seed.extend((length | tick).to_le_bytes());
                seed.extend(bytes.iter());
                tick = 0;
            }
            _ => {}
        }
    }
    seed
}

/// The kernel's description of its types, and questions about it.
fn btf(bytes: &[u8]) {
    if let Ok(btf) = Btf::parse(bytes.to_vec()) {
        for path in ["pid", "a.b.c", "x|y"] {
            let _ = btf.member("task_struct", path);
        }
        let _ = btf.has_function("f");
        let _ = btf.function_args("f");
        let _ = btf.tracepoint_args("f");
    }
}

/// Arguments, each ended by a NUL; the same bytes as a path and as a text.
fn redact(bytes: &[u8]) {
    thread_local! {
        static REDACTOR: Redactor = Redactor::new(&[7; 32]);
    }
    let args: Vec<Vec<u8>> = bytes.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    REDACTOR.with(|redactor| {
        let redacted = redactor.args(&args);
        assert_eq!(redacted.value.len(), args.len(), "no argument disappears");
        let again = redactor.args(&redacted.value);
        assert_eq!(again.value, redacted.value, "nothing is left to take out");
        let _ = redactor.path(bytes);
        let _ = redactor.text(bytes);
    });
}

/// A configuration file, and the mistakes in it.
fn config(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Err(mistakes) = config::parse(text)
    {
        assert!(!mistakes.is_empty(), "what is refused has a reason");
        for mistake in mistakes {
            let lines = text.matches('\n').count() + 1;
            assert!((1..=lines).contains(&mistake.line), "{mistake:?}");
            assert!(!mistake.message.is_empty(), "{mistake:?}");
        }
    }
}

/// An input log.
fn input(bytes: &[u8]) {
    InputReader::new(bytes).for_each(drop);
}

/// Bytes to text and back, and on a terminal.
fn text(bytes: &[u8]) {
    let text = Text(bytes.to_vec());
    let escaped = text.escaped().into_owned();
    assert_eq!(Text::from_escaped(&escaped), text, "every byte survives");
    let shown = printable(&escaped);
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
}
