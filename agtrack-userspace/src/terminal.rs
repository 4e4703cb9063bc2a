//! What a person reads.
//!
//! Comes in: text from anywhere. Goes out: data on standard output, messages on standard error,
//! colours only where a terminal shows them and `NO_COLOR` is not set. Never: a control character
//! that agtrack did not choose itself, or a panic because nobody reads.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{BufWriter, IsTerminal, StderrLock, Stdout, Write};

use anstyle::{AnsiColor, Style};
use rustix::event::{PollFd, PollFlags, poll};
use serde::Serialize;

use crate::record::{Text, printable};

/// Styles by what they mean; all plain where no colours are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Palette {
    /// What the eye should find first.
    pub strong: Style,
    /// What can be skipped.
    pub faint: Style,
    /// As it should be.
    pub good: Style,
    /// To be looked at.
    pub warning: Style,
    /// Wrong.
    pub bad: Style,
}

impl Palette {
    /// With colours.
    pub fn coloured() -> Palette {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        Palette {
            strong: Style::new().bold(),
            faint: Style::new().dimmed(),
            good: colour(AnsiColor::Green),
            warning: colour(AnsiColor::Yellow).bold(),
            bad: colour(AnsiColor::Red).bold(),
        }
    }
}

/// `text` in a style. The text must be printable already.
pub fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Standard output. What was written is there only after [`Output::finish`].
pub struct Output {
    stream: BufWriter<Stdout>,
    /// The styles to use.
    pub palette: Palette,
    /// Somebody looks at it directly.
    is_terminal: bool,
}

impl Default for Output {
    fn default() -> Self {
        Output::new()
    }
}

impl Output {
    /// Standard output, with colours where they are wanted.
    pub fn new() -> Output {
        let stdout = std::io::stdout();
        let palette = match anstream::AutoStream::choice(&stdout) {
            anstream::ColorChoice::Never => Palette::default(),
            _ => Palette::coloured(),
        };
        Output {
            is_terminal: stdout.is_terminal(),
            stream: BufWriter::new(stdout),
            palette,
        }
    }

    /// Writes a line.
    ///
    /// # Errors
    /// Standard output cannot be written: [`Unwritten`].
    pub fn line(&mut self, line: impl AsRef<[u8]>) -> Result<(), Unwritten> {
        self.stream.write_all(line.as_ref())?;
        Ok(self.stream.write_all(b"\n")?)
    }

    /// Writes a value as JSON on many lines.
    ///
    /// # Errors
    /// Standard output cannot be written: [`Unwritten`].
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Unwritten> {
        let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from)?;
        self.json_line(text.as_bytes())
    }

    /// Writes JSON as it is; on a terminal with those characters escaped that JSON itself leaves
    /// alone and a terminal would obey.
    ///
    /// # Errors
    /// Standard output cannot be written: [`Unwritten`].
    pub fn json_line(&mut self, json: &[u8]) -> Result<(), Unwritten> {
        if self.is_terminal {
            let text = String::from_utf8_lossy(json);
            return self.line(inert_json(&text).as_bytes());
        }
        self.line(json)
    }

    /// Hands over what is buffered.
    ///
    /// # Errors
    /// Standard output cannot be written: [`Unwritten`].
    pub fn finish(&mut self) -> Result<(), Unwritten> {
        Ok(self.stream.flush()?)
    }

    /// True once nobody reads any more; said by a pipe or socket without writing to it.
    pub fn is_abandoned(&self) -> bool {
        let mut waiting = [PollFd::new(self.stream.get_ref(), PollFlags::empty())];
        let now = rustix::time::Timespec::default();
        poll(&mut waiting, Some(&now)).is_ok() && waiting[0].revents().contains(PollFlags::ERR)
    }
}

/// Standard output could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output: {0}")]
pub struct Unwritten(std::io::Error);

impl From<std::io::Error> for Unwritten {
    fn from(error: std::io::Error) -> Unwritten {
        Unwritten(error)
    }
}

impl Unwritten {
    /// True where the reader has seen enough, as `head` has: that is no failure.
    pub fn is_broken_pipe(&self) -> bool {
        self.0.kind() == std::io::ErrorKind::BrokenPipe
    }
}

/// Writes a message to standard error, line by line.
pub fn tell(message: &str) {
    let mut stderr = std::io::stderr().lock();
    // Where nobody listens there is nobody to tell that to.
    let _ = tell_to(&mut stderr, message);
}

/// Writes a line to standard error as it is, as `eprintln!` does; but where nobody listens any more
/// nothing ends by it, least of all a recording.
pub fn note(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn tell_to(stderr: &mut StderrLock<'_>, message: &str) -> std::io::Result<()> {
    for line in message.lines() {
        writeln!(stderr, "agtrack: {}", printable(line))?;
    }
    Ok(())
}

/// The same JSON, with nothing in its strings that a terminal would obey.
fn inert_json(json: &str) -> Cow<'_, str> {
    let mut buffer = [0; 4];
    // Line breaks stand between values only, where they are wanted.
    let mut is_inert = |character: char| {
        character == '\n'
            || printable(character.encode_utf8(&mut buffer))
                .chars()
                .eq([character])
    };
    if json.chars().all(&mut is_inert) {
        return Cow::Borrowed(json);
    }
    let mut inert = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_inert(character) {
            inert.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                inert.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    Cow::Owned(inert)
}

/// A command line as a shell would take it, cut to so many characters.
pub fn command(args: &[Text], most: usize) -> String {
    let words: Vec<_> = args.iter().map(word).collect();
    cut(&words.join(" "), most)
}

/// A word of it, printable.
pub fn word(text: &Text) -> String {
    let shown = text.printable();
    let plain =
        |character: char| character.is_alphanumeric() || "-_./=:,@%+[]{}~…\\".contains(character);
    match !shown.is_empty() && shown.chars().all(plain) {
        true => shown,
        false => format!("'{}'", shown.replace('\'', "'\\''")),
    }
}

/// A number and what is counted: `1 session`, `2 sessions`.
pub fn counted(count: u64, one: &str, many: &str) -> String {
    let word = if count == 1 { one } else { many };
    format!("{count} {word}")
}

/// Cuts a text to a number of characters, and shows that it did.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text
            .chars()
            .take(most.saturating_sub(1))
            .chain(['…'])
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_where_a_character_ends() {
        assert_eq!(cut("grüße", 5), "grüße");
        assert_eq!(cut("grüße", 4), "grü…");
        assert_eq!(cut("", 0), "");
    }

    #[test]
    fn json_for_a_terminal_says_the_same_and_is_inert() {
        let value = serde_json::json!({ "a": "\u{9b}2J \u{202e} \u{7f} \u{e0001} \u{1b} ü\\" });
        let json = serde_json::to_string_pretty(&value).unwrap();
        let inert = inert_json(&json);
        let inert_lines: Vec<_> = inert.lines().collect();
        assert!(
            inert_lines.iter().all(|line| printable(line) == *line),
            "{inert}"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&inert).unwrap(),
            value
        );
        assert!(matches!(inert_json("{\n}"), Cow::Borrowed(_)));
    }

    #[test]
    fn without_colours_nothing_is_added() {
        assert_eq!(styled(Palette::default().bad, "x"), "x");
        assert_eq!(
            styled(Palette::coloured().faint, "x"),
            "\u{1b}[2mx\u{1b}[0m"
        );
    }
}
