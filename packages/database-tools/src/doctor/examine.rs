use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use backend_defaults::database::EnginePlan;
use futures::future::join_all;
use tokio::task::spawn_blocking;

use super::finding::{Diagnosis, Finding};
use super::{disk, files, handles, mysql, postgres};
use crate::Site;

/// Looks at all that the sites are on. What cannot be looked at is a finding too.
pub async fn examine(sites: &[Site]) -> Diagnosis {
    let plans: Vec<_> = sites.iter().map(|it| &it.plan).collect();
    let mut findings = vec![handles::check(&plans)];
    findings.extend(of_files(sites).await);
    findings.extend(join_all(by_server(sites).into_iter().map(of_server)).await.into_iter().flatten());
    // What several plugins ran into is told once.
    let mut told = Vec::new();
    for finding in findings {
        if !told.contains(&finding) {
            told.push(finding);
        }
    }
    Diagnosis { findings: told }
}

/// Two engines do not listen at one place, but a config may say so.
fn by_server(sites: &[Site]) -> BTreeMap<(String, bool), Vec<&Site>> {
    let mut servers = BTreeMap::<_, Vec<_>>::new();
    for site in sites {
        if let Some(server) = site.plan.server() {
            let is_mysql = matches!(site.plan.engine, EnginePlan::MySql(_));
            servers.entry((server, is_mysql)).or_default().push(site);
        }
    }
    servers
}

async fn of_server(((server, is_mysql), sites): ((String, bool), Vec<&Site>)) -> Vec<Finding> {
    match is_mysql {
        true => mysql::examine(&server, &sites).await,
        false => postgres::examine(&server, &sites).await,
    }
}

/// SQLite's, and the folders of private servers.
async fn of_files(sites: &[Site]) -> Vec<Finding> {
    let databases: Vec<_> = sites.iter().filter_map(|it| it.file().map(Path::to_owned)).collect();
    let mut folders: BTreeSet<PathBuf> = databases.iter().filter_map(|it| it.parent()).map(Path::to_owned).collect();
    folders.extend(sites.iter().filter_map(|it| it.postgres_plan()?.embedded.clone()));
    let looked = spawn_blocking(move || {
        let mut findings = Vec::new();
        if !databases.is_empty() {
            findings.push(files::library());
        }
        findings.extend(folders.iter().flat_map(|it| disk::check(it)));
        findings.extend(databases.iter().flat_map(|it| files::check(it)));
        findings
    });
    looked.await.unwrap_or_default()
}
