//! What loses its name, or gets another one.

use super::*;

#[test]
fn what_is_removed_or_renamed_carries_its_last_hash() {
    let mut bench = Bench::new();
    let path = bench.write("file", b"abc");
    let removed = question(&path, Deed::Removed);
    assert_eq!(bench.ask(&removed), None, "nothing is known of it");
    bench.closed(&path);
    let (to, exchanged) = (text(&bench.path("new")), false);
    let renamed = HashWanted {
        inode: None,
        device: None,
        ..question(
            &path,
            Deed::Renamed {
                to: to.clone(),
                exchanged,
            },
        )
    };
    let effect = bench.ask(&renamed).unwrap();
    let as_of = effect.as_of.clone();
    assert!(
        as_of.as_deref().is_some_and(|time| time.ends_with('Z')),
        "{effect:?}"
    );
    assert_eq!(
        effect,
        Effect {
            as_of: as_of.clone(),
            ..hashed(b"abc")
        }
    );
    assert_eq!(bench.ask(&removed), None, "it has another name now");
    let removed = HashWanted {
        path: to,
        ..removed
    };
    let other = HashWanted {
        inode: Some(removed.inode.unwrap() + 1),
        ..removed.clone()
    };
    assert_eq!(bench.ask(&other), None, "another file has that name");
    let path = bench.write("again", b"abc");
    bench.closed(&path);
    let removed = question(&path, Deed::Removed);
    let effect = bench.ask(&removed).unwrap();
    assert_eq!(
        (effect.sha256, effect.as_of.is_some()),
        (Some(sha256(b"abc")), true)
    );
    assert_eq!(bench.ask(&removed), None, "it is removed once");
}

/// Editors write beside and rename over.
#[test]
fn a_file_that_was_renamed_at_once_is_found_by_its_new_name() {
    let mut bench = Bench::new();
    let old = bench.write("file", b"old");
    bench.closed(&old);
    let path = bench.write("file.tmp", b"new");
    let closed = question(&path, Deed::Written { created: true });
    let deed = Deed::Renamed {
        to: text(&old),
        exchanged: false,
    };
    let renamed = HashWanted {
        at: now(),
        ..question(&path, deed)
    };
    fs::rename(&path, &old).unwrap();
    let renamed = HashWanted {
        at: now(),
        ..renamed
    };
    let (mut parked, begun) = (Parked::default(), Instant::now());
    let answers = parked.answer(&mut bench.desk, closed, &Leaving::default(), begun);
    assert!(answers.is_empty(), "it may have another name: {answers:?}");
    let answers = parked.answer(&mut bench.desk, renamed, &Leaving::default(), begun);
    let [closed, renamed] = &answers[..] else {
        panic!("{answers:?}")
    };
    assert_eq!(closed.file, Some(hashed(b"new")));
    let effect = renamed.file.as_ref().unwrap();
    assert_eq!(effect.sha256, Some(sha256(b"new")));
    assert_eq!(effect.previous_sha256, Some(sha256(b"old")));
}

/// A name in between has a hash too, or says why it has none.
#[test]
fn a_file_that_was_renamed_twice_at_once_is_followed() {
    let mut bench = Bench::new();
    let names = ["first", "second", "third"].map(|name| bench.path(name));
    let path = bench.write("first", b"abc");
    let closed = question(&path, Deed::Written { created: true });
    let rename = |from: usize, to: usize| HashWanted {
        path: text(&names[from]),
        ticket: to as u64,
        at: now(),
        deed: Deed::Renamed {
            to: text(&names[to]),
            exchanged: false,
        },
        ..closed.clone()
    };
    let ask = |bench: &mut Bench, questions: Vec<HashWanted>, begun| {
        let mut parked = Parked::default();
        let mut leaving = Leaving::new(&questions);
        let mut answers = Vec::new();
        for wanted in questions {
            leaving.pass(&wanted);
            answers.extend(parked.answer(&mut bench.desk, wanted, &leaving, begun));
        }
        answers.extend(parked.due(begun + Duration::from_secs(1)));
        answers.sort_by_key(|answer| answer.ticket);
        let file = |answer: Hashed| answer.file.unwrap_or_default();
        answers.into_iter().map(file).collect::<Vec<_>>()
    };
    fs::rename(&names[0], &names[1]).unwrap();
    fs::rename(&names[1], &names[2]).unwrap();
    let questions = || vec![closed.clone(), rename(0, 1), rename(1, 2)];
    let told = ask(&mut bench, questions(), Instant::now());
    let hashes: Vec<_> = told.iter().map(|effect| effect.sha256).collect();
    assert_eq!(hashes, [Some(sha256(b"abc")); 3], "{told:?}");
    // Of one that is gone in the end each says so.
    fs::remove_file(&names[2]).unwrap();
    let mut bench = Bench::new();
    let told = ask(
        &mut bench,
        vec![closed.clone(), rename(0, 1)],
        Instant::now(),
    );
    let reasons: Vec<_> = told.iter().map(|effect| effect.unhashed).collect();
    assert_eq!(reasons, [Some(Unhashed::Gone); 2], "{told:?}");
}

/// What is read afterwards may be what another one wrote there.
#[test]
fn a_hash_from_afterwards_that_may_be_of_something_else_is_nobodys_last() {
    let mut bench = Bench::new();
    let path = bench.write("file", b"abc");
    let closed = question(&path, written());
    let size = Some(99);
    let effect = bench
        .ask(&HashWanted {
            size,
            ..closed.clone()
        })
        .unwrap();
    assert!(effect.changed_since, "{effect:?}");
    let last = |at| bench.desk.last(&closed.path, closed.inode, at);
    assert_eq!(last(closed.at), None);
    assert!(last(now()).is_some(), "it was read before");
}

#[test]
fn a_file_that_is_gone_is_waited_for_a_moment_and_no_longer() {
    let mut bench = Bench::new();
    let path = bench.write("file", b"abc");
    let closed = question(&path, written());
    let removed = question(&path, Deed::Removed);
    fs::remove_file(&path).unwrap();
    let (mut parked, begun) = (Parked::default(), Instant::now());
    let gone = unhashed(3, Unhashed::Gone);
    assert!(
        parked
            .answer(&mut bench.desk, closed.clone(), &Leaving::default(), begun)
            .is_empty()
    );
    assert!(parked.due(begun).is_empty());
    let rest = parked.rest(begun).unwrap();
    assert_eq!(parked.due(begun + rest)[0].file, Some(gone.clone()));
    assert_eq!(parked.rest(begun), None);
    // That it was removed says as much.
    assert!(
        parked
            .answer(&mut bench.desk, closed, &Leaving::default(), begun)
            .is_empty()
    );
    let answers = parked.answer(&mut bench.desk, removed, &Leaving::default(), begun);
    let files: Vec<_> = answers.into_iter().map(|answer| answer.file).collect();
    assert_eq!(files, [Some(gone), None]);
}
