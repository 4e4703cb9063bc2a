//! Each mistake with its message.

mod programs;

use super::*;

mod containers;
#[path = "tests/sinks.rs"]
mod sinks;

/// Expects exactly these mistakes, as `line:column: message`.
fn check(text: &str, expect: &[&str]) {
    let mistakes = parse(text).map(|_| ()).err().unwrap_or_default();
    let told: Vec<_> = mistakes
        .iter()
        .map(|m| format!("{}:{}: {}", m.line, m.column, m.message))
        .collect();
    assert_eq!(told, expect, "{text}");
}

#[test]
fn nothing_is_the_default() {
    assert_eq!(parse("").unwrap(), Config::default());
}

#[test]
fn an_unknown_key_is_told_with_the_nearest() {
    check(
        "[journal]\n  segmnt_bytes = 5\n",
        &["2:3: unknown key `segmnt_bytes` in `journal`; did you mean `segment_bytes`?"],
    );
    check(
        "[jurnal]\ndir = 5\n",
        &["1:2: unknown key `jurnal`; did you mean `journal`?"],
    );
    check(
        "xyz = 1\n",
        &[
            "1:1: unknown key `xyz`; known are `journal`, `capture`, `control`, `metrics`, `sinks`, `agents`",
        ],
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    check(
        "[journal]\ndir = \"here\"\nsegment_bytes = \"big\"\n[capture]\nbackend = \"lsmm\"\n\
         bulk_ring_bytes = 100000\n[[agents]]\nid = 7\ncgroup = []\n[[agents]]\nid = \"b\"\n\
         cgroups = [\"/ok\", \"relative\", \"/[\"]\n",
        &[
            "2:7: `journal.dir`: \"here\" is not an absolute path; begin it with `/`",
            "3:17: `journal.segment_bytes` must be a whole number, 0 or more, without quotes and \
             without a unit, but it is string \"big\"",
            "5:11: `lsmm` is no value of `capture.backend`; did you mean `lsm`?",
            "6:19: `capture.bulk_ring_bytes`: 100000 is not a power of two; the nearest are \
             65536 and 131072",
            "8:6: `agents[1].id` must be a string, but it is integer `7`",
            "9:1: unknown key `cgroup` in `agents[1]`; did you mean `cgroups`?",
            "12:19: cgroup glob `relative` does not begin with `/`; write \
             the path as in /proc/PID/cgroup, for example `/agents/*`",
            "12:31: cgroup glob `/[` is not valid: unclosed character \
             class; missing ']'; see the examples in the default config",
        ],
    );
}

#[test]
fn a_missing_key_is_told_where_its_table_begins() {
    check(
        "[[agents]]\nid = \"a\"\ncgroups = [\"/a\"]\n[[agents]]\ncgroups = [\"/b\"]\n",
        &["4:1: `agents[2]` has no `id`, which is required"],
    );
}

#[test]
fn every_missing_key_is_told_and_what_else_is_wrong_there() {
    check(
        "[[agents]]\nname = 7\nlabel = {}\n[[agents]]\nid = \"b\"\n",
        &[
            "1:1: nothing says by what `agents[1]` is recognised; give it one of `cgroups`, `units`, `containers`, \
             `executables`, `users`",
            "1:1: `agents[1]` has no `id`, which is required",
            "2:8: `agents[1].name` must be a string, but it is integer `7`",
            "3:1: unknown key `label` in `agents[1]`; did you mean `labels`?",
            "4:1: nothing says by what `agents[2]` is recognised; give it one of `cgroups`, `units`, `containers`, \
             `executables`, `users`",
        ],
    );
    check(
        "agents = [{ name = \"a\" }]\n",
        &[
            "1:11: nothing says by what `agents[1]` is recognised; give it one of `cgroups`, `units`, `containers`, \
             `executables`, `users`",
            "1:11: `agents[1]` has no `id`, which is required",
        ],
    );
}

#[test]
fn lists_that_are_written_as_something_else_are_told_how() {
    check(
        "[agents]\nid = \"a\"\ncgroups = \"x\"\nnme = \"b\"\n",
        &[
            "1:1: `agents` is a list of tables: write `[[agents]]`, with two brackets, once for \
             each agent",
            "3:11: `agents[1].cgroups` is a list: write `cgroups = [\"x\"]`",
            "3:11: cgroup glob `x` does not begin with `/`; write the path as in \
             /proc/PID/cgroup, for example `/agents/*`",
            "4:1: unknown key `nme` in `agents[1]`; did you mean `name`?",
        ],
    );
    check(
        "[[journal]]\ndir = \"here\"\n",
        &[
            "1:1: `journal` is one table: write `[journal]`, with one bracket, and once",
            "2:7: `journal.dir`: \"here\" is not an absolute path; begin it with `/`",
        ],
    );
    check(
        "agents = [\"a\"]\n",
        &[
            "1:11: `agents[1]` must be a table, which is best begun with `[[agents]]` in a line of \
           its own, but it is string \"a\"",
        ],
    );
    check(
        "agents = \"a\"\n",
        &["1:10: `agents` must be a list, but it is string \"a\""],
    );
}

#[test]
fn values_have_ranges() {
    check(
        "[journal]\nsegment_bytes = 1\nsync_interval_ms = 0\n[capture]\nlifecycle_ring_bytes = 4096\n",
        &[
            "2:17: `journal.segment_bytes`: 1 is out of range: 1048576 to 17179869184",
            "3:20: `journal.sync_interval_ms`: 0 is out of range: 1 to 60000",
            "5:24: `capture.lifecycle_ring_bytes`: 4096 is out of range: 65536 to 1073741824",
        ],
    );
    check(
        "[journal]\nsegment_bytes = -1\n",
        &[
            "2:17: `journal.segment_bytes` must be a whole number, 0 or more, but it is integer `-1`",
        ],
    );
}

#[test]
fn two_agents_never_share_an_id() {
    check(
        "[[agents]]\nid = \"a\"\ncgroups = [\"/a\"]\n[[agents]]\nid = \"a\"\ncgroups = [\"/b\"]\n",
        &[
            "5:6: the agent in line 2 has the id `a` already; put all its cgroups there, or \
           choose another id",
        ],
    );
}

#[test]
fn an_agent_that_could_never_be_recognised_is_a_mistake() {
    check(
        "[[agents]]\nid = \"a\"\ncgroups = []\n",
        &[
            "3:11: `agents[1].cgroups`: the list is empty; name a cgroup or leave the key out; for \
             example `/agents/*`",
        ],
    );
}

#[test]
fn names_are_fit_to_be_shown() {
    check(
        "[[agents]]\nid = \"\"\nname = \"a\\u001b[2J\"\ncgroups = [\"/a\"]\n",
        &[
            "2:6: `agents[1].id`: a name has 1 to 256 bytes",
            "3:8: `agents[1].name`: a name has no control characters",
        ],
    );
}

#[test]
fn what_is_no_toml_is_told_by_line() {
    let mistakes = parse("[journal]\ndir = \nsegment_bytes = = 2\n").unwrap_err();
    assert_eq!(
        mistakes.iter().map(|m| m.line).collect::<Vec<_>>(),
        [2, 3],
        "{mistakes:?}"
    );
}

#[test]
fn a_key_that_stands_twice_is_named_with_its_first_place() {
    check(
        "[journal]\ndir = \"/a\"\ndir = \"/b\"\n",
        &["3:1: duplicate key `dir`: it stands in line 2 already; delete one of them"],
    );
    check(
        "agents = []\n[capture]\n[[agents]]\nid = \"a\"\n",
        &["3:3: duplicate key `agents`: it stands in line 1 already; delete one of them"],
    );
    // Two tables have one of that name before: which is meant toml does not say.
    check(
        "[[agents]]\nid = \"a\"\n[[agents]]\nid = \"b\"\nid = \"c\"\n",
        &["5:1: duplicate key `id`: it stands in the same table already; delete one of them"],
    );
}

#[test]
fn columns_count_characters() {
    check(
        "[[agents]]\n# ü\nid = \"ü\"\nlabels = { \"ü\" = 1 }\ncgroups = [\"/a\"]\n",
        &["4:18: `agents[1].labels.ü` must be a string, but it is integer `1`"],
    );
}

#[test]
fn the_number_of_mistakes_is_bounded() {
    let text: String = (0..500).map(|n| format!("key{n} = 1\n")).collect();
    assert_eq!(parse(&text).unwrap_err().len(), 50);
}

#[test]
fn what_show_prints_can_be_read_back() {
    let text = "[capture]\nbackend = \"tracepoint\"\n[[agents]]\nid = \"a\"\nowner = \"o\"\n\
                labels = { team = \"x\" }\ncgroups = [\"/a/*\"]\n";
    let config = parse(text).unwrap();
    assert_eq!(config.agents[0].shown_name(), "a");
    let shown = toml::to_string_pretty(&config).unwrap();
    assert_eq!(parse(&shown).unwrap(), config, "{shown}");
}

#[test]
fn a_file_is_known_by_its_hash() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.toml");
    std::fs::write(&file, "").unwrap();
    let loaded = load(&file).unwrap();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(loaded.sha256.as_deref(), Some(empty));
    assert_eq!(Loaded::built_in().sha256, None);
}

#[test]
fn files_that_are_none_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("c.toml");
    let message = |bytes: &[u8]| {
        std::fs::write(&file, bytes).unwrap();
        load(&file)
            .unwrap_err()
            .to_string()
            .replace(&file.display().to_string(), "F")
    };
    assert_eq!(
        message(b"\n\xff"),
        "F has bytes in line 2 that are not UTF-8: it is no agtrack configuration"
    );
    assert_eq!(
        message(&vec![b'#'; (1 << 20) + 1]),
        "F is longer than 1 MiB: it is no agtrack configuration"
    );
    assert!(message(b"x = 1").starts_with("F:1:1: unknown key `x`"));
    std::fs::remove_file(&file).unwrap();
    assert!(
        load(&file)
            .unwrap_err()
            .to_string()
            .contains("agtrack config show")
    );
}

#[test]
fn classes_of_reads_are_added_and_replaced() {
    let text = "[capture.noise]\nfont = []\nzoo = [\"/srv/zoo/**\"]\n";
    let capture = parse(text).unwrap().capture;
    let counted = capture.reads.noise(&capture.noise);
    assert_eq!(counted["font"], Vec::<String>::new());
    assert_eq!(counted["zoo"], ["/srv/zoo/**"]);
    assert!(!counted["library"].is_empty());
    let all = parse(&format!("[capture]\nreads = \"all\"\n{text}"));
    let all = all.unwrap().capture;
    assert!(all.reads.noise(&all.noise).is_empty());
}

#[test]
fn classes_of_reads_that_match_nothing_are_mistakes() {
    check(
        "[capture.noise]\nzoo = [\"srv/**\",\n \"/srv/{a\"]\n",
        &[
            "2:8: \"srv/**\" matches no path, since all are absolute; begin it \
             with `/` or `**/`",
            "3:2: \"/srv/{a\" is no glob: unclosed alternate group; missing \
             '}' (maybe escape '{' with '[{]'?)",
        ],
    );
}

/// The shipped file and the built-in values are the same thing.
#[test]
fn the_shipped_file_shows_every_key_with_its_default() {
    let text = include_str!("../../../dist/agtrack.toml");
    assert_eq!(parse(text).unwrap(), Config::default());
    let shown = toml::to_string_pretty(&Config::default()).unwrap();
    for line in shown.lines().filter(|line| line.contains(" = ")) {
        let key = line.split(" = ").next().unwrap();
        let at = text
            .lines()
            .position(|line| line.starts_with(&format!("{key} = ")));
        let Some(at) = at.or_else(|| ["sinks", "agents"].contains(&key).then_some(1)) else {
            panic!("dist/agtrack.toml does not show `{key}`");
        };
        assert!(
            text.lines().nth(at - 1).unwrap().starts_with('#'),
            "`{key}` is not explained"
        );
    }
}

#[test]
fn the_example_in_the_shipped_file_works() {
    let text = include_str!("../../../dist/agtrack.toml");
    let example: String = text
        .lines()
        .skip_while(|line| *line != "# [[agents]]")
        .map(|line| line.trim_start_matches('#').trim_start())
        .filter(|line| line.starts_with("[[") || line.contains(" = "))
        .map(|line| format!("{line}\n"))
        .collect();
    let config = parse(&example).unwrap();
    let agent = &config.agents[0];
    assert!(agent.name.is_some() && agent.owner.is_some() && !agent.labels.is_empty());
}

#[test]
fn what_an_agent_is_recognised_by_is_fit_for_it() {
    let lists = "units = [\"x.timer\", \"a/b.service\", \"ok@*.service\", \".service\"]\n\
                 executables = [\"codex\", \"/ok\", 7]\nusers = [\"a:b\", \"ok\", 7, -1, 4294967295, true]\n";
    let is_no_unit = "is no name of a systemd unit with processes; it ends in .service, .scope, .slice, as \
                      in `code-assistant.service`";
    check(
        &format!("[[agents]]\nid = \"a\"\n{lists}"),
        &[
            &format!("3:10: `agents[1].units[1]`: \"x.timer\" {is_no_unit}"),
            &format!("3:21: `agents[1].units[2]`: \"a/b.service\" {is_no_unit}"),
            &format!("3:52: `agents[1].units[4]`: \".service\" {is_no_unit}"),
            "4:16: `agents[1].executables[1]`: \"codex\" is not an absolute path; begin it with `/`",
            "4:32: `agents[1].executables[3]` must be a string, but it is integer `7`",
            "5:10: `agents[1].users[1]`: \"a:b\" is no name of a user; write it as in `id -un`, or the \
             number without quotes",
            "5:26: `agents[1].users[4]`: -1 is no user: numbers go from 0 to 4294967294",
            "5:30: `agents[1].users[5]`: 4294967295 is no user: numbers go from 0 to 4294967294",
            "5:42: `agents[1].users[6]` must be a user's name in quotes, or a user's number without, but \
             it is boolean `true`",
        ],
    );
    let long = "x".repeat(300);
    check(
        &format!("[[agents]]\nid = \"a\"\nexecutables = [\"/{long}\"]\n"),
        &[
            "3:16: `agents[1].executables[1]`: the path has 301 bytes; the kernel can compare 254 at \
           most",
        ],
    );
}

#[test]
fn lists_of_one_and_of_none_are_told_how() {
    check(
        "[[agents]]\nid = \"a\"\nunits = \"x.service\"\nexecutables = []\nusers = 7\n",
        &[
            "3:9: `agents[1].units` is a list: write `units = [\"x.service\"]`",
            "4:15: `agents[1].executables`: the list is empty; name a program or leave the key out; for \
             example `/usr/local/bin/codex`",
            "5:9: `agents[1].users` is a list: write `users = [7]`",
        ],
    );
}

#[test]
fn a_unit_is_where_systemd_puts_it() {
    let text = "[[agents]]\nid = \"a\"\nunits = [\"a\\\\x2db.service\"]\nusers = [0, \"root\"]\n";
    let agent = parse(text).unwrap().agents.remove(0);
    let globs = crate::cgroup::Globs::new(&agent.globs()).unwrap();
    let matches = |path: &str| globs.matches(std::path::Path::new(path));
    assert!(matches("/system.slice/a\\x2db.service"));
    assert!(matches(
        "/user.slice/user-1.slice/user@1.service/app.slice/a\\x2db.service"
    ));
    assert!(!matches("/system.slice/a-b.service"));
    assert_eq!(agent.user_ids(), [0, 0]);
}
