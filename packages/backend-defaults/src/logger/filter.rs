use tracing::Metadata;
use tracing::level_filters::LevelFilter;

use super::record::Record;
use super::{Level, Override};

/// Crates of which the log has warnings and errors alone, unless it is at `debug`, or an override
/// says otherwise.
const QUIET: [&str; 8] = ["h2", "hyper", "hyper_util", "rustls", "sea_orm", "sea_orm_migration", "sqlx", "tower_http"];

/// Which events are logged.
#[derive(Clone, Debug)]
pub struct Filter {
    level: tracing::Level,
    overrides: Vec<Override>,
}

impl Filter {
    /// What is at `level` or more severe; `overrides` have other levels for what they match.
    pub fn new(level: Level, overrides: Vec<Override>) -> Self {
        Self { level: level.0, overrides }
    }

    /// The least severe level that anything is logged at.
    pub(super) fn max_level(&self) -> LevelFilter {
        let levels = self.overrides.iter().map(|it| it.level.0).chain([self.level]);
        levels.max().map_or(LevelFilter::OFF, LevelFilter::from_level)
    }

    /// Whether the event may be logged, by what is known of it before it is made.
    pub(super) fn may_pass(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.max_level()
            && (!self.overrides.is_empty() || *metadata.level() <= self.level_of(metadata.target()))
    }

    /// Whether it is logged. Backstage: the first override that matches decides.
    pub(super) fn passes(&self, record: &Record<'_>) -> bool {
        let own = self
            .overrides
            .iter()
            .find(|it| it.matchers.iter().all(|(field, matcher)| matcher.matches(record.field(field).as_deref())));
        record.level <= own.map_or_else(|| self.level_of(record.target), |it| it.level.0)
    }

    fn level_of(&self, target: &str) -> tracing::Level {
        let of_crate = target.split("::").next().unwrap_or(target);
        match self.level {
            tracing::Level::INFO if QUIET.contains(&of_crate) => tracing::Level::WARN,
            level => level,
        }
    }
}
