//! A config that changes while the backend runs.

use insta::assert_snapshot;

use crate::process::Home;

#[test]
fn a_change_is_told_and_holds_where_it_can() {
    let home = Home::with_config("backend: {listen: '127.0.0.1:0'}\n");
    let mut backend = home.start();
    home.write("app-config.local.yaml", "backend: {logger: {level: debug}}\ntodo: {maxOpen: 7}\n");
    assert_snapshot!(backend.wait_for_message("holds from now on"), @"the config has changed; this holds from now on: `backend.logger`");
    assert_snapshot!(backend.wait_for_message("needs a restart"), @"the config has changed; this needs a restart: `todo`");

    home.write("app-config.local.yaml", "backend: [\n");
    assert_snapshot!(backend.wait_for_message("cannot be read"), @"
    the config has changed and cannot be read; it stays as it was:
    app-config.local.yaml:2:1: is not valid YAML: while parsing a node, did not find expected node content
    ");

    home.write("app-config.local.yaml", "backend: {logger: {level: loud}}\ntodo: {maxOpen: many}\n");
    assert_snapshot!(backend.wait_for_message("is wrong"), @r#"
    the config has changed and is wrong; it stays as it was:
    app-config.local.yaml:1:27 `backend.logger.level`: `loud` is not a log level; use `error`, `warn`, `info`, `debug` or `trace`
    app-config.local.yaml:2:17 `todo.maxOpen`: expected a number, got "many"
    "#);

    // A level that hides what is told is told all the same.
    home.write("app-config.local.yaml", "backend: {logger: {level: error}}\n");
    assert_snapshot!(backend.wait_for_message("holds from now on"), @"the config has changed; this holds from now on: `backend.logger.level`");
    backend.signal("TERM");
    assert_eq!(backend.ended().0, Some(0));
}
