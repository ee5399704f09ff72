use backend_plugin_api::{
    Config, Extensions, Migrations, Module, PerPlugin, Plugin, PluginId, Result, Root, Service, ServiceFactory,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::fixtures::{Add, Catalog, Does, Log, Processing, backend};
use crate::{Backend, CheckOptions, WarningKind};

macro_rules! service {
    ($Name:ident: $Scope:ty, $id:literal, needs $Deps:ty) => {
        #[derive(Clone)]
        struct $Name;
        impl Service for $Name {
            type Scope = $Scope;
            const ID: &'static str = $id;
        }
        impl ServiceFactory for $Name {
            type Service = Self;
            type Deps = $Deps;
            async fn create(&self, _: $Deps) -> Result<Self> {
                panic!("checked, never made")
            }
        }
    };
}

service!(Hen: Root, "hen", needs (Egg,));
service!(Egg: Root, "egg", needs (Hen,));
service!(Lonely: PerPlugin, "lonely", needs (Absent,));
service!(Absent: Root, "absent", needs ());

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Limits {
    #[serde(rename = "maxOpen")]
    _max_open: u32,
    #[serde(rename = "maxAge")]
    _max_age: Option<u32>,
}

/// A plugin with everything wrong.
struct Wrong;

impl Plugin for Wrong {
    const ID: PluginId = PluginId::new("wrong");
    type Deps = (Lonely, Extensions<Processing>, Config<Limits>);

    fn migrations() -> Migrations {
        vec![Box::new(Nothing)]
    }

    async fn init(self, _: Self::Deps) -> Result<()> {
        panic!("never checked, never run")
    }
}

struct Nothing;

impl sea_orm_migration::MigrationName for Nothing {
    fn name(&self) -> &str {
        "nothing"
    }
}

#[async_trait::async_trait]
impl sea_orm_migration::MigrationTrait for Nothing {
    async fn up(&self, _: &sea_orm_migration::SchemaManager) -> Result<(), sea_orm_migration::DbErr> {
        Ok(())
    }
}

fn errors(backend: Backend) -> String {
    backend.check().err().map(|it| it.to_string()).unwrap_or_default()
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let config = json!({
        "wrong": { "maxOpen": "lots", "maxAeg": 3 },
        "alhpa": {},
        "backend": {
            "databse": {},
            "startup": { "plugins": { "gama": { "onPluginBootFailure": "never" } } },
        },
    });
    let wrong = backend(config).plugin(Wrong).plugin(Wrong).plugin(Does::<'a'>(|| Ok(())));
    let wrong = wrong.module(Add::<'a'>("x")).module(Add::<'a'>("y")).service(Lonely).service(Hen).service(Egg);
    insta::assert_snapshot!(errors(wrong), @r#"
    the backend cannot start:
      - plugin `wrong` was added twice
      - module `add-a` of plugin `catalog` was added twice
      - nothing provides service `absent`, needed by service `lonely`
      - services need each other in a circle: egg -> hen -> egg
      - plugin `wrong` takes `catalog.processing`, which belongs to plugin `catalog`
      - plugin `wrong` has migrations but does not ask for `Database`
      - `backend.startup.plugins.gama.onPluginBootFailure`: expected `abort` or `continue`, got "never"
      - `wrong.maxOpen`: expected a number, got "lots"
      - `alhpa`: no plugin of this backend reads this; did you mean `alpha`?
      - warning: `backend.databse`: nothing reads this; remove it, or add what reads it
      - warning: `wrong.maxAeg`: is not a known key, did you mean `maxAge`?
    "#);
}

#[test]
fn a_section_of_no_plugin_is_a_mistake() {
    let backend = backend(json!({ "catalgo": {}, "sonar": {} })).plugin(Catalog(Log::default()));
    insta::assert_snapshot!(errors(backend), @"
    the backend cannot start:
      - `catalgo`: no plugin of this backend reads this; did you mean `catalog`?
      - `sonar`: no plugin of this backend reads this; remove it, or add what reads it
    ");
}

/// What may be misspelt or is absent is a mistake only to who is strict.
#[test]
fn what_is_not_read_is_a_warning() {
    let config = || json!({ "backend": { "databse": 1, "lifecycle": { "shutdownTimeuot": "5s" } } });
    let wired = backend(config()).plugin(Catalog(Log::default())).check().unwrap();
    let kinds: Vec<_> = wired.warnings().iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [WarningKind::Unread; 2]);
    let strict = CheckOptions { strict: true, ..CheckOptions::default() };
    let errors = backend(config()).plugin(Catalog(Log::default())).check_with(strict).err().unwrap();
    insta::assert_snapshot!(errors, @"
    the backend cannot start:
      - `backend.databse`: nothing reads this; remove it, or add what reads it
      - `backend.lifecycle.shutdownTimeuot`: is not a known key, did you mean `shutdownTimeout`?
    ");
}

#[test]
fn a_variable_that_is_not_set_is_a_mistake_where_the_value_is_required() {
    #[derive(Deserialize, JsonSchema)]
    struct Needs {
        #[serde(rename = "url")]
        _url: String,
        #[serde(rename = "title")]
        _title: Option<String>,
        #[serde(rename = "none")]
        _none: Option<String>,
    }
    struct Needy;
    impl Plugin for Needy {
        const ID: PluginId = PluginId::new("needy");
        type Deps = (Config<Needs>,);
        async fn init(self, _: Self::Deps) -> Result<()> {
            Ok(())
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.yaml");
    std::fs::write(&file, "needy: {url: '${URL}', title: '${TITLE}', none: '${NONE:-}'}\nx: {y: '${Z}'}\n").unwrap();
    let check = |options| {
        let config = config::Config::load(&config::Sources::files([&file]), &|_| None).unwrap();
        let check = Backend::new(config).plugin(Needy).unused_key("x", "it is old").check_with(options);
        let said = match check {
            Ok(wired) => wired.warnings().iter().map(|it| format!("warning: {it}\n")).collect(),
            Err(errors) => errors.to_string(),
        };
        said.replace(&format!("{}/", directory.path().display()), "")
    };
    insta::assert_snapshot!(check(CheckOptions::default()), @"
    the backend cannot start:
      - a.yaml:1:14 `needy.url`: is not set, because the environment variable `URL` is not set
      - warning: a.yaml:1:31 `needy.title`: is not set, because the environment variable `TITLE` is not set
      - warning: a.yaml:2:1 `x`: has no effect: it is old
      - warning: a.yaml:2:8 `x.y`: is not set, because the environment variable `Z` is not set
    ");
    insta::assert_snapshot!(check(CheckOptions { strict: true, ..CheckOptions::default() }), @"
    the backend cannot start:
      - a.yaml:1:14 `needy.url`: is not set, because the environment variable `URL` is not set
      - a.yaml:1:31 `needy.title`: is not set, because the environment variable `TITLE` is not set
      - a.yaml:2:8 `x.y`: is not set, because the environment variable `Z` is not set
      - warning: a.yaml:2:1 `x`: has no effect: it is old
    ");
    insta::assert_snapshot!(check(CheckOptions { lax: true, strict: true, ..CheckOptions::default() }), @"warning: a.yaml:2:1 `x`: has no effect: it is old");
}

#[test]
fn the_backends_own_section_is_an_object() {
    insta::assert_snapshot!(errors(backend(json!({ "backend": 42 }))), @"
    the backend cannot start:
      - `backend`: expected an object, got 42
    ");
}

#[test]
fn a_module_needs_its_plugin() {
    insta::assert_snapshot!(errors(backend(json!({})).module(Add::<'a'>("x"))), @"
    the backend cannot start:
      - module `add-a` extends `catalog.processing`, but plugin `catalog` is not there to take it
    ");
}

#[test]
fn a_backend_that_fits_has_no_errors() {
    assert_eq!(errors(backend(json!({})).plugin(Catalog(Log::default())).module(Add::<'a'>("x"))), "");
}

#[test]
fn a_plugin_that_is_not_there_cannot_be_permitted_to_fail() {
    let config = json!({ "backend": { "startup": { "plugins": {
        "catalgo": { "onPluginBootFailure": "continue" },
        "catalog": { "modules": { "add-c": { "onPluginModuleBootFailure": "continue" } } },
    } } } });
    let backend = backend(config).plugin(Catalog(Log::default())).module(Add::<'a'>("x"));
    insta::assert_snapshot!(errors(backend), @"
    the backend cannot start:
      - `backend.startup.plugins.catalgo`: this backend has no plugin `catalgo`; did you mean `catalog`?
      - `backend.startup.plugins.catalog.modules.add-c`: plugin `catalog` has no module `add-c`; did you mean `add-a`?
    ");
}

#[test]
fn what_has_no_effect_is_a_warning_also_for_who_is_strict() {
    let config = json!({ "app": { "title": "x" }, "backend": { "reading": { "allow": [] } } });
    for strict in [false, true] {
        let backend = backend(config.clone())
            .described_key("app", json!({ "description": "the frontend's" }))
            .unused_key("backend.reading", "there is no URL reader yet");
        let wired = backend.check_with(CheckOptions { strict, ..CheckOptions::default() }).unwrap();
        let warnings: Vec<_> = wired.warnings().iter().map(ToString::to_string).collect();
        assert_eq!(warnings, ["`backend.reading`: has no effect: there is no URL reader yet"]);
    }
}

/// A plugin and its modules share a section; a key is known when one of them reads it.
#[test]
fn a_section_is_shared_between_a_plugin_and_its_modules() {
    #[derive(Deserialize, JsonSchema)]
    struct Own {
        #[serde(rename = "rules")]
        _rules: Option<u8>,
    }
    #[derive(Deserialize, JsonSchema)]
    struct Other {
        #[serde(rename = "token")]
        _token: Option<String>,
    }
    struct Host;
    impl Plugin for Host {
        const ID: PluginId = PluginId::new("catalog");
        type Deps = (Config<Own>, Extensions<Processing>);
        async fn init(self, _: Self::Deps) -> Result<()> {
            Ok(())
        }
    }
    struct Guest;
    impl Module for Guest {
        const ID: &'static str = "guest";
        type Extends = Processing;
        type Deps = (Config<Other>,);
        async fn init(self, _: &mut Processing, _: Self::Deps) -> Result<()> {
            Ok(())
        }
    }
    let config = json!({ "catalog": { "rules": 1, "token": "x", "tokne": "y" } });
    let strict = CheckOptions { strict: true, ..CheckOptions::default() };
    let errors = backend(config).plugin(Host).module(Guest).check_with(strict).err().unwrap().to_string();
    assert_eq!(errors.matches("tokne").count(), 1, "{errors}");
    assert!(errors.contains("did you mean `token`"), "{errors}");
    assert!(!errors.contains("rules"), "{errors}");
}
