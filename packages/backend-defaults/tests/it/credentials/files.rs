use backend_defaults::database::credentials::PasswordSource;

use super::fake::Scene;

#[tokio::test]
async fn a_rotated_password_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "first\n").unwrap();
    let passwords = Scene::new(&[]).await.keyring().passwords(&PasswordSource::File(file.clone()));
    let ask = async || passwords.password(false).await.map(|it| it.unwrap().expose().clone());
    assert_eq!(ask().await.unwrap(), "first");
    std::fs::write(&file, "second\r\n").unwrap();
    assert_eq!(ask().await.unwrap(), "second");
    // Kubernetes: the folder is a link that is put in another one's place.
    let new = folder.path().join("new");
    std::fs::write(&new, "third").unwrap();
    std::fs::rename(&new, &file).unwrap();
    assert_eq!(ask().await.unwrap(), "third");
    std::fs::remove_file(&file).unwrap();
    assert!(ask().await.is_err());
}

#[tokio::test]
async fn what_the_config_has_is_given() {
    let keyring = Scene::new(&[]).await.keyring();
    assert_eq!(keyring.passwords(&PasswordSource::None).password(true).await.unwrap(), None);
    let literal = PasswordSource::Literal("s3cret".to_owned().into());
    let password = keyring.passwords(&literal).password(false).await.unwrap().unwrap();
    assert_eq!(password.expose(), "s3cret");
    assert!(!format!("{literal:?} {:?} {keyring:?}", keyring.passwords(&literal)).contains("s3cret"));
}
