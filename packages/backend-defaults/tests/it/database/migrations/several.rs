//! Several backends on the same databases.

use backend_app_api::MigrationReport;
use backend_plugin_api::PluginId;
use futures::future::join_all;
use sea_orm::{ConnectionTrait, DbBackend};
use serde_json::Value;
use tokio::sync::watch;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::layer::SubscriberExt;

use super::super::fixture::Fixture;
use super::steps::{Step, history, migrator, numbers, opened};

const ROUNDS: usize = 50;

pub(super) fn plugin(kind: &str, round: usize) -> PluginId {
    PluginId::new(Box::leak(format!("{kind}-{round}").into_boxed_str()))
}

/// Each fails, or is seen to have been, when it is applied twice.
fn steps() -> Vec<Step> {
    vec![
        Step::new("m1", &["CREATE TABLE one (id INTEGER NOT NULL)"]),
        Step::new("m2", &["INSERT INTO one VALUES (1)"]).in_transaction(true),
        Step::new("m3", &["ALTER TABLE one ADD COLUMN more INTEGER"]).in_transaction(false),
        Step::new("m4", &["CREATE INDEX one_more ON one (more)"]),
        Step::new("m5", &["INSERT INTO one VALUES (2, 2)"]).in_transaction(false),
    ]
}

pub(super) async fn two_backends_race(fixture: &Fixture) {
    for round in 0..ROUNDS {
        let plugin = plugin("race", round);
        let backends = (0..2).map(|_| {
            let config = fixture.config.clone();
            tokio::spawn(async move {
                let database = opened(&config, plugin).await;
                let report = migrator(plugin, &database, &steps()).start(|_| {}).await.unwrap();
                (database, report)
            })
        });
        let backends: Vec<_> = join_all(backends).await.into_iter().map(Result::unwrap).collect();
        let applied: usize = backends.iter().map(|(_, report)| report.applied.len()).sum();
        assert_eq!(applied, steps().len() + migrations::migrations("race").len(), "round {round}");
        for (database, _) in &backends {
            assert_eq!(history(database).await.len(), steps().len());
            assert_eq!(numbers(database, "id", "one").await, [1, 2]);
            database.close().await;
        }
    }
}

pub(super) async fn each_mode_does_what_it_says(fixture: &Fixture) {
    let plugin = plugin("mode", 0);
    let with = |key: &str, value: Value| {
        let mut config = fixture.config.clone();
        config[key] = value;
        config
    };
    let verifies = opened(&with("migrations", "verify".into()), plugin).await;
    let error = migrator(plugin, &verifies, &steps()[..2]).start(|_| {}).await.unwrap_err();
    insta::allow_duplicates! { insta::assert_snapshot!(error, @"3 migrations were not applied yet: `m20260101_000001_stamp` (of the host), `m1` and `m2`; start one backend with `backend.database.migrations: run`, or have a job do it, before those that only verify") };

    let skips = opened(&with("skipMigrations", true.into()), plugin).await;
    let report = migrator(plugin, &skips, &steps()).start(|_| {}).await.unwrap();
    assert_eq!(report, MigrationReport::default());
    assert_eq!(migrator(plugin, &verifies, &[]).look().await.unwrap().pending.len(), 1, "nothing was done");

    let waits = opened(&with("migrations", "wait".into()), plugin).await;
    let (tell, mut told) = watch::channel(None);
    let waiter = migrator(plugin, &waits, &steps());
    let waiter = tokio::spawn(async move { waiter.start(|it| drop(tell.send(Some(it.clone())))).await });
    told.wait_for(|it| it.as_ref().is_some_and(|it| it.pending.len() == 6)).await.unwrap();
    let runs = opened(&fixture.config, plugin).await;
    migrator(plugin, &runs, &steps()).start(|_| {}).await.unwrap();
    let waited = waiter.await.unwrap().unwrap();
    let done = waited.done.clone();
    assert!(!done.is_empty());
    assert_eq!(waited, MigrationReport { done, ..MigrationReport::default() });

    migrator(plugin, &verifies, &steps()).start(|_| {}).await.unwrap();
}

/// What is logged.
#[derive(Clone)]
struct Messages(watch::Sender<Vec<String>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Messages {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            if field.name() == "message" && event.metadata().target().starts_with("backend_app_api") {
                self.0.send_modify(|it| it.push(format!("{value:?}")));
            }
        });
    }
}

/// Among what is waited for is an index that PostgreSQL makes beside other work: it waits for every
/// statement that runs, and so must not be waited for by one.
pub(super) async fn who_waits_says_for_whom(fixture: &Fixture) {
    let plugin = plugin("waits", 0);
    let first = opened(&fixture.config, plugin).await;
    let concurrently = match ConnectionTrait::get_database_backend(&first) {
        DbBackend::Postgres => "CREATE INDEX CONCURRENTLY one_id ON one (id)",
        _ => "CREATE INDEX one_id ON one (id)",
    };
    let (open, gate) = watch::channel(false);
    let (reached, mut is_reached) = watch::channel(false);
    let steps = vec![
        Step { gate: Some((reached, gate)), ..Step::new("m1_slow", &["CREATE TABLE one (id INTEGER NOT NULL)"]) },
        Step::new("m2_index", &[concurrently]).in_transaction(false),
    ];
    let first = migrator(plugin, &first, &steps);
    let first = tokio::spawn(async move { first.run().await });
    is_reached.wait_for(|it| *it).await.unwrap();

    let (log, mut logged) = watch::channel(Vec::new());
    let second = migrator(plugin, &opened(&fixture.config, plugin).await, &steps);
    let subscriber = tracing_subscriber::registry().with(Messages(log));
    let second = tokio::spawn(async move { second.run().await }.with_subscriber(subscriber));
    let message = logged.wait_for(|it| !it.is_empty()).await.unwrap()[0].clone();
    assert!(message.starts_with("waiting for 1 s for another backend that migrates `waits-0` ("), "{message}");
    assert!(message.contains("(pid ") || message.contains("(connection "), "{message}");

    open.send(true).unwrap();
    assert_eq!(first.await.unwrap().unwrap().applied.len(), 3);
    assert!(second.await.unwrap().unwrap().applied.is_empty());
}
