//! The macro behind the event table.

/// Turns the rows of the event table into `Kind`, `Payload`, `decode`, the hook ids and `HOOKS`.
///
/// A row is `/// description`, `Name = id, "action", ring, [hooks];` and a hook is
/// `ID = number, back ends, attach point => program`. The body is the struct of the row's
/// name; rows that share one stand
/// in `shared Body, Kinds, ring { … }`.
macro_rules! events {
    (
        $(
            #[doc = $doc:literal]
            $name:ident = $id:literal, $action:literal, $ring:ident, [$(
                $hook:ident = $number:literal, $backends:expr, $attach:expr => $program:ident
            ),+ $(,)?];
        )+
        $(
            shared $body:ident, $kinds:ident, $body_ring:ident { $(
                #[doc = $of_doc:literal]
                $of:ident = $of_id:literal, $of_action:literal, [$(
                    $of_hook:ident = $of_number:literal, $of_backends:expr,
                        $of_attach:expr => $of_program:ident
                ),+ $(,)?];
            )+ }
        )*
    ) => {
        /// What happened. The number travels in `Header::kind`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Kind {
            $( #[doc = $doc] $name = $id, )+
            $( $( #[doc = $of_doc] $of = $of_id, )+ )*
        }

        /// The body of an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Payload {
            $( #[doc = $doc] $name($name), )+
            $(
                #[doc = concat!("One of the events whose body is [`", stringify!($body), "`].")]
                $body($kinds, $body),
            )*
        }

        $(
            #[doc = concat!("The events whose body is [`", stringify!($body), "`].")]
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub enum $kinds { $( #[doc = $of_doc] $of, )+ }

            impl $kinds {
                /// As one of all events.
                pub const fn kind(self) -> Kind {
                    match self { $( $kinds::$of => Kind::$of, )+ }
                }

                /// Their ids, as bits.
                pub const IDS: u64 = 0 $( | 1 << $of_id )+;
            }
        )*

        /// One row per event.
        pub const TABLE: &[Row] = &[
            $( Row {
                kind: Kind::$name,
                body: stringify!($name),
                action: $action,
                description: $doc,
                ring: Ring::$ring,
            }, )+
            $( $( Row {
                kind: Kind::$of,
                body: stringify!($body),
                action: $of_action,
                description: $of_doc,
                ring: Ring::$body_ring,
            }, )+ )*
        ];

        /// Every hook of every event.
        pub const HOOKS: &[Hook] = &[
            $( $( Hook {
                id: hook::$hook,
                kind: Kind::$name,
                backends: $backends,
                attach: $attach,
                program: stringify!($program),
            }, )+ )+
            $( $( $( Hook {
                id: hook::$of_hook,
                kind: Kind::$of,
                backends: $of_backends,
                attach: $of_attach,
                program: stringify!($of_program),
            }, )+ )+ )*
        ];

        /// Ids of hooks, as they travel in `Header::hook` and index the counters.
        pub mod hook {
            $( $(
                #[doc = concat!("Program `", stringify!($program), "` for `", $action, "`.")]
                pub const $hook: u16 = $number;
            )+ )+
            $( $( $(
                #[doc = concat!("Program `", stringify!($of_program), "` for `", $of_action, "`.")]
                pub const $of_hook: u16 = $of_number;
            )+ )+ )*
        }

        $(
            impl Body for $name { const RING: Ring = Ring::$ring; }
            impl Own for $name { const KIND: Kind = Kind::$name; }
        )+
        $( impl Body for $body { const RING: Ring = Ring::$body_ring; } )*

        impl Payload {
            /// The row's kind.
            pub const fn kind(&self) -> Kind {
                match self {
                    $( Payload::$name(_) => Kind::$name, )+
                    $( Payload::$body(kind, _) => kind.kind(), )*
                }
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
                    $( $( $of_id => <$body as zerocopy::FromBytes>::read_from_prefix(bytes)
                        .map(|(body, rest)| (Payload::$body($kinds::$of, body), rest))
                        .map_err(|_| DecodeError::Short { kind, len: bytes.len() }), )+ )*
                    _ => Err(DecodeError::UnknownKind(kind)),
                }
            }
        }
    };
}
pub(super) use events;
