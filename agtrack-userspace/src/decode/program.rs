//! What comes with an exec.

use agtrack_common::event::Exec;
use agtrack_common::wire::Path;

use super::{PathText, Segments};

/// The data of an exec, in its order.
#[derive(Debug)]
pub struct Program<'a> {
    /// The executable.
    pub exe: PathText,
    /// Working directory.
    pub cwd: PathText,
    /// The script that was named, where the executable is its interpreter.
    pub script: Option<PathText>,
    /// What the descriptor leads to that the script's name is of.
    pub script_file: Option<PathText>,
    /// The arguments that were kept, NUL after each.
    pub args: &'a [u8],
    /// Names of environment variables, NUL after each.
    pub names: &'a [u8],
}

/// A device, `MAJOR:MINOR` (include/linux/kdev_t.h: 20 bits of minor).
pub fn device(dev: u32) -> String {
    // Stands in nearly every record: the formatter would take longer than all else of this one.
    let mut digits = [itoa::Buffer::new(), itoa::Buffer::new()];
    let [major, minor] = &mut digits;
    [major.format(dev >> 20), minor.format(dev & 0xf_ffff)].join(":")
}

impl<'a> Program<'a> {
    /// Takes the data apart.
    pub fn new(body: &Exec, data: &'a [u8]) -> Self {
        let mut data = Segments::new(data);
        let (exe, cwd) = (data.path(&body.exe_path), data.path(&body.cwd));
        let mut next = |path: &Path| (*path != Path::default()).then(|| data.path(path));
        let (script, script_file) = (next(&body.script), next(&body.script_file));
        Program {
            exe,
            cwd,
            script,
            script_file,
            args: data.bytes(body.args_kept),
            names: data.bytes(body.environment.names),
        }
    }
}
