//! `process.exec`: a process replaced its program.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use agtrack_tests::place::Place;
use agtrack_tests::records::{Records, bytes, number, words};
use agtrack_tests::{launch, steps};

use crate::{Outcome, Unable, host::place, tests};

tests![
    the_program_and_its_arguments,
    a_script_runs_its_interpreter,
    a_script_is_told_as_it_was_named,
    links_and_dots_lead_to_the_program,
    a_thread_becomes_the_process,
    refused_programs_are_recorded,
    a_program_that_has_no_name_any_more,
    a_program_that_never_had_a_name,
    a_program_below_another_root,
    a_setuid_program_shows_whose_it_is,
    long_arguments_are_cut_and_say_so,
];

/// A copy of the trigger in the test's directory.
fn copied(place: &Place<'_>, name: &str) -> String {
    let path = place.file(name);
    launch::copy(path.as_ref());
    path
}

fn execs(place: &Place<'_>) -> Records {
    place.records().action("process.exec")
}

fn the_program_and_its_arguments() -> Outcome {
    let place = place("exec");
    let program = copied(&place, "program");
    let ran = place.run(&steps!["exec", &program, "zero", "exit", "3", "", "last"]);
    assert_eq!(ran.status.code(), Some(3));
    let execs = execs(&place);
    let exec = execs.one();
    let file = std::fs::metadata(&program).unwrap();
    let object = &exec["object"];
    assert_eq!(bytes(&object["exe"]), program.as_bytes());
    assert_eq!(number(&object["inode"]), file.ino());
    assert_eq!(object["device"], device(file.dev()));
    let expect: [&[u8]; 5] = [b"zero", b"exit", b"3", b"", b"last"];
    assert_eq!(words(&object["args"]), expect);
    let length: usize = expect.iter().map(|word| word.len() + 1).sum();
    assert_eq!(number(&object["args_bytes"]), length as u64);
    assert_eq!(bytes(&object["cwd"]), place.directory().as_bytes());
    assert_eq!(object.get("script"), None);
    assert_eq!(
        (&object["group"], &object["egroup"]),
        (&0.into(), &0.into())
    );
    assert_eq!(exec["completeness"]["truncated"], false);
    assert_eq!(exec["completeness"]["path_source"], "kernel");
    let process = &exec["process"];
    assert_eq!(
        (&process["pid"], &process["exe"]),
        (&ran.pid.into(), &object["exe"])
    );
    assert_eq!(
        (&process["user"], &process["euser"]),
        (&0.into(), &0.into())
    );
    assert_eq!(process["cgroup"], place.group.path.to_str().unwrap());
    Ok(())
}

/// `MAJOR:MINOR` of a `st_dev`.
fn device(dev: u64) -> String {
    format!(
        "{}:{}",
        nix::sys::stat::major(dev),
        nix::sys::stat::minor(dev)
    )
}

fn a_script_runs_its_interpreter() -> Outcome {
    let place = place("script");
    let program = copied(&place, "interpreter");
    let script = place.file("script");
    std::fs::write(&script, format!("#!{program} chdir\n")).unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    place.run(&steps!["exec", &script, "script"]);
    let execs = execs(&place);
    let object = &execs.one()["object"];
    assert_eq!(bytes(&object["exe"]), program.as_bytes());
    let args = words(&object["args"]);
    assert_eq!(args, [program.as_bytes(), b"chdir", script.as_bytes()]);
    assert_eq!(bytes(&object["script"]), script.as_bytes());
    Ok(())
}

fn a_script_is_told_as_it_was_named() -> Outcome {
    let place = place("named");
    let program = copied(&place, "interpreter");
    let script = |name: &str, first: String| {
        std::fs::write(place.file(name), first).unwrap();
        std::fs::set_permissions(place.file(name), PermissionsExt::from_mode(0o755)).unwrap();
    };
    script("script", format!("#!{program} chdir\n"));
    symlink("script", place.file("link")).unwrap();
    // A script that is only the interpreter of another one.
    script("inner", format!("#!{program} rename\n"));
    script("outer", format!("#!{}\n", place.file("inner")));
    for name in ["script", "link", "outer"] {
        let ran = place.run(&steps!["exec", format!("./{name}"), "x"]);
        let execs = execs(&place).of(ran.pid);
        let object = &execs.one()["object"];
        assert_eq!(bytes(&object["exe"]), program.as_bytes());
        assert_eq!(bytes(&object["script"]), place.file(name).as_bytes());
    }
    Ok(())
}

fn links_and_dots_lead_to_the_program() -> Outcome {
    let place = place("link");
    let program = copied(&place, "program");
    symlink("program", place.file("link")).unwrap();
    std::fs::create_dir(place.file("sub")).unwrap();
    for way in ["link", "sub/../program", "./program"] {
        let ran = place.run(&steps!["exec", way, "x", "getpid"]);
        let execs = execs(&place).of(ran.pid);
        assert_eq!(
            bytes(&execs.one()["object"]["exe"]),
            program.as_bytes(),
            "{way}"
        );
    }
    Ok(())
}

fn a_thread_becomes_the_process() -> Outcome {
    let place = place("thread");
    let program = copied(&place, "program");
    let ran = place.run(&steps!["thread-exec", &program, "x", "exit", "4"]);
    assert_eq!(ran.status.code(), Some(4));
    let records = place.records();
    assert_eq!(
        records.action("process.exec").one()["process"]["pid"],
        ran.pid
    );
    let exits = records.action("process.exit");
    assert_eq!(exits.one()["process"]["exe"], program.as_str());
    Ok(())
}

fn refused_programs_are_recorded() -> Outcome {
    let place = place("refused");
    let text = place.make("text");
    std::fs::set_permissions(&text, PermissionsExt::from_mode(0o755)).unwrap();
    let ran = place.run(&steps! {
        "exec", place.file("nothing"), "a", "+",
        "exec", &text, "b", "+",
        "exec", "./text", "c", "+",
        "exec", place.directory(), "d",
    });
    let results: Vec<_> = ran.steps.iter().map(|(.., ret)| *ret as i32).collect();
    let expect = [libc::ENOENT, libc::ENOEXEC, libc::ENOEXEC, libc::EACCES];
    assert_eq!(results, expect.map(|errno| -errno));
    let execs = execs(&place);
    // What is not there is looked for, as programs do along `PATH`.
    assert_eq!(execs.len(), 3, "{execs}");
    let text = &*text;
    for (exec, (path, errno)) in execs.0.iter().zip([
        (text, "ENOEXEC"),
        (text, "ENOEXEC"),
        (place.directory(), "EACCES"),
    ]) {
        assert_eq!(exec["object"], serde_json::json!({"exe": path}));
        assert_eq!(
            exec["outcome"],
            serde_json::json!({"result": "failure", "errno": errno})
        );
        assert_eq!(exec["completeness"]["path_source"], "argument");
        assert_eq!(exec["process"]["pid"], ran.pid);
    }
    Ok(())
}

fn a_program_that_has_no_name_any_more() -> Outcome {
    let place = place("deleted");
    let program = copied(&place, "program");
    place.run(&steps!["exec-deleted", &program, "x", "getpid"]);
    let execs = execs(&place);
    let exec = execs.one();
    assert_eq!(bytes(&exec["object"]["exe"]), program.as_bytes());
    assert_eq!(
        exec["completeness"]["notes"],
        serde_json::json!(["deleted"])
    );
    Ok(())
}

fn a_program_that_never_had_a_name() -> Outcome {
    let place = place("memory");
    place.run(&steps! {
        "exec-memfd", agtrack_tests::here::trigger().as_path(), "x", "getpid",
    });
    let execs = execs(&place);
    let exec = execs.one();
    assert_eq!(exec["object"]["exe"], "memfd:payload");
    let notes = exec["completeness"]["notes"].as_array().unwrap();
    assert!(notes.contains(&"pseudo".into()), "{exec}");
    Ok(())
}

/// Paths are those of the host, whatever the process takes for its root.
fn a_program_below_another_root() -> Outcome {
    let place = place("root");
    let jail = place.file("jail");
    std::fs::create_dir(&jail).unwrap();
    let program = copied(&place, "jail/program");
    furnish(&place, &jail);
    let ran = place.run(&steps! {
        "chroot", &jail, "+",
        "chdir", "/", "+",
        "exec", "/program", "x", "exit", "6",
    });
    assert_eq!(ran.status.code(), Some(6), "{ran:?}");
    let execs = execs(&place);
    let object = &execs.one()["object"];
    assert_eq!(bytes(&object["exe"]), program.as_bytes());
    assert_eq!(bytes(&object["cwd"]), jail.as_bytes());
    Ok(())
}

/// Copies the libraries that the trigger needs, if it is not static.
fn furnish(place: &Place<'_>, jail: &str) {
    let trigger = place.place(&steps!["getpid"]);
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", trigger.pid())).unwrap();
    drop(trigger.end());
    for library in maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
    {
        if !library.contains(".so") {
            continue;
        }
        let name = library.rsplit('/').next().unwrap();
        for to in [library.to_owned(), format!("/lib64/{name}")] {
            let to = format!("{jail}{to}");
            std::fs::create_dir_all(std::path::Path::new(&to).parent().unwrap()).unwrap();
            std::fs::copy(library, to).unwrap();
        }
    }
}

fn a_setuid_program_shows_whose_it_is() -> Outcome {
    let place = place("setuid");
    let program = copied(&place, "program");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o4755)).unwrap();
    let flags = nix::sys::statvfs::statvfs(place.directory())
        .unwrap()
        .flags();
    if flags.contains(nix::sys::statvfs::FsFlags::ST_NOSUID) {
        return Err(Unable(format!("{} is mounted nosuid", place.directory())));
    }
    place.run(&steps! {
        "setuid", "65534", "+",
        "exec", &program, "x", "getpid",
    });
    let execs = execs(&place);
    let process = &execs.one()["process"];
    assert_eq!(
        (&process["user"], &process["euser"]),
        (&65534.into(), &0.into())
    );
    Ok(())
}

fn long_arguments_are_cut_and_say_so() -> Outcome {
    let place = place("long");
    let program = copied(&place, "program");
    let long = "a".repeat(40 * 1024);
    place.run(&steps!["exec", &program, "x", "exit", "0", &long]);
    let execs = execs(&place);
    let exec = execs.one();
    let length = "x exit 0 ".len() + long.len() + 1;
    assert_eq!(number(&exec["object"]["args_bytes"]), length as u64);
    assert_eq!(exec["completeness"]["truncated"], true);
    let kept: usize = words(&exec["object"]["args"])
        .iter()
        .map(|word| word.len() + 1)
        .sum();
    assert!(
        (32 * 1024 - 1..=32 * 1024 + 1).contains(&kept),
        "{kept} bytes of arguments"
    );
    let process = exec["process"]["args"].as_array().unwrap();
    assert_eq!(
        process.len(),
        3,
        "long arguments are not repeated with every record"
    );
    Ok(())
}
