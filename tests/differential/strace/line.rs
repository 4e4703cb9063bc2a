//! A line that strace wrote: `call(argument, …) = result`.
//!
//! Strings stand in quotes with C escapes; what a descriptor leads to stands behind it:
//! `3</etc/passwd>`, `AT_FDCWD</tmp>`, `4<TCP:[127.0.0.1:80->127.0.0.1:4711]>`.

/// A finished call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Name of the system call.
    pub(crate) name: String,
    arguments: Vec<String>,
    /// What stands behind `=`.
    result: String,
}

impl Call {
    /// `None`: the line is about something else (signals, ends).
    pub(crate) fn read(line: &str) -> Option<Call> {
        let (name, rest) = line.split_once('(')?;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || !name.bytes().all(is_name) {
            return None;
        }
        let (arguments, behind) = arguments(rest)?;
        Some(Call {
            name: name.to_owned(),
            arguments,
            result: behind.split_once("= ")?.1.to_owned(),
        })
    }

    /// An argument as it is written; empty where there is none.
    pub(crate) fn argument(&self, index: usize) -> &str {
        self.arguments.get(index).map_or("", |word| word.trim())
    }

    /// Whether this word stands in an argument.
    pub(crate) fn says(&self, word: &str) -> bool {
        self.arguments
            .iter()
            .any(|argument| argument.contains(word))
    }

    /// The words of all arguments from `index` on: `O_RDWR|O_CREAT` are two.
    pub(crate) fn words(&self, index: usize) -> impl Iterator<Item = &str> {
        let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let arguments = self.arguments.iter().skip(index);
        arguments
            .flat_map(move |argument| argument.split(move |character| !is_word(character)))
            .filter(|word| !word.is_empty())
    }

    /// What it returned, as it is written.
    pub(crate) fn result(&self) -> &str {
        &self.result
    }

    /// A result that is a number.
    pub(crate) fn number(&self) -> Option<u32> {
        self.result.split([' ', '<']).next()?.parse().ok()
    }

    /// `success`, the error's name, or `?` where strace was not told the end.
    pub(crate) fn outcome(&self) -> &str {
        let mut words = self.result.split(' ');
        match (words.next(), words.next()) {
            (Some("-1"), Some(error)) => error,
            (Some("?"), Some(error)) if error.starts_with('E') => error,
            (Some("?"), _) => "?",
            _ => "success",
        }
    }
}

/// The arguments, and what follows their closing bracket.
fn arguments(text: &str) -> Option<(Vec<String>, &str)> {
    let (mut found, mut begin, mut depth) = (Vec::new(), 0, 0);
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at += 1 + end_of_string(&text[at + 1..]),
            b'<' if leads_somewhere(text, at) => at += end_of_place(&text[at..]),
            b')' if depth == 0 => {
                found.push(text[begin..at].to_owned());
                return Some((found, &text[at + 1..]));
            }
            b',' if depth == 0 => {
                found.push(text[begin..at].to_owned());
                begin = at + 1;
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    None
}

/// Whether this bracket opens what a descriptor leads to: not so in `1<<CAP_CHOWN`.
fn leads_somewhere(text: &str, at: usize) -> bool {
    let before = &text[..at];
    let is_descriptor = before.ends_with(|last: char| last.is_ascii_digit());
    (is_descriptor || before.ends_with("AT_FDCWD")) && !text[at + 1..].starts_with('<')
}

/// Where the bracket ends that the text begins with. In names these brackets are escaped.
fn end_of_place(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    let bytes = text.as_bytes();
    while let Some(byte) = bytes.get(at) {
        let next = bytes.get(at + 1);
        let is_arrow = at > 0
            && bytes[at - 1] == b'-'
            && next.is_some_and(|next| *next == b'[' || next.is_ascii_alphanumeric());
        match byte {
            b'\\' => at += 1,
            b'<' => depth += 1,
            b'>' if is_arrow => {}
            b'>' if depth == 1 => return at,
            b'>' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// What a descriptor leads to: a path, or a description in brackets.
pub(crate) fn behind(word: &str) -> String {
    let Some(begin) = word.find('<') else {
        return String::new();
    };
    let place = &word[begin..];
    let place = &place[1..end_of_place(place).max(1)];
    // Of a device its number follows: `/dev/null<char 1:3>`.
    let device = place.rfind("<char ").or(place.rfind("<block "));
    unescape(&place[..device.unwrap_or(place.len())])
}

/// The first string in quotes.
pub(crate) fn string(word: &str) -> String {
    strings(word).into_iter().next().unwrap_or_default()
}

/// All strings in quotes.
pub(crate) fn strings(word: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = word;
    while let Some((_, behind)) = rest.split_once('"') {
        let end = end_of_string(behind);
        found.push(unescape(&behind[..end]));
        rest = behind.get(end + 1..).unwrap_or_default();
    }
    found
}

/// Where the closing quote stands.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at,
            _ => {}
        }
    }
    text.len()
}

/// C escapes: octal, `\n` and its like.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let is_octal = |byte: &&u8| (b'0'..=b'7').contains(*byte);
        let digits = rest.iter().take(3).take_while(is_octal).count();
        let (escape, tail) = rest.split_at(digits.max(1).min(rest.len()));
        rest = tail;
        bytes.push(match escape {
            b"n" => b'\n',
            b"t" => b'\t',
            b"r" => b'\r',
            b"v" => 0x0b,
            b"f" => 0x0c,
            [other] if digits == 0 => *other,
            octal => octal
                .iter()
                .fold(0, |value: u8, digit| (value << 3) | (digit - b'0')),
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Lines as strace writes them.
pub(super) fn check() {
    let read = |line| Call::read(line).unwrap();
    let open =
        read(r#"openat(AT_FDCWD</tmp/a b>, "x,\"\303\274)\n", O_RDONLY) = 3</tmp/a b/x-\76>"#);
    assert_eq!((&*open.name, open.arguments.len()), ("openat", 3));
    assert_eq!(behind(open.argument(0)), "/tmp/a b");
    assert_eq!(string(open.argument(1)), "x,\"ü)\n");
    assert_eq!(behind(open.result()), "/tmp/a b/x->");
    assert_eq!((open.number(), open.outcome()), (Some(3), "success"));
    let strange = read(r#"fchmod(3</tmp/a-"(, (deleted)>(deleted), 0600) = 0"#);
    assert_eq!(behind(strange.argument(0)), "/tmp/a-\"(, (deleted)");
    assert_eq!(strange.argument(1), "0600");
    assert_eq!(behind("3</dev/null<char 1:3>>"), "/dev/null");
    assert_eq!(behind("3</tmp/a->"), "/tmp/a-");
    let accept = read("accept4(3<TCP:[[::1]:80]>, NULL, NULL, 0) = 4<TCPv6:[[::1]:80->[::1]:9]>");
    assert_eq!(behind(accept.result()), "TCPv6:[[::1]:80->[::1]:9]");
    assert_eq!(accept.argument(1), "NULL");
    let clone = read("clone3({flags=0} => {parent_tid=[7]}, 88) = 7");
    assert_eq!((clone.number(), clone.argument(1)), (Some(7), "88"));
    let capset = read("capset({pid=1}, {effective=1<<CAP_A|1<<CAP_B}) = -1 EPERM (No)");
    assert_eq!((capset.arguments.len(), capset.outcome()), (2, "EPERM"));
    assert_eq!(read("exit_group(0) = ?").outcome(), "?");
    let again = read("accept(3, NULL, NULL) = ? ERESTARTSYS (To be restarted)");
    assert_eq!((again.outcome(), again.number()), ("ERESTARTSYS", None));
    assert!(open.words(2).eq(["O_RDONLY"]));
    for other in [
        "--- SIGCHLD {si_signo=SIGCHLD} ---",
        "+++ exited with 0 +++",
        "",
    ] {
        assert!(Call::read(other).is_none(), "{other}");
    }
}
