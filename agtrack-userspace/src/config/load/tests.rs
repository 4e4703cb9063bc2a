//! Several files as one configuration.

use super::*;

/// A main file and others, by name.
fn files(main: &str, others: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("c.toml");
    std::fs::write(&file, main).unwrap();
    std::fs::create_dir(directory.path().join(AGENTS)).unwrap();
    for (name, text) in others {
        std::fs::write(directory.path().join(AGENTS).join(name), text).unwrap();
    }
    (directory, file)
}

fn agent(id: &str) -> String {
    format!("[[agents]]\nid = \"{id}\"\ncgroups = [\"/{id}\"]\n")
}

#[test]
fn agents_of_all_files_stand_in_the_order_of_their_names() {
    let others = [
        ("20.toml", &*agent("c")),
        ("10.toml", &*(agent("b") + &agent("d"))),
        (".hidden.toml", "no toml"),
        ("10.toml~", "no toml"),
    ];
    let (_directory, file) = files(&agent("a"), &others);
    let loaded = load(&file).unwrap();
    let ids: Vec<_> = loaded.config.agents.iter().map(|one| &*one.id).collect();
    assert_eq!(ids, ["a", "b", "d", "c"]);
    assert_eq!(loaded.sources.len(), 3);
}

#[test]
fn the_mistakes_of_all_files_are_told_at_once() {
    let others = [
        (
            "10.toml",
            "[journal]\n[[agents]]\nid = 7\nunits = [\"x.service\"]\n",
        ),
        ("20.toml", &*(agent("a") + &agent("b"))),
        ("30.toml", &*agent("b")),
        ("40.toml", "= no toml"),
    ];
    let (directory, file) = files(&format!("{}[jurnal]\n", agent("a")), &others);
    let binary = directory.path().join(AGENTS).join("50.toml");
    std::fs::write(binary, b"\n\xff").unwrap();
    let told = load(&file).unwrap_err().to_string();
    let told = told.replace(&format!("{}/", directory.path().display()), "");
    let lines: Vec<_> = told.lines().collect();
    let expect = [
        "c.toml:4:2: unknown key `jurnal`; did you mean `journal`?",
        "agents.d/10.toml:1:2: unknown key `journal`; known are `agents`",
        "agents.d/10.toml:3:6: `agents[1].id` must be a string, but it is integer `7`",
        "agents.d/20.toml:2:6: the agent in line 2 of c.toml has the id `a` already; put all that",
        "agents.d/30.toml:2:6: the agent in line 5 of agents.d/20.toml has the id `b` already; put",
        "agents.d/40.toml:1:1: ",
        "agents.d/50.toml:1:1: the file has bytes in line 2 that are not UTF-8",
    ];
    assert_eq!(lines.len(), expect.len(), "{told}");
    for (line, expect) in lines.iter().zip(expect) {
        assert!(line.starts_with(expect), "{line}");
    }
}

#[test]
fn the_hash_is_of_all_files_and_of_the_main_one_alone_as_ever() {
    let (directory, file) = files("", &[]);
    let hash = || load(&file).unwrap().sha256.unwrap();
    let alone = hash();
    assert_eq!(
        alone,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    let one = directory.path().join(AGENTS).join("1.toml");
    std::fs::write(&one, "#").unwrap();
    let expect = Sha256::digest(b"c.toml\0agents.d/1.toml\0#");
    let expect: String = expect.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hash(), expect);
    std::fs::rename(&one, one.with_file_name("2.toml")).unwrap();
    assert_ne!(hash(), expect);
}

#[test]
fn a_directory_that_is_none_is_told() {
    let (directory, file) = files("", &[]);
    let others = directory.path().join(AGENTS);
    std::fs::remove_dir(&others).unwrap();
    std::fs::write(&others, "").unwrap();
    let told = load(&file).unwrap_err().to_string();
    assert!(
        told.ends_with("; make it a directory, or remove it"),
        "{told}"
    );
}
