//! The AIPolicy whose rules are compiled.

use std::collections::BTreeSet;

use super::cel::{Expr, name, text, texts};
use super::scope::Scope;
use crate::policy::duties::Demand;
use crate::policy::{ActiveException, Waiver};
use crate::snapshot::{Key, Settings};
use crate::violation::RuleSource;

/// The AIPolicy whose rules are compiled.
#[derive(Clone, Debug)]
pub struct Author {
    /// Its namespace and name.
    pub key: Key,
    /// Its generation.
    pub generation: i64,
    /// The namespaces that it applies to.
    pub scope: Scope,
    /// The exceptions that waive duties of it today, in the namespaces that it applies to: those of every policy of the root
    /// namespace, if it is one itself.
    pub exceptions: Vec<ActiveException>,
}

impl Author {
    /// A field of the policy, as violations name it.
    pub fn rule(&self, field: &str) -> RuleSource {
        RuleSource {
            namespace: self.key.namespace.clone(),
            name: self.key.name.clone(),
            generation: self.generation,
            field: field.to_owned(),
        }
    }

    /// The name of what is compiled from it for one kind of object. A namespace has no dot in its name, so that no two
    /// policies share one.
    pub fn compiled_name(&self, kind: &str) -> String {
        super::name::bounded(&format!("hemvist-{kind}.{}.{}", self.key.namespace, self.key.name))
    }

    /// Whether the duty is waived for the object of the request. A list of texts, because a long one stands once for all
    /// duties and messages that ask for it. No namespace has a slash in its name.
    pub fn waived(&self, demand: Demand) -> Expr {
        let waiver = Waiver::of(demand);
        let waiving = self.exceptions.iter().filter(|exception| exception.waivers.contains(&waiver));
        let models: BTreeSet<String> =
            waiving.map(|exception| format!("{}/{}", exception.namespace, exception.model)).collect();
        if models.is_empty() {
            return Expr::Bool(false);
        }
        let model = name("request").field("namespace").plus(text("/"));
        model.plus(name("object").path(["metadata", "name"])).is_in(texts(models))
    }
}

/// The namespaces that a policy binds.
pub fn bound_scope(settings: &Settings, key: &Key, named: Option<&[String]>) -> Scope {
    let governed = Scope::AllBut(settings.ungoverned_namespaces.clone());
    let stated = if key.namespace != settings.root_namespace {
        Scope::Only(BTreeSet::from([key.namespace.clone()]))
    } else if let Some(named) = named {
        Scope::Only(named.iter().cloned().collect())
    } else {
        Scope::everywhere()
    };
    stated.intersection(&governed)
}
