//! Rows of the sample plugin, as sea-orm writes and reads them.

use backend_plugin_api::services::Database;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use sea_orm_migration::sea_orm::sea_query::{Expr, ExprTrait as _, Order, Query, SimpleExpr};
use sea_orm_migration::sea_orm::{ConnectionTrait as _, DbBackend, FromQueryResult};
use serde_json::{Value, json};
use uuid::Uuid;

/// A row of `everything`.
#[derive(Clone, Debug, Default, FromQueryResult, PartialEq)]
pub(super) struct Everything {
    pub(super) id: i64,
    pub(super) flag: Option<bool>,
    pub(super) small: Option<i16>,
    pub(super) whole: Option<i32>,
    pub(super) big: Option<i64>,
    pub(super) single: Option<f32>,
    pub(super) double: Option<f64>,
    /// As text.
    pub(super) exact: Option<String>,
    pub(super) letters: Option<String>,
    pub(super) code: Option<String>,
    pub(super) name: Option<String>,
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) day: Option<NaiveDate>,
    pub(super) moment: Option<NaiveTime>,
    pub(super) at: Option<NaiveDateTime>,
    pub(super) at_zone: Option<DateTime<Utc>>,
    pub(super) doc: Option<Value>,
    pub(super) docb: Option<Value>,
    pub(super) uid: Option<Uuid>,
}

const COLUMNS: [&str; 19] = [
    "id", "flag", "small", "whole", "big", "single", "double", "exact", "letters", "code", "name", "bytes", "day",
    "moment", "at", "at_zone", "doc", "docb", "uid",
];

pub(super) async fn insert(database: &Database, row: Everything) {
    let number = if database.get_database_backend() == DbBackend::Sqlite { "real" } else { "decimal(20, 6)" };
    let values: [SimpleExpr; 19] = [
        row.id.into(),
        row.flag.into(),
        row.small.into(),
        row.whole.into(),
        row.big.into(),
        row.single.into(),
        row.double.into(),
        Expr::val(row.exact).cast_as(number),
        row.letters.into(),
        row.code.into(),
        row.name.into(),
        row.bytes.into(),
        row.day.into(),
        row.moment.into(),
        row.at.into(),
        row.at_zone.into(),
        row.doc.into(),
        row.docb.into(),
        row.uid.into(),
    ];
    let insert = Query::insert().into_table("everything").columns(COLUMNS).values_panic(values).to_owned();
    database.execute(&insert).await.unwrap();
}

/// All rows, in order.
pub(super) async fn everything(database: &Database) -> Vec<Everything> {
    let text =
        if database.get_database_backend() == DbBackend::MySql { "CAST(exact AS CHAR)" } else { "CAST(exact AS TEXT)" };
    let mut select = Query::select();
    select.from("everything").order_by("id", Order::Asc);
    for column in COLUMNS {
        match column {
            "exact" => select.expr_as(Expr::cust(text), "exact"),
            _ => select.column(column),
        };
    }
    let rows = database.query_all(&select).await.unwrap();
    let row = |it| {
        let row = Everything::from_query_result(it, "").unwrap();
        // Digits that say nothing are shown or not.
        let exact = row
            .exact
            .map(|it| if it.contains('.') { it.trim_end_matches('0').trim_end_matches('.').to_owned() } else { it });
        let code = row.code.map(|it| it.trim_end().to_owned());
        Everything { exact, code, ..row }
    };
    rows.iter().map(row).collect()
}

/// What every engine can have.
pub(super) fn edges() -> Vec<Everything> {
    let at = |text: &str| Some(DateTime::parse_from_rfc3339(text).unwrap().to_utc());
    let time = |text: &str| Some(text.parse::<NaiveTime>().unwrap());
    let day = |text: &str| Some(text.parse::<NaiveDate>().unwrap());
    let odd = "\\N \\. \t\r\n\u{8}\u{b}\\t '\"` ,; {}[] \u{1F600} ä\u{301} \u{FEFF}\u{2028} NULL $1 ? %s \\";
    vec![
        Everything { id: 1, ..Everything::default() },
        Everything {
            id: 2,
            flag: Some(true),
            small: Some(i16::MAX),
            whole: Some(i32::MAX),
            big: Some(i64::MAX),
            single: Some(0.1),
            double: Some(0.1),
            exact: Some("12345678.123456".into()),
            letters: Some(odd.into()),
            code: Some("abcd".into()),
            name: Some("\\N".into()),
            bytes: Some((0..=255).collect()),
            day: day("2026-02-28"),
            moment: time("23:59:59"),
            at: at("2026-03-29T01:30:00Z").map(|it| it.naive_utc()),
            at_zone: at("2026-10-25T01:30:00Z"),
            doc: Some(json!({ "b": 1, "a": [null, true, 1.5, -3, "\u{1F600}\n\"\\", {}, []] })),
            docb: Some(json!([9_007_199_254_740_993_i64, "ä", { "z": "\t" }])),
            uid: Some(Uuid::from_u128(u128::MAX - 1)),
        },
        Everything {
            id: 3,
            flag: Some(false),
            small: Some(i16::MIN),
            whole: Some(i32::MIN),
            big: Some(i64::MIN),
            single: Some(-1.5e-10),
            double: Some(f64::MAX),
            exact: Some("-0.0625".into()),
            letters: Some(String::new()),
            code: Some("ä".into()),
            name: Some(" blanks ".into()),
            bytes: Some(Vec::new()),
            day: day("1000-01-01"),
            moment: time("00:00:00"),
            at: at("1000-01-01T00:00:00Z").map(|it| it.naive_utc()),
            at_zone: at("1970-01-01T00:00:01Z"),
            doc: Some(json!("text")),
            docb: Some(json!({})),
            uid: Some(Uuid::nil()),
        },
        Everything {
            id: 4,
            single: Some(16_777_216.0),
            double: Some(-1.0 / 3.0),
            exact: Some("0".into()),
            letters: Some("x".repeat(60_000)),
            bytes: Some(b"\\x00 \n\t".to_vec()),
            day: day("9999-12-31"),
            at: at("9999-12-31T23:59:59Z").map(|it| it.naive_utc()),
            at_zone: at("2038-01-19T03:14:07Z"),
            doc: Some(json!(0)),
            docb: Some(json!(false)),
            ..Everything::default()
        },
        Everything { id: 1_000_000, double: Some(5e-324), exact: Some("1000".into()), ..Everything::default() },
    ]
}

/// What MySQL's columns of these types have not: parts of a second, and moments beyond 2038.
pub(super) fn fractions() -> Everything {
    let at = DateTime::from_timestamp_micros(4_102_444_800_123_456).unwrap();
    let early = DateTime::from_timestamp_micros(-1_500_001).unwrap();
    let moment = Some(at.time());
    Everything { id: 5, moment, at: Some(early.naive_utc()), at_zone: Some(at), ..Everything::default() }
}
