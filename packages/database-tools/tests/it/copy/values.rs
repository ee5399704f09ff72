use database_tools::Site;
use database_tools::transfer::{copy, source};
use sea_orm_migration::sea_orm::sea_query::{Expr, Order, Query};
use sea_orm_migration::sea_orm::{ConnectionTrait as _, DbBackend, QueryResult};

use super::rows::{edges, everything, fractions, insert};
use super::{kept, migrated, quiet};
use crate::fixture::{LAYOUTS, Layout, Place, SAMPLE};

/// Rows with all that is odd: values, keys in a circle, names, numbers that were given out and are gone.
async fn filled(layout: Layout) -> (Place, Site) {
    let place = Place::new(layout).await;
    let site = migrated(&place).await;
    for row in edges() {
        insert(&site.database, row).await;
    }
    let odd = match layout {
        Layout::MySql => "INSERT INTO `Odd \"Name` VALUES (1, 'x'), (2, 'y')",
        Layout::Files | Layout::Postgres | Layout::PostgresSchema => {
            "INSERT INTO \"Odd \"\"Name\" VALUES (1, 'x'), (2, 'y')"
        }
    };
    for sql in [
        odd,
        "INSERT INTO tree (title) VALUES ('root'), ('child'), ('grandchild')",
        "UPDATE tree SET parent_id = 3 WHERE id = 1",
        "UPDATE tree SET parent_id = 1 WHERE id = 2",
        "UPDATE tree SET parent_id = 2, note = 'in a circle' WHERE id = 3",
        "INSERT INTO tree (id, title) VALUES (40, 'gone')",
        "DELETE FROM tree WHERE id = 40",
        "INSERT INTO author (id) VALUES (7)",
        "INSERT INTO book (id, author_id) VALUES (9, 7)",
        "UPDATE author SET best_id = 9 WHERE id = 7",
        "INSERT INTO computed (id, n) VALUES (1, 21)",
        "INSERT INTO settings VALUES ('other', 'by a person')",
        "UPDATE settings SET value = 'changed' WHERE value = 'by a migration'",
    ] {
        site.database.execute_unprepared(sql).await.unwrap();
    }
    if layout == Layout::Postgres || layout == Layout::PostgresSchema {
        // As the plugin would have let it be given out.
        site.database.execute_unprepared("SELECT setval('tree_id_seq', 40)").await.unwrap();
    }
    (place, site)
}

async fn texts(site: &Site, table: &'static str, columns: &[&'static str]) -> Vec<String> {
    let backend = site.database.get_database_backend();
    let (quote, text) = if backend == DbBackend::MySql { ("`", "CHAR") } else { ("\"", "TEXT") };
    let mut select = Query::select();
    for column in columns {
        select.expr(Expr::cust(format!("COALESCE(CAST({quote}{column}{quote} AS {text}), '-')")));
    }
    select.from(table).order_by(columns[0], Order::Asc);
    let rows = site.database.query_all(&select).await.unwrap();
    let row = |it: &QueryResult| {
        let values = (0..columns.len()).map(|at| it.try_get_by_index::<String>(at).unwrap());
        values.collect::<Vec<_>>().join(" ")
    };
    rows.iter().map(row).collect()
}

/// From one layout into all, each other one's tables being the same afterwards.
async fn from(layout: Layout) {
    let (_place, from) = filled(layout).await;
    for to in LAYOUTS {
        let mut wanted = edges();
        from.database.execute_unprepared("DELETE FROM everything WHERE id = 5").await.unwrap();
        if layout != Layout::MySql && to != Layout::MySql {
            insert(&from.database, fractions()).await;
            wanted.insert(4, fractions());
        }
        let place = Place::new(to).await;
        let target = place.site(SAMPLE);
        let (progress, told) = kept();
        let loaded = copy(&from, &target, &progress)
            .await
            .unwrap_or_else(|error| panic!("{layout:?} to {to:?}: {:#}", anyhow::Error::from(error)));
        assert!(!loaded.was_there);
        let rows: Vec<_> = loaded.tables.iter().map(|it| (it.name.as_str(), it.rows)).collect();
        assert!(rows.contains(&("everything", wanted.len() as u64)) && rows.contains(&("settings", 2)), "{rows:?}");
        assert!(told.lock().unwrap().iter().any(|it| it.starts_with("Begins")));
        assert_eq!(told.lock().unwrap().iter().filter(|it| it.starts_with("Checked")).count(), rows.len());

        let found = everything(&target.database).await;
        for (wanted, found) in wanted.iter().zip(&found) {
            assert_eq!(wanted, found, "{layout:?} to {to:?}");
        }
        assert_eq!(wanted.len(), found.len());
        assert_eq!(
            texts(&target, "tree", &["id", "parent_id", "title", "note"]).await,
            ["1 3 root -", "2 1 child -", "3 2 grandchild in a circle"]
        );
        assert_eq!(texts(&target, "author", &["id", "best_id"]).await, ["7 9"]);
        assert_eq!(texts(&target, "book", &["id", "author_id"]).await, ["9 7"]);
        assert_eq!(texts(&target, "computed", &["id", "doubled"]).await, ["1 42"]);
        assert_eq!(texts(&target, "Odd \"Name", &["order"]).await, ["1", "2"]);
        assert_eq!(texts(&target, "settings", &["key", "value"]).await, ["other by a person", "seed changed"]);
        // Numbers go on where they were, and references hold.
        target.database.execute_unprepared("INSERT INTO tree (title) VALUES ('next')").await.unwrap();
        assert_eq!(texts(&target, "tree", &["id"]).await, ["1", "2", "3", "41"], "{layout:?} to {to:?}");
        target.database.execute_unprepared("INSERT INTO book (author_id) VALUES (7)").await.unwrap();
        assert_eq!(texts(&target, "book", &["id"]).await, ["9", "10"], "{layout:?} to {to:?}");
        target.database.execute_unprepared("INSERT INTO book (author_id) VALUES (8)").await.unwrap_err();
        let catalog = source(&target).await.unwrap().catalog().clone();
        assert_eq!(catalog.tables.len(), rows.len(), "nothing of ours is left");
        target.close().await;
    }
    from.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_files_into_each_layout() {
    from(Layout::Files).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_database_into_each_layout() {
    from(Layout::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_schema_into_each_layout() {
    from(Layout::PostgresSchema).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_mysql_into_each_layout() {
    from(Layout::MySql).await;
}

/// 100,000, each referring to the one after it, in which most batches end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rows() {
    const NUMBERS: &str = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100000)";
    let place = Place::new(Layout::Files).await;
    let mut from = migrated(&place).await;
    let sql = format!(
        "PRAGMA foreign_keys = OFF; {NUMBERS} INSERT INTO tree (id, parent_id, title, note) \
         SELECT n, CASE WHEN n < 100000 THEN n + 1 END, 'title ' || n, 'note ' || n FROM n; PRAGMA foreign_keys = ON"
    );
    from.database.execute_unprepared(&sql).await.unwrap();
    let mut places = vec![place];
    // On from each to the next.
    for layout in [Layout::Postgres, Layout::MySql, Layout::PostgresSchema, Layout::Files] {
        let place = Place::new(layout).await;
        let to = place.site(SAMPLE);
        copy(&from, &to, &quiet()).await.unwrap();
        let tree = source(&to).await.unwrap().catalog().table("tree").unwrap().clone();
        assert_eq!(source(&to).await.unwrap().count(&tree).await.unwrap(), 100_000, "{layout:?}");
        from.close().await;
        (from, places) = (to, {
            places.push(place);
            places
        });
    }
    let rows = texts(&from, "tree", &["id", "parent_id", "title", "note"]).await;
    assert_eq!((rows[0].as_str(), rows[99_999].as_str()), ("1 2 title 1 note 1", "100000 - title 100000 note 100000"));
    from.close().await;
}
