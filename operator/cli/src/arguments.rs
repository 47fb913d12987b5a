//! The arguments of `hemvist`.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use hemvist_api::labels::DEFAULT_ROOT_NAMESPACE;
use hemvist_core::date;
use hemvist_core::snapshot::{
    ChildKind, Identities, Key, LoadSource, Manifests, Mirrors, Settings, Snapshot, ToleratedTaint,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::civil::Date;
use k8s_openapi::jiff::tz::Offset;

/// The exit codes, as every help ends with them.
macro_rules! exit_codes {
    () => {
        "Exit codes: 0 no findings, 1 findings, 3 wrong usage, 4 input cannot be read or has nothing to check."
    };
}

/// Namespaces that are not governed where nothing is said: those of the chart's values.
const UNGOVERNED: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// What follows the help of the program.
const AFTER_HELP: &str =
    concat!(exit_codes!(), "\n\nNo command of this version needs a cluster or a network.");

/// What follows the help of `check`.
const AFTER_CHECK: &str = concat!(
    "The verdict is the one that the operator would give: the same code gives it. An object is also held to the schema and ",
    "the CEL rules of its kind, as the API server holds it when it is applied, and refused in the same words.",
    "\n\n",
    exit_codes!()
);

/// Checks, renders and explains Hemvist objects in files, without a cluster.
#[derive(Debug, Parser)]
#[command(name = "hemvist", after_help = AFTER_HELP)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check which ModelDeployments in files are accepted, and why not
    #[command(after_help = AFTER_CHECK)]
    Check(CheckArguments),
    /// Print the Kubernetes objects of the ModelDeployments in files
    #[command(after_help = exit_codes!())]
    Render(RenderArguments),
    /// Work with AIPolicies
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Work with the weights of models
    #[command(subcommand)]
    Model(ModelCommand),
    /// Print the CustomResourceDefinitions of Hemvist
    Crds,
    /// Explain the reason of a condition; without a reason, list them all
    #[command(after_help = exit_codes!())]
    Explain {
        /// The reason, such as AssessmentMissing
        reason: Option<String>,
    },
    /// Print the version of the program and of the API that it reads
    Version,
}

/// What to do with AIPolicies.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Print the ValidatingAdmissionPolicies that the AIPolicies in files become; without files, those that are in force
    /// where there is none
    #[command(after_help = exit_codes!())]
    Compile(CompileArguments),
}

/// What to do with the weights of models.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Print the digest to write into spec.model.digest: of a file that of its content, of a folder that of the list of its
    /// files, and of a GGUF model in several parts that of the list of all of them
    #[command(after_help = exit_codes!())]
    Digest {
        /// The file, of a split GGUF model the first part, or the folder
        path: PathBuf,
    },
}

/// Where objects come from, and the settings of the installation.
#[derive(Args, Debug)]
pub struct InputArguments {
    /// Files, folders (with everything below them that ends in .yaml, .yml or .json), or - for the standard input
    #[arg(required = true, value_name = "FILES")]
    pub files: Vec<PathBuf>,

    /// The settings of the installation.
    #[command(flatten)]
    installation: InstallationArguments,
}

/// The settings of the installation.
#[derive(Args, Debug)]
pub struct InstallationArguments {
    /// The namespace whose AIPolicies apply to the others
    #[arg(long, value_name = "NAMESPACE", default_value = DEFAULT_ROOT_NAMESPACE)]
    root_namespace: String,

    /// Namespaces that Hemvist does not govern, comma-separated; empty for none
    #[arg(long, value_name = "NAMESPACES", value_delimiter = ',', default_values = UNGOVERNED)]
    ungoverned_namespaces: Vec<String>,

    /// The namespace whose pods may read metrics of every model
    #[arg(long, value_name = "NAMESPACE")]
    monitoring_namespace: Option<String>,

    /// The user of Hemvist's operator
    #[arg(long, value_name = "USER")]
    operator_user: Option<String>,

    /// Whether the operator probes replicas, and NetworkPolicies allow it to reach their status port
    #[arg(
        long, value_name = "BOOLEAN", default_value_t = true, action = ArgAction::Set, num_args = 0..=1,
        default_missing_value = "true", require_equals = true
    )]
    inspect: bool,

    /// The image of the proxy beside every engine, as the installation names it; where it is left out, it is not judged, and
    /// an example stands for it in what is rendered
    #[arg(long, value_name = "IMAGE")]
    proxy_image: Option<String>,

    /// The image that fetches and verifies weights, as in the operator's --tools-image
    #[arg(long, value_name = "IMAGE")]
    tools_image: Option<String>,

    /// The stores that weights may be fetched from, with commas between them, as in the operator's arguments: each as
    /// https://objects.region.example=10.20.0.0/16+10.21.0.0/16
    #[arg(long, value_name = "MIRRORS", value_parser = mirrors)]
    mirrors: Option<Mirrors>,

    /// The address of the Prometheus that KEDA queries
    #[arg(long, value_name = "URL")]
    prometheus_address: Option<String>,

    /// A Prometheus query for the requests to the model $name in $namespace
    #[arg(long, value_name = "PROMQL")]
    requests_query: Option<String>,

    /// The Gateway that may route requests to models
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = key)]
    gateway: Option<Key>,

    /// Taints of nodes that the pods of every model tolerate, as KEY=VALUE:EFFECT, KEY:EFFECT or KEY, with commas between
    /// them
    #[arg(long, value_name = "TAINTS", value_delimiter = ',')]
    tolerations: Vec<ToleratedTaint>,

    /// Kinds that are not Kubernetes' own and that the cluster serves, such as ScaledObject, with commas between them.
    /// Those of which the files hold the CustomResourceDefinition are served too
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_parser = optional_kind)]
    serves: Vec<ChildKind>,

    /// The date to check for, such as 2026-11-22 (UTC); default: today
    #[arg(long, value_name = "DATE", value_parser = day)]
    now: Option<Date>,
}

/// The arguments of `check`.
#[derive(Args, Debug)]
pub struct CheckArguments {
    /// Where objects come from.
    #[command(flatten)]
    pub input: InputArguments,

    /// A file or folder with Nodes, and Pods if their usage counts: shows where each model fits
    #[arg(long, value_name = "FILE")]
    pub nodes: Vec<PathBuf>,

    /// Count warnings as findings
    #[arg(long)]
    pub strict: bool,

    /// The format of the output
    #[arg(short, long, value_name = "FORMAT", default_value = "human")]
    pub output: Format,
}

/// The arguments of `render`.
#[derive(Args, Debug)]
pub struct RenderArguments {
    /// Where objects come from.
    #[command(flatten)]
    pub input: InputArguments,

    /// Only this model
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = key)]
    pub model: Option<Key>,
}

/// The arguments of `policy compile`.
#[derive(Args, Debug)]
pub struct CompileArguments {
    /// Files or folders with AIPolicies, or - for the standard input
    #[arg(value_name = "FILES")]
    pub files: Vec<PathBuf>,

    /// The settings of the installation.
    #[command(flatten)]
    pub installation: InstallationArguments,

    /// Name the policies for manifest-based admission, where the API server reads them from its disk (Kubernetes 1.37)
    #[arg(long = "static")]
    pub on_disk: bool,

    /// Users that may bind pods to nodes, with commas between them
    #[arg(long, value_name = "USERS", value_delimiter = ',')]
    schedulers: Vec<String>,

    /// Names under which pods may ask for one of these schedulers
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    scheduler_names: Vec<String>,

    /// Users of the controllers that create pods from templates
    #[arg(long, value_name = "USERS", value_delimiter = ',')]
    pod_makers: Vec<String>,

    /// Users of the controllers that make ReplicaSets from Deployments
    #[arg(long, value_name = "USERS", value_delimiter = ',')]
    replica_set_makers: Vec<String>,

    /// Groups of the cluster's own controllers
    #[arg(long, value_name = "GROUPS", value_delimiter = ',')]
    cluster_controller_groups: Vec<String>,

    /// Users of autoscalers that are not Kubernetes' own, such as KEDA's operator
    #[arg(long, value_name = "USERS", value_delimiter = ',')]
    autoscalers: Vec<String>,

    /// Groups that may set the clearance labels of nodes
    #[arg(long, value_name = "GROUPS", value_delimiter = ',')]
    clearance_groups: Vec<String>,

    /// Prefixes of extended resources that are not accelerators
    #[arg(long, value_name = "PREFIXES", value_delimiter = ',')]
    other_resources: Vec<String>,

    /// RuntimeClasses that give containers no device
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    other_runtime_classes: Vec<String>,
}

impl CompileArguments {
    /// The settings of the installation. The defaults are the names that Kubernetes itself has.
    pub fn settings(&self) -> Settings {
        let mut settings = self.installation.settings();
        let identities = &mut settings.identities;
        let devices = &mut settings.other_devices;
        for (stated, into) in [
            (&self.schedulers, &mut identities.schedulers),
            (&self.scheduler_names, &mut identities.scheduler_names),
            (&self.pod_makers, &mut identities.pod_makers),
            (&self.replica_set_makers, &mut identities.replica_set_makers),
            (&self.cluster_controller_groups, &mut identities.cluster_controller_groups),
            (&self.autoscalers, &mut identities.autoscalers),
            (&self.clearance_groups, &mut identities.clearance_groups),
            (&self.other_resources, &mut devices.resource_prefixes),
            (&self.other_runtime_classes, &mut devices.runtime_classes),
        ] {
            if !stated.is_empty() {
                *into = stated.iter().cloned().collect();
            }
        }
        settings
    }
}

/// A format of output.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// Text for people
    Human,
    /// One JSON object
    Json,
}

impl InputArguments {
    /// The settings of the installation.
    pub fn settings(&self) -> Settings {
        self.installation.settings()
    }

    /// What is known of a cluster with these objects.
    pub fn snapshot(&self, manifests: &Manifests) -> Snapshot {
        let mut snapshot = manifests.snapshot(self.installation.moment(), self.settings());
        snapshot.served.extend(&self.installation.serves);
        snapshot
    }
}

impl InstallationArguments {
    /// The moment on which to judge: the start of the day that was asked for, or now.
    pub fn moment(&self) -> Time {
        let asked = self.now.and_then(|day| Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok());
        Time(asked.unwrap_or_else(Timestamp::now))
    }

    /// The settings of the installation.
    pub fn settings(&self) -> Settings {
        let named = self.ungoverned_namespaces.iter().map(|name| name.trim().to_owned());
        let mut identities = Identities::default();
        if let Some(user) = &self.operator_user {
            identities.operator.clone_from(user);
        }
        Settings {
            root_namespace: self.root_namespace.clone(),
            ungoverned_namespaces: named.filter(|name| !name.is_empty()).collect(),
            monitoring_namespace: self.monitoring_namespace.clone(),
            proxy_image: self.proxy_image.clone(),
            tools_image: self.tools_image.clone(),
            mirrors: self.mirrors.clone().unwrap_or_default(),
            load: LoadSource {
                prometheus: self.prometheus_address.clone(),
                requests: self.requests_query.clone(),
            },
            gateway: self.gateway.clone(),
            tolerations: self.tolerations.iter().cloned().collect(),
            inspects: self.inspect,
            identities,
            ..Settings::default()
        }
    }
}

fn day(text: &str) -> Result<Date, String> {
    date::parse(text).ok_or_else(|| "write a date as YYYY-MM-DD".to_owned())
}

fn mirrors(text: &str) -> Result<Mirrors, String> {
    Mirrors::read(text.split(','))
}

fn optional_kind(text: &str) -> Result<ChildKind, String> {
    let known: Vec<_> = ChildKind::optional().map(ChildKind::as_str).collect();
    ChildKind::optional()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| format!("the optional kinds are {}", known.join(", ")))
}

fn key(text: &str) -> Result<Key, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(Key::new(namespace, name))
        }
        _ => Err("it is written NAMESPACE/NAME".to_owned()),
    }
}
