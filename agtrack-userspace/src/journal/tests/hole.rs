//! A journal of which somebody removed files.

use super::*;

#[test]
fn records_of_removed_segments_are_known_by_their_numbers() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("journal");
    let small = Options {
        segment_bytes: 1,
        ..lazy()
    };
    let (mut journal, _) = Journal::open(&dir, small).unwrap();
    for _ in 0..4 {
        append(&mut journal, 2);
        journal.sync().unwrap();
    }
    let segments = Extent::open(&dir).unwrap().segments().to_vec();
    assert!(segments.len() >= 4, "{segments:?}");
    let holes = || Extent::open(&dir).unwrap().holes().unwrap();
    assert_eq!(holes(), []);
    let remove = |segment: u64| {
        std::fs::remove_file(Extent::open(&dir).unwrap().path(segment)).unwrap();
    };
    remove(segments[1]);
    let middle = Hole {
        first: segments[1],
        last: segments[2] - 1,
    };
    assert_eq!(holes(), [middle]);
    remove(segments[0]);
    let begin = Hole { first: 1, ..middle };
    assert_eq!(holes(), [begin]);
    assert_eq!(
        begin.to_string(),
        format!(
            "records 1 to {} are not in the journal any more: files of it were removed or cut",
            begin.last
        )
    );
    let last = *segments.last().unwrap();
    remove(last);
    let end = Hole {
        first: last,
        last: 8,
    };
    assert_eq!(holes(), [begin, end]);
}

#[test]
fn of_a_file_that_was_cut_within_a_line_the_whole_lines_are_there() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("journal");
    let (mut journal, _) = Journal::open(&dir, lazy()).unwrap();
    append(&mut journal, 6);
    journal.sync().unwrap();
    let path = Extent::open(&dir).unwrap().path(1);
    let text = std::fs::read_to_string(&path).unwrap();
    let whole: usize = text.split_inclusive('\n').take(3).map(str::len).sum();
    std::fs::write(&path, &text[..whole + 5]).unwrap();
    let holes = Extent::open(&dir).unwrap().holes().unwrap();
    assert_eq!(holes, [Hole { first: 4, last: 6 }]);
}
