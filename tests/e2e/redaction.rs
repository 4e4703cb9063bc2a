//! Secrets are taken out before anything is written.

mod canary;

use agtrack_tests::{launch, steps};

use crate::host::{journal, place};
use crate::{Outcome, tests};

use canary::none_of_a_hundred_secrets_and_prompts_is_found_anywhere;

tests![
    secrets_in_arguments_never_reach_the_disk,
    none_of_a_hundred_secrets_and_prompts_is_found_anywhere,
];

fn secrets_in_arguments_never_reach_the_disk() -> Outcome {
    let place = place("secrets");
    let curl = place.file("curl");
    launch::copy(curl.as_ref());
    // Made up here, so that nobody takes them for real ones.
    let secret = |name: &str| format!("s3cr3t{}{name}", std::process::id());
    let token = format!("ghp_{}", "aB3dE6gH9jK2".repeat(3));
    let (user, url, option) = (secret("user"), secret("url"), secret("option"));
    place.run(&steps! {
        "exec", &curl, "curl", "exit", "0", "-u", format!("me:{user}"),
        format!("https://me:{url}@example.org/x"), format!("--password={option}"),
        "-H", format!("Authorization: Bearer {token}"),
    });
    let execs = place.records().action("process.exec");
    let exec = execs.one();
    let shown = exec.to_string();
    for secret in [&user, &url, &option, &token] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
        assert!(!on_disk(secret), "{secret} is in the journal's files");
    }
    assert!(
        shown.contains("example.org"),
        "what is no secret stays: {shown}"
    );
    assert!(!exec["redacted"].as_array().unwrap().is_empty(), "{shown}");
    Ok(())
}

fn on_disk(secret: &str) -> bool {
    let files = std::fs::read_dir(journal())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files.filter(|path| path.is_file()).any(|path| {
        let bytes = std::fs::read(path).unwrap();
        bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes())
    })
}
