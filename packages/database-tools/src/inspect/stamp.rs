use backend_defaults::database::postgres::stamped_for;
use backend_plugin_api::PluginId;

/// Who says that what is there is Greenroom's: without it, nothing is destroyed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stamp {
    /// Nobody: others made it.
    #[default]
    None,
    /// PostgreSQL: the comment on the database or the schema.
    Comment,
    /// The plugin's row in the table `greenroom_stamp`: the place was empty when its first migration ran, or was adopted.
    Row,
    /// It is another plugin's.
    Other(String),
}

impl Stamp {
    /// That of `plugin`. The comment of a database that plugins share says nothing of one of them.
    pub(super) fn of(plugin: PluginId, comment: Option<&str>, rows: &[String]) -> Self {
        match comment.and_then(stamped_for).flatten() {
            Some(other) if other != plugin.as_str() => return Self::Other(other.to_owned()),
            Some(_) => return Self::Comment,
            None => {}
        }
        match rows.first() {
            _ if rows.iter().any(|it| it == plugin.as_str()) => Self::Row,
            Some(other) => Self::Other(other.clone()),
            None => Self::None,
        }
    }

    /// Whether it is the plugin's own.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Comment | Self::Row)
    }
}

#[cfg(test)]
mod tests {
    use backend_defaults::database::postgres::stamp;

    use super::*;

    #[test]
    fn a_comment_goes_before_a_row() {
        let of = |comment: Option<&str>, rows: &[&str]| {
            Stamp::of(PluginId::new("catalog"), comment, &rows.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(of(Some(&stamp(Some("catalog"))), &[]), Stamp::Comment);
        assert_eq!(of(Some(&stamp(Some("todo"))), &["catalog"]), Stamp::Other("todo".to_owned()));
        assert_eq!(of(Some(&stamp(None)), &[]), Stamp::None);
        assert_eq!(of(Some("made by hand"), &["todo", "catalog"]), Stamp::Row);
        assert_eq!(of(None, &["todo"]), Stamp::Other("todo".to_owned()));
        assert_eq!(of(None, &[]), Stamp::None);
    }
}
