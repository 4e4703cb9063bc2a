//! What an answer means: a table of status codes.

use std::ops::RangeInclusive;
use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderMap, RETRY_AFTER};
use jiff::fmt::rfc2822;

use super::Authorization;
use crate::sink::peer::Address;
use crate::sink::transport::Trouble;

/// What a receiver answered.
pub(in crate::sink) struct Answer {
    pub(in crate::sink) status: StatusCode,
    /// When it wants to be asked again.
    pub(in crate::sink) after: Option<Duration>,
    pub(in crate::sink) body: Vec<u8>,
}

/// What is to be done about a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sink) enum Meaning {
    /// Send it again later.
    Later,
    /// Something in it is not taken.
    Refused,
    /// It does not know us, or we may not.
    Stranger,
    /// It is somewhere else.
    Elsewhere,
    /// Somebody has to look.
    Wrong,
}

/// Those that are not here mean that somebody has to look.
const MEANINGS: &[(RangeInclusive<u16>, Meaning)] = &[
    (300..=399, Meaning::Elsewhere),
    (400..=400, Meaning::Refused),
    (401..=401, Meaning::Stranger),
    (403..=403, Meaning::Stranger),
    (408..=408, Meaning::Later),
    (413..=413, Meaning::Refused),
    (425..=425, Meaning::Later),
    (429..=429, Meaning::Later),
    (500..=599, Meaning::Later),
];

/// What a status means.
pub(in crate::sink) fn meaning(status: u16) -> Meaning {
    let row = MEANINGS.iter().find(|(range, _)| range.contains(&status));
    row.map_or(Meaning::Wrong, |(_, meaning)| *meaning)
}

impl Answer {
    /// The beginning of the body, for people.
    pub(in crate::sink) fn text(&self) -> String {
        let start = self.body.get(..1024).unwrap_or(&self.body);
        String::from_utf8_lossy(start).trim().to_owned()
    }

    pub(super) fn trouble(
        &self,
        address: &Address,
        authorization: &Authorization,
        said: &str,
    ) -> Trouble {
        let colon = if said.is_empty() { "" } else { ": " };
        let reason = format!("{address} answers {}{colon}{said}", self.status);
        match meaning(self.status.as_u16()) {
            Meaning::Later => Trouble::Later {
                reason,
                after: self.after,
            },
            Meaning::Refused => Trouble::Refused(reason),
            Meaning::Stranger => {
                Trouble::Misconfigured(format!("{reason}; {}", authorization.where_to_look()))
            }
            Meaning::Elsewhere => Trouble::Misconfigured(format!(
                "{reason}; redirects are not followed: set in `url` where it really is"
            )),
            Meaning::Wrong => Trouble::Misconfigured(format!("{reason}; look at `url`")),
        }
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
pub(super) fn after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::parse(text).ok()?.timestamp();
    // One that is over means now.
    Some(Duration::try_from(date.duration_since(jiff::Timestamp::now())).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<RangeInclusive<u64>>) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        let after = after(&headers).map(|after| after.as_secs());
        let fits = match (after, &expect) {
            (Some(after), Some(range)) => range.contains(&after),
            (None, None) => true,
            _ => false,
        };
        assert!(fits, "{text}: {after:?}, not {expect:?}");
    }

    #[test]
    fn when_to_ask_again_is_told_in_seconds_or_as_a_date() {
        check("120", Some(120..=120));
        check("Wed, 21 Oct 2015 07:28:00 GMT", Some(0..=0));
        let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(300);
        let soon = soon.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        check(&soon, Some(290..=300));
        check("soon", None);
        check("-5", None);
    }

    #[test]
    fn every_status_that_is_no_success_has_a_meaning() {
        use Meaning::{Elsewhere, Later, Refused, Stranger, Wrong};
        for (status, expect) in [
            (301, Elsewhere),
            (400, Refused),
            (401, Stranger),
            (403, Stranger),
            (404, Wrong),
            (405, Wrong),
            (413, Refused),
            (415, Wrong),
            (429, Later),
            (500, Later),
            (503, Later),
        ] {
            assert_eq!(meaning(status), expect, "{status}");
        }
    }
}
