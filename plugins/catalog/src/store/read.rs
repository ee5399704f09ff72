use std::collections::HashMap;

use sea_orm::sea_query::{
    Alias, Condition, Expr, ExprTrait, IntoIden, JoinType, NullOrdering, Order as SqlOrder, Query, SelectStatement,
};
use sea_orm::{ConnectionTrait, DbErr};

use super::Store;
use crate::filter::{Filter, Test};

/// A field to order by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderBy {
    pub(crate) field: String,
    pub(crate) order: Order,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
}

/// A value of a field, and how many entities have it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Facet {
    pub(crate) value: String,
    pub(crate) count: i64,
}

/// Which entities, in which order, from where to where.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) filter: Filter,
    /// By entity ref if it is empty.
    pub(crate) order: Vec<OrderBy>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: Option<u64>,
}

impl Selection {
    fn select(&self, column: &'static str) -> SelectStatement {
        let id = ("final_entities", "entity_id");
        let mut query = Query::select().column(("final_entities", column)).from("final_entities").to_owned();
        for (index, OrderBy { field, order }) in self.order.iter().enumerate() {
            let (alias, id) = (Alias::new(format!("order_{index}")).into_iden(), Expr::col(id));
            // A field that is a list has several values: the least one counts.
            let values = Query::select()
                .column("entity_id")
                .expr_as(Expr::col("value").min(), "value")
                .from("search")
                .and_where(Expr::col("key").eq(field.to_lowercase()))
                .group_by_col("entity_id")
                .to_owned();
            let same_entity = id.eq(Expr::col((alias.clone(), "entity_id")));
            query.join_subquery(JoinType::LeftJoin, values, alias.clone(), same_entity);
            let order = match order {
                Order::Ascending => SqlOrder::Asc,
                Order::Descending => SqlOrder::Desc,
            };
            query.order_by_with_nulls((alias, "value"), order, NullOrdering::Last);
        }
        let last = if self.order.is_empty() { "entity_ref" } else { "entity_id" };
        query.order_by(("final_entities", last), SqlOrder::Asc);
        query.cond_where(condition(&self.filter, || Expr::col(id)));
        if let Some(limit) = self.limit {
            query.limit(limit);
        }
        if let Some(offset) = self.offset {
            // MySQL has no offset without a limit.
            query.offset(offset).limit(self.limit.unwrap_or(i64::MAX as u64));
        }
        query
    }
}

impl Store {
    /// The uids of the entities.
    pub(crate) async fn ids(&self, selection: &Selection) -> Result<Vec<String>, DbErr> {
        self.texts(&selection.select("entity_id")).await
    }

    /// The entities as JSON, all at once: for when they are few.
    pub(crate) async fn selected(&self, selection: &Selection) -> Result<Vec<String>, DbErr> {
        self.texts(&selection.select("final_entity")).await
    }

    async fn texts(&self, query: &SelectStatement) -> Result<Vec<String>, DbErr> {
        let rows = self.database.query_all(query).await?;
        rows.iter().map(|row| row.try_get_by_index(0)).collect()
    }

    /// The entities with these uids as JSON, in this order; those that are gone are left out.
    pub(crate) async fn entities(&self, ids: &[String]) -> Result<Vec<String>, DbErr> {
        let query = final_entity().column("entity_id").and_where(Expr::col("entity_id").is_in(ids)).to_owned();
        let rows = self.database.query_all(&query).await?;
        let mut found = HashMap::with_capacity(rows.len());
        for row in rows {
            found.insert(row.try_get_by_index::<String>(1)?, row.try_get_by_index(0)?);
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// The entity of that ref (in lower case) as JSON.
    pub(crate) async fn by_ref(&self, entity_ref: &str) -> Result<Option<String>, DbErr> {
        self.one("entity_ref", entity_ref).await
    }

    /// The entity of that uid as JSON.
    pub(crate) async fn by_uid(&self, uid: &str) -> Result<Option<String>, DbErr> {
        self.one("entity_id", uid).await
    }

    async fn one(&self, column: &'static str, value: &str) -> Result<Option<String>, DbErr> {
        let query = final_entity().and_where(Expr::col(column).eq(value)).to_owned();
        self.database.query_one(&query).await?.map(|row| row.try_get_by_index(0)).transpose()
    }

    /// Each value that a field has among the entities that pass the filter, and how many of them have it.
    pub(crate) async fn facets(&self, fields: &[String], filter: &Filter) -> Result<Vec<Vec<Facet>>, DbErr> {
        let query = Query::select()
            .columns(["key", "original_value"])
            .expr(Expr::col("entity_id").count())
            .from("search")
            .and_where(Expr::col("key").is_in(fields.iter().map(|it| it.to_lowercase())))
            .and_where(Expr::col("original_value").is_not_null())
            .cond_where(condition(filter, || Expr::col("entity_id")))
            .group_by_columns(["key", "original_value"])
            .order_by("original_value", SqlOrder::Asc)
            .to_owned();
        let mut facets: HashMap<String, Vec<Facet>> = HashMap::new();
        for row in self.database.query_all(&query).await? {
            let facet = Facet { value: row.try_get_by_index(1)?, count: row.try_get_by_index(2)? };
            facets.entry(row.try_get_by_index(0)?).or_default().push(facet);
        }
        Ok(fields.iter().map(|it| facets.get(&it.to_lowercase()).cloned().unwrap_or_default()).collect())
    }
}

fn final_entity() -> SelectStatement {
    Query::select().column("final_entity").from("final_entities").to_owned()
}

/// Backstage: `applyEntityFilterToQuery`, strategy `in`.
fn condition(filter: &Filter, entity_id: impl Fn() -> Expr) -> Condition {
    let test = |Test { key, values }: &Test| {
        let mut rows = Query::select().column("entity_id").from("search").to_owned();
        rows.and_where(Expr::col("key").eq(key.as_str()));
        match values.as_deref() {
            None => {}
            Some([value]) => drop(rows.and_where(Expr::col("value").eq(value.as_str()))),
            Some(values) => drop(rows.and_where(Expr::col("value").is_in(values))),
        }
        entity_id().in_subquery(rows)
    };
    let all = |tests: &Vec<Test>| tests.iter().fold(Condition::all(), |all, it| all.add(test(it)));
    if filter.any_of.is_empty() {
        return Condition::all();
    }
    filter.any_of.iter().fold(Condition::any(), |any, tests| any.add(all(tests)))
}
