//! The API server, by the compiled policies, and the core, by its own code, judge every object alike.

use std::time::Instant;

use anyhow::Result;
use hemvist_conformance::policies::{TODAY, book, set, settings};
use hemvist_conformance::random::Random;
use hemvist_conformance::server::Server;
use hemvist_conformance::trial::Trial;
use hemvist_core::admission::{Compiled, compile};

/// How many pairs are compared where the environment does not say.
const PAIRS: usize = 21_500;

const SETS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_server_and_the_core_judge_alike() -> Result<()> {
    let seed = Random::seed(20_261_101);
    let random = Random::new(seed);
    let pairs = std::env::var("HEMVIST_PAIRS").ok().and_then(|text| text.parse().ok()).unwrap_or(PAIRS);
    println!("seed {seed}");
    let settings = settings(Some("ns-0"));
    let sets: Vec<_> = (0..SETS)
        .map(|number| set(&mut random.part(1_000_000 + number), &settings, &format!("ns-{number}")))
        .collect();
    let begun = Instant::now();
    let admission = compile(&book(&sets), &settings, TODAY);
    let compiled: Vec<Compiled> = admission.all().cloned().collect();
    println!("{} policies compiled, {:?}", compiled.len(), begun.elapsed());

    let server = Server::start("conformance-differential").await?;
    println!("server, {:?}", begun.elapsed());
    let namespaces = sets.iter().map(|set| set.namespace.as_str()).chain([settings.root_namespace.as_str()]);
    server.make_namespaces(namespaces).await?;
    server.write(&compiled).await?;
    println!("written, {:?}", begun.elapsed());
    server.wait_until_in_force(&settings, &compiled).await?;
    println!("in force, {:?}", begun.elapsed());

    let trial = Trial::new(settings, sets, random);
    let report = trial.run(&server, 0..pairs, 300).await?;
    println!("{pairs} asked, {:?}", begun.elapsed());
    println!("{}", report.table);
    println!("pairs {:?} admitted {:?} invalid {:?}", report.pairs, report.admitted, report.invalid);
    for reason in report.reasons.iter().take(60) {
        println!("invalid: {}", reason.chars().take(250).collect::<String>());
    }
    std::fs::write("/tmp/conf-differences.txt", report.differences.join("\n"))?;
    server.stop().await?;
    assert!(report.differences.is_empty(), "{} differ", report.differences.len());
    Ok(())
}
