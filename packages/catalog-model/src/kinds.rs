use crate::RelationPair;

/// What the catalog knows of one kind of entity.
#[derive(Debug)]
pub struct Kind {
    /// As it is written in `kind:`, e.g. `Component`.
    pub name: &'static str,
    /// What `apiVersion:` may be; a trailing `/*` stands for every version of that group.
    pub api_versions: &'static [&'static str],
    /// The fields of `spec` that have a meaning; others are kept as they are.
    pub fields: &'static [Field],
}

/// A field of `spec`.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// E.g. `owner`.
    pub name: &'static str,
    /// What it must look like if it is there.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// An entity of this `spec.type` does without the field, though it is required.
    pub except_type: Option<&'static str>,
    /// The relations that its references make.
    pub relation: Option<RelationField>,
}

/// What a field must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A text that is not empty.
    Text,
    /// A list of texts that are not empty.
    Texts,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A mapping whose values, where they are among these keys, are texts that are not empty.
    Texted(&'static [&'static str]),
    /// A list of mappings, each with a text under this key.
    ListWith(&'static str),
}

/// How the references of a field become relations.
#[derive(Clone, Copy, Debug)]
pub struct RelationField {
    /// Their names.
    pub pair: RelationPair,
    /// The kind of a reference that names none; without it the reference must name one.
    pub default_kind: Option<&'static str>,
}

const BACKSTAGE: &[&str] = &["backstage.io/v1alpha1", "backstage.io/v1beta1"];

/// All kinds there are. Backstage: `catalog-model/src/schema/kinds`, and for relations `BuiltinKindsEntityProcessor`.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "Component",
        api_versions: BACKSTAGE,
        fields: &[
            text("type").required(),
            text("lifecycle").required(),
            owner().required(),
            text("system").relates(RelationPair::PART_OF, "System"),
            text("subcomponentOf").relates(RelationPair::PART_OF, "Component"),
            texts("providesApis").relates(RelationPair::PROVIDES_API, "API"),
            texts("consumesApis").relates(RelationPair::CONSUMES_API, "API"),
            texts("dependsOn").relates_to_any(RelationPair::DEPENDS_ON),
            texts("dependencyOf").relates_to_any(RelationPair::DEPENDS_ON.reversed()),
        ],
    },
    Kind {
        name: "API",
        api_versions: BACKSTAGE,
        fields: &[
            text("type").required(),
            text("lifecycle").required(),
            owner().required(),
            text("definition").required().except_type("mcp-server"),
            text("system").relates(RelationPair::PART_OF, "System"),
        ],
    },
    Kind {
        name: "Resource",
        api_versions: BACKSTAGE,
        fields: &[
            text("type").required(),
            owner().required(),
            text("system").relates(RelationPair::PART_OF, "System"),
            texts("dependsOn").relates_to_any(RelationPair::DEPENDS_ON),
            texts("dependencyOf").relates_to_any(RelationPair::DEPENDS_ON.reversed()),
        ],
    },
    Kind {
        name: "System",
        api_versions: BACKSTAGE,
        fields: &[owner().required(), text("type"), text("domain").relates(RelationPair::PART_OF, "Domain")],
    },
    Kind {
        name: "Domain",
        api_versions: BACKSTAGE,
        fields: &[owner().required(), text("type"), text("subdomainOf").relates(RelationPair::PART_OF, "Domain")],
    },
    Kind {
        name: "Group",
        api_versions: BACKSTAGE,
        fields: &[
            text("type").required(),
            texts("children").required().relates(RelationPair::CHILD_OF.reversed(), "Group"),
            text("parent").relates(RelationPair::CHILD_OF, "Group"),
            texts("members").relates(RelationPair::MEMBER_OF.reversed(), "User"),
            profile(),
        ],
    },
    Kind {
        name: "User",
        api_versions: BACKSTAGE,
        fields: &[texts("memberOf").relates(RelationPair::MEMBER_OF, "Group"), profile()],
    },
    Kind {
        name: "Location",
        api_versions: BACKSTAGE,
        fields: &[
            text("type"),
            text("target"),
            texts("targets"),
            field("presence", Shape::OneOf(&["required", "optional"])),
        ],
    },
    Kind {
        name: "Template",
        api_versions: &["scaffolder.backstage.io/*"],
        fields: &[text("type").required(), field("steps", Shape::ListWith("action")).required(), owner()],
    },
];

const fn field(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, required: false, except_type: None, relation: None }
}

const fn text(name: &'static str) -> Field {
    field(name, Shape::Text)
}

const fn texts(name: &'static str) -> Field {
    field(name, Shape::Texts)
}

const fn owner() -> Field {
    text("owner").relates(RelationPair::OWNED_BY, "Group")
}

const fn profile() -> Field {
    field("profile", Shape::Texted(&["displayName", "email", "picture"]))
}

impl Field {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn except_type(mut self, value: &'static str) -> Self {
        self.except_type = Some(value);
        self
    }

    const fn relates(mut self, pair: RelationPair, default_kind: &'static str) -> Self {
        self.relation = Some(RelationField { pair, default_kind: Some(default_kind) });
        self
    }

    const fn relates_to_any(mut self, pair: RelationPair) -> Self {
        self.relation = Some(RelationField { pair, default_kind: None });
        self
    }
}

impl Kind {
    /// The kind that is written so, exactly.
    pub fn named(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|it| it.name == name)
    }

    /// Whether an entity of this kind may have this `apiVersion`.
    pub fn has_version(&self, api_version: &str) -> bool {
        self.api_versions.iter().any(|it| match it.strip_suffix("/*") {
            Some(group) => api_version.strip_prefix(group).is_some_and(|rest| rest.starts_with('/')),
            None => *it == api_version,
        })
    }
}
