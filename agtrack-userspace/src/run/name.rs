//! What a run is called.

use uuid::Uuid;

/// Names of this run's directory and cgroup.
pub(super) struct Name {
    time: String,
    short: String,
}

impl Name {
    /// A new one.
    pub(super) fn new() -> Name {
        let id = Uuid::now_v7().simple().to_string();
        let time = jiff::Timestamp::now()
            .strftime("%Y%m%dT%H%M%SZ")
            .to_string();
        // The end of a UUIDv7 is its random part.
        Name {
            time,
            short: id.chars().skip(24).collect(),
        }
    }

    /// Of the directory.
    pub(super) fn directory(&self) -> String {
        format!("{}-{}", self.time, self.short)
    }

    /// Of the cgroup.
    pub(super) fn cgroup(&self) -> String {
        format!("agtrack-{}", self.short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_time_and_differ() {
        let (one, two) = (Name::new(), Name::new());
        assert_ne!(one.short, two.short);
        assert_eq!(one.short.len(), 8);
        assert_eq!(one.directory().find("Z-"), Some(15), "{}", one.directory());
    }
}
