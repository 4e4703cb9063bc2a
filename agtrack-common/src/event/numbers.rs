//! That each number is given once, and the row of an event by its number.

use super::{HOOK_SLOTS, HOOKS, KINDS, Kind, Row, TABLE};

/// Where the row of each event id stands in [`TABLE`]. A new row takes any number that is free.
const PLACES: [u8; KINDS] = {
    let mut places = [u8::MAX; KINDS];
    let mut i = 0;
    while i < TABLE.len() {
        let id = TABLE[i].kind as usize;
        assert!(id != 0 && id < KINDS, "event ids are above 0, below KINDS");
        assert!(places[id] == u8::MAX, "two events of one id");
        places[id] = i as u8;
        i += 1;
    }
    places
};

impl Kind {
    /// The row of this kind.
    pub fn row(self) -> &'static Row {
        &TABLE[usize::from(PLACES[self as usize])]
    }

    /// The kind with this id.
    pub fn from_id(id: u16) -> Option<Kind> {
        TABLE
            .iter()
            .map(|row| row.kind)
            .find(|kind| *kind as u16 == id)
    }
}

const _: () = {
    let mut taken = [false; HOOK_SLOTS];
    let mut i = 0;
    while i < HOOKS.len() {
        let id = HOOKS[i].id as usize;
        assert!(id < HOOK_SLOTS, "hook ids are below HOOK_SLOTS");
        assert!(!taken[id], "two hooks of one id");
        taken[id] = true;
        i += 1;
    }
};
