use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use backend_app_api::HistoryRow;
use rusqlite::{Connection, OpenFlags};
use tokio::task::spawn_blocking;

use super::processes::{OpenFiles, beside};
use super::{Counting, Facts, Stamp, TableFacts};
use crate::Site;

/// What was read of a file.
struct Read {
    tables: Vec<TableFacts>,
    history: Vec<HistoryRow>,
    stamps: Vec<String>,
}

pub(super) async fn facts(site: &Site, counting: Counting, open: &OpenFiles) -> anyhow::Result<Facts> {
    let Some(file) = site.file().map(Path::to_owned) else { return Ok(Facts::default()) };
    if !tokio::fs::try_exists(&file).await? {
        return Ok(Facts::missing(site).await);
    }
    let mut facts = Facts { exists: true, sessions: open.of(&file), ..Facts::default() };
    let reading = file.clone();
    let Read { tables, history, stamps } = spawn_blocking(move || read(&reading, counting)).await??;
    tables.into_iter().for_each(|it| facts.sort_in(it));
    for file in ["", "-wal"].map(|it| beside(&file, it)) {
        facts.bytes += tokio::fs::metadata(file).await.map_or(0, |it| it.len());
    }
    facts.stamp = Stamp::of(site.plugin(), None, &stamps);
    facts.migrations = site.migrator().compare(history).await;
    Ok(facts)
}

fn read(file: &Path, counting: Counting) -> anyhow::Result<Read> {
    let connection = look_into(file).with_context(|| format!("cannot open `{}`", file.display()))?;
    let names = tables(&connection)?;
    let has = |name: &str| names.iter().any(|it| it == name);
    let counts = names.iter().map(|it| table(&connection, it, counting)).collect::<rusqlite::Result<_>>()?;
    let history = if has("greenroom_migrations") { history(&connection)? } else { Vec::new() };
    let stamps = if has("greenroom_stamp") { stamps(&connection)? } else { Vec::new() };
    Ok(Read { tables: counts, history, stamps })
}

/// Opens it so that it stays as it is. A log that is there is left, as its owner may be gone and be wanted back; where
/// there is none, one is made to read by and removed again, which takes the right to write.
pub(crate) fn look_into(file: &Path) -> rusqlite::Result<Connection> {
    let access = match fs::exists(beside(file, "-wal")) {
        Ok(true) => OpenFlags::SQLITE_OPEN_READ_ONLY,
        _ => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let connection = Connection::open_with_flags(absolute(file), access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// So that SQLite never takes it for a URI.
pub(crate) fn absolute(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}

/// All but SQLite's own and those that virtual ones keep their data in, by name.
pub(crate) fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') \
               AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name";
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

/// The plugins that the file is stamped for; there has to be the table.
pub(crate) fn stamps(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection.prepare("SELECT plugin FROM greenroom_stamp ORDER BY plugin")?.query_map([], |row| row.get(0))?.collect()
}

fn table(connection: &Connection, name: &str, counting: Counting) -> rusqlite::Result<TableFacts> {
    let quoted = quoted(name);
    let limit = counting.limit().map(|it| format!(" LIMIT {it}")).unwrap_or_default();
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {quoted}{limit})");
    let counted: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
    let counted = counted.unsigned_abs();
    // Rows are numbered, but for tables that are kept by their key.
    let newest = || connection.query_row(&format!("SELECT max(rowid) FROM {quoted}"), [], |row| row.get::<_, i64>(0));
    let estimate = if counting.rows(counted, 0).1 { 0 } else { newest().unwrap_or_default().max(0).unsigned_abs() };
    let (rows, exact) = counting.rows(counted, estimate);
    Ok(TableFacts { schema: None, name: name.to_owned(), rows, exact })
}

fn history(connection: &Connection) -> rusqlite::Result<Vec<HistoryRow>> {
    let sql = "SELECT list, version, ordinal, applied_by, checksum FROM greenroom_migrations";
    let row = |row: &rusqlite::Row<'_>| {
        Ok(HistoryRow {
            list: row.get(0)?,
            version: row.get(1)?,
            ordinal: row.get(2)?,
            applied_by: row.get(3)?,
            checksum: row.get(4)?,
        })
    };
    connection.prepare(sql)?.query_map([], row)?.collect()
}

/// An identifier in double quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
