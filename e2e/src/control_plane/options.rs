//! What a cluster is to consist of.

/// The parts of a cluster, in the order in which they start. They stop in the opposite order: an API server whose
/// etcd is gone holds its port for a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// The store.
    Etcd,
    ApiServer,
    /// The controllers of Kubernetes' own kinds.
    ControllerManager,
    Scheduler,
    /// KWOK, which plays the kubelets of simulated nodes.
    Kwok,
}

impl Component {
    /// All of them, in the order in which they start.
    pub const ALL: [Self; 5] =
        [Self::Etcd, Self::ApiServer, Self::ControllerManager, Self::Scheduler, Self::Kwok];

    /// The name of its program.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kwok => "kwok",
        }
    }
}

/// What a cluster is to consist of.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name of its data folder and of it in messages.
    pub name: String,
    /// The parts; etcd and the API server are always there.
    pub components: Vec<Component>,
    /// Whether every request is written to the audit log.
    pub audit: bool,
    /// Requests per second of the controller manager and the scheduler. Kubernetes' own limit of 20 would cost 5
    /// seconds at each start and be what a benchmark measures.
    pub client_qps: u32,
    /// Further arguments of components.
    pub arguments: Vec<(Component, String)>,
    /// Admission policies, as YAML, that the API server reads from its own disk before it answers anybody.
    pub policies_on_disk: Option<String>,
    /// Further users: the file of their access, the name, and their groups with commas between.
    pub users: Vec<[String; 3]>,
    /// Whether it lives on after the program that has started it. Such a cluster has a fixed data folder.
    pub detached: bool,
}

impl Options {
    /// A whole cluster with an audit log.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            components: Component::ALL.to_vec(),
            audit: true,
            client_qps: 2000,
            arguments: Vec::new(),
            policies_on_disk: None,
            users: Vec::new(),
            detached: false,
        }
    }

    /// Without one of the parts.
    #[must_use]
    pub fn without(mut self, component: Component) -> Self {
        self.components.retain(|other| *other != component);
        self
    }

    /// Without the audit log, for measuring.
    #[must_use]
    pub fn without_audit(mut self) -> Self {
        self.audit = false;
        self
    }

    /// With these requests per second for the controller manager and the scheduler.
    #[must_use]
    pub fn client_qps(mut self, qps: u32) -> Self {
        self.client_qps = qps;
        self
    }

    /// With a further argument of a component.
    #[must_use]
    pub fn argument(mut self, component: Component, argument: impl Into<String>) -> Self {
        self.arguments.push((component, argument.into()));
        self
    }

    /// With admission policies on the API server's own disk.
    #[must_use]
    pub fn policies_on_disk(mut self, policies: impl Into<String>) -> Self {
        self.policies_on_disk = Some(policies.into());
        self
    }

    /// With a further user, whose access [`super::ControlPlane::kubeconfig_of`] gives.
    #[must_use]
    pub fn user(mut self, file: &str, name: &str, groups: &str) -> Self {
        self.users.push([file, name, groups].map(str::to_owned));
        self
    }

    /// Living on after the program that starts it.
    #[must_use]
    pub fn detached(mut self) -> Self {
        self.detached = true;
        self
    }

    pub(super) fn has(&self, component: Component) -> bool {
        matches!(component, Component::Etcd | Component::ApiServer) || self.components.contains(&component)
    }
}
