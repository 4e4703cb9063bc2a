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
    /// The arguments that were kept, NUL after each.
    pub args: &'a [u8],
}

impl<'a> Program<'a> {
    /// Takes the data apart.
    pub fn new(body: &Exec, data: &'a [u8]) -> Self {
        let mut data = Segments::new(data);
        Program {
            exe: data.path(&body.exe_path),
            cwd: data.path(&body.cwd),
            script: (body.script != Path::default()).then(|| data.path(&body.script)),
            args: data.bytes(body.args_kept),
        }
    }
}
