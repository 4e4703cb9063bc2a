//! What was written through a file, in a few words.

use crate::record::{Effect, Unhashed, Written};

/// What is in the file now: the beginning of its hash, or why there is none.
pub(super) fn hash(effect: &Effect) -> Option<String> {
    let short = effect.sha256.map(|hash| match effect.changed_since {
        true => format!("sha256 {}, changed since", hash.short()),
        false => format!("sha256 {}", hash.short()),
    });
    short.or_else(|| {
        effect
            .unhashed
            .map(|reason| format!("no hash: {}", why(reason)))
    })
}

fn why(reason: Unhashed) -> &'static str {
    match reason {
        Unhashed::TooLarge => "too large",
        Unhashed::Gone => "gone",
        Unhashed::NotRegular => "no regular file",
        Unhashed::Busy => "busy",
        Unhashed::Late => "late",
        Unhashed::Unreadable => "unreadable",
    }
}

/// How much, and whether the file is another one since.
pub(super) fn words(content: &Written) -> Vec<String> {
    let by = match content.several {
        true => " by several processes",
        false => "",
    };
    let words = [
        content.created.then(|| "created".to_owned()),
        (content.emptied && !content.created).then(|| "emptied".to_owned()),
        Some(format!("{} written{by}", content.written)),
        (content.last == Some(false)).then(|| "still open elsewhere".to_owned()),
    ];
    words.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Sha256;

    #[test]
    fn a_hash_is_told_by_its_beginning_or_why_there_is_none() {
        let mut effect = Effect {
            sha256: Some(Sha256([0xab; 32])),
            ..Effect::default()
        };
        assert_eq!(hash(&effect).unwrap(), "sha256 abababababab");
        effect.changed_since = true;
        assert_eq!(hash(&effect).unwrap(), "sha256 abababababab, changed since");
        let effect = Effect::without(None, Unhashed::NotRegular);
        assert_eq!(hash(&effect).unwrap(), "no hash: no regular file");
        assert_eq!(hash(&Effect::default()), None);
    }

    #[test]
    fn it_says_how_much_was_written_and_by_whom() {
        let content = Written {
            written: 5,
            writes: 2,
            created: true,
            emptied: true,
            last: Some(true),
            several: false,
        };
        assert_eq!(words(&content), ["created", "5 written"]);
        let content = Written {
            created: false,
            last: Some(false),
            several: true,
            ..content
        };
        assert_eq!(
            words(&content),
            [
                "emptied",
                "5 written by several processes",
                "still open elsewhere"
            ]
        );
    }
}
