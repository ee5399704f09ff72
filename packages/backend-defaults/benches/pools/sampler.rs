use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::server::Server;

const EVERY: Duration = Duration::from_millis(3);
const COUNT: &str = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'ours'";

/// Asks the server, again and again, how many connections the plugins have.
pub(crate) struct Sampler {
    stop: watch::Sender<()>,
    most: JoinHandle<sqlx::Result<i64>>,
}

impl Sampler {
    pub(crate) async fn start(server: &Server) -> sqlx::Result<Self> {
        let mut connection = PgConnection::connect(&server.superuser_url()).await?;
        let (stop, mut stopped) = watch::channel(());
        let most = tokio::spawn(async move {
            let mut most = 0;
            loop {
                most = most.max(sqlx::query_scalar(COUNT).fetch_one(&mut connection).await?);
                tokio::select! {
                    _ = stopped.changed() => break,
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
            connection.close().await?;
            Ok(most)
        });
        Ok(Self { stop, most })
    }

    /// The most there were at once.
    pub(crate) async fn stop(self) -> anyhow::Result<i64> {
        drop(self.stop);
        Ok(self.most.await??)
    }
}
