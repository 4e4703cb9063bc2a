//! Programs and scripts that stand in no directory are executed all the same, and told as such.

use std::os::unix::fs::PermissionsExt;

use agtrack_tests::place::Place;
use agtrack_tests::records::bytes;
use agtrack_tests::{here, launch, steps};
use serde_json::{Value, json};

use crate::host::place;
use crate::{Outcome, Unable, tests};

tests![
    a_program_in_memory,
    a_program_in_memory_by_its_name_in_proc,
    a_script_in_memory,
    a_file_that_never_had_a_name,
    a_file_that_was_deleted,
    a_script_with_a_name_is_none,
];

fn exec(place: &Place<'_>, steps: &[std::ffi::OsString]) -> Value {
    place.run(steps);
    place.records().action("process.exec").one().clone()
}

fn check(record: &Value, fileless: bool, deleted: bool) {
    let is = |key: &str| record["object"].get(key).cloned();
    let expect = |is: bool| is.then_some(json!(true));
    assert_eq!(is("fileless"), expect(fileless), "{record}");
    assert_eq!(is("deleted"), expect(deleted), "{record}");
}

fn a_program_in_memory() -> Outcome {
    let place = place("memory");
    let trigger = here::trigger();
    let record = exec(
        &place,
        &steps!["exec-memfd", trigger.as_path(), "x", "getpid"],
    );
    assert_eq!(record["object"]["exe"], "memfd:payload");
    check(&record, true, false);
    Ok(())
}

fn a_program_in_memory_by_its_name_in_proc() -> Outcome {
    let place = place("named");
    let trigger = here::trigger();
    let record = exec(
        &place,
        &steps!["exec-memfd-name", trigger.as_path(), "x", "getpid"],
    );
    assert_eq!(record["object"]["exe"], "memfd:payload");
    assert_eq!(record["object"].get("script"), None, "{record}");
    check(&record, true, false);
    Ok(())
}

/// What runs is the interpreter, which has a name.
fn a_script_in_memory() -> Outcome {
    for way in ["name", "descriptor"] {
        let place = place("script");
        let program = place.file("interpreter");
        launch::copy(program.as_ref());
        let text = format!("#!{program} chdir\n");
        let record = exec(&place, &steps!["exec-script", way, &text, "script"]);
        let object = &record["object"];
        assert_eq!(bytes(&object["exe"]), program.as_bytes(), "{way}");
        assert_eq!(object["script_file"], "memfd:payload", "{record}");
        let named = bytes(&object["script"]);
        let prefix: &[u8] = if way == "name" {
            b"/proc/self/fd/"
        } else {
            b"/dev/fd/"
        };
        assert!(named.starts_with(prefix), "{record}");
        check(&record, true, false);
    }
    Ok(())
}

fn a_file_that_never_had_a_name() -> Outcome {
    let place = place("tmpfile");
    let trigger = here::trigger();
    let ran = place.run(&steps! {
        "exec-tmpfile", place.directory(), trigger.as_path(), "x", "exit", "6",
    });
    if ran.status.code() != Some(6) {
        return Err(Unable(format!(
            "no O_TMPFILE in {}: {ran:?}",
            place.directory()
        )));
    }
    let execs = place.records().action("process.exec");
    let name = bytes(&execs.one()["object"]["exe"]);
    assert!(name.starts_with(place.directory().as_bytes()), "{execs}");
    check(execs.one(), true, false);
    Ok(())
}

fn a_file_that_was_deleted() -> Outcome {
    let place = place("deleted");
    let program = place.file("program");
    launch::copy(program.as_ref());
    let record = exec(&place, &steps!["exec-deleted", &program, "x", "getpid"]);
    assert_eq!(bytes(&record["object"]["exe"]), program.as_bytes());
    check(&record, false, true);
    Ok(())
}

fn a_script_with_a_name_is_none() -> Outcome {
    let place = place("plain");
    let (program, script) = (place.file("interpreter"), place.file("script"));
    launch::copy(program.as_ref());
    std::fs::write(&script, format!("#!{program} chdir\n")).unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let record = exec(&place, &steps!["exec", &script, "x"]);
    assert_eq!(bytes(&record["object"]["script"]), script.as_bytes());
    assert_eq!(record["object"].get("script_file"), None, "{record}");
    check(&record, false, false);
    Ok(())
}
