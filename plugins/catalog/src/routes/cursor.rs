//! `after=`: where the next page starts.

use backend_plugin_api::ApiError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Where a page starts and how long it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) limit: Option<u64>,
    pub(super) offset: Option<u64>,
}

impl Page {
    /// What `after` says goes before the rest.
    pub(super) fn parse(limit: Option<i64>, offset: Option<i64>, after: Option<&str>) -> Result<Self, ApiError> {
        let offset = offset.map(u64::try_from).transpose();
        let offset = offset.map_err(|_| ApiError::input("Invalid offset, must be zero or greater"))?;
        let limit = limit.map(u64::try_from).transpose().ok().filter(|it| *it != Some(0));
        let limit = limit.ok_or_else(|| ApiError::input("Invalid limit, must be greater than zero"))?;
        match after {
            None => Ok(Self { limit, offset }),
            Some("") => Err(ApiError::input("Invalid after, must not be empty")),
            Some(after) => Self { limit, offset }.after(after),
        }
    }

    fn after(self, cursor: &str) -> Result<Self, ApiError> {
        let malformed = || ApiError::input("Malformed after cursor, could not be parsed");
        let bytes = STANDARD.decode(cursor).map_err(|_| malformed())?;
        let cursor: Value = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
        let number = |name: &str| match &cursor[name] {
            Value::Null => Ok(None),
            // More than any database can count to is past the end as well.
            it => it
                .as_u64()
                .map(|it| Some(it.min(i64::MAX as u64)))
                .ok_or_else(|| ApiError::input(format!("Malformed after cursor, {name} was not a number"))),
        };
        let limit = number("limit")?.or(self.limit).filter(|it| *it > 0);
        Ok(Self { limit, offset: number("offset")?.or(self.offset) })
    }

    /// What `after=` has to be for the page after this one.
    pub(super) fn next_cursor(self) -> Option<String> {
        let limit = self.limit?;
        let offset = self.offset.unwrap_or(0).saturating_add(limit);
        Some(STANDARD.encode(json!({ "limit": limit, "offset": offset }).to_string()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn parse(
        limit: Option<i64>,
        offset: Option<i64>,
        after: Option<&str>,
    ) -> Result<(Option<u64>, Option<u64>), String> {
        Page::parse(limit, offset, after).map(|it| (it.limit, it.offset)).map_err(|it| it.message().to_owned())
    }

    #[test]
    fn a_cursor_leads_to_the_next_page() {
        let cursor = Page { limit: Some(2), offset: Some(1) }.next_cursor().unwrap();
        assert_eq!(cursor, "eyJsaW1pdCI6Miwib2Zmc2V0IjozfQ==");
        assert_eq!(parse(None, None, Some(&cursor)), Ok((Some(2), Some(3))));
        assert_eq!(Page::default().next_cursor(), None);
    }

    #[test]
    fn numbers_are_checked() {
        assert_eq!(parse(Some(1), Some(0), None), Ok((Some(1), Some(0))));
        assert_eq!(parse(Some(0), None, None).unwrap_err(), "Invalid limit, must be greater than zero");
        assert_eq!(parse(Some(-1), None, None).unwrap_err(), "Invalid limit, must be greater than zero");
        assert_eq!(parse(None, Some(-1), None).unwrap_err(), "Invalid offset, must be zero or greater");
        assert_eq!(parse(None, None, Some("")).unwrap_err(), "Invalid after, must not be empty");
        assert_eq!(parse(None, None, Some("?")).unwrap_err(), "Malformed after cursor, could not be parsed");
        let cursor = STANDARD.encode(r#"{"limit":"x"}"#);
        assert_eq!(parse(None, None, Some(&cursor)).unwrap_err(), "Malformed after cursor, limit was not a number");
    }
}
