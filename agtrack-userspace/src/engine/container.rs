//! Threads beside the recording one that ask runtimes what a container is.
//!
//! In: [`ContainerWanted`]. Out: one [`Answer`] each, unless the thread is stuck. They never hold up the
//! recording thread: a runtime that does not answer costs a thread of few, and what there is none for
//! waits its turn.

mod http;
mod said;
mod source;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::input::ContainerWanted;
use crate::record::Container;

/// Threads at a time; one that is stuck stays one of them.
const THREADS: usize = 8;
/// Questions that may wait for a thread.
const MOST: usize = 1024;
/// So long it is asked again and again: a runtime may make the cgroup before it can be asked. Between
/// that it takes no thread.
const PATIENCE: Duration = Duration::from_secs(4);
/// The first pause before that; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(20);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_millis(320);

/// Labels of a container that stand in records.
const LABELS: usize = 16;
/// Bytes of the name and of the value of each.
const LABEL: usize = 256;

/// What became of a question.
#[derive(Debug)]
pub(super) struct Answer {
    /// What is known of the container now; where nobody answered no more than before, and why.
    pub(super) found: Result<Container, (Container, String)>,
    /// The pipeline asked.
    pub(super) for_records: bool,
}

/// Asks, and collects the answers.
#[derive(Debug)]
pub(super) struct Asker {
    sockets: Arc<Vec<PathBuf>>,
    waiting: VecDeque<Question>,
    /// Ids of those that have no answer yet, and whether the pipeline asked.
    open: HashMap<String, bool>,
    running: usize,
    answer: Sender<(Question, Result<Container, String>)>,
    answers: Receiver<(Question, Result<Container, String>)>,
    /// Until then an answer may come any moment.
    busy: Option<Instant>,
}

/// A question, and when it is put the next time.
#[derive(Clone, Debug)]
struct Question {
    wanted: ContainerWanted,
    until: Instant,
    due: Instant,
    pause: Duration,
}

impl Question {
    fn new(wanted: ContainerWanted, now: Instant) -> Question {
        Question {
            wanted,
            until: now + PATIENCE,
            due: now,
            pause: PAUSE,
        }
    }

    /// As it is put again; none where that is not worth while any more.
    fn again(mut self, now: Instant) -> Option<Question> {
        self.due = now + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        (self.due < self.until).then_some(self)
    }
}

impl Asker {
    /// Asks at these sockets too.
    pub(super) fn new(sockets: Vec<PathBuf>) -> Asker {
        let (answer, answers) = channel();
        Asker {
            sockets: Arc::new(sockets),
            waiting: VecDeque::new(),
            open: HashMap::new(),
            running: 0,
            answer,
            answers,
            busy: None,
        }
    }

    /// Asks; does not wait. A container is asked of once at a time.
    pub(super) fn ask(&mut self, wanted: ContainerWanted, for_records: bool) {
        if let Some(records) = self.open.get_mut(&wanted.container.id) {
            *records |= for_records;
            return;
        }
        self.open.insert(wanted.container.id.clone(), for_records);
        let now = Instant::now();
        self.busy = Some(now + PATIENCE);
        let mut question = Question::new(wanted, now);
        if self.waiting.len() >= MOST {
            // Answered as by a thread, so that it is taken back like one's answer.
            self.running += 1;
            question.until = now;
            let reason = "more containers are asked of than can be at a time".to_owned();
            let _ = self.answer.send((question, Err(reason)));
            return;
        }
        self.waiting.push_back(question);
        self.begin();
    }

    /// Whether answers are about to come.
    pub(super) fn is_busy(&self) -> bool {
        !self.open.is_empty() && self.busy.is_some_and(|until| Instant::now() < until)
    }

    /// The answers that have come.
    pub(super) fn answers(&mut self) -> Vec<Answer> {
        if self.open.is_empty() {
            return Vec::new();
        }
        let come: Vec<_> = self.answers.try_iter().collect();
        let answers = come
            .into_iter()
            .filter_map(|come| self.take(come))
            .collect();
        self.begin();
        answers
    }

    /// Waits for the next answer, if there is one to come in this time.
    pub(super) fn wait(&mut self, time: Duration) -> Option<Answer> {
        let until = Instant::now() + time;
        while !self.open.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            let come = self.answers.recv_timeout(left.min(PAUSE));
            let answer = come.ok().and_then(|come| self.take(come));
            self.begin();
            if answer.is_some() || left.is_zero() {
                return answer;
            }
        }
        None
    }

    /// None: it is asked again.
    fn take(&mut self, (question, found): (Question, Result<Container, String>)) -> Option<Answer> {
        self.running = self.running.saturating_sub(1);
        if found.is_err()
            && let Some(again) = question.clone().again(Instant::now())
        {
            self.waiting.push_back(again);
            return None;
        }
        let container = question.wanted.container;
        let for_records = self.open.remove(&container.id).unwrap_or(false);
        Some(Answer {
            found: found.map_err(|reason| (container, reason)),
            for_records,
        })
    }

    /// Gives what is due to threads. Where one cannot be started it is tried again the next time.
    fn begin(&mut self) {
        let now = Instant::now();
        while self.running < THREADS
            && let Some(next) = self.waiting.iter().position(|next| next.due <= now)
            && let Some(question) = self.waiting.remove(next)
        {
            let (answer, sockets) = (self.answer.clone(), Arc::clone(&self.sockets));
            let asked = question.clone();
            let started = std::thread::Builder::new()
                .name("containers".to_owned())
                .spawn(move || {
                    let found = look(&asked.wanted, &sockets);
                    let _ = answer.send((asked, found));
                });
            if started.is_err() {
                self.waiting.push_front(question);
                return;
            }
            self.running += 1;
        }
    }
}

/// What is known of a container, by whoever can tell.
///
/// # Errors
/// Nobody; in words, who was asked and what each said.
pub(super) fn look(wanted: &ContainerWanted, sockets: &[PathBuf]) -> Result<Container, String> {
    let mut reasons = Vec::new();
    for source in source::all(wanted, sockets) {
        match source.ask(&wanted.container) {
            Ok(found) => return Ok(found),
            Err(reason) => reasons.push(reason),
        }
    }
    if reasons.is_empty() {
        reasons.push("nobody is known who could tell".to_owned());
    }
    Err(reasons.join("; "))
}

/// What stands in records of a container: rules are compared with all of it.
pub(super) fn for_records(mut container: Container) -> Container {
    let labels = container.labels.iter().take(LABELS);
    let short = |text: &str| {
        text.get(..text.floor_char_boundary(LABEL))
            .map(str::to_owned)
    };
    let cut = labels.filter_map(|(key, value)| Some((short(key)?, short(value)?)));
    let cut: BTreeMap<String, String> = cut.collect();
    container.labels = Arc::new(cut);
    container
}
