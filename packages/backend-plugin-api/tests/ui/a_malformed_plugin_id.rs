//! An id is part of URLs, of database names and of config keys.
use backend_plugin_api::PluginId;

const ID: PluginId = PluginId::new("todo_list");

fn main() {}
