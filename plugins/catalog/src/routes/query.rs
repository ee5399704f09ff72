use axum::extract::Query;
use backend_plugin_api::ApiError;

use crate::filter::Filter;

/// The query of a request; a name can be there more than once.
pub(super) struct Params(Vec<(String, String)>);

impl From<Query<Vec<(String, String)>>> for Params {
    fn from(Query(params): Query<Vec<(String, String)>>) -> Self {
        Self(params)
    }
}

impl Params {
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn filter(&self) -> Result<Filter, ApiError> {
        Filter::parse(self.all("filter")).map_err(|error| ApiError::input(error.to_string()))
    }

    pub(super) fn one<'a>(&'a self, name: &'a str) -> Result<Option<&'a str>, ApiError> {
        let mut values = self.all(name);
        let first = values.next();
        match values.next() {
            Some(_) => Err(ApiError::input(format!("Invalid {name}, not a string"))),
            None => Ok(first),
        }
    }

    pub(super) fn integer(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| ApiError::input(format!("Invalid {name}, not an integer")))
    }

    /// All pairs but those of this name.
    pub(super) fn without<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(|(name, _)| !names.contains(name))
    }
}
