//! A recorder that has a daemon record in its stead.

use super::{Session, awaited, check_owner, say_done};
use crate::run::handed::Handed;
use crate::run::identity::Invoker;
use crate::run::name::Name;
use crate::run::protocol::{Begin, Daemon, FromRecorder};
use crate::run::talk::Talk;
use crate::terminal::note;

/// The daemon that records in this recorder's stead; none where none can and none must.
///
/// # Errors
/// It must, and cannot.
pub(super) fn daemon(asked: Option<&Daemon>) -> anyhow::Result<Option<Handed>> {
    let Some(daemon) = asked.filter(|daemon| daemon.must || daemon.socket.exists()) else {
        return Ok(None);
    };
    match Handed::find(&daemon.socket) {
        Ok(handed) => Ok(Some(handed)),
        Err(error) if daemon.must => Err(error.context(
            "the daemon does not record the command, which is not run; without `--socket` it is recorded \
             without a daemon",
        )),
        Err(error) => {
            note(format_args!(
                "agtrack: a daemon runs, and does not record this command: {}",
                crate::run::plain(format!("{error:#}").as_bytes())
            ));
            Ok(None)
        }
    }
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
