use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::PLUGINS;
use super::watch::Watch;
use crate::bench::http;

/// A row that a client was told is written.
pub(super) struct Row {
    pub(super) plugin: u32,
    pub(super) id: u64,
}

/// What clients were told.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) written: Vec<Row>,
    /// How many were refused for now.
    pub(super) unavailable: usize,
    /// What should not have been answered.
    pub(super) mistakes: Vec<String>,
    /// The longest that an answer took.
    pub(super) slowest: Duration,
}

impl Tally {
    pub(super) fn and(mut self, other: Self) -> Self {
        self.written.extend(other.written);
        self.mistakes.extend(other.mistakes);
        self.unavailable += other.unavailable;
        self.slowest = self.slowest.max(other.slowest);
        self
    }
}

/// What an answer says.
enum Answer {
    Data,
    Unavailable,
    Mistake(String),
}

/// Writes rows and reads them.
pub(super) struct Client<'a> {
    pub(super) number: u32,
    pub(super) address: SocketAddr,
    pub(super) watch: &'a Watch,
    pub(super) tally: Tally,
}

impl Client<'_> {
    /// Writes rows with ids that nobody else has and reads each back, until told to stop.
    pub(super) fn run(mut self) -> Tally {
        // What the other route counts up to stays far below.
        let first = 1_000_000_000 * (u64::from(self.number) + 1);
        for (id, plugin) in (first..).zip((1..=PLUGINS).cycle().skip(self.number as usize)) {
            if self.watch.is_over() {
                break;
            }
            if self.ask("PUT", plugin, id) {
                self.tally.written.push(Row { plugin, id });
                self.ask("GET", plugin, id);
            }
        }
        self.tally
    }

    /// Whether there was data.
    fn ask(&mut self, method: &str, plugin: u32, id: u64) -> bool {
        let (watch, tally) = (self.watch, &mut self.tally);
        let path = format!("/api/extra{plugin:02}/{id}");
        let started = Instant::now();
        let answer = http::request(self.address, method, &path, watch.bounds().answer);
        tally.slowest = tally.slowest.max(started.elapsed());
        match judge(answer, id) {
            Answer::Data => {
                watch.had_data(self.number as usize);
                return true;
            }
            Answer::Unavailable if watch.should_answer(started) => {
                tally.mistakes.push(format!("{method} {path}: 503, though the server has long been back"));
            }
            Answer::Unavailable => tally.unavailable += 1,
            Answer::Mistake(mistake) => tally.mistakes.push(format!("{method} {path}: {mistake}")),
        }
        false
    }
}

fn judge(answer: anyhow::Result<(u16, String)>, id: u64) -> Answer {
    match answer {
        Ok((200, body)) if body == id.to_string() => Answer::Data,
        Ok((503, body)) if body.contains("\"ServiceUnavailableError\"") => Answer::Unavailable,
        Ok((status, body)) => Answer::Mistake(format!("{status} {body}")),
        Err(error) => Answer::Mistake(format!("{error:#}")),
    }
}
