//! One connection: who is it, what is asked for, what is answered.

use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde::Serialize;
use serde_json::json;

use super::message::{Answer, Request, TagWords};
use super::who::Asking;
use super::{Desk, MOST, capture, subscribe, wire};
use crate::engine::{Named, Tag, Tagged, Untag};

/// How long a peer has for its request.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a disk may take for what is answered to be on it.
const DISK: Duration = Duration::from_secs(5);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(2);

/// Serves a connection up to its last word. Without `room` it is told so. Whether it was refused, so that
/// its request may not have been read.
pub(super) fn serve(stream: &UnixStream, desk: &Desk, room: bool) -> bool {
    let answer = match try_serve(stream, desk, room) {
        Ok(answer) => answer,
        Err(error) => Answer::Error(format!("{error:#}")),
    };
    tell(stream, &answer)
}

/// Says the last word.
pub(super) fn tell(stream: &UnixStream, answer: &Answer) -> bool {
    // A peer that is gone is told nothing.
    let _ = wire::write(stream, answer, None);
    let _ = stream.shutdown(Shutdown::Write);
    matches!(answer, Answer::Error(_))
}

fn try_serve(stream: &UnixStream, desk: &Desk, room: bool) -> anyhow::Result<Answer> {
    let asking = desk.allowed.identify(stream, &desk.requests);
    let asking = asking.map_err(|refused| {
        desk.refusals.add(refused.pid);
        refused.why
    })?;
    ensure!(
        room,
        "{MOST} connections are served already, which is the most; try again when one has ended"
    );
    let line = wire::read(stream, PATIENCE, wire::LONGEST)
        .context("no request was understood")?
        .context("no request came")?;
    let request = serde_json::from_slice(&line.bytes)
        .context("that is no request; docs/control.md describes them")?;
    asking.check(&request)?;
    answer(stream, desk, (request, line.file), asking)
}

fn answer(
    stream: &UnixStream,
    desk: &Desk,
    (request, file): (Request, Option<std::os::fd::OwnedFd>),
    asking: Asking,
) -> anyhow::Result<Answer> {
    match request {
        Request::Capture {
            agent,
            session,
            longest,
        } => {
            let whose = match (agent, session) {
                (Some(agent), None) => Named::Agent(agent),
                (None, Some(session)) => Named::Session(session),
                _ => bail!("name either an `agent` or a `session`"),
            };
            ensure!(longest > 0, "`longest` is 0; packets have at least 1 byte");
            let file = file.context(
                "no open file came with the request; pass its descriptor along (SCM_RIGHTS)",
            )?;
            capture::capture(stream, &desk.requests, (whose, longest, file), asking.by)
        }
        Request::Status {} => ok(&desk.monitor.read()),
        Request::Agents {} => ok(&json!({"agents": desk.requests.agents()?})),
        Request::Sessions {} => ok(&json!({"sessions": desk.requests.sessions()?})),
        Request::Tag(words) => ok(&tag(desk, *words, asking)?),
        Request::Untag(words) => {
            let (target, by) = (words.target()?, asking.by);
            ok(&desk.requests.untag(Untag { target, by })?)
        }
        Request::Subscribe(filter) => subscribe::subscribe(stream, desk, &filter),
    }
}

fn ok(value: &impl Serialize) -> anyhow::Result<Answer> {
    let value = serde_json::to_value(value).context("the answer cannot be written")?;
    Ok(Answer::Ok(value))
}

/// On disk before it is answered: what is begun then has been told of. A disk that does not answer is
/// told of by the journal itself.
fn tag(desk: &Desk, words: TagWords, asking: Asking) -> anyhow::Result<Tagged> {
    let (target, by) = (words.target()?, asking.by);
    let of = words.of()?;
    let tagged = desk.requests.tag(Tag { target, of, by })?;
    let gauge = desk.monitor.journal();
    let begun = Instant::now();
    while gauge.status().queued_bytes > 0 && begun.elapsed() < DISK {
        std::thread::sleep(LOOK);
    }
    Ok(tagged)
}

/// One of the subscriptions that are served.
pub(super) struct Subscription<'d>(&'d Desk);

impl<'d> Subscription<'d> {
    pub(super) fn take(desk: &'d Desk, most: usize) -> Option<Subscription<'d>> {
        let room = |count: usize| (count < most).then_some(count + 1);
        desk.subscribed
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, room)
            .ok()?;
        Some(Subscription(desk))
    }
}

impl Drop for Subscription<'_> {
    fn drop(&mut self) {
        self.0.subscribed.fetch_sub(1, Ordering::Relaxed);
    }
}
