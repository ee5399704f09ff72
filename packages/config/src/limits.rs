//! What config may be at most, so that a mistaken or hostile file takes neither memory nor stack.

/// No config is this large; a wrong path may be.
pub(crate) const MAX_FILE_MB: u64 = 16;
/// How deep objects and lists may stand in each other: far more than config needs, far less than the stack holds.
pub(crate) const MAX_DEPTH: usize = 200;
const MAX_VALUES: usize = 1_000_000;
const MAX_TEXT_MB: usize = 64;
/// How often one anchor may be used, counting what is in it. JavaScript: `maxAliasCount` of `yaml`.
pub(crate) const MAX_ALIASES: u64 = 100;

/// What all files of one config may still take, with what aliases and includes repeat.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    values: usize,
    text: usize,
    spent: bool,
}

/// How much a value and all below it take.
#[derive(Clone, Copy, Default)]
pub(crate) struct Size {
    pub(crate) values: usize,
    pub(crate) text: usize,
    pub(crate) height: usize,
}

impl Size {
    pub(crate) fn of_text(text: &str) -> Self {
        Self { values: 1, text: text.len(), height: 0 }
    }

    /// With one more value in it.
    pub(crate) fn add(&mut self, child: Self) {
        self.values += child.values;
        self.text += child.text;
        self.height = self.height.max(child.height + 1);
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { values: MAX_VALUES, text: MAX_TEXT_MB << 20, spent: false }
    }
}

impl Budget {
    /// Takes off what a value needs, or says which limit that is over.
    pub(crate) fn spend(&mut self, size: Size) -> Result<(), String> {
        match (self.values.checked_sub(size.values), self.text.checked_sub(size.text)) {
            (Some(values), Some(text)) => {
                (self.values, self.text) = (values, text);
                return Ok(());
            }
            _ => self.spent = true,
        }
        match self.values < size.values {
            true => Err(format!("more than {MAX_VALUES} values in all files")),
            false => Err(format!("more than {MAX_TEXT_MB} MB of text in all files")),
        }
    }

    /// All that was taken off.
    pub(crate) fn spent_size(&self) -> Size {
        Size { values: MAX_VALUES - self.values, text: (MAX_TEXT_MB << 20) - self.text, height: 0 }
    }

    /// Whether it was not enough.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent
    }
}

pub(crate) fn too_deep() -> String {
    format!("more than {MAX_DEPTH} levels deep")
}
