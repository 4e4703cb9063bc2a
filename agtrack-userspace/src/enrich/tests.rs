//! Whose processes live.

use agtrack_common::event::{Excerpt, Exit, Flow};
use agtrack_common::wire::Header;
use uuid::Uuid;

use super::*;
use crate::record::{Binding, TICK};

const SESSION: u64 = 9;

fn enricher() -> Enricher {
    let mut enricher = Enricher::new(&Start::default());
    enricher.begin_session(NewSession {
        key: SESSION,
        id: Uuid::nil(),
        agent_id: "a".to_owned(),
        agent_name: "a".to_owned(),
        owner: None,
        version: None,
        labels: Default::default(),
        binding: Binding::Launcher,
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
    });
    enricher
}

/// Of a process of the session that nobody told of.
fn event(pid: u32, payload: Payload) -> Event {
    Event {
        header: Header {
            tgid: pid,
            tid: pid,
            start: TICK,
            session: SESSION,
            ..Header::default()
        },
        what: What::Happened(payload),
        data: Vec::new(),
        parts_lost: false,
    }
}

#[test]
fn what_a_socket_does_late_brings_no_process_back() {
    for late in [
        Payload::Flow(Flow::default()),
        Payload::Excerpt(Excerpt::default()),
    ] {
        let mut enricher = enricher();
        let known = enricher.complete(event(7, late)).unwrap();
        assert_eq!((known.process.pid, known.session), (7, SESSION));
        assert_eq!(enricher.processes().tracked(), 0);
        let session = enricher.sessions().get(SESSION).unwrap();
        assert!(session.is_over(), "{} processes", session.processes);
    }
}

#[test]
fn one_that_nobody_told_of_lives_by_what_it_does_itself() {
    let mut enricher = enricher();
    for payload in [
        Payload::Excerpt(Excerpt::default()),
        Payload::Close(Default::default()),
    ] {
        enricher.complete(event(7, payload)).unwrap();
    }
    assert_eq!(enricher.sessions().get(SESSION).unwrap().processes, 1);
    enricher.complete(event(7, Payload::Exit(Exit::default())));
    assert!(enricher.sessions().get(SESSION).unwrap().is_over());
}
