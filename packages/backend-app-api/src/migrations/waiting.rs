use std::time::Duration;

use tokio::time::{Instant, sleep};

const FIRST_TOLD: Duration = Duration::from_secs(1);
const LEAST_OFTEN_TOLD: Duration = Duration::from_secs(60);

/// Waits for another, asking less and less often, and says so, less and less often: after 1, 3, 7,
/// 15, ... seconds, then each minute.
pub(super) struct Waiting {
    began: Instant,
    pause: Duration,
    longest_pause: Duration,
    next_told: Instant,
    told_every: Duration,
}

impl Waiting {
    pub(super) fn new(first_pause: Duration, longest_pause: Duration) -> Self {
        let began = Instant::now();
        Self { began, pause: first_pause, longest_pause, next_told: began + FIRST_TOLD, told_every: FIRST_TOLD }
    }

    /// Whether it is time to say something.
    pub(super) fn is_to_be_told(&mut self) -> bool {
        let now = Instant::now();
        if now < self.next_told {
            return false;
        }
        self.told_every = (self.told_every * 2).min(LEAST_OFTEN_TOLD);
        self.next_told = now + self.told_every;
        true
    }

    /// For how long it has, e.g. `for 3 s`.
    pub(super) fn shown(&self) -> String {
        format!("for {} s", self.began.elapsed().as_secs())
    }

    pub(super) async fn pause(&mut self) {
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(self.longest_pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_asks_and_tells_less_and_less_often() {
        let mut waiting = Waiting::new(Duration::from_millis(100), Duration::from_secs(1));
        let (mut asked, mut told) = (0, Vec::new());
        while waiting.began.elapsed() < Duration::from_secs(200) {
            asked += 1;
            if waiting.is_to_be_told() {
                told.push(waiting.shown());
            }
            waiting.pause().await;
        }
        assert_eq!(told, [1, 3, 7, 15, 31, 63, 123, 183].map(|it| format!("for {it} s")));
        assert!((200..210).contains(&asked), "{asked}");
    }
}
