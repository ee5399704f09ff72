use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use backend_plugin_api::services::Database;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, TransactionSession, TransactionTrait};

use super::random::Random;

/// Rows that every plugin has from the start: ids 1 to this.
const FIRST_ROWS: i64 = 20;

/// A plugin, and the shape of its table.
pub(super) struct Place {
    number: usize,
    pub(super) database: Database,
}

impl Place {
    pub(super) async fn new(number: usize, database: Database) -> Self {
        let place = Self { number, database };
        place.database.provision(&[]).await.unwrap();
        let kind = ["integer", "bigint", "text", "double precision"][number % 4];
        // `SELECT *` has other columns in another order.
        let columns = match number % 3 {
            0 => format!("id bigint PRIMARY KEY, value {kind} NOT NULL"),
            1 => format!("value {kind} NOT NULL, id bigint PRIMARY KEY"),
            _ => format!("note text DEFAULT 'none', id bigint PRIMARY KEY, value {kind} NOT NULL, more integer[]"),
        };
        place.database.execute_unprepared(&format!("CREATE TABLE item ({columns})")).await.unwrap();
        for id in 1..=FIRST_ROWS {
            place.insert(&place.database, id).await.unwrap();
        }
        place
    }

    /// The row's value, which no other plugin has.
    fn value(&self, id: i64) -> sea_orm::Value {
        let number = self.number as i64;
        match self.number % 4 {
            0 => (self.number as i32 * 1_000_000 + (id % 1_000_000) as i32).into(),
            1 => ((number << 40) | id).into(),
            2 => format!("{number}: {id}").into(),
            _ => (id as f64 + number as f64 / 64.0).into(),
        }
    }

    async fn insert(&self, connection: &impl ConnectionTrait, id: i64) -> Result<(), DbErr> {
        let sql = "INSERT INTO item (id, value) VALUES ($1, $2)";
        let insert = Statement::from_sql_and_values(DbBackend::Postgres, sql, [id.into(), self.value(id)]);
        connection.execute_raw(insert).await.map(drop)
    }

    /// By the same SQL in each plugin.
    async fn check(&self, connection: &impl ConnectionTrait, id: i64) -> Result<(), DbErr> {
        let sql = "SELECT * FROM item WHERE id = $1";
        let select = Statement::from_sql_and_values(DbBackend::Postgres, sql, [id.into()]);
        let row = connection.query_one_raw(select).await?;
        assert_eq!(self.read(&row.unwrap_or_else(|| panic!("plugin {} has no row {id}", self.number))), id);
        Ok(())
    }

    /// The id of a row, which is this plugin's.
    fn read(&self, row: &QueryResult) -> i64 {
        let id: i64 = row.try_get("", "id").unwrap();
        let value: sea_orm::Value = match self.number % 4 {
            0 => row.try_get::<i32>("", "value").unwrap().into(),
            1 => row.try_get::<i64>("", "value").unwrap().into(),
            2 => row.try_get::<String>("", "value").unwrap().into(),
            _ => row.try_get::<f64>("", "value").unwrap().into(),
        };
        assert_eq!(value, self.value(id), "plugin {} has another's row {id}", self.number);
        id
    }

    /// All that was committed, of what was given up both rows or none, and nothing else.
    pub(super) async fn has_what_was_written(&self, written: &[Written], seed: u64) {
        let rows = self.database.query_all_raw(Statement::from_string(DbBackend::Postgres, "SELECT * FROM item")).await;
        let mut there: HashSet<_> = rows.unwrap().iter().map(|row| self.read(row)).collect();
        let own = |of: fn(&Written) -> &HashMap<usize, Vec<i64>>| {
            written.iter().filter_map(move |it| of(it).get(&self.number)).flatten().copied()
        };
        for id in (1..=FIRST_ROWS).chain(own(|it| &it.committed)) {
            assert!(there.remove(&id), "seed {seed}: plugin {} lost row {id}", self.number);
        }
        for id in own(|it| &it.given_up) {
            let (first, second) = (there.remove(&id), there.remove(&(id + 1)));
            assert_eq!(first, second, "seed {seed}: plugin {} has half of a transaction, {id}", self.number);
        }
        assert!(there.is_empty(), "seed {seed}: plugin {} has {there:?}, which was rolled back", self.number);
    }
}

/// What a worker wrote: ids by plugin.
#[derive(Default)]
pub(super) struct Written {
    committed: HashMap<usize, Vec<i64>>,
    /// Each the first of two that one transaction inserts, which may have been committed.
    given_up: HashMap<usize, Vec<i64>>,
    pub(super) cancelled: usize,
}

pub(super) struct Worker {
    random: Random,
    places: Arc<[Place]>,
    /// Statements, of all workers.
    left: Arc<AtomicI64>,
    next_id: i64,
    written: Written,
}

impl Worker {
    pub(super) fn new(task: usize, seed: u64, places: Arc<[Place]>, left: Arc<AtomicI64>) -> Self {
        let random = Random::new(seed.wrapping_add(task as u64));
        // Below a million, for those whose value is an integer; no two workers have the same.
        let next_id = 1000 + task as i64 * 30_000;
        Self { random, places, left, next_id, written: Written::default() }
    }

    /// Until no statements are left. Panics at the first thing that is wrong.
    pub(super) async fn run(mut self) -> Written {
        let places = Arc::clone(&self.places);
        while self.left.load(Ordering::Relaxed) > 0 {
            let place = &places[self.random.below(places.len() as u64) as usize];
            let id = self.next_id;
            self.next_id += 2;
            let step = Step { place, id, left: &self.left };
            match self.random.below(8) {
                0..3 => step.read(1 + self.random.below(FIRST_ROWS as u64) as i64).await,
                3 => step.insert().await,
                4 => step.commit_two().await,
                5 => step.roll_back(self.random.below(2) == 0).await,
                6 => step.commit_around_savepoint().await,
                _ => {
                    let moment = Duration::from_micros(self.random.below(4000));
                    let done = tokio::time::timeout(moment, step.commit_two()).await;
                    if done.is_err() {
                        self.written.cancelled += 1;
                        self.written.given_up.entry(place.number).or_default().push(id);
                        continue;
                    }
                    done.unwrap_or_default()
                }
            }
            .into_iter()
            .for_each(|id| self.written.committed.entry(place.number).or_default().push(id));
        }
        self.written
    }
}

/// Something that a plugin does. Returns the ids of the rows that it committed.
struct Step<'a> {
    place: &'a Place,
    /// It and the next one are free.
    id: i64,
    left: &'a AtomicI64,
}

impl Step<'_> {
    async fn read(self, id: i64) -> Vec<i64> {
        self.count(1);
        self.place.check(&self.place.database, id).await.unwrap();
        vec![]
    }

    async fn insert(self) -> Vec<i64> {
        self.count(1);
        self.place.insert(&self.place.database, self.id).await.unwrap();
        vec![self.id]
    }

    async fn commit_two(self) -> Vec<i64> {
        let place = self.place;
        self.count(1);
        let transaction = place.database.begin().await.unwrap();
        for id in [self.id, self.id + 1] {
            self.count(2);
            place.insert(&transaction, id).await.unwrap();
            place.check(&transaction, id).await.unwrap();
        }
        self.count(1);
        transaction.commit().await.unwrap();
        vec![self.id, self.id + 1]
    }

    /// Or just drops it.
    async fn roll_back(self, in_words: bool) -> Vec<i64> {
        self.count(4);
        let transaction = self.place.database.begin().await.unwrap();
        self.place.insert(&transaction, self.id).await.unwrap();
        self.place.check(&transaction, self.id).await.unwrap();
        if in_words {
            transaction.rollback().await.unwrap();
        }
        vec![]
    }

    async fn commit_around_savepoint(self) -> Vec<i64> {
        let place = self.place;
        self.count(6);
        let transaction = place.database.begin().await.unwrap();
        place.insert(&transaction, self.id).await.unwrap();
        let nested = transaction.begin().await.unwrap();
        place.insert(&nested, self.id + 1).await.unwrap();
        nested.rollback().await.unwrap();
        transaction.commit().await.unwrap();
        self.count(1);
        place.check(&place.database, self.id).await.unwrap();
        vec![self.id]
    }

    /// That so many statements were sent.
    fn count(&self, statements: i64) {
        self.left.fetch_sub(statements, Ordering::Relaxed);
    }
}
