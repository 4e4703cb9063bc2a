//! What the files of a tool call hold: hashes come after the actions that they are of, so the record of
//! the call gets them when it is its turn.

use std::collections::HashMap;

use crate::record::{Body, Change, Draft, Effects, Item, Object, Sha256, ToolCallChange};

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
}

impl Calls {
    /// The next draft in order, with all that is known of it.
    pub(super) fn see(&mut self, draft: &mut Draft) {
        match &mut draft.body {
            Body::Action(action) => {
                let Some(call) = &action.tool_call else {
                    return;
                };
                let effect = action.effect.as_ref();
                let content = effect.and_then(|effect| Some((effect.size, effect.sha256?)));
                match (&action.object, content) {
                    (Object::File { path, .. }, Some(content)) if action.action == "file.close" => {
                        self.keep(&call.id, &path.0, content);
                    }
                    (Object::Rename { to, .. }, Some(content)) => {
                        self.keep(&call.id, &to.0, content);
                    }
                    _ => {}
                }
            }
            Body::ToolCall(change) => self.tell(change),
            Body::Session(_)
            | Body::Tamper(_)
            | Body::Gap(_)
            | Body::Lifecycle(_)
            | Body::Heartbeat(_) => {}
        }
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
        if change.change == Change::End {
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
