/// Why bytes are not an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// No row has this id.
    UnknownKind(u16),
    /// The body is cut off.
    Short {
        /// The row's id.
        kind: u16,
        /// Bytes there were.
        len: usize,
    },
}

impl core::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            DecodeError::UnknownKind(kind) => write!(f, "no event has the kind {kind}"),
            DecodeError::Short { kind, len } => {
                write!(f, "an event of kind {kind} is cut off after {len} bytes")
            }
        }
    }
}
