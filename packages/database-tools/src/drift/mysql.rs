//! MySQL and MariaDB: what `SHOW CREATE` says, a line a fact.

use backend_defaults::database::mysql::quoted;
use backend_plugin_api::services::Database;
use sea_orm::DbErr;

use super::description::{Description, Fact, FactKind, Kind, Mend, Object};
use super::rows;
use super::script::Change;

const TABLES: &str = "SELECT CAST(TABLE_NAME AS CHAR), CAST(TABLE_TYPE AS CHAR) FROM information_schema.TABLES \
    WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1";
/// Not by `SHOW CREATE VIEW`, which MariaDB 10.11 answers as before a change when it is a statement prepared before it. Tables
/// are named with their database.
const VIEWS: &str = "SELECT CAST(TABLE_NAME AS CHAR), CAST(REPLACE(VIEW_DEFINITION, CONCAT('`', DATABASE(), '`.'), '') AS CHAR) \
    FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()";
const TRIGGERS: &str = "SELECT CAST(EVENT_OBJECT_TABLE AS CHAR), CAST(TRIGGER_NAME AS CHAR), CAST(ACTION_TIMING AS CHAR), \
    CAST(EVENT_MANIPULATION AS CHAR), CAST(ACTION_STATEMENT AS CHAR) FROM information_schema.TRIGGERS \
    WHERE TRIGGER_SCHEMA = DATABASE()";

pub(super) async fn describe(database: &Database) -> Result<Description, DbErr> {
    let mut description = Description::default();
    for [name, kind] in rows(database, TABLES).await? {
        let shown = quoted(&name);
        match kind.as_str() {
            "VIEW" => {}
            "SEQUENCE" => {
                for [_, sql] in rows(database, format!("SHOW CREATE SEQUENCE {shown}")).await? {
                    let change = Change::Overwrite(sql.replacen("CREATE", "CREATE OR REPLACE", 1));
                    let fact = Fact::whole(from(&sql, "start with").to_owned(), change);
                    description.whole(Kind::Sequence, &name, sql, format!("DROP SEQUENCE {shown}"), fact);
                }
            }
            _ => {
                for [_, sql] in rows(database, format!("SHOW CREATE TABLE {shown}")).await? {
                    *description.object(Kind::Table, &name) = table(&shown, &sql);
                }
            }
        }
    }
    for [name, text] in rows(database, VIEWS).await? {
        let shown = quoted(&name);
        let create = format!("CREATE VIEW {shown} AS {text}");
        let replace = Change::Overwrite(format!("CREATE OR REPLACE VIEW {shown} AS {text}"));
        description.whole(Kind::View, &name, create, format!("DROP VIEW {shown}"), Fact::whole(text, replace));
    }
    for [table, name, timing, event, body] in rows(database, TRIGGERS).await? {
        let create =
            format!("CREATE TRIGGER {} {timing} {event} ON {} FOR EACH ROW {body}", quoted(&name), quoted(&table));
        let fact = Fact {
            text: create.replacen("CREATE TRIGGER", "trigger", 1),
            add: Mend::Sql(create),
            remove: format!("DROP TRIGGER {}", quoted(&name)),
            change: Change::Replace,
        };
        description.object(Kind::Table, &table).fact(FactKind::Trigger, &name, fact);
    }
    Ok(description.without_ignored())
}

/// By the lines between the first and the last one, which has the table's options.
fn table(shown: &str, sql: &str) -> Object {
    let mut object = Object { drop: format!("DROP TABLE {shown}"), ..Object::default() };
    let mut create = Vec::new();
    let lines = sql.lines().skip(1).take_while(|it| it.starts_with("  "));
    for line in lines.map(|it| it.trim().trim_end_matches(',')) {
        let (kind, name) = fact_id(line);
        let alter = format!("ALTER TABLE {shown}");
        let constraint = quoted(&name);
        let (add, remove, change) = match kind {
            FactKind::Column => {
                let change = Change::Overwrite(format!("{alter} MODIFY COLUMN {line}"));
                (format!("ADD COLUMN {line}"), format!("DROP COLUMN {constraint}"), change)
            }
            FactKind::PrimaryKey => (format!("ADD {line}"), "DROP PRIMARY KEY".to_owned(), Change::Replace),
            FactKind::ForeignKey => (format!("ADD {line}"), format!("DROP FOREIGN KEY {constraint}"), Change::Replace),
            FactKind::Check => (format!("ADD {line}"), format!("DROP CONSTRAINT {constraint}"), Change::Replace),
            _ => (format!("ADD {line}"), format!("DROP INDEX {constraint}"), Change::Replace),
        };
        let text = match kind {
            FactKind::Column => format!("column {}", without_collation(line)),
            _ => line.to_owned(),
        };
        let (add, remove) = (Mend::Sql(format!("{alter} {add}")), format!("{alter} {remove}"));
        if !kind.is_later() {
            create.push(line.to_owned());
        }
        object.fact(kind, &name, Fact { text, add, remove, change });
    }
    object.create = format!("CREATE TABLE {shown} (\n  {}\n)", create.join(",\n  "));
    object
}

/// What a line is about.
fn fact_id(line: &str) -> (FactKind, String) {
    let name = quoted_name(line).unwrap_or_default();
    let kind = match line {
        _ if line.starts_with(['`', '"']) => FactKind::Column,
        _ if line.starts_with("PRIMARY KEY") => return (FactKind::PrimaryKey, String::new()),
        _ if line.starts_with("UNIQUE KEY") => FactKind::Unique,
        _ if line.starts_with("CONSTRAINT") && line.contains(" FOREIGN KEY ") => FactKind::ForeignKey,
        _ if line.starts_with("CONSTRAINT") => FactKind::Check,
        _ => FactKind::Index,
    };
    (kind, name)
}

/// The first name in quotes.
fn quoted_name(line: &str) -> Option<String> {
    let start = line.find(['`', '"'])?;
    let quote = line[start..].chars().next()?;
    let mut name = String::new();
    let mut rest = line[start + 1..].chars().peekable();
    while let Some(char) = rest.next() {
        if char == quote && rest.next_if_eq(&quote).is_none() {
            return Some(name);
        }
        name.push(char);
    }
    None
}

/// They stand before all texts in quotes.
fn without_collation(line: &str) -> String {
    let (mut head, tail) = match line.find(" DEFAULT ").or_else(|| line.find('\'')) {
        Some(at) => (line[..at].to_owned(), &line[at..]),
        None => (line.to_owned(), ""),
    };
    for word in [" CHARACTER SET ", " COLLATE "] {
        if let Some(start) = head.find(word) {
            let after = start + word.len();
            let end = head[after..].find(' ').map_or(head.len(), |it| after + it);
            head.replace_range(start..end, "");
        }
    }
    head + tail
}

/// From where a word begins.
fn from<'a>(sql: &'a str, word: &str) -> &'a str {
    sql.find(word).map_or(sql, |at| &sql[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let line = "`a``b` varchar(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT ' COLLATE x'";
        assert_eq!(fact_id(line), (FactKind::Column, "a`b".to_owned()));
        assert_eq!(without_collation(line), "`a``b` varchar(9) NOT NULL DEFAULT ' COLLATE x'");
        assert_eq!(fact_id("PRIMARY KEY (`id`)"), (FactKind::PrimaryKey, String::new()));
        assert_eq!(fact_id("FULLTEXT KEY `t` (`x`)"), (FactKind::Index, "t".to_owned()));
        let foreign = "CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `t` (`id`)";
        assert_eq!(fact_id(foreign), (FactKind::ForeignKey, "f".to_owned()));
        assert_eq!(fact_id("CONSTRAINT `c` CHECK (`a` > 0)"), (FactKind::Check, "c".to_owned()));
    }
}
