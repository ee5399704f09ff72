use crate::{
    key,
    origin::Span,
    tree::{Map, Mistake, Node, Value},
};

/// What the name of a variable that is config starts with.
pub(crate) const PREFIX: &str = "APP_CONFIG_";

/// Puts what one `APP_CONFIG_*` variable says into the tree of all of them. Backstage: `EnvConfigSource`.
pub(crate) fn insert(root: &mut Node, name: &str, text: &str, source: u32) -> Option<Mistake> {
    let parts: Vec<&str> = name.strip_prefix(PREFIX).unwrap_or(name).split('_').collect();
    let mistake = |message| {
        let key = parts.iter().fold(String::new(), |path, part| key::join(&path, part));
        Mistake { key, message, at: Span::whole(source) }
    };
    set(root, &parts, text, source).err().map(mistake)
}

fn set(root: &mut Node, parts: &[&str], text: &str, source: u32) -> Result<(), String> {
    let at = Span::whole(source);
    let json = parse(text)?;
    if json.is_null() {
        return Err("cannot be set to null by a variable".into());
    }
    if let Some(part) = parts.iter().find(|part| !is_key_part(part)) {
        return Err(format!("`{part}` cannot be a key: it has to be letters and digits after a letter"));
    }
    let (last, above) = parts.split_last().ok_or("names no key")?;
    let mut node = root;
    for part in above {
        let Value::Object(map) = &mut node.value else {
            return Err("another variable sets a value above it".into());
        };
        node = map.entry((*part).to_owned()).or_default();
        if node.is_null() {
            *node = Node { key_at: Some(at), ..Node::new(Value::Object(Map::default()), at) };
        }
    }
    let Value::Object(map) = &mut node.value else {
        return Err("another variable sets a value above it".into());
    };
    if map.contains_key(*last) {
        return Err("another variable already sets it or something below it".into());
    }
    map.insert((*last).to_owned(), Node { key_at: Some(at), ..Node::from_json(json, source) });
    Ok(())
}

/// What is no JSON is the text itself.
fn parse(text: &str) -> Result<serde_json::Value, String> {
    match serde_json::from_str(text) {
        Ok(json) => Ok(json),
        Err(error) if error.to_string().starts_with("recursion limit") => Err("is nested too deep".into()),
        Err(_) => Ok(text.into()),
    }
}

/// Whether a variable can name the key.
pub(crate) fn is_key_part(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_alphabetic())
        && part.split(['-', ':']).all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
