//! Where backups are written.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use insta::assert_snapshot;
use sea_orm_migration::sea_orm::ConnectionTrait as _;

use super::back_up;
use crate::fixture::{LAYOUTS, Layout, OTHER, Place, SAMPLE};
use crate::rows::{fill, migrated};

/// What is in a folder and below.
fn files(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path.strip_prefix(folder).unwrap().display().to_string()),
            }
        }
    }
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_it() {
    let place = Place::new(Layout::Files).await;
    let site = migrated(&place).await;
    fill(&site.database).await;
    let folder = place.folder.path().join("backup");
    let backup = back_up(std::slice::from_ref(&site), &folder).await.unwrap();
    assert_snapshot!(files(&folder).join("\n"), @r"
    manifest.json
    sample/author.jsonl.zst
    sample/book.jsonl.zst
    sample/computed.jsonl.zst
    sample/everything.jsonl.zst
    sample/odd--name-0.jsonl.zst
    sample/settings.jsonl.zst
    sample/tree.jsonl.zst
    ");
    for file in files(&folder) {
        let mode = fs::metadata(folder.join(&file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let lines =
        |file: &str| String::from_utf8(zstd::decode_all(fs::File::open(folder.join(file)).unwrap()).unwrap()).unwrap();
    assert_snapshot!(lines("sample/tree.jsonl.zst"), @r#"
    [1,3,"root",null]
    [2,1,"child",null]
    [3,2,"leaf",null]
    "#);
    assert_snapshot!(lines("sample/computed.jsonl.zst"), @r"
    [1,21]
    [2,null]
    ");
    assert_snapshot!(lines("sample/everything.jsonl.zst").lines().next().unwrap(), @r#"[1,false,-32768,-2147483648,"-9223372036854775808",0.10000000149011612,0.1,"1234567.125","it's \"a\" \\ \n\t 😀 `x`; -- \\N $1 ? é","ab","it's \"a\" \\ \n\t 😀 `x`; -- \\N $1 ? é","AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0BBQkNERUZHSElKS0xNTk9QUVJTVFVWV1hZWltcXV5fYGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn+AgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq+wsbKztLW2t7i5uru8vb6/wMHCw8TFxsfIycrLzM3Oz9DR0tPU1dbX2Nna29zd3t/g4eLj5OXm5+jp6uvs7e7v8PHy8/T19vf4+fr7/P3+/w==","2026-10-25","01:30:00","2026-10-25T01:30:00","2026-10-25T01:30:00Z","{\"a\":[1,null,\"it's \\\"a\\\" \\\\ \\n\\t 😀 `x`; -- \\\\N $1 ? é\",1.5]}","[\"it's \\\"a\\\" \\\\ \\n\\t 😀 `x`; -- \\\\N $1 ? é\"]","00000000-0000-0000-0000-000000000001"]"#);
    let sample = &backup.manifest.plugins["sample"];
    let tree = sample.tables.iter().find(|it| it.table.name == "tree").unwrap();
    let mut tree = serde_json::to_value(tree).unwrap();
    tree["bytes"] = 0.into();
    tree["sha256"] = "".into();
    assert_snapshot!(format!("{tree:#}"), @r#"
    {
      "name": "tree",
      "columns": [
        {
          "name": "id",
          "kind": "int",
          "declared": "INTEGER",
          "generated": false,
          "counts": true
        },
        {
          "name": "parent_id",
          "kind": "int",
          "declared": "INTEGER",
          "generated": false,
          "counts": false
        },
        {
          "name": "title",
          "kind": "text",
          "declared": "varchar(255)",
          "generated": false,
          "counts": false
        },
        {
          "name": "note",
          "kind": "text",
          "declared": "TEXT",
          "generated": false,
          "counts": false
        }
      ],
      "references": [],
      "file": "sample/tree.jsonl.zst",
      "bytes": 0,
      "sha256": "",
      "rows": 3,
      "sum": "07079b1298f06342c6b3a99286da85f4"
    }
    "#);
    let migrations: Vec<_> =
        sample.migrations.iter().map(|it| format!("{} {} {}", it.ordinal, it.list, it.version)).collect();
    assert_snapshot!(migrations.join("\n"), @r"
    1 host m20260101_000001_stamp
    2 plugin m20260101_000001_create_all
    3 plugin m20260102_000001_add_note
    ");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_backed_up_leaves_nothing() {
    for layout in LAYOUTS {
        let place = Place::new(layout).await;
        let site = migrated(&place).await;
        // It was never started.
        let other = place.site(OTHER);
        let folder = place.folder.path().join("backup");
        let error = back_up(&[site.clone(), other.clone()], &folder).await.unwrap_err().to_string();
        assert!(error.starts_with("`other`: ") && !error.contains("sample`"), "{layout:?}: {error}");
        assert!(!folder.exists(), "{layout:?}");
        assert!(!other.exists().await.unwrap() || layout == Layout::PostgresSchema, "{layout:?}");
        site.close().await;
        other.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_with_something_in_it_is_refused() {
    let place = Place::new(Layout::Files).await;
    let site = migrated(&place).await;
    fs::write(place.folder.path().join("mine"), "").unwrap();
    let error = back_up(std::slice::from_ref(&site), place.folder.path()).await.unwrap_err();
    let text = error.to_string().replace(&place.folder.path().display().to_string(), "<folder>");
    assert_snapshot!(text, @"`<folder>` is not empty: name a folder that is, or that is not there");
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_can_be_no_folder() {
    let place = Place::new(Layout::Files).await;
    let site = migrated(&place).await;
    fs::write(place.folder.path().join("no"), "").unwrap();
    let folder = place.folder.path().join("no").join("folder");
    let error = back_up(std::slice::from_ref(&site), &folder).await.unwrap_err();
    let text = error.to_string().replace(&place.folder.path().display().to_string(), "<folder>");
    assert_snapshot!(text, @"cannot make `<folder>/no/folder`: File exists (os error 17)");
    site.close().await;
    let in_memory =
        crate::fixture::site(&serde_json::json!({ "client": "better-sqlite3", "connection": ":memory:" }), SAMPLE);
    let error = back_up(std::slice::from_ref(&in_memory), &place.folder.path().join("backup")).await.unwrap_err();
    assert_snapshot!(error, @"`sample`: it is in memory: there is nothing that could be restored");
    in_memory.close().await;
}

/// SQLite takes anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_is_none_of_its_column() {
    let place = Place::new(Layout::Files).await;
    let site = migrated(&place).await;
    fill(&site.database).await;
    site.database.execute_unprepared("UPDATE everything SET day = 'soon' WHERE id = 2").await.unwrap();
    let error = back_up(std::slice::from_ref(&site), &place.folder.path().join("backup")).await.unwrap_err();
    assert_snapshot!(error, @r#"`sample`: table `everything`: column `day`, row 2 of its table: "soon" is no date"#);
    site.close().await;
}
