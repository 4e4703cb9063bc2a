//! Which packets come into which file, in which order, and what is said to be lost.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::time::Duration;

use zerocopy::IntoBytes;

use super::*;
use crate::capture::Capture;
use crate::input::{Input, NewSession, ProcessFacts, Start};
use crate::record::{Binding, Text};

const TICK: u64 = crate::record::TICK;
/// What the pipeline holds back, ns, and a little more.
const HELD: u64 = 6_000_000;

fn clock(pipeline: &mut Pipeline, boot: u64) {
    let wall = boot + 1_000_000_000_000;
    pipeline.accept(Input::Clock(Clock { boot, wall }), &mut Vec::new());
}

fn begin(pipeline: &mut Pipeline, key: u64, agent: &str) -> Uuid {
    let id = Uuid::from_u128(key.into());
    let session = NewSession {
        key,
        id,
        agent_id: format!("id-{agent}"),
        agent_name: agent.to_owned(),
        owner: None,
        version: None,
        labels: Default::default(),
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
    };
    pipeline.accept(Input::Session(Box::new(session)), &mut Vec::new());
    let process = ProcessFacts {
        pid: key as u32,
        start: 1,
        exe: Some(Text(b"/usr/bin/curl".to_vec())),
        session: key,
        ..ProcessFacts::default()
    };
    pipeline.accept(Input::Process(Box::new(process)), &mut Vec::new());
    id
}

struct Bench {
    pipeline: Pipeline,
    captures: Captures,
}

impl Bench {
    fn new() -> Bench {
        let mut pipeline = Pipeline::new(Start::default(), &mut Vec::new());
        clock(&mut pipeline, HELD);
        Bench {
            pipeline,
            captures: Captures::default(),
        }
    }

    /// Begins a capture; what comes out of it, and what it came to.
    fn capture(
        &mut self,
        whose: Whose,
        longest: u32,
    ) -> (std::io::PipeReader, mpsc::Receiver<CaptureDone>) {
        let (reader, writer) = std::io::pipe().unwrap();
        let (done, ended) = mpsc::channel();
        let about = Capture {
            host: "",
            kernel: "",
            of: "",
            longest,
        };
        let outlet = Outlet::new(Arc::new(OwnedFd::from(writer)), &about, done).unwrap();
        let id = self.captures.next_id();
        let now = self.pipeline.time().boot;
        let what = (whose, longest, Requester::default());
        let mut capture = Active::new(id, what, outlet, now);
        capture.look(&self.pipeline, now);
        self.captures.add(capture);
        (reader, ended)
    }

    fn packet(&mut self, session: u64, time: u64, lost: u64, bytes: &[u8]) {
        let header = PacketHeader {
            time,
            session,
            start: TICK,
            lost,
            tgid: session as u32,
            length: bytes.len() as u32,
            kept: bytes.len() as u32,
            outbound: 1,
        };
        // There is more room than bytes.
        let message = [header.as_bytes(), bytes, &[0xee; 40]].concat();
        self.captures.take(&message);
    }

    /// Lets time pass up to `boot`, and writes.
    fn pass(&mut self, boot: u64) {
        clock(&mut self.pipeline, boot);
        self.captures.write(&self.pipeline);
        self.captures.look(&self.pipeline, boot);
    }

    /// Ends those that have come to their end.
    fn close(&mut self) -> Vec<CaptureDone> {
        let told = self.pipeline.told();
        let ended = self.captures.take_ended(told);
        ended.into_iter().map(Active::close).collect()
    }
}

fn text(mut reader: std::io::PipeReader) -> String {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_packet_waits_until_it_is_known_whose_it_was() {
    let mut bench = Bench::new();
    begin(&mut bench.pipeline, 7, "builder");
    let (reader, ended) = bench.capture(Whose::Agent("builder".into()), 100);
    let now = bench.pipeline.time().boot;
    bench.packet(7, now + 1, 0, b"first");
    bench.pass(now + 2);
    assert!(bench.captures.waiting.take_before(now).is_none());
    bench.captures.end(1, now + 2);
    assert!(bench.close().is_empty(), "it is still waited for");
    bench.pass(now + 2 + HELD);
    let done = bench.close();
    let expect = CaptureDone {
        packets: 1,
        bytes: 5,
        ..CaptureDone::default()
    };
    assert_eq!(done, std::slice::from_ref(&expect));
    let told = ended.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(told, expect);
    let text = text(reader);
    assert!(text.contains("curl[7], agent builder, session "), "{text}");
    assert!(text.contains("first") && !text.contains('\u{ee}'), "{text}");
}

#[test]
fn only_what_is_meant_is_taken_and_never_more_than_asked() {
    let mut bench = Bench::new();
    begin(&mut bench.pipeline, 7, "builder");
    let other = begin(&mut bench.pipeline, 8, "tester");
    let (of_agent, _told) = bench.capture(Whose::Agent("id-builder".into()), 3);
    let (of_session, _told_too) = bench.capture(Whose::Session(other), 100);
    let wanted = bench.captures.wanted();
    assert_eq!((wanted.longest, wanted.sessions), (100, [7, 8].into()));
    let now = bench.pipeline.time().boot;
    bench.packet(7, now - 1, 0, b"before");
    bench.packet(7, now + 1, 0, b"seven");
    bench.packet(8, now + 2, 0, b"eight");
    // One that begins later.
    begin(&mut bench.pipeline, 9, "builder");
    bench.captures.look(&bench.pipeline, now);
    bench.packet(9, now + 3, 0, b"nine");
    bench.captures.end_all(now + 4);
    bench.packet(7, now + 5, 0, b"late");
    bench.pass(now + 5 + HELD);
    let done = bench.close();
    assert_eq!([done[0].packets, done[0].bytes], [2, 6]);
    assert_eq!([done[1].packets, done[1].bytes], [1, 5]);
    let (agent, session) = (text(of_agent), text(of_session));
    assert!(agent.contains("sev") && !agent.contains("seven"), "{agent}");
    assert!(agent.contains("nin") && !agent.contains("before") && !agent.contains("lat"));
    assert!(session.contains("eight") && !session.contains("sev"));
}

#[test]
fn what_the_kernel_lost_is_told_where_it_was_and_once() {
    let mut bench = Bench::new();
    begin(&mut bench.pipeline, 7, "builder");
    let (_reader, _told) = bench.capture(Whose::Agent("builder".into()), 100);
    let now = bench.pipeline.time().boot;
    for (after, lost) in [(1, 0), (2, 3), (3, 3)] {
        bench.packet(7, now + after, lost, b"x");
    }
    bench.pass(now + 3 + HELD);
    // Of the last ones only the kernel knows.
    bench.captures.count_lost(7, 5);
    bench.captures.count_lost(7, 5);
    bench.captures.end(1, now + 4);
    assert_eq!(bench.close()[0].lost, 5);
}

#[test]
fn the_capture_of_a_session_ends_some_time_after_it() {
    let mut bench = Bench::new();
    let id = begin(&mut bench.pipeline, 7, "builder");
    let (_one, _told) = bench.capture(Whose::Session(id), 100);
    let (_agents, _told_too) = bench.capture(Whose::Agent("builder".into()), 100);
    let now = bench.pipeline.time().boot;
    bench.pass(now + 1);
    let (key, at) = (7, now + 2);
    let over = Input::SessionOver {
        at,
        key,
        dropped: true,
        why: None,
    };
    bench.pipeline.accept(over, &mut Vec::new());
    let over = now + 2 + HELD;
    bench.pass(over);
    bench.packet(7, over + 1, 0, b"after");
    bench.pass(over + LINGER);
    assert_eq!(bench.captures.wanted().sessions, [7].into());
    bench.pass(over + LINGER + 1);
    assert!(bench.captures.wanted().sessions.is_empty());
    bench.pass(over + LINGER + HELD);
    let done = bench.close();
    assert_eq!(done.len(), 1, "that of the agent goes on");
    assert_eq!(done[0].packets, 1);
}

#[test]
fn what_a_slow_reader_leaves_is_bounded_and_counted() {
    let mut bench = Bench::new();
    begin(&mut bench.pipeline, 7, "builder");
    let (reader, ended) = bench.capture(Whose::Agent("builder".into()), 100_000);
    let now = bench.pipeline.time().boot;
    let packet = vec![b'x'; 60_000];
    for after in 1..=200 {
        bench.packet(7, now + after, 0, &packet);
        bench.pass(now + after + HELD);
    }
    bench.captures.end(1, now + 200);
    bench.pass(now + 201 + HELD);
    let done = bench.close();
    assert_eq!(done[0].packets + done[0].lost, 200);
    // 4 MiB wait, and what the pipe and the thread have.
    assert!((60..80).contains(&done[0].packets), "{done:?}");
    let written = text(reader);
    assert!(written.len() as u64 >= done[0].bytes);
    assert_eq!(
        ended.recv_timeout(Duration::from_secs(20)).unwrap(),
        done[0]
    );
}

#[test]
fn packets_that_wait_too_many_are_lost_and_counted() {
    let mut bench = Bench::new();
    begin(&mut bench.pipeline, 7, "builder");
    let (_reader, _told) = bench.capture(Whose::Agent("builder".into()), 1);
    let now = bench.pipeline.time().boot;
    let packet = vec![b'x'; 1 << 20];
    for after in 1..=20 {
        bench.packet(7, now + after, 0, &packet);
    }
    bench.captures.end(1, now + 20);
    bench.pass(now + 21 + HELD);
    let done = bench.close();
    assert_eq!((done[0].packets, done[0].lost), (7, 13));
}

#[test]
fn bytes_that_are_no_packet_are_left_alone() {
    let mut captures = Captures::default();
    captures.take(b"short");
    let header = PacketHeader {
        kept: u32::MAX,
        ..PacketHeader::default()
    };
    captures.take(header.as_bytes());
    let held = captures.waiting.take_before(1).unwrap();
    assert!(held.bytes.is_empty());
}
