//! The backend: which plugins it has, and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    backend_cli::main(|backend| backend.plugin(catalog::CatalogPlugin).plugin(todo::TodoPlugin))
}
