use std::collections::{BTreeSet, HashMap};

use sea_orm::sea_query::{Expr, ExprTrait, InsertStatement, Query};
use sea_orm::{ConnectionTrait, DbErr, TransactionTrait};
use uuid::Uuid;

use super::Store;
use crate::processing::{Reference, Source};
use crate::search::{self, SearchRow};
use crate::stitching::{RelationRow, Stitched};

/// `source_key` of what stands in the config. Backstage: the provider's name.
const CONFIG_SOURCE: &str = "ConfigLocationProvider";
/// Values in one statement: under the limit of every engine (`SQLite`: 32766), and few enough that the statement is
/// parsed and bound quickly.
const VALUES_PER_STATEMENT: usize = 4000;
/// How many entities are made statements of before these are run: bounds the memory that takes.
const ENTITIES_AT_ONCE: usize = 200;

/// What the database has of the entities, by entity ref.
pub(crate) type Known = HashMap<String, KnownEntity>;

/// One entity in the database.
pub(crate) struct KnownEntity {
    id: String,
    hash: Option<String>,
}

/// What has to be written for the database to have exactly the given entities.
#[derive(Default)]
pub(crate) struct Changes {
    gone: Vec<String>,
    /// Rewritten: their rows go first.
    changed: Vec<String>,
    entities: Vec<EntityRows>,
    references: BTreeSet<ReferenceRow>,
    /// The uid of each entity by its ref.
    pub(crate) ids: HashMap<String, String>,
}

struct EntityRows {
    id: String,
    entity_ref: String,
    location_key: String,
    hash: String,
    final_entity: String,
    search: Vec<SearchRow>,
    relations: Vec<RelationRow>,
}

/// `source_key`, `source_entity_ref`, `target_entity_ref`.
type ReferenceRow = (String, String, String);

impl Changes {
    /// Compares. Takes a while for many entities: not for the runtime's threads.
    pub(crate) fn between(mut known: Known, stitched: &[Stitched], references: &BTreeSet<Reference>) -> Self {
        let mut changes = Self { references: references.iter().map(reference_row).collect(), ..Self::default() };
        for Stitched { entity, location_key, hash, relations } in stitched {
            let entity_ref = entity.entity_ref().to_string();
            let known = known.remove(&entity_ref);
            let unchanged = known.as_ref().is_some_and(|it| it.hash.as_ref() == Some(hash));
            let is_new = known.is_none();
            let id = known.map_or_else(|| Uuid::new_v4().to_string(), |it| it.id);
            changes.ids.insert(entity_ref.clone(), id.clone());
            if unchanged {
                continue;
            }
            if !is_new {
                changes.changed.push(id.clone());
            }
            let mut entity = entity.clone();
            entity.set_identity(&id, hash);
            changes.entities.push(EntityRows {
                id,
                entity_ref,
                location_key: location_key.clone(),
                hash: hash.clone(),
                search: search::rows(&entity),
                final_entity: serde_json::to_string(&entity).unwrap_or_default(),
                relations: relations.clone(),
            });
        }
        changes.gone.extend(known.into_values().map(|it| it.id));
        changes
    }

    fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.entities.is_empty()
    }
}

fn reference_row(reference: &Reference) -> ReferenceRow {
    let target = reference.target.to_string();
    match &reference.source {
        Source::Config => (CONFIG_SOURCE.to_owned(), String::new(), target),
        Source::Entity(source) => (String::new(), source.to_string(), target),
    }
}

impl Store {
    /// All entities of the database, with what tells whether they are up to date.
    pub(crate) async fn known(&self) -> Result<Known, DbErr> {
        let query = Query::select()
            .column(("refresh_state", "entity_ref"))
            .column(("refresh_state", "entity_id"))
            .column(("final_entities", "hash"))
            .from("refresh_state")
            .left_join(
                "final_entities",
                Expr::col(("final_entities", "entity_id")).equals(("refresh_state", "entity_id")),
            )
            .to_owned();
        let rows = self.database.query_all(&query).await?;
        let known = rows.iter().map(|row| {
            Ok((row.try_get_by_index(0)?, KnownEntity { id: row.try_get_by_index(1)?, hash: row.try_get_by_index(2)? }))
        });
        known.collect()
    }

    /// Writes what changed, all or nothing.
    pub(crate) async fn apply(&self, changes: &Changes) -> Result<(), DbErr> {
        if changes.is_empty() && self.references().await? == changes.references {
            return Ok(());
        }
        let transaction = self.database.begin().await?;
        let db = &transaction;
        delete(db, "refresh_state", "entity_id", &changes.gone).await?;
        // What is left of a changed entity goes with it: the tables below refer to `refresh_state`.
        delete(db, "refresh_state", "entity_id", &changes.changed).await?;
        db.execute(&Query::delete().from_table("refresh_state_references").to_owned()).await?;
        for entities in changes.entities.chunks(ENTITIES_AT_ONCE) {
            for statement in entity_inserts(entities)? {
                db.execute(&statement).await?;
            }
        }
        for statement in reference_inserts(&changes.references)? {
            db.execute(&statement).await?;
        }
        sea_orm::TransactionSession::commit(transaction).await
    }

    async fn references(&self) -> Result<BTreeSet<ReferenceRow>, DbErr> {
        let columns = ["source_key", "source_entity_ref", "target_entity_ref"];
        let query = Query::select().columns(columns).from("refresh_state_references").to_owned();
        let rows = self.database.query_all(&query).await?;
        let row =
            |it: &sea_orm::QueryResult| Ok((it.try_get_by_index(0)?, it.try_get_by_index(1)?, it.try_get_by_index(2)?));
        rows.iter().map(row).collect()
    }
}

fn entity_inserts(entities: &[EntityRows]) -> Result<Vec<InsertStatement>, DbErr> {
    let rows = entities.iter().map(|it| [text(&it.id), text(&it.entity_ref), text(&it.location_key)]);
    let mut statements = inserts("refresh_state", ["entity_id", "entity_ref", "location_key"], rows)?;

    let rows = entities.iter().map(|it| [text(&it.id), text(&it.entity_ref), text(&it.hash), text(&it.final_entity)]);
    statements.extend(inserts("final_entities", ["entity_id", "entity_ref", "hash", "final_entity"], rows)?);

    let rows = entities.iter().flat_map(|it| {
        it.relations.iter().map(|row| [text(&it.id), text(&row.source), text(row.r#type), text(&row.target)])
    });
    let columns = ["originating_entity_id", "source_entity_ref", "type", "target_entity_ref"];
    statements.extend(inserts("relations", columns, rows)?);

    let rows = entities.iter().flat_map(|it| {
        let row = |ordinal: i32, row: &SearchRow| {
            [text(&it.id), ordinal.into(), text(&row.key), row.value.clone().into(), row.original_value.clone().into()]
        };
        (0..).zip(&it.search).map(move |(ordinal, it)| row(ordinal, it))
    });
    statements.extend(inserts("search", ["entity_id", "ordinal", "key", "value", "original_value"], rows)?);
    Ok(statements)
}

fn reference_inserts(references: &BTreeSet<ReferenceRow>) -> Result<Vec<InsertStatement>, DbErr> {
    let rows = references.iter().map(|(key, source, target)| [text(key), text(source), text(target)]);
    inserts("refresh_state_references", ["source_key", "source_entity_ref", "target_entity_ref"], rows)
}

fn inserts<const N: usize>(
    table: &'static str,
    columns: [&'static str; N],
    rows: impl Iterator<Item = [Expr; N]>,
) -> Result<Vec<InsertStatement>, DbErr> {
    let (mut rows, mut statements) = (rows.peekable(), vec![]);
    while rows.peek().is_some() {
        let mut statement = Query::insert().into_table(table).columns(columns).to_owned();
        for row in rows.by_ref().take(VALUES_PER_STATEMENT / N) {
            statement.values(row).map_err(|error| DbErr::Custom(error.to_string()))?;
        }
        statements.push(statement);
    }
    Ok(statements)
}

fn text(text: &str) -> Expr {
    text.into()
}

async fn delete(
    db: &impl ConnectionTrait,
    table: &'static str,
    column: &'static str,
    values: &[String],
) -> Result<(), DbErr> {
    for chunk in values.chunks(VALUES_PER_STATEMENT) {
        let column = Expr::col(column).is_in(chunk.iter().cloned());
        db.execute(&Query::delete().from_table(table).and_where(column).to_owned()).await?;
    }
    Ok(())
}
