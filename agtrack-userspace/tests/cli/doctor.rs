//! `agtrack doctor`.

use super::call::{Public, agtrack, say};

#[test]
fn without_root_it_is_said_what_cannot_be_told() {
    let public = Public::new();
    let said = say(&mut public.unprivileged(&["doctor"]));
    assert_eq!(
        (said.code, said.err.as_str()),
        (Some(1), ""),
        "{}",
        said.out
    );
    assert!(said.out.contains("  unknown root "), "{}", said.out);
    assert!(
        said.out.contains("run `sudo agtrack doctor`"),
        "{}",
        said.out
    );
    let said = say(&mut public.unprivileged(&["doctor", "--json"]));
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(said.code, Some(1));
    assert!(
        told["possible"].is_null() && told["backend"].is_null(),
        "{}",
        said.out
    );
}

#[test]
fn the_exit_code_says_whether_recording_is_possible() {
    let said = say(&mut agtrack(&["doctor", "--json"]));
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let code = if told["possible"] == true { 0 } else { 1 };
    assert_eq!(said.code, Some(code), "{}", said.err);
    if told["possible"] == true {
        let used = told["backends"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["usable"] == true);
        assert_eq!(used.unwrap()["name"], told["backend"]);
    }
    for found in told["findings"].as_array().unwrap() {
        let lacking = ["limited", "missing"]
            .iter()
            .any(|state| found["state"] == *state);
        assert!(!lacking || found["cost"].is_string(), "{found}");
    }
}
