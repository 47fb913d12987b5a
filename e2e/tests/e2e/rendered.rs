//! What `hemvist render` prints is what any cluster takes, without Hemvist.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use hemvist_e2e::command_line::Hemvist;
use hemvist_e2e::governed::Governed;
use hemvist_e2e::installation::{STORE_ARGUMENTS, workspace};
use hemvist_e2e::kubectl::Kubectl;
use hemvist_e2e::objects::{Kind, text};
use hemvist_e2e::region::{self, REFUSED, SERVED};
use hemvist_e2e::{Component, Options, manifests};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_rendered_is_accepted_and_a_second_apply_changes_nothing() -> Result<()> {
    // Nobody acts on the objects, so that every change of a version is the apply's.
    let options = Options::new("rendered")
        .without(Component::ControllerManager)
        .without(Component::Scheduler)
        .without(Component::Kwok);
    let governed = Governed::start_without_admission(options).await?;
    region::apply_policies(governed.cluster()).await?;
    let region = workspace().join("examples/region");
    let rendered = Hemvist::new()?
        .run(&[
            "render".as_ref(),
            region.as_os_str(),
            STORE_ARGUMENTS[0].as_ref(),
            STORE_ARGUMENTS[1].as_ref(),
        ])
        .await?;
    for (refused, _) in REFUSED {
        ensure!(rendered.stderr.contains(refused), "nothing is said of {refused}:\n{}", rendered.stderr);
    }
    let objects = manifests::objects(&rendered.stdout).with_context(|| rendered.stderr.clone())?;
    // The one that waits is rendered like those that are served.
    ensure!(
        objects.len() == (SERVED.len() + 1) * Kind::CHILDREN.len(),
        "{} objects are rendered:\n{}",
        objects.len(),
        rendered.stderr
    );

    let kubectl = governed.cluster().kubectl()?;
    apply(&kubectl, &["apply", "--dry-run=server", "-f", "-"], &rendered.stdout).await?;
    apply(&kubectl, &["apply", "--dry-run=server", "--server-side", "-f", "-"], &rendered.stdout).await?;
    ensure!(versions(&governed).await?.is_empty(), "a dry run has made objects");
    let apply_it = ["apply", "--server-side", "--field-manager=gitops", "-f", "-"];
    apply(&kubectl, &apply_it, &rendered.stdout).await?;
    let first = versions(&governed).await?;
    ensure!(first.len() == objects.len(), "{first:?}");
    apply(&kubectl, &apply_it, &rendered.stdout).await?;
    let second = versions(&governed).await?;
    let changed: Vec<_> = first.iter().filter(|(key, version)| second.get(*key) != Some(*version)).collect();
    ensure!(changed.is_empty(), "a second apply has changed {changed:?}");
    // Without a scheduler nothing is bound, and there is nothing for the oracle to judge.
    governed.end(Vec::new(), 0).await
}

async fn apply(kubectl: &Kubectl, arguments: &[&str], objects: &str) -> Result<()> {
    let answer = kubectl.run_with_input(arguments, objects).await?;
    ensure!(!answer.stderr.contains("Warning"), "{}", answer.stderr);
    answer.success().map(|_| ())
}

async fn versions(governed: &Governed) -> Result<BTreeMap<String, String>> {
    let mut versions = BTreeMap::new();
    for kind in Kind::CHILDREN {
        for object in governed.objects().list(kind, "", "app.kubernetes.io/part-of=hemvist").await? {
            let metadata = &object["metadata"];
            if metadata["labels"]["hemvist.dev/model-deployment"].is_null() {
                continue;
            }
            let key = format!("{} {}/{}", kind.name(), text(&metadata["namespace"]), text(&metadata["name"]));
            versions.insert(key, text(&metadata["resourceVersion"]).to_owned());
        }
    }
    Ok(versions)
}
