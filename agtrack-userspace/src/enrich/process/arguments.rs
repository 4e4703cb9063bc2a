//! Arguments of programs, as the kernel and /proc have them.

use std::sync::Arc;

use crate::record::Text;

/// Bytes of arguments that every record of a process repeats.
const ARGS_REPEATED: usize = 512;

/// The arguments of an exec, each ended by NUL.
pub(crate) fn arguments(bytes: &[u8]) -> impl Iterator<Item = Text> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    let some = !bytes.is_empty();
    bytes
        .split(|byte| *byte == 0)
        .filter(move |_| some)
        .map(|argument| Text(argument.to_vec()))
}

/// Those that stand in each record.
pub(super) fn repeated(args: impl Iterator<Item = Text>) -> Arc<Vec<Text>> {
    let mut room = ARGS_REPEATED;
    let kept = args.take_while(|argument| {
        let fits = argument.0.len() <= room;
        room = room.saturating_sub(argument.0.len() + 1);
        fits
    });
    Arc::new(kept.collect())
}
