//! A small hand-built BTF, hostile bytes, and the kernel this runs on.

use agtrack_common::offset::MEMBERS;
use proptest::prelude::*;

use super::*;

/// Builds BTF bytes type by type.
#[derive(Default)]
struct Blob {
    types: Vec<u8>,
    strings: Vec<u8>,
    last: u32,
}

impl Blob {
    fn new() -> Self {
        Self {
            strings: vec![0],
            ..Self::default()
        }
    }

    fn string(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let at = self.strings.len() as u32;
        self.strings.extend_from_slice(text.as_bytes());
        self.strings.push(0);
        at
    }

    /// Adds a type and returns its id.
    fn add(&mut self, name: &str, info: u32, size_or_target: u32, data: &[u32]) -> u32 {
        let name = self.string(name);
        for word in [name, info, size_or_target].iter().chain(data) {
            self.types.extend_from_slice(&word.to_le_bytes());
        }
        self.last += 1;
        self.last
    }

    /// Adds a struct or union: kind with flags, members as name, type, offset word.
    fn record(&mut self, name: &str, kind: u32, members: &[(&str, u32, u32)]) -> u32 {
        let data: Vec<u32> = members
            .iter()
            .flat_map(|&(name, id, offset)| [self.string(name), id, offset])
            .collect();
        self.add(name, (kind << 24) | members.len() as u32, 64, &data)
    }

    fn bytes(&self) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let mut bytes = vec![0x9f, 0xeb, 1, 0];
        for word in [24, 0, types, types, strings] {
            bytes.extend_from_slice(&u32::to_le_bytes(word));
        }
        bytes.extend_from_slice(&self.types);
        bytes.extend_from_slice(&self.strings);
        bytes
    }

    fn parse(&self) -> Btf {
        Btf::parse(self.bytes()).unwrap()
    }
}

const STRUCT: u32 = 4;
const UNION: u32 = 5;
const WITH_BITFIELDS: u32 = 0x80;

/// `struct inner { int a; union { int b; struct { int c; int d; }; }; }` inside `struct outer`,
/// behind a typedef and a const.
fn nested() -> Btf {
    let mut blob = Blob::new();
    let int = blob.add("int", 1 << 24, 4, &[32]);
    let pair = blob.record("", STRUCT, &[("c", int, 0), ("d", int, 32)]);
    let either = blob.record("", UNION, &[("b", int, 0), ("", pair, 0)]);
    let inner = blob.record("inner", STRUCT, &[("a", int, 0), ("", either, 64)]);
    let typedef = blob.add("inner_t", 8 << 24, inner, &[]);
    let constant = blob.add("", 10 << 24, typedef, &[]);
    let pointer = blob.add("", 2 << 24, inner, &[]);
    blob.record(
        "outer",
        STRUCT,
        &[("first", pointer, 0), ("second", constant, 128)],
    );
    blob.parse()
}

#[test]
fn members_are_found_by_dotted_path() {
    let btf = nested();
    assert_eq!(btf.member("inner", "a"), Some(0));
    assert_eq!(btf.member("outer", "second"), Some(16));
    assert_eq!(btf.member("outer", "second.a"), Some(16));
}

#[test]
fn anonymous_members_are_transparent() {
    let btf = nested();
    assert_eq!(btf.member("inner", "b"), Some(8));
    assert_eq!(btf.member("inner", "d"), Some(12));
    assert_eq!(btf.member("outer", "second.d"), Some(28));
}

#[test]
fn the_first_alternative_that_exists_counts() {
    let btf = nested();
    assert_eq!(btf.member("inner", "gone|d|a"), Some(12));
    assert_eq!(btf.member("inner", "gone|missing"), None);
}

#[test]
fn what_is_not_there_is_none() {
    let btf = nested();
    for (structure, path) in [
        ("nothing", "a"),
        ("inner", "e"),
        ("inner", ""),
        ("inner", "."),
        ("inner", "a.x"),
        ("outer", "first.a"), // behind a pointer: another object
        ("inner_t", "a"),     // a typedef is not a struct
        ("", "c"),
    ] {
        assert_eq!(btf.member(structure, path), None, "{structure} {path}");
    }
}

#[test]
fn a_bitfield_has_an_offset_only_on_a_byte() {
    let mut blob = Blob::new();
    let int = blob.add("int", 1 << 24, 4, &[32]);
    let width = |bits: u32, offset: u32| bits << 24 | offset;
    blob.record(
        "flags",
        STRUCT | WITH_BITFIELDS,
        &[
            ("low", int, width(3, 0)),
            ("high", int, width(5, 3)),
            ("next", int, width(2, 40)),
            ("plain", int, width(0, 64)),
        ],
    );
    let btf = blob.parse();
    assert_eq!(btf.member("flags", "low"), Some(0));
    assert_eq!(btf.member("flags", "high"), None);
    assert_eq!(btf.member("flags", "next"), Some(5));
    assert_eq!(btf.member("flags", "plain"), Some(8));
}

#[test]
fn of_two_structs_with_one_name_the_one_with_the_member_counts() {
    let mut blob = Blob::new();
    let int = blob.add("int", 1 << 24, 4, &[32]);
    blob.record("twin", STRUCT, &[("x", int, 0)]);
    blob.record("twin", STRUCT, &[("y", int, 96)]);
    let btf = blob.parse();
    assert_eq!(btf.member("twin", "x"), Some(0));
    assert_eq!(btf.member("twin", "y"), Some(12));
}

/// A function `open(struct file *, int)`, a variadic one, and a tracepoint.
fn callable() -> Btf {
    let mut blob = Blob::new();
    let int = blob.add("int", 1 << 24, 4, &[32]);
    let file = blob.record("file", STRUCT, &[("x", int, 0)]);
    let constant = blob.add("", 10 << 24, file, &[]);
    let pointer = blob.add("", 2 << 24, constant, &[]);
    let void = blob.add("", 2 << 24, 0, &[]);
    let named = blob.string("arg");
    let open = blob.add("", 13 << 24 | 2, int, &[named, pointer, named, int]);
    blob.add("open", 12 << 24 | 1, open, &[]);
    let print = blob.add("", 13 << 24 | 2, int, &[named, pointer, 0, 0]);
    blob.add("print", 12 << 24 | 1, print, &[]);
    let probe = blob.add("", 13 << 24 | 3, 0, &[0, void, 0, pointer, 0, int]);
    let probe = blob.add("", 2 << 24, probe, &[]);
    blob.add("btf_trace_file_open", 8 << 24, probe, &[]);
    blob.add("btf_trace_broken", 8 << 24, int, &[]);
    blob.parse()
}

#[test]
fn functions_tell_their_parameters() {
    let btf = callable();
    assert!(btf.has_function("open"));
    assert_eq!(btf.function_args("open"), Some(2));
    assert_eq!(
        btf.function_args("print"),
        Some(1),
        "`...` is not a parameter"
    );
    assert!(!btf.has_function("file"), "a struct is not a function");
    assert_eq!(btf.function_args("close"), None);
}

#[test]
fn tracepoints_tell_their_arguments() {
    let btf = callable();
    let expected = vec!["struct file*".to_owned(), "int".to_owned()];
    assert_eq!(btf.tracepoint_args("file_open"), Some(expected));
    assert_eq!(btf.tracepoint_args("broken"), None);
    assert_eq!(btf.tracepoint_args("none"), None);
}

#[test]
fn every_known_kind_is_stepped_over() {
    let mut blob = Blob::new();
    // Words of data behind the head of each kind, from 1 on, with two elements where it has some.
    let words = [1, 0, 3, 6, 6, 4, 0, 0, 0, 0, 0, 0, 4, 1, 6, 0, 1, 0, 6];
    for (kind, words) in (1..).zip(words) {
        let elements = if matches!(kind, 4 | 5 | 6 | 13 | 15 | 19) {
            2
        } else {
            0
        };
        blob.add("", kind << 24 | elements, 0, &vec![0; words]);
    }
    let int = blob.add("int", 1 << 24, 4, &[32]);
    blob.record("last", STRUCT, &[("x", int, 32)]);
    assert_eq!(blob.parse().member("last", "x"), Some(4));
}

#[test]
fn an_unknown_kind_is_named() {
    let mut blob = Blob::new();
    blob.add("int", 1 << 24, 4, &[32]);
    blob.add("", 20 << 24, 0, &[]);
    let error = Btf::parse(blob.bytes()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::UnknownKind {
                kind: 20,
                offset: 16
            }
        ),
        "{error}"
    );
}

#[test]
fn damaged_bytes_are_named() {
    let whole = callable().raw_bytes();
    assert!(matches!(
        Btf::parse(Vec::new()),
        Err(Error::Bounds("header", 0))
    ));
    assert!(matches!(
        Btf::parse(b"\x7fELF".to_vec()),
        Err(Error::Magic(0x457f))
    ));
    assert!(matches!(
        Btf::parse(vec![0x9f, 0xeb, 2, 0]),
        Err(Error::Version(2))
    ));
    for length in 0..whole.len() {
        Btf::parse(whole[..length].to_vec()).expect_err("a part of BTF is not BTF");
    }
}

#[test]
fn a_circle_of_types_ends() {
    let mut blob = Blob::new();
    blob.add("a", 8 << 24, 2, &[]);
    blob.add("b", 10 << 24, 1, &[]);
    // A struct with two anonymous members of its own type: 2^n paths without a budget.
    blob.record("self", STRUCT, &[("", 3, 0), ("", 3, 0), ("x", 1, 0)]);
    blob.add("btf_trace_loop", 8 << 24, 1, &[]);
    let btf = blob.parse();
    assert_eq!(btf.member("self", "missing"), None);
    assert_eq!(btf.member("self", "x.y"), None);
    assert_eq!(btf.tracepoint_args("loop"), None);
}

impl Btf {
    fn raw_bytes(&self) -> Vec<u8> {
        self.raw.bytes().to_vec()
    }
}

fn ask_everything(btf: &Btf) {
    for (name, path) in [
        ("inner", "a"),
        ("outer", "second.d"),
        ("self", "x"),
        ("file", "x.y"),
    ] {
        let _ = btf.member(name, path);
    }
    let _ = btf.function_args("open");
    let _ = btf.tracepoint_args("file_open");
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        if let Ok(btf) = Btf::parse(bytes) {
            ask_everything(&btf);
        }
    }

    #[test]
    fn mutated_bytes_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        first in any::<bool>(),
    ) {
        let mut bytes = if first { nested() } else { callable() }.raw_bytes();
        for (place, value) in changes {
            // Header and types: the strings behind them say little.
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if let Ok(btf) = Btf::parse(bytes) {
            ask_everything(&btf);
        }
    }
}

/// Members without which nothing can be recorded on any kernel.
const ESSENTIAL: &[&str] = &[
    "TASK_TGID",
    "TASK_PID",
    "TASK_PARENT",
    "TASK_START",
    "TASK_MM",
    "TASK_FS",
    "TASK_FILES",
    "TASK_CRED",
    "TASK_CGROUPS",
    "CRED_UID",
    "MM_ARG_START",
    "BPRM_FILE",
    "FILES_TABLE",
    "TABLE_FD",
    "FILE_DENTRY",
    "FILE_MOUNT",
    "FILE_INODE",
    "DENTRY_PARENT",
    "DENTRY_NAME",
    "DENTRY_INODE",
    "VFSMOUNT_ROOT",
    "MOUNT_VFSMOUNT",
    "MOUNT_PARENT",
    "MOUNT_POINT",
    "INODE_INO",
    "SUPER_DEV",
    "KERNFS_ID",
    "SOCK_FAMILY",
];

#[test]
fn the_running_kernel_has_what_the_probes_read() {
    if !std::path::Path::new(KERNEL_PATH).exists() {
        eprintln!("not tested: this kernel has no {KERNEL_PATH}");
        return;
    }
    let started = std::time::Instant::now();
    let btf = Btf::from_kernel().unwrap();
    let parsed = started.elapsed();
    let mut absent = Vec::new();
    for member in MEMBERS {
        if btf.member(member.structure, member.path).is_none() {
            absent.push(member.global);
        }
    }
    println!(
        "parsed in {parsed:?}, {} members in {:?}",
        MEMBERS.len(),
        started.elapsed() - parsed
    );
    println!("absent: {absent:?}");
    for essential in ESSENTIAL {
        assert!(!absent.contains(essential), "{essential} is absent");
    }
    assert_eq!(btf.function_args("security_file_open"), Some(1));
    let exec = btf.tracepoint_args("sched_process_exec").unwrap();
    assert_eq!(
        exec,
        ["struct task_struct*", "pid_t", "struct linux_binprm*"]
    );
}
