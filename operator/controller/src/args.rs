//! The arguments of the operator, checked.

mod cluster;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, Parser, ValueEnum};
use hemvist_api::labels::DEFAULT_ROOT_NAMESPACE;
use hemvist_core::snapshot::{Key, LoadSource, Mirrors, Settings, ToleratedTaint};

use self::cluster::{ClusterArgs, named};
use crate::jitter::random_word;

/// The Hemvist operator: runs open-weights language models on cleared nodes.
#[derive(Clone, Debug, Parser)]
#[command(name = "hemvist-operator", version, args_override_self = true)]
pub struct Args {
    /// Namespace whose AIPolicies apply to the others.
    #[arg(long, env = "HEMVIST_ROOT_NAMESPACE", default_value = DEFAULT_ROOT_NAMESPACE)]
    root_namespace: String,

    /// Namespaces that are not governed, separated by commas. A ModelDeployment in one of them is refused.
    #[arg(long, env = "HEMVIST_UNGOVERNED_NAMESPACES", value_delimiter = ',')]
    ungoverned_namespaces: Vec<String>,

    /// Whether AIPolicies are compiled into the API server, so that it refuses by itself what they forbid. `Off` is for
    /// introducing Hemvist where models run already: what was compiled before is then left as it is.
    #[arg(long, env = "HEMVIST_ADMISSION", default_value = "Enforce", ignore_case = true)]
    admission: Admission,

    #[command(flatten)]
    cluster: ClusterArgs,

    /// Namespace whose pods may read the metrics of every model.
    #[arg(long, env = "HEMVIST_MONITORING_NAMESPACE")]
    monitoring_namespace: Option<String>,

    /// Image of the proxy beside every engine: Envoy, in a registry of one's own, by digest.
    #[arg(long, env = "HEMVIST_PROXY_IMAGE", value_name = "IMAGE", value_parser = NonEmptyStringValueParser::new())]
    proxy_image: String,

    /// Whether replicas are asked how they are: what the engine says of its model, and whether the network keeps out whom it
    /// should. NetworkPolicies then let the operator in to the port of status and metrics.
    #[arg(
        long, env = "HEMVIST_INSPECT", default_value_t = true, action = ArgAction::Set,
        num_args = 0..=1, default_missing_value = "true", require_equals = true
    )]
    inspect: bool,

    /// Image with the program that fetches and verifies weights, by digest. Without one, weights are served from images alone,
    /// or from volumes without a digest.
    #[arg(long, env = "HEMVIST_TOOLS_IMAGE")]
    tools_image: Option<String>,

    /// Stores that weights may be fetched from, each with the networks where it is, as
    /// `https://objects.region.example=10.20.0.0/16+10.21.0.0/16`, separated by commas.
    #[arg(long, env = "HEMVIST_MIRRORS", value_delimiter = ',')]
    mirrors: Vec<String>,

    /// Address of the Prometheus by which KEDA scales models, such as `http://prometheus.monitoring.svc:9090`. Without it
    /// Kubernetes' own autoscaler does.
    #[arg(long, env = "HEMVIST_PROMETHEUS_ADDRESS", value_name = "URL")]
    prometheus_address: Option<String>,

    /// A query of that Prometheus for the requests that come for a model whether or not a replica of it runs; `$namespace`
    /// and `$name` in it stand for those of the model.
    #[arg(long, env = "HEMVIST_REQUESTS_QUERY", value_name = "PROMQL")]
    requests_query: Option<String>,

    /// The Gateway that may lead requests to models, as `namespace/name`. Its namespace is let in by the NetworkPolicies of
    /// the models that ask for it, and of no others.
    #[arg(long, env = "HEMVIST_GATEWAY", value_name = "NAMESPACE/NAME", value_parser = gateway)]
    gateway: Option<Key>,

    /// Taints of nodes that the pods of every model tolerate, besides those of their class and accelerators, as
    /// `key=value:effect`, `key:effect` or `key`, separated by commas.
    #[arg(long, env = "HEMVIST_TOLERATIONS", value_name = "TAINTS", value_delimiter = ',')]
    tolerations: Vec<ToleratedTaint>,

    /// ModelDeployments reconciled at the same time.
    #[arg(long, env = "HEMVIST_CONCURRENCY", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,

    /// Address of /healthz and /readyz.
    #[arg(long, env = "HEMVIST_HEALTH_ADDRESS", default_value = "0.0.0.0:8081")]
    health_address: SocketAddr,

    /// Address of /metrics.
    #[arg(long, env = "HEMVIST_METRICS_ADDRESS", default_value = "0.0.0.0:8080")]
    metrics_address: SocketAddr,

    /// Whether to use leader election, so that several replicas can run.
    #[arg(
        long, env = "HEMVIST_LEADER_ELECT", default_value_t = true, action = ArgAction::Set,
        num_args = 0..=1, default_missing_value = "true", require_equals = true
    )]
    leader_elect: bool,

    /// Namespace of the Lease; the root namespace where it is not set.
    #[arg(long, env = "HEMVIST_LEASE_NAMESPACE")]
    lease_namespace: Option<String>,

    /// Name of the Lease.
    #[arg(long, env = "HEMVIST_LEASE_NAME", default_value = "hemvist-operator")]
    lease_name: String,

    /// How long others wait after the last renewal before they take the Lease.
    #[arg(long, env = "HEMVIST_LEASE_DURATION_SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(2..=3600))]
    lease_duration_seconds: u32,

    /// How long the holder tries to renew before it stops working; less than the duration.
    #[arg(long, env = "HEMVIST_RENEW_DEADLINE_SECONDS", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=3600))]
    renew_deadline_seconds: u32,

    /// How often to renew or try to acquire the Lease; less than the renew deadline.
    #[arg(long, env = "HEMVIST_RETRY_PERIOD_SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    retry_period_seconds: u32,

    /// Name under which the Lease is held; the host's name with a random end where it is not set.
    #[arg(long, env = "HEMVIST_IDENTITY")]
    identity: Option<String>,

    /// Form of the log.
    #[arg(long, env = "HEMVIST_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,

    /// Level of the log: error, warn, info, debug, trace, or directives such as `hemvist_operator=debug,kube=info`.
    #[arg(long, env = "HEMVIST_LOG_LEVEL", default_value = "info")]
    log_level: String,

    /// How long one request to the API server may take, watches apart.
    #[arg(long, env = "HEMVIST_REQUEST_TIMEOUT_SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=300))]
    request_timeout_seconds: u32,

    /// How often to reconcile every object and list every kind again, ±20 %.
    #[arg(long, env = "HEMVIST_RESYNC_MINUTES", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1440))]
    resync_minutes: u32,
}

/// What is done with AIPolicies beside judging by them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Admission {
    /// They are compiled into the API server.
    #[value(name = "Enforce")]
    Enforce,
    /// Nothing.
    #[value(name = "Off")]
    Off,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What the command line says, checked.
#[derive(Clone, Debug)]
pub struct Options {
    /// What decisions know of the installation.
    pub settings: Arc<Settings>,
    /// Whether policies are compiled into the API server.
    pub compiles: bool,
    /// ModelDeployments reconciled at the same time.
    pub concurrency: usize,
    /// Address of /healthz and /readyz.
    pub health_address: SocketAddr,
    /// Address of /metrics.
    pub metrics_address: SocketAddr,
    /// The Lease, where only its holder works.
    pub lease: Option<LeaseOptions>,
    /// Name of this process.
    pub identity: String,
    /// The log.
    pub log: LogOptions,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How often everything is looked at again.
    pub resync: Duration,
}

/// The Lease that only one process holds.
#[derive(Clone, Debug)]
pub struct LeaseOptions {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Under which name it is held.
    pub identity: String,
    /// How long others wait after the last renewal.
    pub duration: Duration,
    /// How long the holder tries to renew.
    pub renew_deadline: Duration,
    /// How often it is renewed or looked at.
    pub retry_period: Duration,
}

/// The log.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Its form.
    pub format: LogFormat,
    /// Its level or directives.
    pub level: String,
}

impl Args {
    /// Checks what belongs together.
    ///
    /// # Errors
    /// Where two values contradict each other.
    pub fn check(self) -> Result<Options, clap::Error> {
        let identity = self.identity.clone().unwrap_or_else(default_identity);
        let lease = self.leader_elect.then(|| LeaseOptions {
            namespace: self.lease_namespace.clone().unwrap_or_else(|| self.root_namespace.clone()),
            name: self.lease_name.clone(),
            identity: identity.clone(),
            duration: seconds(self.lease_duration_seconds),
            renew_deadline: seconds(self.renew_deadline_seconds),
            retry_period: seconds(self.retry_period_seconds),
        });
        if let Some(lease) = &lease {
            lease.check()?;
        }
        let (identities, other_devices) = self.cluster.read();
        let mirrors = Mirrors::read(self.mirrors.iter().map(String::as_str))
            .map_err(|complaint| Self::command().error(ErrorKind::ValueValidation, complaint))?;
        Ok(Options {
            settings: Arc::new(Settings {
                root_namespace: self.root_namespace,
                ungoverned_namespaces: named(self.ungoverned_namespaces),
                monitoring_namespace: self.monitoring_namespace.filter(|name| !name.is_empty()),
                proxy_image: Some(self.proxy_image),
                inspects: self.inspect,
                identities,
                other_devices,
                tools_image: self.tools_image.filter(|image| !image.is_empty()),
                mirrors,
                load: LoadSource {
                    prometheus: self.prometheus_address.filter(|address| !address.is_empty()),
                    requests: self.requests_query.filter(|query| !query.is_empty()),
                },
                gateway: self.gateway,
                tolerations: self.tolerations.into_iter().collect(),
            }),
            compiles: self.admission == Admission::Enforce,
            concurrency: usize::from(self.concurrency),
            health_address: self.health_address,
            metrics_address: self.metrics_address,
            lease,
            identity,
            log: LogOptions { format: self.log_format, level: self.log_level },
            request_timeout: seconds(self.request_timeout_seconds),
            resync: seconds(self.resync_minutes.saturating_mul(60)),
        })
    }
}

impl LeaseOptions {
    fn check(&self) -> Result<(), clap::Error> {
        let complaint = if self.renew_deadline >= self.duration {
            "--renew-deadline-seconds must be less than --lease-duration-seconds: \
             otherwise two processes would work at the same time"
        } else if self.retry_period >= self.renew_deadline {
            "--retry-period-seconds must be less than --renew-deadline-seconds: otherwise one lost request loses the Lease"
        } else {
            return Ok(());
        };
        Err(Args::command().error(ErrorKind::ValueValidation, complaint))
    }
}

fn gateway(text: &str) -> Result<Key, &'static str> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(Key::new(namespace, name))
        }
        _ => Err("a gateway is written NAMESPACE/NAME"),
    }
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(u64::from(number))
}

/// The host's name alone is not enough: a container that is started again has the same one.
fn default_identity() -> String {
    let host = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    format!("{}_{}", host.as_deref().unwrap_or("hemvist-operator"), random_word())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, clap::Error> {
        let always = ["hemvist-operator", "--proxy-image=registry.region.example/envoy"];
        Args::try_parse_from([&always, arguments].concat())?.check()
    }

    #[test]
    fn the_defaults_hold_together() {
        let options = parse(&[]).unwrap();
        assert_eq!(options.settings.root_namespace, "hemvist-system");
        assert_eq!(options.lease.unwrap().namespace, "hemvist-system");
    }

    #[test]
    fn a_renew_deadline_that_outlives_the_lease_is_refused() {
        let error = parse(&["--lease-duration-seconds=10", "--renew-deadline-seconds=10"]).unwrap_err();
        assert!(error.to_string().contains("less than --lease-duration-seconds"), "{error}");
    }

    #[test]
    fn election_can_be_switched_off() {
        assert!(parse(&["--leader-elect=false"]).unwrap().lease.is_none());
        assert!(parse(&["--leader-elect"]).unwrap().lease.is_some());
    }

    #[test]
    fn arguments_that_are_not_set_default_to_the_names_in_kubernetes() {
        let options = parse(&["--schedulers=a,b", "--pod-makers=", "--admission=Off"]).unwrap();
        let defaults = Settings::default();
        assert_eq!(options.settings.identities.schedulers, ["a".to_owned(), "b".to_owned()].into());
        assert_eq!(options.settings.identities.pod_makers, defaults.identities.pod_makers);
        assert_eq!(options.settings.other_devices, defaults.other_devices);
        assert!(!options.compiles && parse(&[]).unwrap().compiles);
    }

    #[test]
    fn an_installation_without_a_proxy_does_not_start() {
        for arguments in [["hemvist-operator"].as_slice(), &["hemvist-operator", "--proxy-image="]] {
            let error = Args::try_parse_from(arguments).unwrap_err();
            assert!(error.to_string().contains("--proxy-image"), "{error}");
        }
    }

    #[test]
    fn a_mirror_without_networks_is_refused() {
        let error = parse(&["--mirrors=https://objects.region.example"]).unwrap_err();
        assert!(error.to_string().contains("names no networks"), "{error}");
        let options = parse(&[
            "--mirrors=https://a.example=10.0.0.0/8,https://b.example=10.0.0.1/32",
            "--tools-image=",
        ])
        .unwrap();
        assert_eq!(options.settings.mirrors.endpoints().count(), 2);
        assert_eq!(options.settings.tools_image, None);
    }

    #[test]
    fn empty_names_are_no_names() {
        let options = parse(&["--ungoverned-namespaces=kube-system, ,default"]).unwrap();
        assert_eq!(options.settings.ungoverned_namespaces.len(), 2);
    }
}
