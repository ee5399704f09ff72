use backend_defaults::database::postgres::{literal, quoted};
use backend_plugin_api::services::Database;
use sea_orm::DbErr;

use super::description::{Description, Fact, FactKind, Kind, Mend};
use super::rows;
use super::script::Change;

/// Names are written without the schema, as it is the first of the search path.
const COLUMNS: &str = "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull::text, \
    a.attidentity::text, a.attgenerated::text, pg_get_expr(d.adbin, d.adrelid, true), \
    (SELECT s.relname::text FROM pg_depend o JOIN pg_class s ON s.oid = o.objid AND s.relkind = 'S' \
     WHERE o.classid = 'pg_class'::regclass AND o.refclassid = 'pg_class'::regclass AND o.refobjid = c.oid \
     AND o.refobjsubid = a.attnum AND o.deptype = 'a' LIMIT 1) \
    FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') \
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e') \
    ORDER BY c.relname, a.attnum";
const CONSTRAINTS: &str = "SELECT c.relname::text, k.conname::text, k.contype::text, pg_get_constraintdef(k.oid, true) \
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid \
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') \
    AND k.contype IN ('p', 'u', 'c', 'f', 'x') \
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e') \
    ORDER BY k.contype, k.conname";
const INDEXES: &str = "SELECT c.relname::text, i.relname::text, c.relkind::text, x.indisvalid::text, \
    pg_get_indexdef(i.oid, 0, true) \
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid \
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'm') \
    AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('p', 'u', 'x'))";
const TRIGGERS: &str = "SELECT c.relname::text, t.tgname::text, t.tgenabled::text, pg_get_triggerdef(t.oid, true) \
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid \
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT t.tgisinternal";
const SEQUENCES: &str = "SELECT c.relname::text, format('AS %s START %s INCREMENT %s MINVALUE %s MAXVALUE %s%s', \
    format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, \
    CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END) \
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid \
    WHERE c.relnamespace = current_schema()::regnamespace AND NOT EXISTS (SELECT FROM pg_depend o \
    WHERE o.classid = 'pg_class'::regclass AND o.objid = c.oid AND o.deptype IN ('a', 'i', 'e'))";
const VIEWS: &str = "SELECT c.relname::text, c.relkind::text, pg_get_viewdef(c.oid, true) FROM pg_class c \
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('v', 'm') \
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')";
const ENUMS: &str = "SELECT t.typname::text, v.enumlabel::text FROM pg_type t JOIN pg_enum v ON v.enumtypid = t.oid \
    WHERE t.typnamespace = current_schema()::regnamespace \
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e') \
    ORDER BY t.typname, v.enumsortorder";
const DOMAINS: &str = "SELECT t.typname::text, concat('AS ', format_type(t.typbasetype, t.typtypmod), ' DEFAULT ' || t.typdefault, \
    CASE WHEN t.typnotnull THEN ' NOT NULL' END, (SELECT string_agg(format(' CONSTRAINT %I %s', k.conname, \
    pg_get_constraintdef(k.oid, true)), '' ORDER BY k.conname) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c')) \
    FROM pg_type t WHERE t.typnamespace = current_schema()::regnamespace AND t.typtype = 'd' \
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')";
const FUNCTIONS: &str = "SELECT p.proname::text, pg_get_function_identity_arguments(p.oid), p.prokind::text, \
    replace(pg_get_functiondef(p.oid), format(' %I.%I(', current_schema(), p.proname), format(' %I(', p.proname)) \
    FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace AND p.prokind IN ('f', 'p') \
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')";

/// A column, by what of it can be changed.
#[derive(Debug)]
pub(super) struct PgColumn {
    table: String,
    name: String,
    kind: String,
    not_null: bool,
    default: String,
    /// `ALWAYS`, `BY DEFAULT`, or empty.
    identity: &'static str,
    is_generated: bool,
    /// The sequence that is its own and that its default is from.
    sequence: String,
}

pub(super) async fn describe(database: &Database) -> Result<Description, DbErr> {
    let mut description = Description::default();
    for [table, name, kind, not_null, identity, generated, default, sequence] in rows(database, COLUMNS).await? {
        let object = description.object(Kind::Table, &table);
        object.drop = format!("DROP TABLE {}", quoted(&table));
        if name.is_empty() {
            continue;
        }
        let identity = match identity.as_str() {
            "a" => "ALWAYS",
            "d" => "BY DEFAULT",
            _ => "",
        };
        let sequence = if default.starts_with("nextval(") { sequence } else { String::new() };
        let (not_null, is_generated) = (not_null == "true", !generated.is_empty());
        let column = PgColumn { table, name, kind, not_null, default, identity, is_generated, sequence };
        let name = column.name.clone();
        object.create += &format!("  {},\n", column.definition());
        object.fact(FactKind::Column, &name, column.fact());
    }
    constraints(database, &mut description).await?;
    for (id, object) in description.0.iter_mut().filter(|it| it.0.kind == Kind::Table) {
        object.create = format!("CREATE TABLE {} (\n{}\n)", quoted(&id.name), object.create.trim_end_matches(",\n"));
    }
    indexes_and_triggers(database, &mut description).await?;
    for [name, text] in rows(database, SEQUENCES).await? {
        let (create, alter) =
            (format!("CREATE SEQUENCE {} {text}", quoted(&name)), format!("ALTER SEQUENCE {} {text}", quoted(&name)));
        let fact = Fact::whole(text.to_lowercase(), Change::Overwrite(alter));
        description.whole(Kind::Sequence, &name, create, format!("DROP SEQUENCE {}", quoted(&name)), fact);
    }
    for [name, text] in rows(database, DOMAINS).await? {
        let by_hand = format!(
            "the domain {} is another: `ALTER DOMAIN` changes its default, `NOT NULL` and checks",
            quoted(&name)
        );
        let fact = Fact::whole(text.clone(), Change::ByHand(by_hand));
        let name = name.as_str();
        description.whole(
            Kind::Domain,
            name,
            format!("CREATE DOMAIN {} {text}", quoted(name)),
            format!("DROP DOMAIN {}", quoted(name)),
            fact,
        );
    }
    functions_and_views(database, &mut description).await?;
    enums(database, &mut description).await?;
    Ok(description.without_ignored())
}

async fn constraints(database: &Database, description: &mut Description) -> Result<(), DbErr> {
    for [table, name, kind, text] in rows(database, CONSTRAINTS).await? {
        let kind = match kind.as_str() {
            "p" => FactKind::PrimaryKey,
            "u" => FactKind::Unique,
            "c" => FactKind::Check,
            "x" => FactKind::Exclusion,
            _ => FactKind::ForeignKey,
        };
        let (alter, constraint) = (format!("ALTER TABLE {}", quoted(&table)), quoted(&name));
        let fact = Fact {
            text: format!("constraint {name} {text}"),
            add: Mend::Sql(format!("{alter} ADD CONSTRAINT {constraint} {text}")),
            remove: format!("{alter} DROP CONSTRAINT {constraint}"),
            change: Change::Replace,
        };
        let object = description.object(Kind::Table, &table);
        if !kind.is_later() {
            object.create += &format!("  CONSTRAINT {constraint} {text},\n");
        }
        object.fact(kind, &name, fact);
    }
    Ok(())
}

async fn indexes_and_triggers(database: &Database, description: &mut Description) -> Result<(), DbErr> {
    for [table, name, of, is_valid, sql] in rows(database, INDEXES).await? {
        // What `CREATE INDEX CONCURRENTLY` leaves behind when it fails.
        let text = if is_valid == "true" { sql.clone() } else { format!("{sql} (not valid)") };
        let fact = Fact {
            text: text.replacen("CREATE ", "", 1).replacen("INDEX", "index", 1).replacen("UNIQUE", "unique", 1),
            add: Mend::Sql(sql),
            remove: format!("DROP INDEX {}", quoted(&name)),
            change: Change::Replace,
        };
        let kind = if of == "m" { Kind::View } else { Kind::Table };
        description.object(kind, &table).fact(FactKind::Index, &name, fact);
    }
    for [table, name, enabled, sql] in rows(database, TRIGGERS).await? {
        let disabled = if enabled == "D" { " (disabled)" } else { "" };
        let fact = Fact {
            text: format!("{}{disabled}", sql.replacen("CREATE TRIGGER", "trigger", 1)),
            add: Mend::Sql(sql),
            remove: format!("DROP TRIGGER {} ON {}", quoted(&name), quoted(&table)),
            change: Change::Replace,
        };
        description.object(Kind::Table, &table).fact(FactKind::Trigger, &name, fact);
    }
    Ok(())
}

async fn functions_and_views(database: &Database, description: &mut Description) -> Result<(), DbErr> {
    for [name, arguments, kind, sql] in rows(database, FUNCTIONS).await? {
        let what = if kind == "p" { "PROCEDURE" } else { "FUNCTION" };
        let drop = format!("DROP {what} {}({arguments})", quoted(&name));
        let fact = Fact::whole(sql.trim_end().to_owned(), Change::Overwrite(sql.clone()));
        // It may name tables that come later.
        let create = format!("SET check_function_bodies = off;\n{sql}");
        description.whole(Kind::Function, &format!("{name}({arguments})"), create, drop, fact);
    }
    for [name, kind, text] in rows(database, VIEWS).await? {
        let what = if kind == "m" { "MATERIALIZED VIEW" } else { "VIEW" };
        let drop = format!("DROP {what} {}", quoted(&name));
        let create = format!("CREATE {what} {} AS\n{}", quoted(&name), text.trim_end().trim_end_matches(';'));
        let text = if kind == "m" { format!("materialized\n{text}") } else { text };
        let object = description.object(Kind::View, &name);
        let add = Mend::Sql(create.clone());
        object.fact(FactKind::Whole, "", Fact { text, add, remove: drop.clone(), change: Change::Replace });
        (object.create, object.drop) = (create, drop);
    }
    Ok(())
}

async fn enums(database: &Database, description: &mut Description) -> Result<(), DbErr> {
    let mut enums: Vec<(String, Vec<String>)> = Vec::new();
    for [name, value] in rows(database, ENUMS).await? {
        match enums.last_mut().filter(|it| it.0 == name) {
            Some((_, values)) => values.push(literal(&value)),
            None => enums.push((name, vec![literal(&value)])),
        }
    }
    for (name, values) in enums {
        let (shown, list) = (quoted(&name), values.join(", "));
        let fact = Fact::whole(list.clone(), Change::Values { name: shown.clone(), values });
        description.whole(
            Kind::Enum,
            &name,
            format!("CREATE TYPE {shown} AS ENUM ({list})"),
            format!("DROP TYPE {shown}"),
            fact,
        );
    }
    Ok(())
}

impl Fact {
    /// Of a thing that is one text, which is made or destroyed as a whole.
    pub(super) fn whole(text: String, change: Change) -> Self {
        Self { text, add: Mend::ByHand(String::new()), remove: String::new(), change }
    }
}

impl PgColumn {
    fn fact(self) -> Fact {
        let (table, name) = (quoted(&self.table), quoted(&self.name));
        let definition = self.definition();
        let must_be_said = self.not_null && !self.has_value();
        let warning = if must_be_said { "-- fails where there are rows: they need a value (`DEFAULT`)\n" } else { "" };
        Fact {
            text: format!("column {}{}", self.name, self.text()),
            add: Mend::Sql(format!("{warning}ALTER TABLE {table} ADD COLUMN {definition}")),
            remove: format!("ALTER TABLE {table} DROP COLUMN {name}"),
            change: Change::Column(self),
        }
    }

    fn has_value(&self) -> bool {
        !self.default.is_empty() || !self.identity.is_empty()
    }

    fn text(&self) -> String {
        let not_null = if self.not_null { " not null" } else { "" };
        let value = match (self.is_generated, self.identity) {
            (true, _) => format!(" generated always as ({}) stored", self.default),
            (false, "") if self.default.is_empty() => String::new(),
            (false, "") => format!(" default {}", self.default),
            (false, identity) => format!(" generated {} as identity", identity.to_lowercase()),
        };
        format!(" {}{not_null}{value}", self.kind)
    }

    /// As `CREATE TABLE` has it. One with a sequence of its own makes that.
    fn definition(&self) -> String {
        let name = quoted(&self.name);
        let serial = match self.kind.as_str() {
            "smallint" => "smallserial",
            "integer" => "serial",
            "bigint" => "bigserial",
            _ => "",
        };
        if !self.sequence.is_empty() && !serial.is_empty() {
            return format!("{name} {serial}");
        }
        let not_null = if self.not_null { " NOT NULL" } else { "" };
        let value = match (self.is_generated, self.identity) {
            (true, _) => format!(" GENERATED ALWAYS AS ({}) STORED", self.default),
            (false, "") if self.default.is_empty() => String::new(),
            (false, "") => format!(" DEFAULT {}", self.default),
            (false, identity) => format!(" GENERATED {identity} AS IDENTITY"),
        };
        format!("{name} {}{not_null}{value}", self.kind)
    }

    /// From this one to another of its name.
    pub(super) fn to(&self, to: &Self) -> Vec<Mend> {
        let (table, name) = (quoted(&to.table), quoted(&to.name));
        let alter = |what: String| Mend::Sql(format!("ALTER TABLE {table} ALTER COLUMN {name} {what}"));
        if self.is_generated || to.is_generated {
            let why = format!(
                "{table}.{name} is computed, or is to be: drop the column and add it again as `{}`",
                to.definition()
            );
            return vec![Mend::ByHand(why)];
        }
        let mut mends = Vec::new();
        let drops_default = !self.default.is_empty() && (to.default.is_empty() || self.kind != to.kind);
        if drops_default {
            mends.push(alter("DROP DEFAULT".to_owned()));
        }
        if !self.identity.is_empty() && to.identity.is_empty() {
            mends.push(alter("DROP IDENTITY".to_owned()));
        }
        if self.kind != to.kind {
            mends.push(alter(format!("TYPE {} USING {name}::{}", to.kind, to.kind)));
        }
        if !to.default.is_empty() && (drops_default || self.default != to.default) {
            if !to.sequence.is_empty() {
                let sequence = quoted(&to.sequence);
                mends.push(Mend::Sql(format!("CREATE SEQUENCE IF NOT EXISTS {sequence} OWNED BY {table}.{name}")));
                mends.push(Mend::Sql(format!(
                    "SELECT setval({}, coalesce(max({name}), 0) + 1, false) FROM {table}",
                    literal(&sequence)
                )));
            }
            mends.push(alter(format!("SET DEFAULT {}", to.default)));
        }
        if self.not_null != to.not_null {
            mends.push(alter(format!("{} NOT NULL", if to.not_null { "SET" } else { "DROP" })));
        }
        match (self.identity, to.identity) {
            ("", identity) if !identity.is_empty() => {
                mends.push(alter(format!("ADD GENERATED {identity} AS IDENTITY")))
            }
            (from, identity) if from != identity && !identity.is_empty() => {
                mends.push(alter(format!("SET GENERATED {identity}")))
            }
            _ => {}
        }
        mends
    }
}
