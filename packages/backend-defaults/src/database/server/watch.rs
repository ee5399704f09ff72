//! Statements that have no answer, where nobody set how long one may take.

use std::error::Error;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use sea_orm::Statement;
use sqlx::Connection as _;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{Dialect, Engine};

/// After how long without an answer the server is asked about a statement, and how often from then on.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the server may take to answer that.
const ANSWER: Duration = Duration::from_secs(5);

/// Asks a server, on another connection, whether it is still at a statement: a network that lost the connection
/// would not tell. It is one connection at a time, which is not of the pool: that may wait for the same server.
#[derive(Default)]
pub(super) struct Watch(Mutex<Option<(Instant, String)>>);

impl Watch {
    /// Waits for the answer for as long as the server is at it.
    pub(super) async fn over<T, E: Engine>(
        &self,
        engine: &E,
        session: i64,
        work: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        let (mut work, began) = (pin!(work), Instant::now());
        loop {
            if let Ok(result) = timeout(PATIENCE, &mut work).await {
                return result;
            }
            let lost = tokio::select! {
                biased;
                result = &mut work => return result,
                lost = self.is_lost(engine, session) => lost,
            };
            if let Some(why) = lost {
                let waited = began.elapsed().as_secs_f64();
                let text = format!("there was no answer for {waited:.1} s, and {why}");
                return Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, text)));
            }
        }
    }

    /// Why there will be no answer. `None`: there may be one.
    async fn is_lost<E: Engine>(&self, engine: &E, session: i64) -> Option<String> {
        let mut unreachable = self.0.lock().await;
        if let Some((_, why)) = unreachable.as_ref().filter(|(since, _)| since.elapsed() < ANSWER) {
            return Some(why.clone());
        }
        let why = match timeout(ANSWER, engine.connect()).await {
            Ok(Ok(mut connection)) => {
                let lost = timeout(ANSWER, is_at_work(&mut connection, session)).await;
                drop(timeout(ANSWER, connection.close()).await);
                let lost = matches!(lost, Ok(Ok(false)));
                return lost.then(|| "the server has ended it".to_owned());
            }
            Ok(Err(error)) if !is_of_the_network(&*error) => return None,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the server does not answer".to_owned(),
        };
        *unreachable = Some((Instant::now(), why.clone()));
        Some(why)
    }
}

/// What the server calls a connection.
pub(super) async fn session_of<C: Dialect>(connection: &mut C) -> Result<i64, sqlx::Error> {
    number(connection, C::SESSION.to_owned()).await
}

async fn is_at_work<C: Dialect>(connection: &mut C, session: i64) -> Result<bool, sqlx::Error> {
    Ok(number(connection, C::at_work(session)).await? > 0)
}

async fn number<C: Dialect>(connection: &mut C, sql: String) -> Result<i64, sqlx::Error> {
    let row = connection.rows(Statement::from_string(C::BACKEND, sql), false).try_next().await?;
    let number = row.and_then(|it| it.try_get_by_index(0).ok());
    number.ok_or(sqlx::Error::RowNotFound)
}

/// Not so where the server answered, and refused: it may be at the statement.
fn is_of_the_network(error: &(dyn Error + 'static)) -> bool {
    error.is::<io::Error>() || error.is::<Arc<io::Error>>() || error.source().is_some_and(is_of_the_network)
}
