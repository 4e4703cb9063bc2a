//! Which programs were named in a command line, and so what its options mean.

use super::programs::{AWS, PROGRAMS, Program, SHELLS, When};

/// Programs of one command line whose options are known at a time (`sshpass … mysql …`).
const PROGRAMS_AT_ONCE: usize = 4;

/// What is known from the words before.
#[derive(Default)]
pub(super) struct Context {
    programs: [Option<(&'static Program, bool)>; PROGRAMS_AT_ONCE],
    known: usize,
    /// A shell, or a program that starts one, was named.
    pub(super) shell: bool,
    /// A program of AWS was named.
    pub(super) aws: bool,
}

impl Context {
    /// A new command begins; that a shell reads it stays.
    pub(super) fn begin(&mut self) {
        *self = Context {
            shell: self.shell,
            ..Context::default()
        };
    }

    /// Takes notice of a word that is neither option nor value.
    pub(super) fn learn(&mut self, word: &[u8]) {
        for (program, armed) in self.programs.iter_mut().flatten() {
            match program.when {
                When::Always => {}
                When::Behind(command) => *armed |= command.as_bytes() == word,
                When::Wraps => *armed = false,
            }
        }
        if word.len() > 64 || word.windows(3).any(|three| three == b"://") {
            return;
        }
        let base = word
            .rsplit(|byte| matches!(byte, b'/' | b'(' | b'`'))
            .next()
            .unwrap_or_default();
        let Ok(base) = str::from_utf8(base) else {
            return;
        };
        self.shell |= SHELLS.contains(&base);
        self.aws |= AWS.contains(&base);
        if let Some(program) = PROGRAMS
            .iter()
            .find(|program| program.names.contains(&base))
        {
            let slot = self.known % PROGRAMS_AT_ONCE;
            self.known += 1;
            if let Some(slot) = self.programs.get_mut(slot) {
                *slot = Some((program, !matches!(program.when, When::Behind(_))));
            }
        }
    }

    /// Those whose options count for the next word.
    pub(super) fn programs(&self) -> impl Iterator<Item = &'static Program> {
        self.programs
            .iter()
            .flatten()
            .filter(|(_, armed)| *armed)
            .map(|(program, _)| *program)
    }
}
