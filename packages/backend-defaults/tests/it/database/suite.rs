use std::time::Duration;

use backend_defaults::database::DatabaseError;
use backend_plugin_api::services::Database;
use futures::TryStreamExt;
use futures::future::{join_all, try_join_all};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, SqlErr, Statement, StreamTrait, TransactionSession, TransactionTrait,
};

use super::fixture::{Fixture, PLUGIN, migrate};

pub(super) mod item {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "item")]
    pub(crate) struct Model {
        #[sea_orm(primary_key)]
        pub(crate) id: i32,
        pub(crate) name: String,
        pub(crate) parent: Option<i32>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) async fn insert(connection: &impl ConnectionTrait, name: &str) -> Result<item::Model, DbErr> {
    item::ActiveModel { name: Set(name.to_owned()), ..Default::default() }.insert(connection).await
}

pub(super) async fn names(connection: &impl ConnectionTrait) -> Vec<String> {
    let mut names: Vec<_> = item::Entity::find().all(connection).await.unwrap().into_iter().map(|it| it.name).collect();
    names.sort();
    names
}

pub(super) async fn rows_are_written_and_read(fixture: &Fixture) {
    let database = &fixture.database;
    let one = insert(database, "one").await.unwrap();
    let two = insert(database, "two").await.unwrap();
    assert_eq!(item::Entity::find_by_id(two.id).one(database).await.unwrap(), Some(two.clone()));
    item::ActiveModel { name: Set("three".to_owned()), ..two.into() }.update(database).await.unwrap();
    assert_eq!(names(database).await, ["one", "three"]);
    one.delete(database).await.unwrap();
    assert_eq!(item::Entity::find().count(database).await.unwrap(), 1);
    database.ping().await.unwrap();
}

pub(super) async fn violated_constraints_are_typed(fixture: &Fixture) {
    let database = &fixture.database;
    insert(database, "one").await.unwrap();
    let twice = insert(database, "one").await.unwrap_err();
    assert!(matches!(twice.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))), "{twice}");
    let orphan = item::ActiveModel { name: Set("two".to_owned()), parent: Set(Some(99)), ..Default::default() };
    let orphan = orphan.insert(database).await.unwrap_err();
    assert!(matches!(orphan.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_))), "{orphan}");
}

pub(super) async fn a_transaction_is_all_or_nothing(fixture: &Fixture) {
    let database = &fixture.database;
    let transaction = database.begin().await.unwrap();
    insert(&transaction, "kept").await.unwrap();
    assert_eq!(names(&transaction).await, ["kept"]);
    transaction.commit().await.unwrap();

    let transaction = database.begin().await.unwrap();
    insert(&transaction, "rolled back").await.unwrap();
    transaction.rollback().await.unwrap();

    let transaction = database.begin().await.unwrap();
    insert(&transaction, "dropped").await.unwrap();
    drop(transaction);

    assert_eq!(names(database).await, ["kept"]);
    insert(database, "after").await.unwrap();
    assert_eq!(names(database).await, ["after", "kept"]);
}

pub(super) async fn nested_transactions_are_undone_alone(fixture: &Fixture) {
    let database = &fixture.database;
    let outer = database.begin().await.unwrap();
    insert(&outer, "outer").await.unwrap();
    let inner = outer.begin().await.unwrap();
    insert(&inner, "inner, rolled back").await.unwrap();
    inner.rollback().await.unwrap();
    let inner = outer.begin().await.unwrap();
    insert(&inner, "inner, dropped").await.unwrap();
    drop(inner);
    let inner = outer.begin().await.unwrap();
    insert(&inner, "inner").await.unwrap();
    inner.commit().await.unwrap();
    assert_eq!(names(&outer).await, ["inner", "outer"]);
    outer.commit().await.unwrap();
    assert_eq!(names(database).await, ["inner", "outer"]);
}

pub(super) async fn closures_commit_and_roll_back(fixture: &Fixture) {
    let database = &fixture.database;
    let done = database.transaction(|it| Box::pin(async move { insert(it, "kept").await })).await;
    assert_eq!(done.unwrap().name, "kept");
    let failed = database.transaction::<_, (), DbErr>(|it| {
        Box::pin(async move {
            insert(it, "rolled back").await?;
            Err(DbErr::Custom("no".to_owned()))
        })
    });
    failed.await.unwrap_err();
    assert_eq!(names(database).await, ["kept"]);
}

async fn fill(database: &Database, count: usize) {
    let items = (0..count).map(|it| item::ActiveModel { name: Set(format!("{it:04}")), ..Default::default() });
    item::Entity::insert_many(items).exec(database).await.unwrap();
}

pub(super) async fn rows_are_streamed(fixture: &Fixture) {
    let database = &fixture.database;
    fill(database, 500).await;
    let mut rows = item::Entity::find().stream(database).await.unwrap();
    let mut seen = 0;
    while let Some(row) = rows.try_next().await.unwrap() {
        seen += 1;
        if row.id % 100 == 0 {
            // A stream does not keep others from writing.
            insert(database, &format!("new {seen}")).await.unwrap();
        }
    }
    assert_eq!(seen, 500, "a stream sees what was there when it began");

    let transaction = database.begin().await.unwrap();
    item::Entity::delete_many().filter(item::Column::Name.like("new%")).exec(&transaction).await.unwrap();
    let rows: Vec<_> = item::Entity::find().stream(&transaction).await.unwrap().try_collect().await.unwrap();
    assert_eq!(rows.len(), 500);
    transaction.commit().await.unwrap();

    let statement = Statement::from_string(ConnectionTrait::get_database_backend(database), "SELECT * FROM nothing");
    let missing = database.stream_raw(statement).await.unwrap().try_next().await;
    assert!(missing.is_err_and(|it| it.to_string().contains("nothing")));
}

pub(super) async fn a_stream_may_be_given_up(fixture: &Fixture) {
    let database = &fixture.database;
    fill(database, 2000).await;
    for _ in 0..20 {
        let mut rows = item::Entity::find().stream(database).await.unwrap();
        rows.try_next().await.unwrap().unwrap();
    }
    let transaction = database.begin().await.unwrap();
    insert(&transaction, "before").await.unwrap();
    let mut rows = item::Entity::find().stream(&transaction).await.unwrap();
    rows.try_next().await.unwrap().unwrap();
    drop(rows);
    insert(&transaction, "after").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(item::Entity::find().count(database).await.unwrap(), 2002);
}

pub(super) async fn a_plugin_may_query_beside_its_transaction(fixture: &Fixture) {
    let database = &fixture.database;
    insert(database, "before").await.unwrap();
    let transaction = database.begin().await.unwrap();
    insert(&transaction, "in it").await.unwrap();
    // In the same task: nobody could let the transaction go on meanwhile.
    for _ in 0..10 {
        assert_eq!(names(database).await, ["before"]);
        assert_eq!(names(&transaction).await, ["before", "in it"]);
    }
    let beside = tokio::spawn({
        let database = database.clone();
        async move { names(&database).await }
    });
    assert_eq!(beside.await.unwrap(), ["before"]);
    transaction.commit().await.unwrap();
    assert_eq!(names(database).await, ["before", "in it"]);
}

pub(super) async fn a_write_beside_a_transaction_fails_within_a_bound(fixture: &Fixture) {
    let database = &fixture.database;
    let transaction = database.begin().await.unwrap();
    insert(&transaction, "in it").await.unwrap();
    let error = insert(database, "beside it").await.unwrap_err();
    let cause = DatabaseError::of(&error).unwrap();
    assert!(matches!(cause, DatabaseError::WriterBusy { holder: Some(it), .. } if it.transaction), "{error}");
    assert!(error.to_string().contains("its write transaction, begun 2."), "{error}");
    transaction.commit().await.unwrap();
    insert(database, "after it").await.unwrap();
    assert_eq!(names(database).await, ["after it", "in it"]);
}

pub(super) async fn a_write_beside_a_transaction_goes_through(fixture: &Fixture) {
    let database = &fixture.database;
    let transaction = database.begin().await.unwrap();
    insert(&transaction, "in it").await.unwrap();
    insert(database, "beside it").await.unwrap();
    assert_eq!(names(database).await, ["beside it"]);
    transaction.commit().await.unwrap();
    assert_eq!(names(database).await, ["beside it", "in it"]);
}

pub(super) async fn plugins_do_not_see_each_other(fixture: &Fixture) {
    insert(&fixture.database, "ours").await.unwrap();
    assert!(names(&fixture.other).await.is_empty());
    let transaction = fixture.database.begin().await.unwrap();
    // Nor does one wait for the other.
    insert(&fixture.other, "theirs").await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(names(&fixture.database).await, ["ours"]);
    assert_eq!(names(&fixture.other).await, ["theirs"]);
}

pub(super) async fn fifty_write_at_once(fixture: &Fixture) {
    let database = &fixture.database;
    let counter = item::ActiveModel { name: Set("counter".to_owned()), parent: Set(None), ..Default::default() };
    let counter = counter.insert(database).await.unwrap();
    let tasks = (0..50).map(|task| {
        let database = database.clone();
        tokio::spawn(async move {
            for round in 0..10 {
                let add = database.transaction::<_, _, DbErr>(move |it| {
                    Box::pin(async move {
                        let count = item::Entity::find().count(it).await?;
                        insert(it, &format!("{task} {round} {count}")).await
                    })
                });
                add.await.unwrap();
                insert(&database, &format!("{task} {round}")).await.unwrap();
                item::Entity::find_by_id(counter.id).one(&database).await.unwrap().unwrap();
            }
        })
    });
    try_join_all(tasks).await.unwrap();
    assert_eq!(item::Entity::find().count(database).await.unwrap(), 1 + 50 * 10 * 2);
}

/// Pairs of rows are written in transactions that are cut off anywhere: there is never one alone.
pub(super) async fn cancelled_work_leaves_nothing_behind(fixture: &Fixture) {
    let database = &fixture.database;
    fill(database, 500).await;
    let tasks = (0..8_u64).map(|task| {
        let database = database.clone();
        tokio::spawn(async move {
            let mut random = task + 1;
            for round in 0..60 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let after = Duration::from_micros((random >> 33) % 3000);
                let work = pair_of_rows(&database, format!("{task} {round}"), random >> 60);
                drop(tokio::time::timeout(after, work).await);
            }
        })
    });
    join_all(tasks).await.into_iter().for_each(Result::unwrap);

    let left: Vec<_> = names(database).await.into_iter().filter(|it| it.starts_with("pair")).collect();
    for name in &left {
        let other =
            if name.contains("first") { name.replace("first", "second") } else { name.replace("second", "first") };
        assert!(other != *name && left.contains(&other), "{name} is alone");
    }
    // Every connection works: more at once than there are.
    let work = (0..12).map(|it| pair_of_rows(database, format!("after {it}"), 1));
    try_join_all(work).await.unwrap();
    assert_eq!(
        item::Entity::find().filter(item::Column::Name.like("pair first after%")).count(database).await.unwrap(),
        12
    );
}

async fn pair_of_rows(database: &Database, name: String, kind: u64) -> Result<(), DbErr> {
    let transaction = database.begin().await?;
    insert(&transaction, &format!("pair first {name}")).await?;
    if kind.is_multiple_of(4) {
        let inner = transaction.begin().await?;
        insert(&inner, &format!("pair lone {name}")).await?;
        let mut rows = item::Entity::find().stream(&inner).await?;
        rows.try_next().await?;
        drop(rows);
        inner.rollback().await?;
    }
    if kind.is_multiple_of(2) {
        item::Entity::find().stream(database).await?.try_next().await?;
        let everything = item::Entity::update_many().col_expr(item::Column::Parent, Expr::value(None::<i32>));
        everything.exec(&transaction).await?;
    }
    insert(&transaction, &format!("pair second {name}")).await?;
    transaction.commit().await?;
    item::Entity::find().all(database).await?;
    Ok(())
}

pub(super) async fn migrations_are_applied_once(fixture: &Fixture) {
    let database = &fixture.database;
    insert(database, "kept").await.unwrap();
    migrate(PLUGIN, database).await;
    assert_eq!(names(database).await, ["kept"]);
    let backend = ConnectionTrait::get_database_backend(database);
    let stamps =
        database.query_all_raw(Statement::from_string(backend, "SELECT * FROM greenroom_stamp")).await.unwrap();
    assert_eq!(stamps.len(), 1);
    assert_eq!(stamps[0].try_get::<String>("", "plugin").unwrap(), "todo");
    assert_eq!(stamps[0].try_get::<String>("", "version").unwrap(), env!("CARGO_PKG_VERSION"));
    let made: chrono::DateTime<chrono::Utc> = stamps[0].try_get("", "created_at").unwrap();
    assert!(made.timestamp() > 1_700_000_000);
}

pub(super) async fn a_closed_database_says_so(fixture: &Fixture) {
    let database = &fixture.database;
    insert(database, "one").await.unwrap();
    let transaction = database.begin().await.unwrap();
    database.close().await;
    for error in [
        insert(database, "two").await.unwrap_err(),
        item::Entity::find().all(database).await.unwrap_err(),
        database.begin().await.map(drop).unwrap_err(),
    ] {
        assert!(matches!(DatabaseError::of(&error), Some(DatabaseError::Closed { .. })), "{error}");
    }
    let error = database.migration_connection().await.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(DatabaseError::Closed { .. })), "{error}");
    drop(transaction);
    insert(&fixture.other, "others are open").await.unwrap();
    database.close().await;
}
