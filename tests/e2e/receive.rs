//! `file.receive`: an open file comes from another process.

use agtrack_tests::records::number;
use agtrack_tests::steps;
use libc::{O_CREAT, O_RDONLY, O_RDWR, O_TMPFILE, O_WRONLY};
use serde_json::Value;

use crate::host::{place, sees_objects};
use crate::uring::kernel;
use crate::{Outcome, Unable, tests};

tests![
    a_message_brings_a_file,
    a_descriptor_is_taken,
    what_is_written_through_it_is_told,
    an_unnamed_file_gets_a_name,
];

const ACTION: &str = "file.receive";

fn check(record: &Value, access: &str, descriptor: i64) {
    let object = &record["object"];
    assert_eq!(object["access"], access, "{record}");
    assert_eq!(object["descriptor"], descriptor, "{record}");
    assert_eq!(record["outcome"]["result"], "success", "{record}");
    let source = if sees_objects() { "kernel" } else { "fd" };
    assert_eq!(record["completeness"]["path_source"], source, "{record}");
}

fn a_message_brings_a_file() -> Outcome {
    let place = place("receive");
    let path = place.make("file");
    let ran = place.run(&steps! {
        "keep", &path, O_RDONLY, 0, "+",
        "pass", 0,
    });
    let received = place.records().action(ACTION).path(&path);
    check(received.one(), "read", ran.result("pass"));
    Ok(())
}

fn a_descriptor_is_taken() -> Outcome {
    let place = place("take");
    let path = place.make("file");
    let ran = place.run(&steps! {
        "keep", &path, O_RDWR, 0, "+",
        "take", 0,
    });
    let taken = ran.result("take");
    assert!(taken >= 0, "{ran:?}");
    let received = place.records().action(ACTION).path(&path);
    if sees_objects() && kernel() == (6, 1) {
        received.none();
        let reason = "in 6.1 a copy of the function that is looked at is compiled into another one";
        return Err(Unable(reason.to_owned()));
    }
    check(received.one(), "read_write", taken);
    Ok(())
}

fn what_is_written_through_it_is_told() -> Outcome {
    let place = place("received");
    let path = place.make("file");
    place.run(&steps! {
        "keep", &path, O_WRONLY, 0, "+",
        "pass", 0, "+",
        "drop", 0, "+",
        "put-write", 1, 30, "+",
        "drop", 1,
    });
    let closes = place.records().action("file.close").path(&path);
    assert_eq!(closes.one()["object"]["written"], 30, "{closes}");
    Ok(())
}

/// Made with `O_TMPFILE`, and called by its descriptor.
fn an_unnamed_file_gets_a_name() -> Outcome {
    for how in ["link", "empty"] {
        let place = place("unnamed");
        let path = place.file("named");
        let flags = O_TMPFILE | O_RDWR;
        let ran = place.run(&steps! {
            "keep", place.directory(), flags, 0o600, "+",
            "put-write", 0, 5, "+",
            "name", 0, &path, how, "+",
            "drop", 0,
        });
        if ran.result("keep") as i32 == -libc::EOPNOTSUPP {
            return Err(Unable("the file system has no O_TMPFILE".to_owned()));
        }
        assert_eq!(ran.result("name"), 0, "{ran:?}");
        let records = place.records();
        let links = records.action("file.link");
        let link = links.one();
        assert_eq!(link["object"]["path"], path, "{link}");
        assert_eq!(link["object"]["unnamed"], true, "{link}");
        let opens = records.action("file.open").below(place.directory());
        let open = opens.one();
        assert_eq!(open["object"]["created"], true, "{open}");
        // The inode says that all are about one file.
        let closes = records.action("file.close");
        for record in [link, closes.one()] {
            let (inode, of_open) = (&record["object"]["inode"], &open["object"]["inode"]);
            assert_eq!(number(inode), number(of_open), "{record}");
        }
    }
    // A link to what has a name is none of these.
    let place = place("named");
    let (path, other) = (place.file("file"), place.file("other"));
    place.run(&steps! {
        "keep", &path, O_WRONLY | O_CREAT, 0o600, "+",
        "name", 0, &other, "link",
    });
    let links = place.records().action("file.link");
    assert_eq!(links.one()["object"].get("unnamed"), None, "{links}");
    assert_eq!(links.one()["object"]["target"], path, "{links}");
    Ok(())
}
