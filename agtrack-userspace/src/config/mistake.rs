//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::record::printable;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// Line, from 1.
    pub line: usize,
    /// Character in the line, from 1.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Mistake {
    /// `FILE:LINE:COLUMN: what`, as compilers write it and editors understand.
    pub(super) fn line_of(&self, file: &Path, kind: &str) -> String {
        let message = printable(&self.message);
        let (file, line, column) = (file.display(), self.line, self.column);
        format!("{file}:{line}:{column}: {kind}{message}")
    }

    /// A mistake at a byte of the text.
    pub(super) fn at(text: &str, byte: usize, message: String) -> Mistake {
        let before = &text[..text.floor_char_boundary(byte)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Mistake {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message,
        }
    }
}

/// All mistakes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    /// The file.
    pub file: PathBuf,
    /// In order of place.
    pub mistakes: Vec<Mistake>,
}

impl std::error::Error for Mistakes {}

/// One line each.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&mistake.line_of(&self.file, ""))?;
        }
        Ok(())
    }
}
