use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use backend_plugin_api::ApiError;
use serde::Deserialize;

use crate::store::{Added, Model, TodoStore};

pub(crate) fn router(store: TodoStore) -> Router {
    Router::new().route("/todos", get(list).post(add)).with_state(store)
}

#[derive(Deserialize)]
struct NewTodo {
    title: String,
}

async fn list(State(store): State<TodoStore>) -> Result<Json<Vec<Model>>, ApiError> {
    Ok(Json(store.list().await?))
}

async fn add(State(store): State<TodoStore>, Json(new): Json<NewTodo>) -> Result<(StatusCode, Json<Model>), ApiError> {
    let title = new.title.trim();
    if title.is_empty() {
        return Err(ApiError::input("`title` is empty"));
    }
    match store.add(title).await? {
        Added::Todo(todo) => Ok((StatusCode::CREATED, Json(todo))),
        Added::TooMany { open } => Err(ApiError::conflict(format!("there are {open} to-dos, and no more may be"))),
    }
}
