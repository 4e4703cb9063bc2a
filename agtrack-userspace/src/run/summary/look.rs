//! How lines are laid out: as wide as the terminal, coloured where that is wanted, paths as short
//! as they can be said.
//!
//! Comes in: bytes that an agent chose. Goes out: text that is safe on a terminal.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::run::plain;
use crate::terminal::Palette;

/// Columns where there is no terminal to ask.
const WIDTH: usize = 100;
/// The narrowest terminal that is taken seriously.
const NARROW: usize = 40;
/// Columns of the titles, with two blanks before.
const TITLE: usize = 17;

/// What decides how lines look.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) palette: Palette,
    /// Columns.
    pub(crate) width: usize,
    /// Names longer than a line are cut: somebody looks at it directly.
    pub(crate) cuts: bool,
    /// Paths in this directory are told without it.
    pub(crate) here: Vec<u8>,
    /// Paths in this one begin with `~`.
    pub(crate) home: Vec<u8>,
    /// How to call agtrack.
    pub(crate) command: String,
}

impl Look {
    /// For standard error.
    pub(crate) fn of_stderr() -> Look {
        Look::of(&std::io::stderr())
    }

    /// For standard output.
    pub(crate) fn of_stdout() -> Look {
        Look::of(&std::io::stdout())
    }

    fn of<S: anstream::stream::RawStream + std::os::fd::AsFd>(stream: &S) -> Look {
        let palette = match anstream::AutoStream::choice(stream) {
            anstream::ColorChoice::Never => Palette::default(),
            _ => Palette::coloured(),
        };
        let size = rustix::termios::tcgetwinsize(stream).ok();
        let columns = size.map(|size| usize::from(size.ws_col));
        let columns = columns.filter(|columns| *columns >= NARROW);
        let here = std::env::current_dir().unwrap_or_default();
        let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
        // The kernel tells paths with their links resolved.
        let home = home.and_then(|home| home.canonicalize().ok());
        Look {
            palette,
            width: columns.unwrap_or(WIDTH),
            cuts: columns.is_some(),
            here: here.into_os_string().into_vec(),
            home: home.unwrap_or_default().into_os_string().into_vec(),
            command: command(),
        }
    }

    /// As short as it can be said.
    pub(crate) fn path(&self, path: &[u8]) -> String {
        if let Some(rest) = inside(path, &self.here) {
            return self.fit(plain(rest));
        }
        match inside(path, &self.home) {
            Some(rest) => self.fit(format!("~/{}", plain(rest))),
            None => self.fit(plain(path)),
        }
    }

    /// Cuts the middle out of what is longer than a line.
    fn fit(&self, text: String) -> String {
        let room = (self.width - TITLE).saturating_sub(2);
        let length = text.chars().count();
        if !self.cuts || length <= room {
            return text;
        }
        let half = room / 2;
        let (start, end) = (half.saturating_sub(1), length - half);
        let shown = text.chars().enumerate();
        shown
            .filter(|(at, _)| *at <= start || *at >= end)
            .map(|(at, letter)| if at == start { '…' } else { letter })
            .collect()
    }

    /// A title and words, on as many lines as they need.
    pub(crate) fn line(&self, style: anstyle::Style, title: &str, words: &[String]) -> Vec<String> {
        let pad = " ".repeat((TITLE - 2).saturating_sub(title.chars().count()).max(1));
        self.flow(format!("  {style}{title}{style:#}{pad}"), TITLE, words)
    }

    /// A title, so many of the words, and how many more there are; nothing where there are none. `beyond`
    /// counts those that nobody kept.
    pub(crate) fn first(
        &self,
        style: anstyle::Style,
        title: &str,
        (mut words, most): (Vec<String>, usize),
        beyond: u64,
    ) -> Vec<String> {
        let more = words.len().saturating_sub(most) as u64 + beyond;
        words.truncate(most);
        if more > 0 {
            words.push(format!("and {more} more"));
        }
        match words.is_empty() {
            true => Vec::new(),
            false => self.line(style, title, &words),
        }
    }

    /// Words behind a beginning that takes this many columns.
    pub(crate) fn flow(&self, begin: String, column: usize, words: &[String]) -> Vec<String> {
        let mut lines = vec![begin];
        let mut column = column;
        for (index, word) in words.iter().enumerate() {
            let comma = if index + 1 < words.len() { "," } else { "" };
            let length = word.chars().count() + comma.len();
            if index > 0 && column + 1 + length > self.width {
                lines.push(" ".repeat(TITLE));
                column = TITLE;
            } else if index > 0 {
                push(&mut lines, " ");
                column += 1;
            }
            push(&mut lines, word);
            push(&mut lines, comma);
            column += length;
        }
        lines
    }
}

fn push(lines: &mut [String], text: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
    }
}

/// The rest of a path that lies in a directory other than the root.
fn inside<'a>(path: &'a [u8], directory: &[u8]) -> Option<&'a [u8]> {
    let directory = Some(directory).filter(|directory| directory.len() > 1)?;
    path.strip_prefix(directory)?
        .strip_prefix(b"/")
        .filter(|rest| !rest.is_empty())
}

/// `agtrack` where a shell finds this very program by that name, otherwise its path.
fn command() -> String {
    let Ok(own) = std::env::current_exe() else {
        return "agtrack".to_owned();
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let first = std::env::split_paths(&path)
        .map(|dir| dir.join("agtrack"))
        .find(|file| file.is_file());
    match first.and_then(|file| file.canonicalize().ok()) {
        Some(file) if file == own => "agtrack".to_owned(),
        _ => quoted(&own),
    }
}

/// As a word for a shell, and safe on a terminal.
pub(crate) fn quoted(path: &Path) -> String {
    let path = plain(path.as_os_str().as_bytes());
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:@%".contains(letter);
    if !path.is_empty() && path.chars().all(harmless) {
        return path;
    }
    format!("'{}'", path.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(width: usize) -> Look {
        Look {
            palette: Palette::default(),
            width,
            cuts: true,
            here: b"/w/p".to_vec(),
            home: b"/home/u".to_vec(),
            command: "agtrack".into(),
        }
    }

    #[test]
    fn a_path_is_as_short_as_it_can_be_said() {
        let path = |path: &[u8]| look(80).path(path);
        assert_eq!(path(b"/w/p/src/a\x1b"), "src/a\\u{1b}");
        assert_eq!(path(b"/home/u/.ssh/id"), "~/.ssh/id");
        assert_eq!(path(b"/w/px"), "/w/px");
        assert_eq!(path(b"/w/p"), "/w/p");
        let nowhere = Look {
            here: b"/".to_vec(),
            home: Vec::new(),
            ..look(80)
        };
        assert_eq!(nowhere.path(b"/etc/passwd"), "/etc/passwd");
    }

    #[test]
    fn what_is_wider_than_the_terminal_is_cut_in_the_middle() {
        let long = format!("/{}/file.txt", "x".repeat(200));
        let shown = look(40).path(long.as_bytes());
        assert!(shown.chars().count() <= 40 - TITLE, "{shown}");
        assert!(
            shown.starts_with("/xx") && shown.ends_with("/file.txt"),
            "{shown}"
        );
        let whole = Look {
            cuts: false,
            ..look(40)
        };
        assert_eq!(whole.path(long.as_bytes()), long);
    }

    #[test]
    fn words_go_on_below_each_other() {
        let words = [
            "one".to_owned(),
            "two two".into(),
            "three three".into(),
            "four".into(),
        ];
        assert_eq!(
            look(40).line(anstyle::Style::new(), "title", &words),
            [
                "  title          one, two two,",
                "                 three three, four",
            ]
        );
    }

    #[test]
    fn a_path_with_blanks_can_be_pasted() {
        assert_eq!(quoted(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }
}
