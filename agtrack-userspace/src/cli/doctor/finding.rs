//! One thing that was looked at.

use serde::Serialize;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// As it should be.
    Ok,
    /// Recording works, but something is lost by it.
    Limited,
    /// Recording does not work.
    Missing,
    /// It cannot be told from here.
    Unknown,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was looked at.
    pub(super) name: &'static str,
    /// How it stands.
    pub(super) state: State,
    /// What is there.
    pub(super) found: String,
    /// What the lack costs.
    pub(super) cost: Option<String>,
    /// What to do about it.
    pub(super) remedy: Option<String>,
}

impl Finding {
    fn new(name: &'static str, state: State, found: impl Into<String>) -> Finding {
        Finding {
            name,
            state,
            found: found.into(),
            cost: None,
            remedy: None,
        }
    }

    /// As it should be.
    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Finding {
        Finding::new(name, State::Ok, found)
    }

    /// Recording works, but something is lost by it.
    pub(super) fn limited(name: &'static str, found: impl Into<String>) -> Finding {
        Finding::new(name, State::Limited, found)
    }

    /// Recording does not work.
    pub(super) fn missing(name: &'static str, found: impl Into<String>) -> Finding {
        Finding::new(name, State::Missing, found)
    }

    /// It cannot be told from here.
    pub(super) fn unknown(name: &'static str, found: impl Into<String>) -> Finding {
        Finding::new(name, State::Unknown, found)
    }

    /// What the lack costs.
    pub(super) fn costs(mut self, cost: impl Into<String>) -> Finding {
        self.cost = Some(cost.into());
        self
    }

    /// What to do about it.
    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Finding {
        self.remedy = Some(remedy.into());
        self
    }
}
