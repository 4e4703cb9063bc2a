//! What was executed, or was to be.

use agtrack_common::event::{Exec, ExecFailed};
use agtrack_common::wire::path_flag;

use super::{note, note_cut};
use crate::decode::{PathText, Program, Segments, device};
use crate::enrich::Known;
use crate::record::{Brought, Completeness, Object, Text};

/// Variables that make the dynamic loader run other code (ld.so(8)).
const LOADER: [&[u8]; 3] = [b"LD_PRELOAD", b"LD_AUDIT", b"LD_LIBRARY_PATH"];

pub(super) fn object(known: &Known, body: &Exec, whole: &mut Completeness) -> Object {
    let program = Program::new(body, &known.event.data);
    note(whole, &program.exe);
    note_cut(whole, &program.cwd);
    for path in [&program.script, &program.script_file]
        .into_iter()
        .flatten()
    {
        note_cut(whole, path);
    }
    whole.truncated |= body.args_kept < body.args_total;
    if body.repaired != 0 {
        whole.notes.push("repaired_lineage".to_owned());
    }
    if body.environment.left != 0 {
        whole.notes.push("env_cut".to_owned());
        whole.truncated = true;
    }
    let brought = brought(known, body, &program);
    Object::Exec {
        exe: Text(program.exe.bytes),
        inode: body.exe.ino,
        device: device(body.exe.dev),
        args: crate::enrich::arguments(program.args).collect(),
        args_bytes: body.args_total,
        group: body.gid,
        egroup: body.egid,
        cwd: Text(program.cwd.bytes),
        script: program.script.map(|script| Text(script.bytes)),
        brought,
        hash: Default::default(),
    }
}

fn brought(known: &Known, body: &Exec, program: &Program<'_>) -> Brought {
    let ran = [Some(&program.exe), program.script_file.as_ref()];
    let is = |test: fn(&PathText) -> bool| ran.into_iter().flatten().any(test);
    let names = known.env_names.clone().unwrap_or_default();
    let loads = |name: &&Text| LOADER.contains(&&*name.0);
    let script_file = program.script_file.clone();
    Brought {
        fileless: is(is_fileless),
        deleted: is(|path| path.flags & path_flag::DELETED != 0 && !is_fileless(path)),
        script_file: script_file.map(|file| Text(file.bytes)),
        loader_env: names.iter().filter(loads).cloned().collect(),
        env_names: names,
        env_untold: body.environment.untold,
    }
}

/// Memory has no directory. What `O_TMPFILE` makes has one and no name in it; the kernel calls it
/// `#INODE` (fs/dcache.c, `d_mark_tmpfile`).
fn is_fileless(path: &PathText) -> bool {
    let name = path.bytes.rsplit(|byte| *byte == b'/').next();
    let number = name.and_then(|name| name.strip_prefix(b"#"));
    let is_number = number.is_some_and(|it| !it.is_empty() && it.iter().all(u8::is_ascii_digit));
    path.flags & path_flag::PSEUDO != 0 || (path.flags & path_flag::DELETED != 0 && is_number)
}

pub(super) fn failed(
    body: &ExecFailed,
    data: &mut Segments<'_>,
    whole: &mut Completeness,
) -> Object {
    let path = data.path(&body.path);
    note(whole, &path);
    Object::Program {
        exe: Text(path.bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_had_a_name_is_told_from_what_has_lost_it() {
        let check = |bytes: &[u8], flags, expect: bool| {
            let path = PathText {
                bytes: bytes.to_vec(),
                flags,
                outside_root: false,
            };
            assert_eq!(is_fileless(&path), expect, "{:?}", Text(bytes.to_vec()));
        };
        check(b"memfd:x", path_flag::PSEUDO, true);
        check(b"/tmp/#123", path_flag::DELETED, true);
        check(b"/tmp/#123", 0, false);
        check(b"/tmp/#", path_flag::DELETED, false);
        check(b"/tmp/#12a", path_flag::DELETED, false);
        check(b"/tmp/program", path_flag::DELETED, false);
    }
}
