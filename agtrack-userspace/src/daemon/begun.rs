//! What a daemon says when it begins: how the one before ended, what goes on, where records go.

use crate::engine::Begun;
use crate::sink::Settings;
use crate::terminal::counted;

/// Sessions and sinks that are named.
const NAMED: usize = 8;

/// One line for each thing that there is to say.
pub(super) fn lines(begun: &Begun, sinks: &[Settings]) -> Vec<String> {
    let unclean = begun.unclean.then(|| {
        let since = match begun.kept {
            Some(_) => "the kernel went on recording; a gap record says",
            None => "nothing is recorded from then until now; gap records say",
        };
        format!(
            "the recorder before did not end in order (a crash, SIGKILL or a power cut): what it had not \
             written is lost, and {since} so"
        )
    });
    let kept = begun.kept.filter(|events| *events > 0).map(|events| {
        let count = counted(events, "event", "events");
        format!("{count} that the kernel recorded while no daemon ran were taken over")
    });
    let ids = begun.resumed.iter().map(|id| id.to_string());
    let resumed = (!begun.resumed.is_empty()).then(|| {
        let count = counted(begun.resumed.len() as u64, "session", "sessions");
        format!("recording again {count} of before: {}", listed(ids))
    });
    let over = (begun.over > 0).then(|| {
        let count = counted(begun.over, "session", "sessions");
        format!("{count} of before ended while no recorder ran")
    });
    let names = sinks.iter().map(|sink| sink.name.clone());
    let sends = match sinks.len() {
        0 => "no sink is configured: records stay in the journal on this host".to_owned(),
        many => {
            let count = counted(many as u64, "sink", "sinks");
            format!("sending records to {count}: {}", listed(names))
        }
    };
    let lines = [unclean, kept, resumed, over, Some(sends)];
    lines.into_iter().flatten().collect()
}

/// The first few names.
fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let mut named: Vec<_> = names.take(NAMED).collect();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn sinks(names: &[&str]) -> Vec<Settings> {
        let toml = names.iter().map(|name| {
            format!("[[sinks]]\nname = \"{name}\"\ntype = \"file\"\npath = \"/{name}\"\n")
        });
        let toml: String = toml.collect();
        crate::config::parse(&toml).unwrap().sinks
    }

    #[test]
    fn a_quiet_begin_says_only_where_records_go() {
        let told = lines(&Begun::default(), &[]);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("no sink is configured"), "{told:?}");
        let told = lines(&Begun::default(), &sinks(&["siem", "backup"]));
        assert_eq!(told, ["sending records to 2 sinks: siem, backup"]);
    }

    #[test]
    fn what_was_before_is_told_in_a_line_each() {
        let begun = Begun {
            unclean: true,
            kept: None,
            resumed: (0..10).map(Uuid::from_u128).collect(),
            over: 1,
        };
        let told = lines(&begun, &[]);
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[0].contains("did not end in order"), "{told:?}");
        assert!(
            told[1].starts_with("recording again 10 sessions"),
            "{told:?}"
        );
        assert!(told[1].ends_with(", 2 more"), "{told:?}");
        assert_eq!(told[2], "1 session of before ended while no recorder ran");
    }

    #[test]
    fn what_the_kernel_recorded_meanwhile_is_not_told_as_missing() {
        let begun = Begun {
            unclean: true,
            kept: Some(7),
            ..Begun::default()
        };
        let told = lines(&begun, &[]);
        assert!(told[0].contains("the kernel went on recording"), "{told:?}");
        assert!(!told[0].contains("nothing is recorded"), "{told:?}");
        assert!(told[1].starts_with("7 events"), "{told:?}");
        assert!(told[1].ends_with("were taken over"), "{told:?}");
        let begun = Begun {
            kept: Some(0),
            ..begun
        };
        let told = lines(&begun, &[]);
        assert!(told[0].contains("the kernel went on recording"), "{told:?}");
        assert_eq!(told.len(), 2, "of nothing nothing is said: {told:?}");
    }
}
