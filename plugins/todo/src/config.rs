use schemars::JsonSchema;
use serde::Deserialize;

/// The to-do list: `todo` in `app-config.yaml`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct TodoConfig {
    /// How many to-dos there may be.
    pub max_open: u64,
}

impl Default for TodoConfig {
    fn default() -> Self {
        Self { max_open: 100 }
    }
}
