use insta::assert_snapshot;
use serde_json::{Value, json};
use test_servers::{MariaDb, Postgres, SqlServer};

use super::{Names, Place};

/// Takes the stamp off the plugin's database.
fn forget(place: &Place, plugin: &str) {
    let rows = "DELETE FROM greenroom_stamp";
    match &place.names {
        Names::Postgres(scratch) if place.layout == "schemas" => {
            let database = place.database["connection"]["database"].as_str().unwrap();
            let sql = format!("COMMENT ON SCHEMA {plugin} IS NULL; SET search_path TO {plugin}; {rows}");
            assert!(database.starts_with(scratch.prefix()));
            Postgres::shared().unwrap().sql_in(database, &sql).unwrap();
        }
        Names::Postgres(scratch) => {
            let database = format!("{}{plugin}", scratch.prefix());
            let sql = format!("COMMENT ON DATABASE {database} IS NULL; {rows}");
            Postgres::shared().unwrap().sql_in(&database, &sql).unwrap();
        }
        Names::MySql(scratch) => {
            MariaDb::shared().unwrap().sql(&format!("USE {}{plugin}; {rows}", scratch.prefix())).unwrap();
        }
        Names::None => panic!("files are not on a server"),
    }
}

#[test]
fn what_others_made_may_be_dropped_once_it_is_adopted() {
    for place in [Place::postgres(), Place::schemas(), Place::mysql()] {
        let layout = place.layout;
        place.make();
        forget(&place, "todo");
        assert_eq!(place.status()["plugins"]["todo"]["stamp"], Value::Null, "{layout}");
        assert_eq!(place.db(&["drop", "--yes", "--plugin", "todo"]).0, Some(1), "{layout}");
        let (code, stdout, stderr) = place.db(&["adopt", "--plugin", "todo"]);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{layout}");
        assert!(stderr.contains("to be stamped, with all that is there"), "{layout}: {stderr}");
        let (code, stdout, _) = place.db(&["adopt", "--yes", "--json"]);
        assert_eq!(code, Some(0), "{layout}");
        let adopted: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(adopted["plugins"]["todo"]["stamped"], json!(true), "{layout}");
        assert_eq!(adopted["plugins"]["catalog"], Value::Null, "{layout}");
        assert_eq!(place.db(&["drop", "--yes", "--plugin", "todo"]).0, Some(0), "{layout}");
    }
}

#[test]
fn what_is_said() {
    let place = Place::postgres();
    place.make();
    forget(&place, "todo");
    let (code, stdout, stderr) = place.db(&["adopt", "--yes"]);
    assert_eq!(code, Some(0));
    assert_snapshot!(stdout, @"stamped 127.0.0.1:00000/it________________todo");
    assert_snapshot!(stderr, @"
    `catalog`: 127.0.0.1:00000/it________________catalog is stamped already
    to be stamped, with all that is there:

    plugin  server           database                tables  rows
    todo    127.0.0.1:00000  it________________todo       1     0
    ");
    let (code, stdout, _) = place.db(&["adopt", "--yes"]);
    assert_eq!((code, stdout.as_str()), (Some(0), ""));
    let Names::Postgres(scratch) = &place.names else { panic!("it is PostgreSQL") };
    let sql = format!("COMMENT ON DATABASE {}todo IS 'made by greenroom 0.1.0 for plugin other'", scratch.prefix());
    Postgres::shared().unwrap().sql(&sql).unwrap();
    let (code, _, stderr) = place.db(&["adopt", "--yes", "--plugin", "todo"]);
    assert_eq!(code, Some(1));
    assert_snapshot!(stderr, @"
    error: `todo`: 127.0.0.1:00000/it________________todo is stamped as that of plugin `other`
    nothing was done
    ");
}
