//! What was written through a file, in a few words.

use crate::record::Written;

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
