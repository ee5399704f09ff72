//! What no plugin uses any longer.

use std::time::Duration;

use database_tools::orphans::{Found, Kind, Names, Orphan, Standing, find};
use database_tools::{Scratch, Site};
use serde_json::json;
use test_servers::{MariaDb, Postgres, SqlServer};
use tokio::time::timeout;

use crate::facts::{Opener, migrated};
use crate::fixture::{LAYOUTS, Layout, OTHER, Place, SAMPLE, site};

fn names(place: &Place) -> Names {
    let prefix = place.config["prefix"].as_str().unwrap_or("backstage_plugin_").to_owned();
    Names { prefix, schema_prefix: String::new() }
}

/// Where `other` is not installed any longer. Other tests use the same servers.
async fn orphans(place: &Place, site: &Site) -> Vec<Orphan> {
    let Found { mut orphans, mut problems } = find(std::slice::from_ref(site), &[SAMPLE], &names(place)).await;
    let prefix = names(place).prefix;
    problems.retain(|it| it.contains(&prefix));
    assert_eq!(problems, [""; 0]);
    orphans.retain(|it| it.kind == Kind::File || it.kind == Kind::Schema || it.name.starts_with(&prefix));
    orphans
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_removed_plugin_left_is_found_and_dropped() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let [site, other] = migrated(&place).await;
        let found = orphans(&place, &site).await;
        let [orphan] = &found[..] else { panic!("{layout:?}: {found:?}") };
        let kind = match layout {
            Layout::Files => Kind::File,
            Layout::PostgresSchema => Kind::Schema,
            Layout::Postgres | Layout::MySql => Kind::Database,
        };
        assert_eq!(
            (orphan.kind, orphan.plugin.as_str(), orphan.standing),
            (kind, "other", Standing::Orphan),
            "{layout:?}"
        );
        assert_eq!(orphan.rows, Some((0, true)), "{layout:?}");
        assert!(orphan.bytes.unwrap() > 1000 && orphan.sessions.is_empty(), "{layout:?}: {orphan:?}");
        assert_eq!(orphan.refusals(false).await.unwrap(), [""; 0]);
        orphan.drop(false).await.unwrap();
        assert!(orphans(&place, &site).await.is_empty(), "{layout:?}");
        assert!(!other.exists().await.unwrap(), "{layout:?}");
        assert!(site.exists().await.unwrap(), "{layout:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_another_prefix_it_is_left() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let [site, other] = migrated(&place).await;
        let site = match other.file() {
            Some(file) => {
                std::fs::rename(file, file.with_file_name("renamed.sqlite")).unwrap();
                site
            }
            None => site,
        };
        let names = Names { prefix: "mine_".to_owned(), schema_prefix: "mine_".to_owned() };
        let Found { orphans, .. } = find(&[site], &[SAMPLE], &names).await;
        let prefix = self::names(&place).prefix;
        let orphans: Vec<_> = (orphans.iter())
            .filter(|it| it.plugin == "other" && (it.kind != Kind::Database || it.name.starts_with(&prefix)))
            .collect();
        let [orphan] = orphans[..] else { panic!("{layout:?}: {orphans:?}") };
        assert_eq!((orphan.standing, orphan.may_be_dropped()), (Standing::OtherPrefix, false), "{layout:?}");
        assert_eq!(orphan.refusals(true).await.unwrap().len(), 1);
        orphan.drop(true).await.unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_use_is_left_unless_that_is_said() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let [site, other] = migrated(&place).await;
        let opener = other.file().map(Opener::of);
        let user = place.site(OTHER);
        if opener.is_none() {
            user.provision().await.unwrap();
        }
        let found = orphans(&place, &site).await;
        let refused = found[0].refusals(false).await.unwrap().join("\n");
        assert!(refused.contains(" is in use: pid "), "{layout:?}: {refused}");
        match opener {
            Some(_) => assert_eq!(found[0].refusals(true).await.unwrap().len(), 1),
            None => {
                assert_eq!(found[0].refusals(true).await.unwrap(), [""; 0], "{layout:?}");
                found[0].drop(true).await.unwrap();
                assert!(!other.exists().await.unwrap(), "{layout:?}");
            }
        }
        user.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scratch_database_is_left_over_when_nobody_uses_it() {
    for layout in [Layout::Postgres, Layout::PostgresSchema, Layout::MySql] {
        let place = Place::new(layout).await;
        let [site, _] = migrated(&place).await;
        let scratch = Scratch::make(&site).await.unwrap();
        scratch.site().migrator().run().await.unwrap();
        let location = scratch.site().plan.info().location;
        let left = async || {
            let Found { orphans, .. } = find(std::slice::from_ref(&site), &[SAMPLE, OTHER], &names(&place)).await;
            let mine = orphans.into_iter().filter(|it| location.contains(&it.name) && it.standing == Standing::Scratch);
            mine.collect::<Vec<_>>()
        };
        assert!(left().await.is_empty(), "{layout:?}");
        scratch.site().close().await;
        // The server takes a moment to see that its user has gone.
        let found = async {
            loop {
                let found = left().await;
                if !found.is_empty() {
                    break found;
                }
            }
        };
        let found = timeout(Duration::from_secs(30), found).await.unwrap();
        assert_eq!(found.len(), 1, "{layout:?}");
        found[0].drop(false).await.unwrap();
        assert!(left().await.is_empty(), "{layout:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_made_is_no_orphan() {
    let place = Place::new(Layout::Postgres).await;
    let [site, _] = migrated(&place).await;
    place.forget_comments(OTHER);
    assert!(orphans(&place, &site).await.is_empty());

    let place = Place::new(Layout::MySql).await;
    let [site, _] = migrated(&place).await;
    let prefix = names(&place).prefix;
    MariaDb::shared().unwrap().sql(&format!("DELETE FROM {prefix}other.greenroom_stamp")).unwrap();
    assert!(orphans(&place, &site).await.is_empty());

    let place = Place::new(Layout::Files).await;
    let [site, other] = migrated(&place).await;
    std::fs::write(other.file().unwrap().with_file_name("text.sqlite"), "no database").unwrap();
    other.drop_database(&other.facts(Default::default()).await.unwrap(), false).await.unwrap();
    assert!(orphans(&place, &site).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_goes_after_what_is_its() {
    let server = Postgres::shared().unwrap();
    let scratch = server.scratch();
    let login = scratch.login().unwrap();
    server.sql(&format!("ALTER ROLE {0} CREATEROLE CREATEDB", login.user)).unwrap();
    let config = json!({
        "client": "pg", "isolation": "role", "prefix": scratch.prefix(),
        "connection": { "host": server.host(), "port": server.port(), "user": login.user, "password": login.password },
    });
    for plugin in [SAMPLE, OTHER] {
        let made = site(&config, plugin);
        made.provision().await.unwrap();
        made.migrator().run().await.unwrap();
        made.close().await;
    }
    let names = Names { prefix: scratch.prefix().to_owned(), schema_prefix: String::new() };
    let look = async || {
        let Found { mut orphans, .. } = find(&[site(&config, SAMPLE)], &[SAMPLE], &names).await;
        orphans.retain(|it| it.name.starts_with(scratch.prefix()));
        orphans
    };
    let found = look().await;
    assert_eq!(found.iter().map(|it| it.kind).collect::<Vec<_>>(), [Kind::Database, Kind::Role]);
    assert_eq!(found[1].drop(false).await.unwrap().left.len(), 1);
    assert_eq!(found[0].rows, Some((0, true)));
    found[0].drop(false).await.unwrap();
    assert_eq!(found[1].drop(false).await.unwrap().role, Some(format!("{}other", scratch.prefix())));
    assert!(look().await.is_empty());
}
