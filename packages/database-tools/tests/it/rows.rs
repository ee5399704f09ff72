//! Rows of the sample plugin, as sea-orm writes and reads them: what a plugin would have of them.

use backend_plugin_api::services::Database;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use database_tools::Site;
use sea_orm_migration::prelude::{ExprTrait as _, Order};
use sea_orm_migration::sea_orm::sea_query::{Expr, Query, SimpleExpr};
use sea_orm_migration::sea_orm::{ConnectionTrait, FromQueryResult, TransactionSession as _, TransactionTrait as _};

use crate::fixture::{Place, SAMPLE};

/// What every engine has alike.
#[derive(Debug, FromQueryResult, PartialEq)]
pub(crate) struct Everything {
    id: i64,
    flag: Option<bool>,
    small: Option<i16>,
    whole: Option<i32>,
    big: Option<i64>,
    single: Option<f32>,
    double: Option<f64>,
    letters: Option<String>,
    code: Option<String>,
    name: Option<String>,
    bytes: Option<Vec<u8>>,
    day: Option<NaiveDate>,
    moment: Option<NaiveTime>,
    at: Option<NaiveDateTime>,
    at_zone: Option<DateTime<Utc>>,
    doc: Option<serde_json::Value>,
    docb: Option<serde_json::Value>,
    uid: Option<uuid::Uuid>,
}

const COLUMNS: [&str; 18] = [
    "id", "flag", "small", "whole", "big", "single", "double", "letters", "code", "name", "bytes", "day", "moment",
    "at", "at_zone", "doc", "docb", "uid",
];

/// A site that is there and migrated.
pub(crate) async fn migrated(place: &Place) -> Site {
    let site = place.site(SAMPLE);
    site.provision().await.unwrap();
    site.migrator().run().await.unwrap();
    site
}

/// Rows with what is at the edge of each type, in every table.
pub(crate) async fn fill(database: &Database) {
    let bytes: Vec<u8> = (0..=255).collect();
    let text = "it's \"a\" \\ \n\t \u{1F600} `x`; -- \\N $1 ? é";
    let reals = [0.1, -0.0, 1e-308, 5e-324, f64::MAX, 1.0 / 3.0, 123_456_789.123_456_78];
    for (id, double) in (1..).zip(reals) {
        insert(database, id, double, text, bytes.clone()).await;
    }
    insert(database, 1_000, 0.0, "", Vec::new()).await;
    let nothing = Query::insert().into_table("everything").columns(["id"]).values_panic([1_001_i64.into()]).to_owned();
    database.execute(&nothing).await.unwrap();
    let exact = Query::update()
        .table("everything")
        .value("exact", Expr::cust("1234567.125"))
        .and_where(Expr::col("id").eq(1))
        .to_owned();
    database.execute(&exact).await.unwrap();
    for sql in [
        "INSERT INTO computed (id, n) VALUES (1, 21), (2, NULL)",
        "INSERT INTO tree (id, parent_id, title) VALUES (1, NULL, 'root'), (2, 1, 'child'), (3, 2, 'leaf')",
        // Each refers to what comes later by name or number.
        "UPDATE tree SET parent_id = 3 WHERE id = 1",
        "INSERT INTO author (id) VALUES (1), (2)",
        "INSERT INTO book (id, author_id) VALUES (1, 1), (2, 1)",
        "UPDATE author SET best_id = 2 WHERE id = 1",
    ] {
        database.execute_unprepared(sql).await.unwrap();
    }
    let odd = Query::insert()
        .into_table("Odd \"Name")
        .columns(["order", "a `b`"])
        .values_panic([1.into(), "x".into()])
        .to_owned();
    database.execute(&odd).await.unwrap();
}

/// A row of `everything`.
pub(crate) async fn insert(database: &impl ConnectionTrait, id: i64, double: f64, text: &str, bytes: Vec<u8>) {
    let at = DateTime::parse_from_rfc3339("2026-10-25T01:30:00Z").unwrap().to_utc();
    let values: [SimpleExpr; 18] = [
        id.into(),
        (id % 2 == 0).into(),
        i16::MIN.into(),
        i32::MIN.into(),
        i64::MIN.into(),
        0.1_f32.into(),
        double.into(),
        text.into(),
        "ab".into(),
        text.chars().take(100).collect::<String>().into(),
        bytes.into(),
        at.date_naive().into(),
        at.time().into(),
        at.naive_utc().into(),
        at.into(),
        serde_json::json!({ "a": [1, null, text, 1.5] }).into(),
        serde_json::json!([text]).into(),
        uuid::Uuid::from_u128(id.unsigned_abs().into()).into(),
    ];
    let insert = Query::insert().into_table("everything").columns(COLUMNS).values_panic(values).to_owned();
    database.execute(&insert).await.unwrap();
}

/// Many of them, in one transaction.
pub(crate) async fn insert_many(database: &Database, ids: std::ops::Range<i64>, bytes: &[u8]) {
    let transaction = database.begin().await.unwrap();
    for id in ids {
        insert(&transaction, id, 1.5, "one of many", bytes.to_vec()).await;
    }
    transaction.commit().await.unwrap();
}

pub(crate) async fn everything(database: &Database) -> Vec<Everything> {
    let select = Query::select().columns(COLUMNS).from("everything").order_by("id", Order::Asc).to_owned();
    let rows = database.query_all(&select).await.unwrap();
    let mut rows: Vec<_> = rows.iter().map(|it| Everything::from_query_result(it, "").unwrap()).collect();
    for row in &mut rows {
        // PostgreSQL fills `char(n)` up.
        row.code = row.code.take().map(|it| it.trim_end().to_owned());
    }
    rows
}

/// What is in the other tables, as one text.
pub(crate) async fn others(database: &Database) -> String {
    let exact = Query::select()
        .expr(Expr::col("exact").cast_as("char(40)"))
        .from("everything")
        .and_where(Expr::col("id").eq(1))
        .to_owned();
    let exact = database.query_one(&exact).await.unwrap().unwrap();
    let exact: Option<String> = exact.try_get_by_index(0).unwrap();
    let exact = exact.unwrap_or_default();
    let exact = exact.trim_end().trim_end_matches('0');
    let mut out = format!("exact {exact}\n");
    for (table, columns) in [
        ("author", ["id", "best_id"]),
        ("book", ["id", "author_id"]),
        ("computed", ["id", "doubled"]),
        ("tree", ["id", "parent_id"]),
    ] {
        let select = Query::select().columns(columns).from(table).order_by("id", Order::Asc).to_owned();
        for row in database.query_all(&select).await.unwrap() {
            let (id, other): (i32, Option<i32>) = (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap());
            out.push_str(&format!("{table} {id} {other:?}\n"));
        }
    }
    for (table, column) in [("Odd \"Name", "a `b`"), ("settings", "value")] {
        let select = Query::select().column(column).from(table).to_owned();
        for row in database.query_all(&select).await.unwrap() {
            out.push_str(&format!("{table} {}\n", row.try_get_by_index::<String>(0).unwrap()));
        }
    }
    out
}

/// The number that the next row of `tree` gets.
pub(crate) async fn next_in_tree(database: &Database) -> i32 {
    let insert = Query::insert().into_table("tree").columns(["title"]).values_panic(["next".into()]).to_owned();
    database.execute(&insert).await.unwrap();
    let select = Query::select().expr(Expr::col("id").max()).from("tree").to_owned();
    database.query_one(&select).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}
