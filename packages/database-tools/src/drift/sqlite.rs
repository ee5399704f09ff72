//! SQLite: what its pragmas say, and the rest (checks, what columns are computed from) from the SQL that it keeps.

use backend_defaults::database::postgres::quoted;
use backend_plugin_api::services::Database;
use sea_orm::DbErr;

use super::description::{Description, Fact, FactKind, Kind, Mend, Object};
use super::rows;
use super::script::Change;
use super::sqlite_text::{after_as, checks, definitions, normal, tokens};

const TABLES: &str = "SELECT l.name, l.type, CAST(l.wr AS TEXT), CAST(l.strict AS TEXT), m.sql \
    FROM pragma_table_list l JOIN sqlite_master m ON m.name = l.name AND m.type = 'table' \
    WHERE l.schema = 'main' AND l.type IN ('table', 'virtual') AND substr(l.name, 1, 7) <> 'sqlite_' ORDER BY 1";
const OTHERS: &str = "SELECT type, name, tbl_name, sql FROM sqlite_master \
    WHERE type IN ('index', 'view', 'trigger') AND sql IS NOT NULL ORDER BY 1, 2";

/// What a pragma says of a column.
struct Column {
    name: String,
    kind: String,
    not_null: bool,
    default: String,
    is_key: bool,
    /// `virtual` or `stored`, and what it is computed from.
    generated: Option<(&'static str, String)>,
    autoincrement: bool,
}

pub(super) async fn describe(database: &Database) -> Result<Description, DbErr> {
    let mut description = Description::default();
    for [name, kind, without_rowid, strict, sql] in rows(database, TABLES).await? {
        let object = description.object(Kind::Table, &name);
        (object.create, object.drop) = (sql.clone(), format!("DROP TABLE {}", quoted(&name)));
        if kind == "virtual" {
            object.fact(FactKind::Whole, "", by_hand(normal(&sql), &name));
            continue;
        }
        for (is_so, text) in [(without_rowid, "without rowid"), (strict, "strict")] {
            if is_so == "1" {
                object.fact(FactKind::Whole, text, by_hand(text.to_owned(), &name));
            }
        }
        columns(database, &name, &sql, object).await?;
        for check in checks(&tokens(&sql)) {
            object.fact(FactKind::Check, &check, by_hand(format!("check {check}"), &name));
        }
        keys(database, &name, object).await?;
    }
    for [kind, name, table, sql] in rows(database, OTHERS).await? {
        let drop = format!("DROP {} {}", kind.to_uppercase(), quoted(&name));
        let text = normal(&sql);
        let text = text.strip_prefix("create ").unwrap_or(&text).to_owned();
        let fact = Fact { text, add: Mend::Sql(sql.clone()), remove: drop.clone(), change: Change::Replace };
        match kind.as_str() {
            "view" => description.whole(Kind::View, &name, sql, drop, fact),
            "index" => description.object(Kind::Table, &table).fact(FactKind::Index, &name, fact),
            _ => description.object(Kind::Table, &table).fact(FactKind::Trigger, &name, fact),
        }
    }
    Ok(description.without_ignored())
}

async fn columns(database: &Database, table: &str, sql: &str, object: &mut Object) -> Result<(), DbErr> {
    let query = format!(
        "SELECT name, type, CAST(\"notnull\" AS TEXT), CAST(dflt_value AS TEXT), CAST(pk AS TEXT), CAST(hidden AS TEXT) \
         FROM pragma_table_xinfo({})",
        literal_of(table)
    );
    let definitions = definitions(sql);
    let mut key: Vec<(u32, String)> = Vec::new();
    for [name, kind, not_null, default, pk, hidden] in rows(database, query).await? {
        let definition = definitions.iter().find(|it| it.first().is_some_and(|it| it.is_name(&name)));
        let computed = |how| Some((how, definition.and_then(|it| after_as(it)).unwrap_or_default()));
        let generated = match hidden.as_str() {
            "2" => computed("virtual"),
            "3" => computed("stored"),
            _ => None,
        };
        let place = pk.parse().unwrap_or_default();
        if place > 0 {
            key.push((place, name.clone()));
        }
        let autoincrement = definition.is_some_and(|it| it.iter().any(|it| it.is_word("autoincrement")));
        let (not_null, default, is_key) = (not_null == "1", normal(&default), place > 0);
        let column = Column { name, kind: kind.to_lowercase(), not_null, default, is_key, generated, autoincrement };
        object.fact(FactKind::Column, &column.name, column.fact(table));
    }
    key.sort_unstable();
    if !key.is_empty() {
        let names: Vec<_> = key.into_iter().map(|it| it.1).collect();
        object.fact(FactKind::PrimaryKey, "", by_hand(format!("primary key ({})", names.join(", ")), table));
    }
    Ok(())
}

async fn keys(database: &Database, table: &str, object: &mut Object) -> Result<(), DbErr> {
    let name = literal_of(table);
    let unique = format!(
        "SELECT (SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_index_info(l.name) ORDER BY seqno)) \
         FROM pragma_index_list({name}) l WHERE l.origin = 'u'"
    );
    for [columns] in rows(database, unique).await? {
        object.fact(FactKind::Unique, &columns, by_hand(format!("unique ({columns})"), table));
    }
    let foreign = format!(
        "SELECT \"table\", group_concat(\"from\", ', '), coalesce(group_concat(\"to\", ', '), ''), on_update, on_delete \
         FROM (SELECT * FROM pragma_foreign_key_list({name}) ORDER BY id, seq) GROUP BY id"
    );
    for [other, from, to, on_update, on_delete] in rows(database, foreign).await? {
        let actions = [("update", on_update), ("delete", on_delete)].into_iter().filter(|it| it.1 != "NO ACTION");
        let actions: String = actions.map(|(when, what)| format!(" on {when} {}", what.to_lowercase())).collect();
        let text = format!("foreign key ({from}) references {other} ({to}){actions}");
        object.fact(FactKind::ForeignKey, &format!("{from} {other} {to}"), by_hand(text, table));
    }
    Ok(())
}

impl Column {
    fn fact(&self, table: &str) -> Fact {
        let name = quoted(&self.name);
        let table = quoted(table);
        let why = format!(
            "table {table}: SQLite cannot change the column {name} in place; rebuild the table as https://sqlite.org/lang_altertable.html says"
        );
        Fact {
            text: format!("column {} {}", self.name, self.text()).trim_end().to_owned(),
            add: match self.can_be_added() {
                true => Mend::Sql(
                    format!("ALTER TABLE {table} ADD COLUMN {name} {}", self.definition()).trim_end().to_owned(),
                ),
                false => Mend::ByHand(format!(
                    "table {table}: SQLite cannot add the column {name} in place; rebuild the table as https://sqlite.org/lang_altertable.html says"
                )),
            },
            remove: match self.can_be_added() {
                true => format!("ALTER TABLE {table} DROP COLUMN {name}"),
                false => format!("ALTER TABLE {table} DROP COLUMN {name};"),
            },
            change: Change::ByHand(why),
        }
    }

    /// SQLite: `ALTER TABLE ADD COLUMN` takes constants alone for defaults, and needs one for `NOT NULL`.
    fn can_be_added(&self) -> bool {
        let is_constant = !self.default.starts_with('(') && !self.default.starts_with("current_");
        let is_stored = self.generated.as_ref().is_some_and(|it| it.0 == "stored");
        !self.is_key && !is_stored && is_constant && (!self.not_null || !self.default.is_empty())
    }

    fn text(&self) -> String {
        let autoincrement = if self.autoincrement { " autoincrement" } else { "" };
        format!("{}{autoincrement}", self.definition().to_lowercase())
    }

    fn definition(&self) -> String {
        let not_null = if self.not_null { " NOT NULL" } else { "" };
        let default = if self.default.is_empty() { String::new() } else { format!(" DEFAULT {}", self.default) };
        let generated = self.generated.as_ref();
        let generated = generated.map(|(how, from)| format!(" GENERATED ALWAYS AS {from} {}", how.to_uppercase()));
        format!("{}{not_null}{default}{}", self.kind, generated.unwrap_or_default()).trim().to_owned()
    }
}

/// What is part of a table's own SQL.
fn by_hand(text: String, table: &str) -> Fact {
    let why = format!(
        "table {}: `{text}` needs the table to be rebuilt as https://sqlite.org/lang_altertable.html says",
        quoted(table)
    );
    let gone = format!(
        "table {}: `{text}` goes when the table is rebuilt as https://sqlite.org/lang_altertable.html says",
        quoted(table)
    );
    Fact { text, add: Mend::ByHand(why.clone()), remove: gone, change: Change::ByHand(why) }
}

/// A name as a text in quotes. SQLite has no escapes.
fn literal_of(name: &str) -> String {
    format!("'{}'", name.replace('\'', "''"))
}
