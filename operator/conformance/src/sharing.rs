//! Compiled policies that say the same in several namespaces are written once: each costs the API server about a third of a
//! second of a processor.

use hemvist_core::admission::{Compiled, Scope};

use crate::verdict::NARROWED;

/// Policies to be written.
#[derive(Debug, Default)]
pub struct Shared {
    policies: Vec<Compiled>,
}

impl Shared {
    /// Adds a policy that was compiled for the namespace. Where the same is there for others, that one judges here too.
    pub fn add(&mut self, policy: Compiled, namespace: &str) {
        let same = self.policies.iter_mut().find(|other| says_the_same(other, &policy));
        if let (Some(Compiled { namespaces: Scope::Only(others), .. }), Scope::Only(names)) =
            (same, &policy.namespaces)
        {
            others.extend(names.iter().cloned());
            return;
        }
        let name = format!("{}{NARROWED}{namespace}", policy.name);
        self.policies.push(Compiled { name, ..policy });
    }

    pub fn policies(&self) -> &[Compiled] {
        &self.policies
    }
}

/// Whether a policy that is there already and one to be added differ at most in their namespaces.
fn says_the_same(there: &Compiled, added: &Compiled) -> bool {
    let name = there.name.split(NARROWED).next();
    let with_its_scope =
        || Compiled { name: there.name.clone(), namespaces: there.namespaces.clone(), ..added.clone() };
    name == Some(added.name.as_str()) && *there == with_its_scope()
}
