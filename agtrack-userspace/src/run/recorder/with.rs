//! A recorder that has a daemon record in its stead.

use std::path::Path;

use super::{Session, awaited, check_owner, say_done};
use crate::run::handed::Handed;
use crate::run::identity::Invoker;
use crate::run::name::Name;
use crate::run::protocol::{Begin, FromRecorder};
use crate::run::talk::Talk;
use crate::terminal::note;

/// The daemon that records in this recorder's stead; none where none can.
pub(super) fn daemon(socket: &Path) -> Option<Handed> {
    socket.exists().then_some(())?;
    let found = Handed::find(socket).inspect_err(|error| {
        note(format_args!(
            "agtrack: a daemon runs, and does not record this command: {}",
            crate::run::plain(format!("{error:#}").as_bytes())
        ));
    });
    found.ok()
}

/// Until the command has ended, with a daemon that records it.
pub(super) fn record_with(
    talk: &mut Talk,
    begin: &Begin,
    daemon: Handed,
    invoker: Option<&Invoker>,
) -> anyhow::Result<()> {
    let journal = daemon.journal.clone();
    talk.say(&FromRecorder::Ready {
        journal,
        daemon: true,
    });
    let Some((pid, command)) = awaited(talk)? else {
        return Ok(());
    };
    check_owner(pid, invoker)?;
    talk.watch(pid)?;
    let engine = Box::new(daemon);
    let mut session = Session::begin(engine, begin, (pid, command), &Name::new(), None)?;
    talk.say(&FromRecorder::Tagged {
        session: session.id,
        tagging: session.tagging(),
    });
    session.until_end(talk, begin.all);
    let done = session.close()?;
    say_done(talk, done);
    Ok(())
}
