//! A little of what `cargo xtask soak` does for hours: each reader of bytes from outside gets its
//! corpus, and some thousand variants of it that are the same in every run.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use agtrack_tests::fuzz::{TARGETS, ring_seed};

/// Variants a target.
const VARIANTS: u64 = 4000;
/// Longest variant, bytes.
const LONGEST: usize = 4096;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// All files of a directory, in order of name.
fn files(directory: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

/// The corpus of a target, and what the fixtures of `tests/replay` give.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut seeds = files(&directory().join(target));
    let logs = || {
        let replay = Path::new(env!("CARGO_MANIFEST_DIR")).join("replay");
        let entries = std::fs::read_dir(replay)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let mut logs: Vec<_> = entries
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "input")
            })
            .collect();
        logs.sort();
        logs.into_iter().map(|path| std::fs::read(path).unwrap())
    };
    match target {
        "ring" => seeds.extend(logs().map(|log| ring_seed(&log))),
        "input" => seeds.extend(logs().map(|log| log[..log.len().min(LONGEST)].to_vec())),
        _ => {}
    }
    seeds
}

/// xorshift64*: the same numbers in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end.max(1)
    }
}

/// A piece of a seed with some bytes changed, taken out or put in.
fn variant(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let seed = &seeds[dice.below(seeds.len())];
    let begin = if dice.below(4) == 0 {
        dice.below(seed.len())
    } else {
        0
    };
    let end = begin + dice.below(LONGEST.min(seed.len() - begin) + 1);
    let mut bytes = seed[begin..end].to_vec();
    for _ in 0..=dice.below(8) {
        let at = dice.below(bytes.len());
        match dice.below(4) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
            1 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][dice.below(5)],
            2 if !bytes.is_empty() => drop(bytes.drain(at..(at + dice.below(9)).min(bytes.len()))),
            _ => bytes.insert(at, dice.below(256) as u8),
        }
    }
    bytes
}

/// `AGTRACK_SEEDS` names a directory where the seeds are wanted, for `cargo xtask soak`.
fn hand_out(name: &str, seeds: &[Vec<u8>]) {
    if let Some(directory) = std::env::var_os("AGTRACK_SEEDS") {
        let directory = PathBuf::from(directory).join(name);
        std::fs::create_dir_all(&directory).unwrap();
        for (number, seed) in seeds.iter().enumerate() {
            std::fs::write(directory.join(format!("seed-{number}")), seed).unwrap();
        }
    }
}

fn try_on(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = seeds(name);
    assert!(!seeds.is_empty(), "there is a corpus");
    hand_out(name, &seeds);
    for seed in &seeds {
        (target.read)(seed);
    }
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for _ in 0..VARIANTS {
        let bytes = variant(&seeds, &mut dice);
        let tried = std::panic::catch_unwind(|| (target.read)(&bytes));
        assert!(
            tried.is_ok(),
            "{name} cannot take these bytes: {bytes:02x?}"
        );
    }
}

macro_rules! targets {
    ($($name:ident),+) => {
        $(
            #[test]
            fn $name() {
                try_on(stringify!($name));
            }
        )+
    };
}
include!("targets.rs");
