//! What every body is.

use super::{Kind, Ring};

/// A fixed-layout event body.
pub trait Body {
    /// Its ring.
    const RING: Ring;
}

/// A body that belongs to one row only.
pub trait Own: Body {
    /// That row.
    const KIND: Kind;
}
