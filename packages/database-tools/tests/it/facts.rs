//! What is seen of databases.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use database_tools::Site;
use database_tools::inspect::{Counting, Facts, Stamp, facts_of_all};
use sea_orm_migration::sea_orm::ConnectionTrait;
use serde_json::json;

use crate::fixture::{LAYOUTS, Layout, OTHER, Place, SAMPLE, site};

/// Both plugins' databases, migrated; nothing is open.
pub(crate) async fn migrated(place: &Place) -> [Site; 2] {
    for plugin in [SAMPLE, OTHER] {
        let site = place.site(plugin);
        site.provision().await.unwrap();
        site.migrator().run().await.unwrap();
        site.close().await;
    }
    [place.site(SAMPLE), place.site(OTHER)]
}

pub(crate) async fn run(place: &Place, plugin: backend_plugin_api::PluginId, sql: &str) {
    let site = place.site(plugin);
    for sql in sql.split(';') {
        site.database.execute_unprepared(sql).await.unwrap();
    }
    site.close().await;
}

fn rows(facts: &Facts) -> Vec<(&str, u64)> {
    facts.tables.iter().map(|it| (it.name.as_str(), it.rows)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_there_is_told() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let site = place.site(SAMPLE);
        let facts = site.facts(Counting::Bounded).await.unwrap();
        assert!(!facts.exists && facts.tables.is_empty() && facts.stamp == Stamp::None, "{layout:?}: {facts:?}");
        assert_eq!((facts.migrations.done.len(), facts.migrations.pending.len()), (0, 3), "{layout:?}");
        assert!(!site.exists().await.unwrap(), "{layout:?}");

        let [site, other] = migrated(&place).await;
        run(&place, SAMPLE, "INSERT INTO tree (title) VALUES ('a'); INSERT INTO tree (title) VALUES ('b')").await;
        let facts = facts_of_all(&[site.clone(), other.clone()], Counting::Bounded).await;
        let [of_site, of_other] = <[_; 2]>::try_from(facts).unwrap().map(Result::unwrap);
        let odd = ("Odd \"Name", 0);
        let mut expected =
            vec![odd, ("author", 0), ("book", 0), ("computed", 0), ("everything", 0), ("settings", 1), ("tree", 2)];
        let mut found = rows(&of_site);
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{layout:?}");
        assert_eq!(of_site.rows(), (3, true));
        let hosts: Vec<_> = of_site.host_tables.iter().map(|it| (it.name.as_str(), it.rows)).collect();
        assert_eq!(hosts, [("greenroom_migrations", 3), ("greenroom_stamp", 1)]);
        assert_eq!(rows(&of_other), [("thing", 0)], "{layout:?}");
        assert!(of_site.bytes > 10_000, "{layout:?}: {}", of_site.bytes);
        let done: Vec<_> = of_site.migrations.done.iter().map(|it| it.version.as_str()).collect();
        let own = ["m20260101_000001_create_all", "m20260102_000001_add_note"];
        assert_eq!((done[0], &done[1..]), ("m20260101_000001_stamp", &own[..]));
        assert_eq!((of_site.migrations.pending.len(), of_site.migrations.unknown.len()), (0, 0));
        let stamp = match layout {
            Layout::Postgres | Layout::PostgresSchema => Stamp::Comment,
            Layout::Files | Layout::MySql => Stamp::Row,
        };
        assert_eq!(of_site.stamp, stamp, "{layout:?}");
        assert!(of_site.sessions.is_empty(), "{layout:?}: {:?}", of_site.sessions);
        if let Some(file) = site.file() {
            let folder = file.parent().unwrap();
            let mut names: Vec<_> = folder.read_dir().unwrap().map(|it| it.unwrap().file_name()).collect();
            names.sort();
            assert_eq!(names, ["other.sqlite", "sample.sqlite"]);
        }
        site.close().await;
        other.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_others_are_named() {
    for layout in [Layout::Postgres, Layout::PostgresSchema, Layout::MySql] {
        let place = Place::new(layout).await;
        let [site, _] = migrated(&place).await;
        let user = place.site(SAMPLE);
        user.database.execute_unprepared("UPDATE settings SET value = 'x'").await.unwrap();
        let sessions = site.facts(Counting::Bounded).await.unwrap().sessions;
        assert_eq!(sessions.len(), 1, "{layout:?}: {sessions:?}");
        let session = sessions[0].to_string();
        assert!(session.starts_with("pid ") && session.contains(", user `"), "{layout:?}: {session}");
        assert_eq!(session.contains("application `backstage_plugin_sample`"), layout != Layout::MySql, "{session}");
        assert!(session.contains("127.0.0.1"), "{layout:?}: {session}");
        user.close().await;
    }
}

/// A process that has a file open, until it is dropped.
pub(crate) struct Opener(Child);

impl Opener {
    pub(crate) fn of(file: &Path) -> Self {
        Self(Command::new("sleep").arg("600").stdin(File::open(file).unwrap()).spawn().unwrap())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_have_a_file_open_are_named() {
    let place = Place::new(Layout::Files).await;
    let [site, other] = migrated(&place).await;
    let opener = Opener::of(site.file().unwrap());
    let sessions = site.facts(Counting::Bounded).await.unwrap().sessions;
    let told: Vec<_> = sessions.iter().map(ToString::to_string).collect();
    assert_eq!(told, [format!("pid {}, application `sleep`", opener.pid())]);
    assert!(other.facts(Counting::Bounded).await.unwrap().sessions.is_empty());
}

/// As a backend leaves it that was killed: what is in the log stays there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_left_where_there_was_one() {
    let place = Place::new(Layout::Files).await;
    let [site, _] = migrated(&place).await;
    let user = place.site(SAMPLE);
    user.database.execute_unprepared("INSERT INTO tree (title) VALUES ('a')").await.unwrap();
    let (file, copy) = (site.file().unwrap(), place.folder.path().join("data/other.sqlite"));
    let beside = |file: &Path, suffix: &str| PathBuf::from(format!("{}{suffix}", file.display()));
    std::fs::copy(file, &copy).unwrap();
    std::fs::copy(beside(file, "-wal"), beside(&copy, "-wal")).unwrap();
    user.close().await;
    let log = std::fs::read(beside(&copy, "-wal")).unwrap();
    assert!(!log.is_empty());
    let facts = place.site(OTHER).facts(Counting::Bounded).await.unwrap();
    assert_eq!(facts.tables.iter().find(|it| it.name == "tree").unwrap().rows, 1);
    assert_eq!(std::fs::read(beside(&copy, "-wal")).unwrap(), log);
    assert_eq!(facts.stamp, Stamp::Other("sample".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_made_has_no_stamp() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        backstages(&place).await;
        let facts = place.site(SAMPLE).facts(Counting::Exact).await.unwrap();
        assert_eq!((facts.exists, &facts.stamp), (true, &Stamp::None), "{layout:?}");
        assert_eq!(rows(&facts), [("knex_migrations", 1)], "{layout:?}");
    }
}

/// A database as Backstage makes it.
pub(crate) async fn backstages(place: &Place) {
    let site = place.site(SAMPLE);
    site.provision().await.unwrap();
    site.close().await;
    run(place, SAMPLE, "CREATE TABLE knex_migrations (id INTEGER); INSERT INTO knex_migrations VALUES (1)").await;
    place.forget_comments(SAMPLE);
}

/// It is made when it is connected to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_server_is_not_made_by_looking() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("postgres");
    let site = site(&json!({ "client": "embedded-postgres", "connection": { "directory": directory } }), SAMPLE);
    assert!(!site.facts(Counting::Exact).await.unwrap().exists);
    assert!(!site.exists().await.unwrap());
    assert!(!directory.exists());
}
