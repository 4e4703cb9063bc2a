//! Keys and certificates: where they are, never what they are.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::transport::Trouble;

/// Nothing that is meant here is longer, a bundle of all authorities included.
const LONGEST: u64 = 4 << 20;
/// Where systemd puts credentials of a unit (systemd.exec(5)).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Where a secret, or a certificate, is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Secret {
    /// In a file, absolute.
    File(PathBuf),
    /// `credential:NAME`: in a credential that systemd hands to the unit.
    Credential(String),
    /// `env:NAME`: in a variable of the daemon's environment.
    Environment(String),
}

impl TryFrom<String> for Secret {
    type Error = String;

    fn try_from(text: String) -> Result<Secret, String> {
        let plain = |name: &str| {
            let fit = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
            !name.is_empty() && !name.starts_with('.') && name.chars().all(fit)
        };
        match text.split_once(':') {
            Some(("credential", name)) if plain(name) => Ok(Secret::Credential(name.to_owned())),
            Some(("env", name)) if plain(name) => Ok(Secret::Environment(name.to_owned())),
            _ if Path::new(&text).is_absolute() && !text.contains('\0') => {
                Ok(Secret::File(text.into()))
            }
            // Not the text itself: somebody may have written the secret there.
            _ => Err(
                "it says where something is kept: an absolute path, `credential:NAME` (a \
                      credential of the systemd unit) or `env:NAME` (a variable)"
                    .to_owned(),
            ),
        }
    }
}

impl From<Secret> for String {
    fn from(secret: Secret) -> String {
        secret.to_string()
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::File(path) => write!(f, "{}", path.display()),
            Secret::Credential(name) => write!(f, "credential:{name}"),
            Secret::Environment(name) => write!(f, "env:{name}"),
        }
    }
}

impl Secret {
    /// What is kept there.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub(super) fn read(&self) -> Result<Vec<u8>, Trouble> {
        let failed = |what: String| Trouble::Misconfigured(format!("cannot read {self}: {what}"));
        let path = match self {
            Secret::File(path) => path.clone(),
            Secret::Credential(name) => {
                let directory = std::env::var_os(CREDENTIALS).ok_or_else(|| {
                    failed(
                        "the daemon has no credentials; add LoadCredential= to its unit".to_owned(),
                    )
                })?;
                Path::new(&directory).join(name)
            }
            Secret::Environment(name) => {
                let value = std::env::var_os(name);
                let value = value.ok_or_else(|| failed("the variable is not set".to_owned()))?;
                return Ok(value.into_encoded_bytes());
            }
        };
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(LONGEST).read_to_end(&mut bytes))
            .map_err(|error| failed(error.to_string()))?;
        Ok(bytes)
    }

    /// The same as text, without the newline that editors put behind it.
    ///
    /// # Errors
    /// It is not there, cannot be read, or is no text.
    pub(super) fn text(&self) -> Result<String, Trouble> {
        let text = String::from_utf8(self.read()?).ok();
        let text = text.as_deref().map(str::trim);
        let text = text.filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| Trouble::Misconfigured(format!("{self} holds no text")))?;
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Option<Secret>) {
        assert_eq!(Secret::try_from(text.to_owned()).ok(), expect, "{text}");
    }

    #[test]
    fn places_are_told_apart_and_secrets_themselves_not_taken() {
        check("/etc/key.pem", Some(Secret::File("/etc/key.pem".into())));
        check(
            "credential:siem.key",
            Some(Secret::Credential("siem.key".to_owned())),
        );
        check(
            "env:SIEM_KEY",
            Some(Secret::Environment("SIEM_KEY".to_owned())),
        );
        check("credential:../../etc/shadow", None);
        check("credential:", None);
        check("hunter2", None);
        let error = Secret::try_from("hunter2".to_owned()).unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn what_is_not_there_is_told_with_its_place() {
        let secret = Secret::File("/nonexistent/key.pem".into());
        let trouble = secret.read().unwrap_err();
        assert!(
            trouble
                .reason()
                .contains("/nonexistent/key.pem: No such file"),
            "{trouble:?}"
        );
    }
}
