//! MySQL's rows, as a source has them and a sink writes them.

use database_tools::Site;
use database_tools::transfer::{Checksum, Column, Counter, Rows, WAITING_BATCHES, sink, source};
use sea_orm_migration::sea_orm::{ConnectionTrait as _, Statement};
use tokio::sync::mpsc;

use crate::fixture::{Layout, Place};
use crate::rows::{everything, fill, insert_many, migrated, others};

/// All rows of one into the other, in the tables' order; both checksums of each table.
async fn copy(from: &Site, to: &Site) -> anyhow::Result<Vec<(Checksum, Checksum)>> {
    let (mut source, mut sink) = (source(from).await?, sink(to).await?);
    sink.empty().await?;
    let mut checksums = Vec::new();
    for table in sink.catalog().clone().tables {
        let columns: Vec<&Column> = table.stored().collect();
        let (sender, receiver) = mpsc::channel(WAITING_BATCHES);
        let mut rows = Rows::new(receiver, |_| ());
        let (read, written) =
            tokio::join!(source.read(&table, &columns, sender), sink.write(&table, &columns, &mut rows));
        read?;
        written?;
        checksums.push((rows.checksum(), sink.checksum(&table, &columns).await?));
        assert_eq!(source.count(&table).await?, rows.checksum().rows);
    }
    sink.set_counters(&source.counters().await?).await?;
    sink.commit().await?;
    Ok(checksums)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_sea_orm_wrote_it_reads_on_the_other_side() {
    let (from, to) = (Place::new(Layout::MySql).await, Place::new(Layout::MySql).await);
    let (from, to) = (migrated(&from).await, migrated(&to).await);
    // 0 is no number to be given out here.
    let zero = "SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO'); \
                INSERT INTO everything (id) VALUES (0)";
    from.database.execute_unprepared(zero).await.unwrap();
    fill(&from.database).await;
    // Beyond what one statement has.
    insert_many(&from.database, 2_000..2_200, &[0xA5; 65_535]).await;
    for (read, written) in copy(&from, &to).await.unwrap() {
        assert_eq!(read, written);
    }
    let (wanted, found) = (everything(&from.database).await, everything(&to.database).await);
    assert_eq!(wanted.len(), 210);
    assert!(wanted == found, "{:?}", wanted.iter().zip(&found).find(|(a, b)| a != b));
    let (wanted, found) = (others(&from.database).await, others(&to.database).await);
    assert_eq!(wanted, found);
    insta::assert_snapshot!(found, @r#"
    exact 1234567.125
    author 1 Some(2)
    author 2 None
    book 1 Some(1)
    book 2 Some(1)
    computed 1 Some(42)
    computed 2 None
    tree 1 Some(3)
    tree 2 Some(1)
    tree 3 Some(2)
    Odd "Name x
    settings by a migration
    "#);
    from.close().await;
    to.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_go_on_where_they_were() {
    let (from, to) = (Place::new(Layout::MySql).await, Place::new(Layout::MySql).await);
    let (from, to) = (migrated(&from).await, migrated(&to).await);
    for sql in [
        "INSERT INTO tree (title) VALUES ('a'), ('b'), ('c')",
        // 4 is gone, and is not to come back.
        "INSERT INTO tree (id, title) VALUES (40, 'gone')",
        "DELETE FROM tree WHERE id = 40",
        "INSERT INTO author (id) VALUES (7)",
    ] {
        from.database.execute_unprepared(sql).await.unwrap();
    }
    let mut counters = source(&from).await.unwrap().counters().await.unwrap();
    counters.retain(|it| it.table == "tree");
    assert_eq!(counters, [Counter { table: "tree".into(), column: "id".into(), last: 40 }]);
    copy(&from, &to).await.unwrap();
    for site in [&from, &to] {
        let tree = site.database.execute_unprepared("INSERT INTO tree (title) VALUES ('next')").await.unwrap();
        let author = site.database.execute_unprepared("INSERT INTO author VALUES ()").await.unwrap();
        assert_eq!((tree.last_insert_id(), author.last_insert_id()), (41, 8));
    }
    from.close().await;
    to.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn references_are_checked_in_the_end_and_nothing_is_left_of_what_fails() {
    let (from, to) = (Place::new(Layout::MySql).await, Place::new(Layout::MySql).await);
    let (from, to) = (migrated(&from).await, migrated(&to).await);
    for sql in [
        // Each refers to one that comes later, and two refer to each other.
        "SET SESSION foreign_key_checks = 0; \
         INSERT INTO tree (id, parent_id, title) VALUES (1, 2, 'child'), (2, NULL, 'root')",
        "SET SESSION foreign_key_checks = 0; INSERT INTO author (id, best_id) VALUES (1, 1)",
        "INSERT INTO book (id, author_id) VALUES (1, 1)",
    ] {
        from.database.execute_unprepared(sql).await.unwrap();
    }
    copy(&from, &to).await.unwrap();
    let lost = "SET SESSION foreign_key_checks = 0; DELETE FROM tree WHERE id = 2";
    from.database.execute_unprepared(lost).await.unwrap();
    let error = copy(&from, &to).await.unwrap_err();
    insta::assert_snapshot!(format!("{error:#}"), @"table `tree` refers to `tree` (by `tree_parent`), which has no row `2`");
    // That of before.
    let left = to.database.execute_unprepared("UPDATE tree SET note = 'still there'").await.unwrap();
    assert_eq!(left.rows_affected(), 2);
    from.close().await;
    to.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_without_transactions_is_refused() {
    let place = Place::new(Layout::MySql).await;
    let site = migrated(&place).await;
    site.database.execute_unprepared("CREATE TABLE old (id INT) ENGINE = MyISAM").await.unwrap();
    let error = source(&site).await.map(drop).unwrap_err();
    insta::assert_snapshot!(format!("{error:#}"), @"table `old` is of the engine MyISAM, which has no transactions: make it InnoDB's");
    let error = sink(&site).await.map(drop).unwrap_err();
    insta::assert_snapshot!(format!("{error:#}"), @"table `old` is of the engine MyISAM, which has no transactions: make it InnoDB's");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_stays_as_it_was() {
    let place = Place::new(Layout::MySql).await;
    let site = migrated(&place).await;
    let mut snapshot = source(&site).await.unwrap();
    site.database.execute_unprepared("INSERT INTO tree (title) VALUES ('later')").await.unwrap();
    let tree = snapshot.catalog().table("tree").unwrap().clone();
    assert_eq!(snapshot.count(&tree).await.unwrap(), 0);
    assert_eq!(source(&site).await.unwrap().count(&tree).await.unwrap(), 1);
    site.close().await;
}

/// What sea-orm does not make.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_of_mysql_alone() {
    let (from, to) = (Place::new(Layout::MySql).await, Place::new(Layout::MySql).await);
    let (from, to) = (migrated(&from).await, migrated(&to).await);
    for site in [&from, &to] {
        let create = "CREATE TABLE odd (id INT PRIMARY KEY, u BIGINT UNSIGNED, b BIT(1), b8 BIT(8), y YEAR, \
                      e ENUM('a', 'it''s'), s SET('x', 'y'), at DATETIME(6), t TIME(3), f FLOAT, uu UUID, g POINT, \
                      v VARBINARY(10), l VARCHAR(20) CHARACTER SET latin1, j JSON, w LONGBLOB)";
        site.database.execute_unprepared(create).await.unwrap();
    }
    for sql in [
        "INSERT INTO odd VALUES (1, 18446744073709551615, 1, 200, 2026, 'it''s', 'x,y', '2026-01-02 03:04:05.678901', \
         '23:59:59.999', 0.1, '11111111-2222-3333-4444-555555555555', POINT(1, 2), X'00FF', 'é', '{\"a\": 1}', NULL)",
        // Nearly all that the server takes at once.
        "INSERT INTO odd (id, w) VALUES (2, REPEAT('w', @@max_allowed_packet - 10000)), (3, REPEAT('x', 10000000))",
    ] {
        from.database.execute_unprepared(sql).await.unwrap();
    }
    for (read, written) in copy(&from, &to).await.unwrap() {
        assert_eq!(read, written);
    }
    let mut told = Vec::new();
    for site in [&from, &to] {
        let text = "SELECT CONCAT_WS(' ', u, HEX(b), HEX(b8), y, e, s, at, t, f, uu, ST_AsText(g), HEX(v), HEX(l), j) \
                    FROM odd WHERE id = 1 UNION ALL SELECT SHA2(w, 256) FROM odd WHERE id > 1";
        let text = Statement::from_string(site.database.get_database_backend(), text);
        let rows = site.database.query_all_raw(text).await.unwrap();
        told.push(rows.iter().map(|it| it.try_get_by_index::<String>(0).unwrap()).collect::<Vec<_>>().join("\n"));
    }
    assert_eq!(told[0], told[1]);
    insta::assert_snapshot!(told[0], @r#"
    18446744073709551615 1 C8 2026 it's x,y 2026-01-02 03:04:05.678901 23:59:59.999 0.1 11111111-2222-3333-4444-555555555555 POINT(1 2) 00FF E9 {"a": 1}
    239d73ee4ccfc753d56a867c3720b70c40da4a900dddbf26dfbfb18d908f690d
    0c9a42b3d065a64063eca67e98c932fa2e9a077bc7973a421a964a11304c998c
    "#);
    from.close().await;
    to.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_mysql_does_not_have() {
    let (from, to) = (Place::new(Layout::Files).await, Place::new(Layout::MySql).await);
    let (from, to) = (migrated(&from).await, migrated(&to).await);
    from.database.execute_unprepared("INSERT INTO everything (id, \"double\") VALUES (1, 9e999)").await.unwrap();
    let error = copy(&from, &to).await.unwrap_err();
    insta::assert_snapshot!(format!("{error:#}"), @"column `double` (double): MySQL has no inf");
    from.database
        .execute_unprepared("UPDATE everything SET \"double\" = 1, letters = printf('%.*c', 20000000, 'x')")
        .await
        .unwrap();
    let error = copy(&from, &to).await.unwrap_err();
    insta::assert_snapshot!(format!("{error:#}"), @"a row has 20000592 bytes, and the server takes 16777216: raise its `max_allowed_packet`");
    from.close().await;
    to.close().await;
}
