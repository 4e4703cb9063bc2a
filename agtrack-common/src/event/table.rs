//! The macro behind the event table.

/// Turns the rows of the event table into `Kind`, `Payload`, `decode`, the hook ids and `HOOKS`.
///
/// A row is `/// description`, `Name = id, "action", ring, [hooks];` and a hook is
/// `ID = number, back ends, attach point => program`.
macro_rules! events {
    ($(
        #[doc = $doc:literal]
        $name:ident = $id:literal, $action:literal, $ring:ident, [$(
            $hook:ident = $number:literal, $backends:expr, $attach:expr => $program:ident
        ),+ $(,)?];
    )+) => {
        /// What happened. The number travels in `Header::kind`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Kind { $( #[doc = $doc] $name = $id, )+ }

        /// The body of an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Payload { $( #[doc = $doc] $name($name), )+ }

        /// One row per event, in order of id.
        pub const TABLE: &[Row] = &[ $( Row {
            kind: Kind::$name,
            action: $action,
            description: $doc,
            ring: Ring::$ring,
        }, )+ ];

        /// Every hook of every event.
        pub const HOOKS: &[Hook] = &[ $( $( Hook {
            id: hook::$hook,
            kind: Kind::$name,
            backends: $backends,
            attach: $attach,
            program: stringify!($program),
        }, )+ )+ ];

        /// Ids of hooks, as they travel in `Header::hook` and index the counters.
        pub mod hook { $( $(
            #[doc = concat!("Program `", stringify!($program), "` for `", $action, "`.")]
            pub const $hook: u16 = $number;
        )+ )+ }

        $( impl Body for $name { const KIND: Kind = Kind::$name; const RING: Ring = Ring::$ring; } )+

        impl Payload {
            /// The row's kind.
            pub const fn kind(&self) -> Kind {
                match self { $( Payload::$name(_) => Kind::$name, )+ }
            }

            /// Reads the body of the given kind and returns it with what lies behind it.
            ///
            /// # Errors
            /// The kind is not in the table, or `bytes` is shorter than its body.
            pub fn decode(kind: u16, bytes: &[u8]) -> Result<(Payload, &[u8]), DecodeError> {
                match kind {
                    $( $id => <$name as zerocopy::FromBytes>::read_from_prefix(bytes)
                        .map(|(body, rest)| (Payload::$name(body), rest))
                        .map_err(|_| DecodeError::Short { kind, len: bytes.len() }), )+
                    _ => Err(DecodeError::UnknownKind(kind)),
                }
            }
        }
    };
}
pub(super) use events;
