//! What of a configuration reaches the engine, and what a reload may change.

use super::*;
use crate::engine::AgentRule;

#[test]
fn every_setting_reaches_the_engine() {
    let text = "[journal]\ndir = \"/j\"\nsegment_bytes = 2000000\nsync_interval_ms = 7\n\
                [capture]\nbackend = \"fentry\"\nlifecycle_ring_bytes = 65536\n\
                bulk_ring_bytes = 131072\npacket_ring_bytes = 262144\n\
                [[agents]]\nid = \"a\"\nowner = \"o\"\nversion = \"3\"\n\
                cgroups = [\"/a\"]\nexecutables = [\"/x\"]\nusers = [7]\n\
                programs = [\"claude\"]\ncontainers = [\"name=b*\"]\n";
    let config = config::parse(text).unwrap();
    let sha256 = Some("hash".to_owned());
    let options = options(
        &Loaded {
            config,
            sha256,
            ..Loaded::built_in()
        },
        Path::new("/c"),
        None,
    );
    assert_eq!(options.config_file.as_deref(), Some(Path::new("/c")));
    assert_eq!(options.journal, Path::new("/j"));
    assert_eq!(options.journal_options.segment_bytes, 2_000_000);
    assert_eq!(
        options.journal_options.sync_interval,
        Duration::from_millis(7)
    );
    assert_eq!(options.backend, crate::load::BackendChoice::Fentry);
    assert_eq!(
        (
            options.sizes.lifecycle,
            options.sizes.bulk,
            options.sizes.packets
        ),
        (65536, 131072, 262144)
    );
    assert_eq!(options.config_sha256.as_deref(), Some("hash"));
    let (id, owner) = ("a".to_owned(), Some("o".to_owned()));
    let rule = AgentRule {
        name: id.clone(),
        id,
        owner,
        labels: Default::default(),
        version: Some("3".to_owned()),
        cgroups: vec!["/a".to_owned()],
        executables: vec!["/x".into()],
        programs: vec!["claude".to_owned()],
        users: vec![7],
        containers: vec![crate::container::Rule::parse("name=b*").unwrap()],
    };
    assert_eq!(options.agents, [rule]);
}
