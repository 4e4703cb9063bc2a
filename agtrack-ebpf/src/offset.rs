//! Offsets of kernel struct members, written by the loader before the programs are loaded. The
//! section is frozen then, so that the verifier sees constants.

use agtrack_common::offset::ABSENT;
use aya_ebpf::Global;

macro_rules! globals {
    ($($global:ident, $structure:literal, $path:literal;)+) => { $(
        #[doc = concat!("`", $structure, ".", $path, "`")]
        #[unsafe(no_mangle)]
        pub static $global: Global<u32> = Global::new(ABSENT);
    )+ };
}
agtrack_common::for_each_offset!(globals);
