//! One target of `agtrack_tests::fuzz`, driven by libFuzzer: `AGTRACK_FUZZ` names it. Built and run
//! by `cargo xtask soak`.
#![no_main]

use std::sync::LazyLock;

use agtrack_tests::fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("AGTRACK_FUZZ").unwrap_or_default();
    let found = TARGETS.iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("AGTRACK_FUZZ names no target: `{name}`"))
});

fuzz_target!(|bytes: &[u8]| (TARGET.read)(bytes));
