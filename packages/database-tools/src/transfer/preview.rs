//! What a copy would do.

use super::{LoadedTable, copy, load, source};
use crate::Site;

/// What would be copied, and where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// What is in the source.
    pub tables: Vec<LoadedTable>,
    /// What is in the target.
    pub target: TargetState,
}

/// What there is of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetState {
    /// It would be made.
    Missing,
    /// There may be tables.
    Empty,
    /// It would be refused, unless they are those of the source, or from a copy that was broken off.
    Filled {
        /// How many.
        rows: u64,
    },
}

/// Looks, and changes nothing.
///
/// # Errors
/// Those of [`copy()`](super::copy()) about its source. When the target cannot be read.
pub async fn preview(from: &Site, to: &Site) -> anyhow::Result<Preview> {
    let mut found = copy::open(from).await?;
    let tables = load::counted(found.as_mut()).await?;
    let target = if to.exists().await? {
        match load::counted(source(to).await?.as_mut()).await?.iter().map(|it| it.rows).sum() {
            0 => TargetState::Empty,
            rows => TargetState::Filled { rows },
        }
    } else {
        TargetState::Missing
    };
    Ok(Preview { tables, target })
}
