//! The plugin, seen through its routes.

use axum::Router;
use backend_plugin_api::services::{Database, HttpRouter};
use backend_plugin_api::{Config, Plugin};
use backend_test_utils::{database, send};
use serde_json::{Value, json};

use crate::CatalogPlugin;

const FILES: &str = "
apiVersion: backstage.io/v1alpha1
kind: Component
metadata:
  name: Shop
  tags: [java, web]
  annotations: {example.com/a: x}
spec: {type: website, lifecycle: production, owner: team, providesApis: [shop]}
---
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: stock}
spec: {type: service, lifecycle: production, owner: team, dependsOn: [component:shop]}
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: shop, namespace: public}
spec: {type: grpc, lifecycle: experimental, owner: default/team, definition: none}
";

/// A catalog with its files in a folder.
struct Catalog {
    folder: tempfile::TempDir,
    database: Database,
    routes: Router,
}

impl Catalog {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("all.yaml"), FILES).unwrap();
        let database = database::<CatalogPlugin>().await;
        let routes = Self::routes(&folder, &database).await;
        Self { folder, database, routes }
    }

    /// As after a restart with these files.
    async fn restart(&mut self, files: &str) {
        std::fs::write(self.folder.path().join("all.yaml"), files).unwrap();
        self.routes = Self::routes(&self.folder, &self.database).await;
    }

    async fn routes(folder: &tempfile::TempDir, database: &Database) -> Router {
        let target = folder.path().join("*.yaml");
        let config = json!({ "locations": [{ "type": "file", "target": target }] });
        let (http, config) = (HttpRouter::default(), Config(serde_json::from_value(config).unwrap()));
        CatalogPlugin.init((config, database.clone(), http.clone())).await.unwrap();
        http.close()
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = send(&self.routes, "GET", path, ()).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// The names of the entities that come of a query, in order. The configured location is not one of them.
    async fn names(&self, query: &str) -> String {
        let entities = self.get(&format!("/entities?{query}")).await;
        let names = entities.as_array().unwrap().iter().map(|it| it["metadata"]["name"].as_str().unwrap().to_owned());
        names.filter(|it| !it.starts_with("generated-")).collect::<Vec<_>>().join(" ")
    }

    async fn error(&self, path: &str) -> String {
        let (status, body) = send(&self.routes, "GET", path, ()).await;
        let error = &body["error"];
        format!("{status} {}: {}", error["name"].as_str().unwrap(), error["message"].as_str().unwrap())
    }
}

#[tokio::test]
async fn an_entity_is_found_by_name_and_by_uid() {
    let catalog = Catalog::start().await;
    let mut entity = catalog.get("/entities/by-name/COMPONENT/default/shop").await;
    let uid = entity["metadata"]["uid"].as_str().unwrap().to_owned();
    assert_eq!(catalog.get(&format!("/entities/by-uid/{uid}")).await, entity);
    let folder = catalog.folder.path().to_str().unwrap();
    for (key, value) in [("uid", 36), ("etag", 40)] {
        assert_eq!(entity["metadata"][key].as_str().unwrap().len(), value);
        entity["metadata"][key] = key.into();
    }
    let text = serde_json::to_string_pretty(&entity).unwrap().replace(folder, "/here");
    insta::assert_snapshot!(text, @r#"
    {
      "apiVersion": "backstage.io/v1alpha1",
      "kind": "Component",
      "metadata": {
        "name": "Shop",
        "tags": [
          "java",
          "web"
        ],
        "annotations": {
          "example.com/a": "x",
          "backstage.io/managed-by-location": "file:/here/all.yaml",
          "backstage.io/managed-by-origin-location": "file:/here/*.yaml"
        },
        "namespace": "default",
        "uid": "uid",
        "etag": "etag"
      },
      "spec": {
        "type": "website",
        "lifecycle": "production",
        "owner": "team",
        "providesApis": [
          "shop"
        ]
      },
      "relations": [
        {
          "type": "dependencyOf",
          "targetRef": "component:default/stock"
        },
        {
          "type": "ownedBy",
          "targetRef": "group:default/team"
        },
        {
          "type": "providesApi",
          "targetRef": "api:default/shop"
        }
      ]
    }
    "#);
    assert_eq!(
        catalog.error("/entities/by-name/component/default/none").await,
        "404 NotFoundError: No entity named 'none' found, with kind 'component' in namespace 'default'"
    );
    assert_eq!(catalog.error("/entities/by-uid/1").await, "404 NotFoundError: No entity with uid 1");
}

#[tokio::test]
async fn entities_are_filtered() {
    let catalog = Catalog::start().await;
    assert_eq!(catalog.names("").await, "shop Shop stock");
    assert_eq!(catalog.names("filter=kind=component").await, "Shop stock");
    assert_eq!(catalog.names("filter=kind=component,spec.type=SERVICE").await, "stock");
    assert_eq!(catalog.names("filter=spec.type=service&filter=kind=api").await, "shop stock");
    assert_eq!(catalog.names("filter=kind=api,kind=component,spec.type=website").await, "Shop");
    assert_eq!(catalog.names("filter=metadata.tags").await, "Shop");
    assert_eq!(catalog.names("filter=metadata.tags.java,metadata.tags.web=true").await, "Shop");
    assert_eq!(catalog.names("filter=metadata.annotations.example.com/a").await, "Shop");
    assert_eq!(catalog.names("filter=relations.ownedBy=group:default/team").await, "shop Shop stock");
    assert_eq!(catalog.names("filter=metadata.namespace=public").await, "shop");
    assert_eq!(catalog.names("filter=kind=none").await, "");
    assert!(catalog.error("/entities?filter==x").await.starts_with("400 InputError: Invalid filter"));
}

#[tokio::test]
async fn entities_are_ordered_and_paged() {
    let catalog = Catalog::start().await;
    assert_eq!(
        catalog.names("filter=spec.owner&order=desc:spec.type&order=asc:metadata.name").await,
        "Shop stock shop"
    );
    assert_eq!(catalog.names("filter=spec.owner&order=asc:metadata.tags").await.split(' ').next(), Some("Shop"));
    assert_eq!(catalog.names("filter=spec.owner&limit=2").await, "shop Shop");
    assert_eq!(catalog.names("filter=spec.owner&limit=2&offset=1").await, "Shop stock");
    assert_eq!(catalog.names("filter=spec.owner&offset=2").await, "stock");
    assert_eq!(
        catalog.error("/entities?order=name").await,
        "400 InputError: Invalid order parameter \"name\", expected \"<asc or desc>:<field name>\""
    );
    assert_eq!(catalog.error("/entities?limit=x").await, "400 InputError: Invalid limit, not an integer");
}

#[tokio::test]
async fn a_page_has_the_address_of_the_next() {
    use tower::ServiceExt;
    let catalog = Catalog::start().await;
    let (mut path, mut pages) = ("/entities?filter=spec.owner&limit=2".to_owned(), vec![]);
    loop {
        pages.push(catalog.names(path.split_once('?').unwrap().1).await);
        let request = axum::http::Request::get(&path).body(axum::body::Body::empty()).unwrap();
        let response = catalog.routes.clone().oneshot(request).await.unwrap();
        let Some(link) = response.headers().get("link") else { break };
        let link = link.to_str().unwrap();
        path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
    }
    assert_eq!(pages, ["shop Shop", "stock"]);
}

#[tokio::test]
async fn a_part_of_each_entity_can_be_asked_for() {
    let catalog = Catalog::start().await;
    let parts = catalog.get("/entities?filter=kind=component&fields=kind,metadata.name").await;
    assert_eq!(
        parts,
        json!([
            { "kind": "Component", "metadata": { "name": "Shop" } },
            { "kind": "Component", "metadata": { "name": "stock" } },
        ])
    );
}

#[tokio::test]
async fn facets_count_values() {
    let catalog = Catalog::start().await;
    let facets = catalog.get("/entity-facets?facet=kind&facet=metadata.tags&facet=spec.none&filter=spec.owner").await;
    assert_eq!(
        facets,
        json!({ "facets": {
            "kind": [{ "value": "API", "count": 1 }, { "value": "Component", "count": 2 }],
            "metadata.tags": [{ "value": "java", "count": 1 }, { "value": "web", "count": 1 }],
            "spec.none": [],
        }})
    );
    assert_eq!(catalog.error("/entity-facets").await, "400 InputError: Missing facet parameter");
}

#[tokio::test]
async fn the_locations_of_the_config_are_listed() {
    let catalog = Catalog::start().await;
    let locations = catalog.get("/locations").await;
    let data = &locations[0]["data"];
    assert_eq!(data["target"].as_str().unwrap(), catalog.folder.path().join("*.yaml").to_str().unwrap());
    assert_eq!(data["type"], "file");
    let entity = catalog.get(&format!("/entities/by-uid/{}", data["id"].as_str().unwrap())).await;
    assert_eq!(entity["spec"]["target"], data["target"]);
}

#[tokio::test]
async fn after_a_restart_only_what_changed_is_new() {
    let mut catalog = Catalog::start().await;
    let identity = |entities: &Value, at: usize| {
        (entities[at]["metadata"]["uid"].clone(), entities[at]["metadata"]["etag"].clone())
    };
    let query = "/entities?filter=kind=component";
    let before = catalog.get(query).await;
    catalog.restart(FILES).await;
    assert_eq!(catalog.get(query).await, before);

    let (shop, rest) = FILES.split_once("---").unwrap();
    catalog.restart(&format!("{}---{rest}", shop.replace("java", "rust"))).await;
    let after = catalog.get(query).await;
    assert_eq!(identity(&before, 0).0, identity(&after, 0).0);
    assert_ne!(identity(&before, 0).1, identity(&after, 0).1);
    assert_eq!(before[1], after[1]);
    assert_eq!(catalog.names("filter=metadata.tags=java").await, "");
    assert_eq!(catalog.names("filter=metadata.tags=rust").await, "Shop");

    catalog.restart(shop).await;
    assert_eq!(catalog.names("").await, "Shop");
    assert_eq!(
        catalog.get("/entities?filter=kind=component").await[0]["relations"],
        json!([
            { "type": "ownedBy", "targetRef": "group:default/team" },
            { "type": "providesApi", "targetRef": "api:default/shop" },
        ])
    );
}

#[tokio::test]
async fn a_long_list_is_written_in_pieces() {
    let mut catalog = Catalog::start().await;
    let group = |it| {
        format!(
            "---\napiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {{name: c{it:04}}}\nspec: {{type: t, lifecycle: l, owner: o}}\n"
        )
    };
    catalog.restart(&(0..1234).map(group).collect::<String>()).await;
    let expected: Vec<_> = (0..1234).map(|it| format!("c{it:04}")).collect();
    assert_eq!(catalog.names("").await, expected.join(" "));
    assert_eq!(catalog.names("fields=metadata.name&order=desc:metadata.name").await.split(' ').next(), Some("c1233"));
}

#[tokio::test]
async fn the_demo_catalog_has_no_problem() {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let config = json!({
        "rules": [{ "allow": ["Component", "API", "Resource", "System", "Domain", "Group", "User", "Location"] }],
        "locations": [{ "type": "file", "target": "./examples/all.yaml" }],
    });
    let config = serde_json::from_value(config).unwrap();
    let all = crate::processing::collect(&config, &examples.canonicalize().unwrap());
    assert_eq!(all.problems, []);
    assert_eq!(all.entities.len(), 23);
    let there = |it: &catalog_model::EntityRef| assert!(all.entities.contains_key(it), "{it} is not there");
    for found in all.entities.values() {
        found.entity.outgoing_relations().iter().for_each(|it| there(&it.target));
    }
}
