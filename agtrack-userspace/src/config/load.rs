//! The files of a configuration: which there are, and what they say together.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Agent, Config, Mistake, Mistakes, Placed, doubt, reading};

/// The directory of files that name agents, beside the main file.
pub const AGENTS: &str = "agents.d";

/// Larger files are refused unread: no configuration is that long.
const LONGEST: u64 = 1 << 20;
/// More files than that are refused.
const MOST_FILES: usize = 1024;

/// What a file in the directory may say.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Named {
    agents: Vec<Agent>,
}

/// One file of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file.
    pub file: PathBuf,
    /// Its text, for the places of what is told later.
    pub text: String,
}

/// A configuration as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The main file; none where the built-in defaults are meant.
    pub file: Option<PathBuf>,
    /// What it says, with the agents of all files in their order.
    pub config: Config,
    /// SHA-256 of the main file's bytes, in hex. Where there are others: of the name, a NUL and the bytes
    /// of each in order, the names being those of the files, with `agents.d/` before the others'.
    pub sha256: Option<String>,
    /// The files, the main one first.
    pub sources: Vec<Source>,
}

impl Loaded {
    /// The configuration without any file.
    pub fn built_in() -> Loaded {
        Loaded {
            file: None,
            config: Config::default(),
            sha256: None,
            sources: Vec::new(),
        }
    }

    /// What is no mistake and yet can hardly be meant: globs that never match, whose cgroups are
    /// another agent's, or that take the whole host; programs and users that are not there, or
    /// another agent's. `mount` is where cgroup2 is mounted. In order of place.
    pub fn doubts(&self, mount: Option<&Path>) -> Vec<Placed> {
        doubt::find(&self.sources, mount)
    }

    /// The same as lines for people, as compilers write their warnings.
    pub fn warnings(&self, mount: Option<&Path>) -> Vec<String> {
        warnings(&self.doubts(mount))
    }
}

/// Doubts as lines for people, as compilers write their warnings.
pub fn warnings(doubts: &[Placed]) -> Vec<String> {
    doubts.iter().map(|doubt| doubt.line("warning: ")).collect()
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {cause}{}", file.display(), hint(cause))]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said. Not called `source`: the message has it already.
        cause: std::io::Error,
    },
    /// It is no configuration by its looks.
    #[error("{} {what}: it is no agtrack configuration", file.display())]
    Unfit {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It was read, and something in it is wrong.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
}

fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            "; name another file, or begin one with `agtrack config show >FILE`"
        }
        std::io::ErrorKind::PermissionDenied => "; run it with sudo, or name another file",
        std::io::ErrorKind::IsADirectory => "; name the file in it",
        std::io::ErrorKind::NotADirectory => "; make it a directory, or remove it",
        _ => "",
    }
}

/// Reads and checks a file, and those in the directory `agents.d` beside it whose names end in
/// `.toml` and begin with no dot, in order of name.
///
/// # Errors
/// The main file or the directory cannot be read, is longer than 1 MiB or no UTF-8, or there are
/// mistakes in any of them: all are told.
pub fn load(file: &Path) -> Result<Loaded, Error> {
    let main = read(file)?;
    let mut mistakes = Vec::new();
    let mut config = super::parse(&main.text).unwrap_or_else(|found| {
        mistakes.extend(Placed::all(file, found));
        Config::default()
    });
    let mut sources = vec![main];
    for other in others(file)? {
        // One that cannot be read is told together with the mistakes of the rest.
        let source = match read(&other) {
            Ok(source) => source,
            Err(error) => {
                let message = match error {
                    Error::Unfit { what, .. } => format!("the file {what}"),
                    other => other.to_string(),
                };
                mistakes.extend(Placed::all(&other, vec![Mistake::first(message)]));
                continue;
            }
        };
        match reading::read::<Named>(&source.text) {
            Ok(named) => config.agents.extend(named.agents),
            Err(found) => mistakes.extend(Placed::all(&other, found)),
        }
        sources.push(source);
    }
    mistakes.extend(shared_ids(&sources));
    if !mistakes.is_empty() {
        mistakes.sort_by_key(|placed| {
            let Mistake { line, column, .. } = placed.mistake;
            (placed.file != file, placed.file.clone(), line, column)
        });
        return Err(Mistakes { mistakes, sources }.into());
    }
    Ok(Loaded {
        file: Some(file.to_path_buf()),
        config,
        sha256: Some(hash(&sources)),
        sources,
    })
}

/// The files beside the main one, in order of name.
fn others(main: &Path) -> Result<Vec<PathBuf>, Error> {
    use std::os::unix::ffi::OsStrExt;
    let directory = main.with_file_name(AGENTS);
    let refused = |cause| Error::Read {
        file: directory.clone(),
        cause,
    };
    let entries = match std::fs::read_dir(&directory) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(refused)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let name = entry.map_err(refused)?.file_name();
        if name.as_bytes().ends_with(b".toml") && !name.as_bytes().starts_with(b".") {
            files.push(directory.join(name));
        }
        if files.len() > MOST_FILES {
            return Err(Error::Unfit {
                file: directory,
                what: format!("has more than {MOST_FILES} files"),
            });
        }
    }
    files.sort();
    Ok(files)
}

/// Agents whose id one in a file before has already; within a file that is told with its mistakes.
fn shared_ids(sources: &[Source]) -> Vec<Placed> {
    let mut seen: Vec<(String, &Path, usize)> = Vec::new();
    let mut found = Vec::new();
    for source in sources {
        let own: Vec<_> = reading::ids(&source.text);
        for (id, place) in &own {
            if let Some((_, file, line)) = seen.iter().find(|(other, ..)| other == id) {
                let message = format!(
                    "the agent in line {line} of {} has the id `{id}` already; put all that it is \
                     recognised by there, or choose another id",
                    file.display()
                );
                let mistake = Mistake {
                    message,
                    ..place.clone()
                };
                found.extend(Placed::all(&source.file, vec![mistake]));
            }
        }
        let own = own.into_iter();
        seen.extend(own.map(|(id, place)| (id, source.file.as_path(), place.line)));
    }
    found
}

fn read(file: &Path) -> Result<Source, Error> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|open| open.take(LONGEST + 1).read_to_end(&mut bytes))
        .map_err(|cause| Error::Read {
            file: file.to_path_buf(),
            cause,
        })?;
    let unfit = |what: &str| Error::Unfit {
        file: file.to_path_buf(),
        what: what.to_owned(),
    };
    if bytes.len() as u64 > LONGEST {
        return Err(unfit("is longer than 1 MiB"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = error.as_bytes().get(..valid).unwrap_or_default();
        let line = before.split(|byte| *byte == b'\n').count();
        unfit(&format!("has bytes in line {line} that are not UTF-8"))
    })?;
    Ok(Source {
        file: file.to_path_buf(),
        text,
    })
}

/// No name has a slash and no text a NUL, so that what is hashed can be taken apart in one way only.
fn hash(sources: &[Source]) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut hasher = Sha256::new();
    for (index, source) in sources.iter().enumerate() {
        if sources.len() > 1 {
            if index > 0 {
                hasher.update(format!("{AGENTS}/"));
            }
            let name = source.file.file_name().unwrap_or_default();
            hasher.update(name.as_bytes());
            hasher.update([0]);
        }
        hasher.update(&source.text);
    }
    let digest = hasher.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
