//! What the files of a tool call hold: hashes come after the actions that they are of, so the record of
//! the call gets them when it is its turn.

use std::collections::HashMap;

use uuid::Uuid;

use crate::record::{
    Agent, Body, Change, Draft, Effects, Item, Object, SessionChange, Sha256, ToolCall,
    ToolCallChange,
};

/// Calls whose files are kept; it bounds memory, as what follows.
const CALLS: usize = 256;
/// Files of each.
const FILES: usize = 1024;

/// Size and hash, where both are known.
type Content = (Option<u64>, Sha256);

/// Files of calls that run, by the calls' ids.
#[derive(Debug, Default)]
pub(super) struct Calls {
    files: HashMap<String, HashMap<Vec<u8>, Content>>,
    /// Of sessions that began in a call: the call, and the session that it is one of.
    around: HashMap<Uuid, (String, Option<Uuid>)>,
}

impl Calls {
    /// The next draft in order, with all that is known of it.
    pub(super) fn see(&mut self, draft: &mut Draft) {
        match &mut draft.body {
            Body::Action(action) => {
                let effect = action.effect.as_ref();
                let Some(content) = effect.and_then(|effect| Some((effect.size, effect.sha256?)))
                else {
                    return;
                };
                let path = match &action.object {
                    Object::File { path, .. } if action.action == "file.close" => &path.0,
                    Object::Rename { to, .. } => &to.0,
                    _ => return,
                };
                for call in self.calls(draft.agent.as_deref(), action.tool_call.as_deref()) {
                    self.keep(&call, path, content);
                }
            }
            Body::Session(change) => self.session(draft.agent.as_deref(), change),
            Body::ToolCall(change) => self.tell(change),
            Body::Handoff(_)
            | Body::Tamper(_)
            | Body::Gap(_)
            | Body::Lifecycle(_)
            | Body::Heartbeat(_) => {}
        }
    }

    /// An agent that was started in a call does that call's work too.
    fn session(&mut self, agent: Option<&Agent>, change: &SessionChange) {
        match (agent, &change.tool_call) {
            (Some(agent), Some(call)) if self.around.len() < CALLS => {
                let around = (call.id.clone(), agent.parent);
                self.around.insert(agent.session, around);
            }
            (Some(agent), _) if change.change == Change::End => {
                self.around.remove(&agent.session);
            }
            _ => {}
        }
    }

    /// The call of an action, and those around its session.
    fn calls(&self, agent: Option<&Agent>, own: Option<&ToolCall>) -> Vec<String> {
        let mut calls: Vec<_> = own.map(|call| call.id.clone()).into_iter().collect();
        let mut session = agent.map(|agent| agent.session);
        while let Some((call, around)) = session.and_then(|session| self.around.get(&session)) {
            calls.push(call.clone());
            session = *around;
        }
        calls
    }

    fn keep(&mut self, call: &str, path: &[u8], content: Content) {
        if !self.files.contains_key(call) {
            if self.files.len() >= CALLS {
                return;
            }
            self.files.insert(call.to_owned(), HashMap::new());
        }
        if let Some(files) = self.files.get_mut(call)
            && (files.len() < FILES || files.contains_key(path))
        {
            files.insert(path.to_vec(), content);
        }
    }

    fn tell(&mut self, change: &mut ToolCallChange) {
        let id = &change.tool_call.id;
        if let (Some(effects), Some(files)) = (&mut change.effects, self.files.get(id)) {
            for item in changed(effects) {
                let name = item.to.as_ref().unwrap_or(&item.name);
                if let Some((size, sha256)) = files.get(&name.0) {
                    item.size = *size;
                    item.sha256 = Some(*sha256);
                }
            }
        }
        if matches!(change.change, Change::End | Change::Suspend) {
            self.files.remove(id);
        }
    }
}

/// The files that are there now and hold something else than before.
fn changed(effects: &mut Effects) -> impl Iterator<Item = &mut Item> {
    let lists = [
        &mut effects.created,
        &mut effects.written,
        &mut effects.renamed,
    ];
    lists.into_iter().flat_map(|list| &mut list.items)
}
