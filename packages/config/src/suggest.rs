/// `` , did you mean `x` `` for the known name that is nearest, or nothing.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let lower = name.to_lowercase();
    let distance = |known: &&str| strsim::osa_distance(&lower, &known.to_lowercase());
    let nearest = known.into_iter().map(|known| (distance(&known), known)).min();
    match nearest {
        Some((distance, known)) if distance <= 1.max(name.chars().count().max(known.chars().count()) / 3) => {
            format!(", did you mean `{known}`?")
        }
        _ => String::new(),
    }
}
