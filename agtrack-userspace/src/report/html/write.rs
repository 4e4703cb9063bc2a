//! Writes HTML. Tags and names of attributes are literals of this program; everything else is
//! escaped, and characters that a reader could not see are shown.

use crate::record::printable;

/// A page that grows.
#[derive(Debug, Default)]
pub(super) struct Html {
    out: String,
}

/// Name and value.
pub(super) type Attribute<'a> = (&'static str, &'a str);

impl Html {
    /// An element, with what `inner` writes in it.
    pub(super) fn node(
        &mut self,
        tag: &'static str,
        attributes: &[Attribute<'_>],
        inner: impl FnOnce(&mut Html),
    ) {
        self.open(tag, attributes);
        inner(self);
        self.out.push_str("</");
        self.out.push_str(tag);
        self.out.push('>');
    }

    /// An element that holds nothing.
    pub(super) fn open(&mut self, tag: &'static str, attributes: &[Attribute<'_>]) {
        self.out.push('<');
        self.out.push_str(tag);
        for (name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            self.escaped(value);
            self.out.push('"');
        }
        self.out.push('>');
    }

    /// An element of a class with a text; no class where it is empty.
    pub(super) fn word(&mut self, tag: &'static str, class: &str, text: &str) {
        match class {
            "" => self.node(tag, &[], |html| html.text(text)),
            class => self.node(tag, &[("class", class)], |html| html.text(text)),
        }
    }

    /// Text from anywhere.
    pub(super) fn text(&mut self, text: &str) {
        self.escaped(text);
    }

    /// What this program is shipped with: style and script.
    pub(super) fn own(&mut self, text: &'static str) {
        self.out.push_str(text);
    }

    /// A policy made of this program's words and hashes.
    pub(super) fn policy(&mut self, text: &str) {
        self.out
            .extend(text.chars().filter(|letter| *letter != '"'));
    }

    fn escaped(&mut self, text: &str) {
        for character in printable(text).chars() {
            match character {
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '&' => self.out.push_str("&amp;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                other => self.out.push(other),
            }
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }
}

/// Base64 as in RFC 4648, section 4.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut bits = 0u32;
        for place in 0..3 {
            bits = bits << 8 | u32::from(chunk.get(place).copied().unwrap_or(0));
        }
        for place in 0..4usize {
            let digit = (bits >> (18 - 6 * place)) & 63;
            let digit = DIGITS.get(digit as usize).copied().unwrap_or(b'=');
            let is_there = place <= chunk.len();
            text.push(char::from(if is_there { digit } else { b'=' }));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_told_is_markup() {
        let mut html = Html::default();
        html.node("p", &[("title", "\"><script>")], |html| {
            html.text("</p><script>alert(1)</script>&'\u{202e}\u{1b}[31m");
        });
        assert_eq!(
            html.finish(),
            "<p title=\"&quot;&gt;&lt;script&gt;\">&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;\
             &amp;&#39;\\u{202e}\\u{1b}[31m</p>"
        );
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        for (text, expect) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), expect);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }
}
