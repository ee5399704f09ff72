//! A module adds by an extension point, not to the plugin itself.
use backend_plugin_api::{Module, Result};

struct Catalog;

struct GitHub;

impl Module for GitHub {
    const ID: &'static str = "github";
    type Extends = Catalog;
    type Deps = ();

    async fn init(self, _: &mut Catalog, (): ()) -> Result<()> {
        Ok(())
    }
}

fn main() {}
