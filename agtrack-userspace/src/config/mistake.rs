//! What is wrong with a configuration, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Source, doubt};
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
    /// One of a whole file.
    pub(super) fn first(message: String) -> Mistake {
        Mistake {
            line: 1,
            column: 1,
            message,
        }
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

/// A mistake and its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Placed {
    /// The file.
    pub file: PathBuf,
    /// What, and where in it.
    #[serde(flatten)]
    pub mistake: Mistake,
}

impl Placed {
    /// Mistakes of one file.
    pub(super) fn all(file: &Path, mistakes: Vec<Mistake>) -> impl Iterator<Item = Placed> {
        mistakes.into_iter().map(|mistake| Placed {
            file: file.to_path_buf(),
            mistake,
        })
    }

    /// `FILE:LINE:COLUMN: what`, as compilers write it and editors understand.
    pub(super) fn line(&self, kind: &str) -> String {
        let Mistake {
            line,
            column,
            message,
        } = &self.mistake;
        let (file, message) = (self.file.display(), printable(message));
        format!("{file}:{line}:{column}: {kind}{message}")
    }
}

/// All mistakes of all files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    /// In order of file and place.
    pub mistakes: Vec<Placed>,
    /// The files, for what can be told beside.
    pub(super) sources: Vec<Source>,
}

impl Mistakes {
    /// What is no mistake and yet can hardly be meant, where no mistake stands in the same line: as
    /// [`Loaded::doubts`](super::Loaded::doubts).
    #[must_use]
    pub fn doubts(&self, mount: Option<&Path>) -> Vec<Placed> {
        let mut doubts = doubt::find(&self.sources, mount);
        doubts.retain(|doubt| {
            let is_there = |wrong: &Placed| {
                wrong.file == doubt.file && wrong.mistake.line == doubt.mistake.line
            };
            !self.mistakes.iter().any(is_there)
        });
        doubts
    }
}

impl std::error::Error for Mistakes {}

/// One line each.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, placed) in self.mistakes.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&placed.line(""))?;
        }
        Ok(())
    }
}
