//! A cluster to try Hemvist on: simulated GPU nodes in two data centres, nothing to install.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use hemvist_e2e::binaries::clusters_folder;
use hemvist_e2e::demo::{self, Refused};
use hemvist_e2e::installation::Installation;
use hemvist_e2e::narrator::Narrator;
use hemvist_e2e::{ControlPlane, Options, region};

/// The name of the cluster that `up` leaves running.
const PLAYGROUND: &str = "playground";

#[derive(Parser)]
#[command(about = "A Kubernetes cluster with simulated GPU nodes to try Hemvist on")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, Subcommand)]
enum Command {
    /// Shows Hemvist on a cluster that is gone afterwards
    Demo,
    /// Starts a cluster with Hemvist and the examples that goes on running
    Up,
    /// Ends the cluster that `up` has started
    Down,
}

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt().with_env_filter("warn,kube_client=off").with_writer(std::io::stderr).init();
    let narrator = Narrator::new(std::io::stdout());
    match Arguments::parse().command {
        Command::Demo => demo::run(&narrator).await,
        Command::Up => up(&narrator).await,
        Command::Down => down(),
    }
}

async fn up(narrator: &Narrator) -> Result<()> {
    down()?;
    narrator.heading("A control plane with twelve simulated GPU nodes, Hemvist and the examples")?;
    let cluster = ControlPlane::start(Options::new(PLAYGROUND).detached()).await?;
    region::create_nodes(&cluster.client()).await?;
    narrator.text(&region::table_of_nodes(&cluster).await?)?;
    let installation = Installation::install(&cluster, &[]).await?;
    let operator = installation.start(&installation.operator("hemvist-operator")?)?;
    apply_examples(narrator, &cluster).await?;
    let path = kubeconfig();
    std::fs::copy(cluster.kubeconfig(), &path).with_context(|| format!("writing {}", path.display()))?;
    let log = cluster.folder().to_owned();
    operator.detach();
    cluster.detach();
    narrator.text(&format!(
        "It goes on running until `make down`. The logs are in {}.\n\n  export KUBECONFIG={}\n  export PATH={}:$PATH",
        log.display(),
        path.display(),
        hemvist_e2e::binaries::target_folder().join("controlplane/bin").display()
    ))
}

async fn apply_examples(narrator: &Narrator, cluster: &ControlPlane) -> Result<()> {
    region::apply_policies(cluster).await?;
    region::wait_until_enforced(cluster).await?;
    narrator.command(cluster, &["get", "aip", "--all-namespaces", "--output=wide"]).await?;
    let (let_in, refusals) = region::apply_models_to_the_api(cluster).await?;
    narrator.shown(&["apply", "-f", "examples/region/models"], &let_in)?;
    demo::tell_refusals(narrator, &refusals)?;
    demo::wait_until_settled_with(cluster, Refused::ByTheApiServer).await?;
    narrator.command(cluster, &["get", "mdep", "--all-namespaces"]).await
}

fn down() -> Result<()> {
    let path = kubeconfig();
    if path.exists() {
        std::fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
    }
    ControlPlane::end_detached(PLAYGROUND)
}

fn kubeconfig() -> PathBuf {
    clusters_folder().join("kubeconfig")
}
