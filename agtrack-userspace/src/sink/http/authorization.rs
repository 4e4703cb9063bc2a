//! Who we are, in terms of HTTP.

use data_encoding::BASE64;
use hyper::header::HeaderValue;

use crate::sink::secret::Secret;
use crate::sink::settings::Settings;
use crate::sink::transport::Trouble;

/// What a shorter secret is, cannot be told from a word that happens to be the same.
const SHORTEST: usize = 6;

/// A token, or a user and a password; or nothing.
pub(in crate::sink) struct Authorization(Option<Known>);

struct Known {
    header: HeaderValue,
    /// As the receiver could say it back.
    secrets: Vec<String>,
    /// The key, and where the secret is kept.
    place: String,
}

impl Authorization {
    /// By the keys of the settings; `scheme` goes before a token.
    ///
    /// # Errors
    /// A secret cannot be read, or is none that a header can hold.
    pub(in crate::sink) fn new(
        settings: &Settings,
        scheme: &str,
    ) -> Result<Authorization, Trouble> {
        match (&settings.token, &settings.user, &settings.password) {
            (None, None, None) => Ok(Authorization(None)),
            (Some(token), None, None) => {
                let text = token.text()?;
                Authorization::known(format!("{scheme} {text}"), vec![text], ("token", token))
            }
            (None, Some(user), Some(password)) => {
                let text = password.text()?;
                let pair = BASE64.encode(format!("{user}:{text}").as_bytes());
                let header = format!("Basic {pair}");
                Authorization::known(header, vec![text, pair], ("password", password))
            }
            _ => Err(Trouble::Misconfigured(
                "give `token`, or `user` and `password`, or none of them".to_owned(),
            )),
        }
    }

    fn known(
        header: String,
        secrets: Vec<String>,
        (key, place): (&str, &Secret),
    ) -> Result<Authorization, Trouble> {
        let place = format!("`{key}` ({place})");
        let mut header = HeaderValue::from_str(&header).map_err(|_| {
            Trouble::Misconfigured(format!("{place} holds what no header of HTTP can hold"))
        })?;
        header.set_sensitive(true);
        Ok(Authorization(Some(Known {
            header,
            secrets,
            place,
        })))
    }

    pub(in crate::sink) fn is_some(&self) -> bool {
        self.0.is_some()
    }

    pub(in crate::sink) fn header(&self) -> Option<HeaderValue> {
        self.0.as_ref().map(|known| known.header.clone())
    }

    /// Where to look when a receiver does not know us.
    pub(in crate::sink) fn where_to_look(&self) -> String {
        match &self.0 {
            Some(known) => format!("look at {}", known.place),
            None => "it may want a `token`, or `user` and `password`".to_owned(),
        }
    }

    /// A text without the secret, which receivers may say back.
    pub(in crate::sink) fn without_secret(&self, text: &str) -> String {
        let secrets = self.0.iter().flat_map(|known| &known.secrets);
        secrets
            .filter(|secret| secret.len() >= SHORTEST)
            .fold(text.to_owned(), |text, secret| {
                text.replace(secret.as_str(), "<secret>")
            })
    }
}
