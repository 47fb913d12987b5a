//! The objects of all texts together: what the core reads, where each stands, and what is wrong with the texts themselves.

use std::collections::BTreeMap;

use hemvist_api::{GROUP, VERSION};
use hemvist_core::snapshot::{Key, Manifests};
use serde::Serialize;

use crate::document::{Document, documents};
use crate::located::{Located, Node, Position};
use crate::schema::Schemas;
use crate::sources::Source;

/// The kind of a model.
pub const MODEL_DEPLOYMENT: &str = "ModelDeployment";

/// The kind of a policy.
pub const AI_POLICY: &str = "AIPolicy";

/// The namespace of a manifest that names none, as kubectl has it.
const DEFAULT_NAMESPACE: &str = "default";

/// Kinds of Kubernetes that have no namespace and that decisions look at.
const NODE: &str = "Node";

/// How severe a finding is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub enum Level {
    /// The object would not be carried out, or not be read.
    Error,
    /// Nothing is refused, but what is written is not what happens.
    Warning,
}

/// A place in a text.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Place {
    pub file: String,
    /// The number of the document in it, from 1.
    pub document: usize,
    /// The line in the file, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
}

/// Something that is wrong with a text or with an object as it is written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem {
    /// How severe it is.
    pub level: Level,
    /// Where it is.
    #[serde(flatten)]
    pub place: Place,
    /// What it is.
    pub message: String,
}

/// Where an object comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    file: String,
    document: usize,
    root: Located,
    /// Whether the manifest has the UID of an object that an API server knows.
    pub has_uid: bool,
    /// What is wrong with the object as it is written.
    pub problems: Vec<Problem>,
}

impl Origin {
    /// The place of a field of the object, or of the nearest thing around it that is there.
    pub fn place(&self, field: &str) -> Place {
        place(&self.file, self.document, self.root.position_of(field))
    }
}

/// The objects of all texts together.
#[derive(Debug, Default)]
pub struct Collection {
    /// What the core reads.
    pub manifests: Manifests,
    /// The models and policies, readable or not.
    pub origins: BTreeMap<(String, Key), Origin>,
    /// What is wrong with a text, or with an object that is no model and no policy.
    pub problems: Vec<Problem>,
    /// Whether a document could not be parsed, so that nobody knows what it says.
    pub incomplete: bool,
    /// How many objects there are.
    pub objects: usize,
    /// Where each object was first seen, by API version, kind and key.
    seen: BTreeMap<(String, String, Key), Place>,
}

/// An object with its kind, on the way into the collection.
struct Object<'a> {
    source: &'a Source,
    document: usize,
    version: String,
    kind: String,
    root: Located,
}

impl Collection {
    /// Reads all texts.
    pub fn read(sources: &[Source]) -> Self {
        let mut collection = Self::default();
        let schemas = Schemas::new();
        for source in sources {
            for Document { number, content } in documents(&source.text) {
                match content {
                    Ok(root) => collection.add(&schemas, source, number, root),
                    Err(error) => {
                        collection.incomplete = true;
                        let message = format!("cannot be parsed: {}", error.message);
                        collection.problem(
                            Level::Error,
                            place(&source.name, number, error.position),
                            message,
                        );
                    }
                }
            }
        }
        collection
    }

    fn problem(&mut self, level: Level, place: Place, message: String) {
        self.problems.push(Problem { level, place, message });
    }

    /// Adds an object, or every object of a list.
    fn add(&mut self, schemas: &Schemas, source: &Source, document: usize, root: Located) {
        if root.node == Node::Null {
            return;
        }
        let (Some(version), Some(kind)) = (root.text("apiVersion"), root.text("kind")) else {
            let intended = ["apiVersion", "kind", "spec"].iter().any(|name| root.field(name).is_some());
            let level = if intended { Level::Error } else { Level::Warning };
            let message = "is not a Kubernetes object: apiVersion and kind are missing".to_owned();
            return self.problem(level, place(&source.name, document, root.position), message);
        };
        let (version, kind) = (version.to_owned(), kind.to_owned());
        match root.node {
            Node::Fields(fields) if kind.ends_with("List") && is_list(&fields) => {
                let items =
                    fields.into_iter().filter(|(name, _)| name == "items").map(|(_, value)| value.node);
                for item in items
                    .filter_map(|node| if let Node::List(items) = node { Some(items) } else { None })
                    .flatten()
                {
                    self.add(schemas, source, document, item);
                }
            }
            node => {
                let root = Located { position: root.position, node };
                self.add_object(schemas, Object { source, document, version, kind, root });
            }
        }
    }

    fn add_object(&mut self, schemas: &Schemas, object: Object<'_>) {
        self.objects += 1;
        let at = |position| place(&object.source.name, object.document, position);
        let is_ours = object.version.starts_with(&format!("{GROUP}/"));
        let is_known = object.version == format!("{GROUP}/{VERSION}")
            && [MODEL_DEPLOYMENT, AI_POLICY].contains(&object.kind.as_str());
        if is_ours && !is_known {
            let message = format!("{} {} is not a kind that this version reads", object.version, object.kind);
            return self.problem(Level::Error, at(object.root.position), message);
        }
        let metadata = object.root.field("metadata");
        let Some(name) = metadata.and_then(|metadata| metadata.text("name")).filter(|name| !name.is_empty())
        else {
            if is_known || is_read(&object) {
                let message = format!("{} has no metadata.name", with_article(&object.kind));
                self.problem(Level::Error, at(object.root.position_of("metadata")), message);
            }
            return;
        };
        let namespace = metadata.and_then(|metadata| metadata.text("namespace")).unwrap_or(DEFAULT_NAMESPACE);
        let namespace = if object.kind == NODE { "" } else { namespace };
        let key = Key::new(namespace, name);
        let here = at(object.root.position);
        let identity = (object.version.clone(), object.kind.clone(), key.clone());
        if let Some(first) = self.seen.get(&identity).cloned() {
            let name = if namespace.is_empty() { name.to_owned() } else { key.to_string() };
            let message = format!(
                "{} {name} is already defined at {}:{}; this one is ignored",
                object.kind, first.file, first.line
            );
            return self.problem(Level::Error, here, message);
        }
        self.seen.insert(identity, here.clone());
        if let Err(error) = self.manifests.add(object.root.value()) {
            return self.problem(Level::Error, here, format!("{} cannot be read: {error}", object.kind));
        }
        if is_known {
            let origin = self.origin(schemas, &key, &object);
            self.origins.insert((object.kind, key), origin);
        }
    }

    /// What is known of a model or policy besides what the core reads.
    fn origin(&self, schemas: &Schemas, key: &Key, object: &Object<'_>) -> Origin {
        let faults = schemas.faults(&object.kind, &object.root).unwrap_or_default();
        let at = |position| place(&object.source.name, object.document, position);
        let mut problems: Vec<_> = faults
            .into_iter()
            .map(|fault| Problem { level: Level::Error, place: at(fault.position), message: fault.message })
            .collect();
        if let Some(error) = self.unreadable(&object.kind, key).filter(|_| problems.is_empty()) {
            let message = format!("cannot be read: {error}");
            problems.push(Problem { level: Level::Error, place: at(object.root.position), message });
        }
        let metadata = object.root.field("metadata");
        Origin {
            file: object.source.name.clone(),
            document: object.document,
            has_uid: metadata.and_then(|metadata| metadata.text("uid")).is_some_and(|uid| !uid.is_empty()),
            root: object.root.clone(),
            problems,
        }
    }

    fn unreadable(&self, kind: &str, key: &Key) -> Option<&str> {
        use hemvist_core::snapshot::PolicyEntry;
        if kind == MODEL_DEPLOYMENT {
            return self.manifests.unreadable_models.get(key).map(String::as_str);
        }
        match self.manifests.policies.entries.get(key)? {
            PolicyEntry::Unreadable { error } => Some(error),
            PolicyEntry::Readable(_) => None,
        }
    }

    /// The models or the policies, in the order of their names.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a Key, &'a Origin)> {
        self.origins.iter().filter(move |((of, _), _)| of == kind).map(|((_, key), origin)| (key, origin))
    }
}

fn place(file: &str, document: usize, position: Position) -> Place {
    Place { file: file.to_owned(), document, line: position.line, column: position.column }
}

fn is_list(fields: &[(String, Located)]) -> bool {
    fields.iter().any(|(name, value)| name == "items" && matches!(value.node, Node::List(_)))
}

/// Whether a decision looks at objects of this kind, so that one without a name is a mistake.
fn is_read(object: &Object<'_>) -> bool {
    object.version == "v1" && [NODE, "Pod"].contains(&object.kind.as_str())
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['A', 'E', 'I', 'O']) { "an" } else { "a" };
    format!("{article} {kind}")
}
