//! Subscriptions: records as they are committed.
//!
//! In: the journal, read behind the one who writes it. Out: those that match, a line each. The journal
//! itself is what waits for a peer that reads slowly, up to a bound; beyond that it is told how many it
//! has missed. The recording thread knows nothing of it.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::json;

use super::message::{Answer, Filter};
use super::serve::Subscription;
use super::{Desk, wire};
use crate::journal::{Reader, Start};
use crate::query::Query;
use crate::record::Record;

/// So many are served at a time; other requests find room beside them.
const MOST: usize = 8;
/// Records that may wait for a peer; one that is further behind misses those up to the newest.
const MOST_BEHIND: u64 = 16_384;
/// How long a peer may read nothing.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked for news, and for the peer's end.
const LOOK: Duration = Duration::from_millis(50);

/// What a subscription came to.
#[derive(Debug, Default)]
struct Sent {
    records: u64,
    missed: u64,
}

/// Serves a subscription until the peer has enough, or the recorder ends.
pub(super) fn subscribe(
    stream: &UnixStream,
    desk: &Desk,
    filter: &Filter,
) -> anyhow::Result<Answer> {
    let query = filter.query()?;
    let _place = Subscription::take(desk, MOST).with_context(|| {
        format!("{MOST} subscriptions are served already, which is the most; try again when one has ended")
    })?;
    let mut news = desk.committed.clone();
    let head = news.borrow_and_update().seq;
    let mut reader =
        Reader::open(&desk.journal, Start::Seq(head + 1)).context("cannot read the journal")?;
    wire::write(stream, &Answer::Ok(json!({"after": head})), None)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut sent = Sent::default();
    loop {
        let is_over = news.has_changed().is_err();
        let head = news.borrow_and_update().seq;
        let passed = pass(stream, &mut reader, (&query, head, MOST_BEHIND), &mut sent);
        passed.context("the subscription ends")?;
        if is_over || is_enough(stream) {
            break;
        }
    }
    ensure!(
        news.has_changed().is_ok(),
        "recording has ended, and with it the subscription: {} records were sent",
        sent.records
    );
    Ok(Answer::Ok(
        json!({"records": sent.records, "missed": sent.missed}),
    ))
}

/// Passes on what there is up to the journal's end.
fn pass(
    mut stream: &UnixStream,
    reader: &mut Reader,
    (query, head, most_behind): (&Query, u64, u64),
    sent: &mut Sent,
) -> anyhow::Result<()> {
    let mut missed = 0;
    let mut skip_to = 0;
    while let Some(line) = reader.next_line()? {
        // Of another version, perhaps: the journal has it.
        let Ok(record) = serde_json::from_slice::<Record>(line.bytes) else {
            continue;
        };
        if !query.matches(&record) {
            continue;
        }
        if head.saturating_sub(line.seq) > most_behind {
            skip_to = head;
        }
        if line.seq < skip_to {
            missed += 1;
            continue;
        }
        tell_missed(stream, &mut missed, sent)?;
        let parts = [&b"{\"record\":"[..], line.bytes, b"}\n"];
        stream.write_all(&parts.concat()).map_err(unread)?;
        sent.records += 1;
    }
    tell_missed(stream, &mut missed, sent)
}

fn tell_missed(stream: &UnixStream, missed: &mut u64, sent: &mut Sent) -> anyhow::Result<()> {
    let count = std::mem::take(missed);
    if count > 0 {
        sent.missed += count;
        write(stream, &json!({"missed": count}))?;
    }
    Ok(())
}

fn write(mut stream: &UnixStream, value: &serde_json::Value) -> anyhow::Result<()> {
    stream
        .write_all(format!("{value}\n").as_bytes())
        .map_err(|error| unread(error).into())
}

fn unread(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            io::Error::other(format!("nothing was read for {} s", PATIENCE.as_secs()))
        }
        _ => error,
    }
}

/// Waits a moment; whether the peer has shut its side down, or says more, which it has no reason to.
fn is_enough(stream: &UnixStream) -> bool {
    let events = PollFlags::IN | PollFlags::RDHUP;
    let mut ready = [PollFd::from_borrowed_fd(stream.as_fd(), events)];
    let look = Timespec::try_from(LOOK).ok();
    match poll(&mut ready, look.as_ref()) {
        Ok(count) => count > 0,
        Err(_) => {
            std::thread::sleep(LOOK);
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Journal, Options};
    use std::io::{BufRead, BufReader};

    /// What a peer gets that comes to read when 10 records are there, of which so many may wait.
    fn read_late(most_behind: u64) -> (Vec<serde_json::Value>, Sent) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let (mut journal, opened) = Journal::open(&path, Options::default()).unwrap();
        let shown = include_str!("../../../tests/replay/exec.jsonl")
            .lines()
            .next()
            .unwrap();
        for seq in 1..=10 {
            let mut record: serde_json::Value = serde_json::from_str(shown).unwrap();
            record["seq"] = seq.into();
            record["id"] = format!("{}:{seq}", opened.log_id).into();
            journal.append(record.to_string().as_bytes()).unwrap();
        }
        journal.sync().unwrap();
        let (here, there) = UnixStream::pair().unwrap();
        let mut reader = Reader::open(&path, Start::Seq(1)).unwrap();
        let mut sent = Sent::default();
        let query = Filter::default().query().unwrap();
        pass(&here, &mut reader, (&query, 10, most_behind), &mut sent).unwrap();
        drop(here);
        let lines = BufReader::new(there).lines();
        let told = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap());
        (told.collect(), sent)
    }

    #[test]
    fn who_keeps_up_gets_all() {
        let (told, sent) = read_late(100);
        assert_eq!((told.len(), sent.records, sent.missed), (10, 10, 0));
        assert_eq!(told[9]["record"]["seq"], 10);
    }

    #[test]
    fn who_is_too_far_behind_is_told_what_it_has_missed() {
        let (told, sent) = read_late(5);
        assert_eq!((sent.records, sent.missed), (1, 9));
        assert_eq!(told[0], json!({"missed": 9}));
        assert_eq!(told[1]["record"]["seq"], 10);
    }
}
