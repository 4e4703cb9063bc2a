//! Which containers are an agent's: one property of a container, and what it is to be like.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{LXC, is_digit};
use crate::record::Container;

/// Digits of an id that a rule has at least: as many as runtimes show.
const SHORTEST_ID: usize = 12;
/// The longest rule, bytes.
const LONGEST: usize = 512;

/// `name=agent-*`, `image=ghcr.io/acme/agent`, `label=KEY=VALUE`, `label=KEY`, `id=DIGITS`, `pod=…` or
/// `namespace=…`. In what is to be matched `*` stands for any letters, `?` for one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    text: String,
    what: What,
    like: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum What {
    Name,
    Image,
    Id,
    Pod,
    Namespace,
    Label(String),
}

/// The words before the first `=`.
const WORDS: &str = "`name=`, `image=`, `label=`, `id=`, `pod=` or `namespace=`";

impl Rule {
    /// Reads one.
    ///
    /// # Errors
    /// In words, what is wrong and what would be right.
    pub fn parse(text: &str) -> Result<Rule, String> {
        if text.len() > LONGEST || text.chars().any(char::is_control) {
            return Err(format!(
                "a rule of a container has at most {LONGEST} bytes and no control characters"
            ));
        }
        let Some((word, like)) = text.split_once('=') else {
            return Err(format!(
                "\"{text}\" does not say what of a container is meant; begin it with {WORDS}, as in \
                 `name=agent-*`"
            ));
        };
        if like.is_empty() {
            return Err(format!(
                "\"{text}\" has nothing behind `{word}=`; write what it is to be, as in `{word}={}`",
                example(word)
            ));
        }
        let (what, like) = read(word, like)?;
        Ok(Rule {
            text: text.to_owned(),
            what,
            like,
        })
    }

    /// Whether a container is meant; what is not known of it is like nothing.
    pub fn matches(&self, container: &Container) -> bool {
        let is_like = |text: &Option<String>| {
            let text = text.as_deref();
            text.is_some_and(|text| glob(self.like.as_bytes(), text.as_bytes()))
        };
        match &self.what {
            What::Name => is_like(&container.name) || self.names_lxc(container),
            What::Image => container.image.as_deref().is_some_and(|image| {
                let like = self.like.as_bytes();
                glob(like, image.as_bytes()) || glob(like, untagged(image).as_bytes())
            }),
            What::Id => {
                container.runtime.as_deref() != Some(LXC) && container.id.starts_with(&self.like)
            }
            What::Pod => is_like(&container.pod),
            What::Namespace => is_like(&container.namespace),
            What::Label(key) => {
                let value = container.labels.get(key);
                value.is_some_and(|value| glob(self.like.as_bytes(), value.as_bytes()))
            }
        }
    }

    /// Whether a runtime must be asked before it can be told that a container is not meant.
    pub fn needs_answer(&self) -> bool {
        self.what != What::Id
    }

    /// LXC's cgroup has the name.
    fn names_lxc(&self, container: &Container) -> bool {
        container.runtime.as_deref() == Some(LXC)
            && glob(self.like.as_bytes(), container.id.as_bytes())
    }
}

fn example(word: &str) -> &'static str {
    match word {
        "image" => "ghcr.io/acme/agent",
        "label" => "agtrack.agent=code-assistant",
        "id" => "3f2a6c9d01be",
        "namespace" => "agents",
        _ => "agent-*",
    }
}

fn read(word: &str, like: &str) -> Result<(What, String), String> {
    let what = match word {
        "name" => What::Name,
        "image" => What::Image,
        "pod" => What::Pod,
        "namespace" => What::Namespace,
        "id" => {
            if like.len() < SHORTEST_ID || like.len() > super::DIGITS || !like.bytes().all(is_digit)
            {
                return Err(format!(
                    "\"{like}\" is no id of a container; give the first {SHORTEST_ID} digits of it \
                     or more, as `docker ps` or `crictl ps` shows them, in small letters"
                ));
            }
            What::Id
        }
        "label" => {
            // Without a value: whatever it is.
            let (key, value) = like.split_once('=').unwrap_or((like, "*"));
            if key.is_empty() || key.contains(['*', '?']) {
                return Err(format!(
                    "`label={like}` names no label: the key is written as it is, wildcards stand in the \
                     value, as in `label=agtrack.agent=code-*`"
                ));
            }
            return Ok((What::Label(key.to_owned()), value.to_owned()));
        }
        other => {
            return Err(format!(
                "`{other}` is nothing that is known of a container; begin with {WORDS}"
            ));
        }
    };
    Ok((what, like.to_owned()))
}

/// An image without its digest and tag.
fn untagged(image: &str) -> &str {
    let name = image.split('@').next().unwrap_or(image);
    // A colon before a slash is that of a port.
    match name.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => before,
        _ => name,
    }
}

/// Whether a text is like a pattern in which `*` stands for any bytes and `?` for one. Time is bounded
/// by the product of both lengths.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    // Where the last `*` was, and where what it stands for ends.
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(place) {
        match (pattern.get(at), star) {
            (Some(b'*'), _) => {
                star = Some((at, place));
                at += 1;
            }
            (Some(wanted), _) if *wanted == b'?' || wanted == byte => {
                at += 1;
                place += 1;
            }
            (_, Some((begin, end))) => {
                star = Some((begin, end + 1));
                at = begin + 1;
                place = end + 1;
            }
            (_, None) => return false,
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == b'*')
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;

    fn container() -> Container {
        let labels = BTreeMap::from([("agtrack.agent".to_owned(), "code-7".to_owned())]);
        Container {
            runtime: Some("docker".to_owned()),
            id: "3f2a6c9d01be".repeat(5) + "0000",
            name: Some("agent-7".to_owned()),
            image: Some("localhost:5000/acme/agent:1.2@sha256:00".to_owned()),
            pod: Some("runner-0".to_owned()),
            namespace: Some("agents".to_owned()),
            labels: Arc::new(labels),
        }
    }

    fn check(rule: &str, expect: bool) {
        let rule = Rule::parse(rule).unwrap();
        assert_eq!(rule.matches(&container()), expect, "{rule}");
    }

    #[test]
    fn each_property_is_compared() {
        check("name=agent-*", true);
        check("name=agent-?", true);
        check("name=agent", false);
        check("image=localhost:5000/acme/agent", true);
        check("image=localhost:5000/acme/agent:1.2@*", true);
        check("image=*/agent", true);
        check("image=localhost", false);
        check("label=agtrack.agent=code-*", true);
        check("label=agtrack.agent", true);
        check("label=agtrack.agent=other", false);
        check("label=other", false);
        check("id=3f2a6c9d01be", true);
        check("id=3f2a6c9d01bf", false);
        check("pod=runner-*", true);
        check("namespace=agents", true);
        check("namespace=default", false);
    }

    #[test]
    fn what_is_not_known_is_like_nothing() {
        let unknown = Container {
            id: "0".repeat(64),
            ..Container::default()
        };
        for rule in ["name=*", "image=*", "label=x", "pod=*", "namespace=*"] {
            assert!(!Rule::parse(rule).unwrap().matches(&unknown), "{rule}");
        }
        assert!(Rule::parse("id=000000000000").unwrap().matches(&unknown));
        let lxc = Container {
            runtime: Some("lxc".to_owned()),
            id: "web-1".to_owned(),
            ..Container::default()
        };
        assert!(Rule::parse("name=web-*").unwrap().matches(&lxc));
    }

    #[test]
    fn stars_are_bounded() {
        let hard = format!("{}b", "*a".repeat(200));
        assert!(!glob(hard.as_bytes(), "a".repeat(4096).as_bytes()));
        assert!(glob(b"", b"") && glob(b"**", b"") && !glob(b"?", b""));
        assert!(glob(b"a*b*c", b"aXbYbZc") && !glob(b"a*b*c", b"aXbYbZ"));
    }

    #[test]
    fn mistakes_say_what_would_be_right() {
        for (text, expect) in [
            ("agent", "does not say what of a container"),
            ("nmae=x", "`nmae` is nothing"),
            ("name=", "as in `name=agent-*`"),
            ("label==x", "names no label"),
            ("label=a*=x", "names no label"),
            ("id=3f2a", "no id of a container"),
            ("id=3F2A6C9D01BE", "no id of a container"),
            ("name=a\nb", "no control characters"),
        ] {
            let error = Rule::parse(text).unwrap_err();
            assert!(error.contains(expect), "{text}: {error}");
        }
    }
}
