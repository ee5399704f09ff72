use std::sync::Arc;
use std::time::Instant;

use futures::future::join_all;
use sea_orm::ConnectionTrait;

use crate::read;
use crate::server::ROWS;

/// Which places are asked, in which order, by how many tasks at once.
pub(crate) struct Pattern {
    tasks: usize,
    /// Of each query: the place and the row.
    queries: Arc<[(usize, i32)]>,
}

/// What came of it.
pub(crate) struct Run {
    /// Of a query, by the time of all.
    pub(crate) micros: f64,
    pub(crate) failed: usize,
}

impl Pattern {
    /// One place alone.
    pub(crate) fn hot(tasks: usize, queries: usize) -> Self {
        Self::new(tasks, queries, |_| 0)
    }

    /// One place after another: the last one that is asked is always the one that was asked longest ago.
    pub(crate) fn round_robin(places: usize, tasks: usize, queries: usize) -> Self {
        Self::new(tasks, queries, |number| number % places)
    }

    /// The n-th place 1/n as often as the first.
    pub(crate) fn zipf(places: usize, tasks: usize, queries: usize) -> Self {
        let weights: Vec<_> = (1..=places).map(|n| 1.0 / n as f64).collect();
        let total: f64 = weights.iter().sum();
        let mut random = Random(1);
        Self::new(tasks, queries, |_| {
            let mut left = random.fraction() * total;
            let place = weights.iter().position(|weight| {
                left -= weight;
                left < 0.0
            });
            place.unwrap_or(0)
        })
    }

    fn new(tasks: usize, queries: usize, place: impl FnMut(usize) -> usize) -> Self {
        let rows = (0..).map(|number| number % ROWS + 1);
        Self { tasks, queries: (0..queries).map(place).zip(rows).collect() }
    }

    /// How many places there have to be.
    pub(crate) fn places(&self) -> usize {
        self.queries.iter().map(|(place, _)| place + 1).max().unwrap_or(0)
    }

    /// Asks them all, each task its share.
    pub(crate) async fn run<C: ConnectionTrait + Clone + Send + Sync + 'static>(&self, places: &[C]) -> Run {
        let started = Instant::now();
        let tasks = (0..self.tasks).map(|task| {
            let (queries, places, step) = (Arc::clone(&self.queries), places.to_vec(), self.tasks);
            tokio::spawn(async move {
                let mut failed = 0;
                for (place, row) in queries.iter().skip(task).step_by(step) {
                    failed += usize::from(!read(&places[*place], *row).await);
                }
                failed
            })
        });
        // A task that panicked answered none of its queries.
        let share = self.queries.len() / self.tasks;
        let failed = join_all(tasks).await.into_iter().map(|it| it.unwrap_or(share)).sum();
        Run { micros: started.elapsed().as_secs_f64() * 1e6 / self.queries.len() as f64, failed }
    }
}

/// The same numbers in each run: splitmix64.
struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
