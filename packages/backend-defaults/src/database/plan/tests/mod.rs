#![expect(clippy::unwrap_used, reason = "tests")]

mod backstage;
mod isolation;
mod mysql;
mod pool;
mod pooler;
mod postgres;
mod sqlite;

use config::Config;
use serde_json::{Value, json};

use super::*;
use crate::database::credentials::PasswordSource;
use crate::database::postgres::{Host, Pem, Roots};
use backend_plugin_api::Section;

const PLUGINS: [PluginId; 2] = [PluginId::new("catalog"), PluginId::new("todo")];

/// The plans as lines, or the mistakes.
fn plans(database: Value) -> String {
    plans_in(database, &[])
}

/// With variables of libpq's.
fn plans_in(database: Value, variables: &[(&str, &str)]) -> String {
    plans_from(&Config::from_json(json!({ "backend": { "database": database } })), variables)
}

fn plans_from(config: &Config, variables: &[(&str, &str)]) -> String {
    let environment = LibpqEnvironment::new(variables.iter().copied(), "me", Path::new("/home/me"));
    let config: DatabaseConfig = match config.read(DatabaseConfig::KEY) {
        Ok(config) => config,
        Err(errors) => return errors.to_string(),
    };
    let mistakes: Vec<_> = config.mistakes(&PLUGINS, &environment).iter().map(ToString::to_string).collect();
    if !mistakes.is_empty() {
        return mistakes.join("\n");
    }
    let plans = PLUGINS.iter().map(|plugin| line(&config.plan(*plugin, &environment).unwrap()));
    plans.collect::<Vec<_>>().join("\n")
}

fn line(plan: &DatabasePlan) -> String {
    let DatabaseInfo { client, location, .. } = plan.info();
    let PoolPlan { max, acquire_timeout, create_timeout, .. } = plan.pool;
    let pool = format!("{max} {acquire_timeout:?} {create_timeout:?}");
    let migrations = match plan.migrations {
        MigrationMode::Run => String::new(),
        other => format!(" {other:?}"),
    };
    let engine = match &plan.engine {
        EnginePlan::Sqlite(_) => String::new(),
        EnginePlan::Postgres(postgres) => server(postgres),
        EnginePlan::MySql(mysql) => mysql_server(mysql),
    };
    format!("{} {client} {location} {pool}{migrations}{engine}", plan.plugin)
}

/// What is other than by default, by words.
fn server(plan: &PostgresPlan) -> String {
    let PostgresServer { hosts, target, login, tls, session, connect_timeout, query_timeout, keepalive } = &plan.server;
    let mut words = Vec::new();
    for host in hosts {
        if let Host::Tcp { address: Some(address), .. } = host {
            words.push(format!("at {address}"));
        }
    }
    if plan.embedded.is_none() {
        words.push(format!("as {}", shown_login(login)));
    }
    words.extend(plan.pooler.map(|it| format!("by a pooler ({it:?})")));
    if let Some(DirectPlan { server, database }) = &plan.direct {
        let with_database = if *database == plan.database { String::new() } else { format!("/{database}") };
        words.push(format!("migrates at {server}{with_database} as {}", shown_login(&server.login)));
    }
    if let Some(admin) = &plan.admin {
        words.push(format!("made by {}", shown_login(admin)));
    }
    words.extend(plan.role.as_ref().map(|it| format!("role {it}")));
    words
        .extend(plan.isolated.then(|| if plan.ensure.role { "isolated" } else { "isolated, no role made" }.to_owned()));
    if plan.maintenance_database != "postgres" {
        words.push(format!("maintenance {}", plan.maintenance_database));
    }
    let ensure = match (plan.ensure.database, plan.ensure.schema) {
        (true, _) => "",
        (false, true) => "ensures schema",
        (false, false) => "ensures nothing",
    };
    words.push(ensure.to_owned());
    let roots = match &tls.roots {
        Roots::None => String::new(),
        Roots::LibpqFile(file) => format!(" {}", file.display()),
        Roots::Pem(pem) => format!(" {}", shown_pem(pem)),
        Roots::System => " system".to_owned(),
    };
    words.push(format!("tls {:?}{roots}", tls.mode));
    words.extend(tls.identity.as_ref().map(|it| format!("{}+{}", shown_pem(&it.certificate), shown_pem(&it.key))));
    words.extend(tls.server_name.as_ref().map(|it| format!("named {it}")));
    words.extend((*target != Default::default()).then(|| format!("{target:?}")));
    words.extend(
        (session.application_name != format!("backstage_plugin_{}", plan_id(plan)))
            .then(|| session.application_name.clone()),
    );
    words.extend(session.parameters.iter().map(|(name, value)| format!("{name}={value}")));
    words.extend(connect_timeout.map(|it| format!("connect {it:?}")));
    words.extend(query_timeout.map(|it| format!("query {it:?}")));
    words.extend(keepalive.map(|it| format!("{it:?}")));
    words.extend(
        (plan.startup_timeout != Duration::from_secs(30)).then(|| format!("startup {:?}", plan.startup_timeout)),
    );
    words.retain(|it| !it.is_empty());
    format!("\n    {}", words.join(", "))
}

fn mysql_server(plan: &MySqlPlan) -> String {
    let MySqlServer { login, tls, connect_timeout, cleartext, address: _ } = &plan.server;
    let mut words = vec![format!("as {}", shown_login(login))];
    words.extend(plan.admin.as_ref().map(|it| format!("made by {}", shown_login(it))));
    words.extend((!plan.ensure_exists).then(|| "ensures nothing".to_owned()));
    let ca = tls.ca.as_ref().map(|it| format!(" {}", shown_pem(it))).unwrap_or_default();
    words.push(format!("tls {:?}{ca}", tls.mode));
    words.extend(tls.identity.as_ref().map(|it| format!("{}+{}", shown_pem(&it.certificate), shown_pem(&it.key))));
    words.extend((*connect_timeout != Duration::from_secs(10)).then(|| format!("connect {connect_timeout:?}")));
    words.extend(cleartext.then(|| "cleartext".to_owned()));
    words.extend(
        (plan.startup_timeout != Duration::from_secs(30)).then(|| format!("startup {:?}", plan.startup_timeout)),
    );
    format!("\n    {}", words.join(", "))
}

/// The plugin, as the default application name tells.
fn plan_id(plan: &PostgresPlan) -> &str {
    let name = plan.server.session.application_name.as_str();
    name.strip_prefix("backstage_plugin_").unwrap_or_default()
}

fn shown_login(login: &Login) -> String {
    let password = match &login.password {
        PasswordSource::None => String::new(),
        PasswordSource::PassFile(it) if it.file == Path::new("/home/me/.pgpass") => String::new(),
        PasswordSource::Literal(password) => format!(":{}", password.expose()),
        other => format!(" {other:?}"),
    };
    format!("{}{password}", login.user)
}

fn shown_pem(pem: &Pem) -> String {
    match pem {
        Pem::Text(text) => text.expose().lines().next().unwrap_or_default().to_owned(),
        Pem::File(file) => file.display().to_string(),
    }
}
