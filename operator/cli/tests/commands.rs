//! The commands as their users see them: arguments and files in, text and exit code out.
//!
//! Each case is compared with a file in `golden`. `UPDATE=1` writes what came out; read the difference before committing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

use hemvist_cli::{Exit, run};

/// The day of every case.
const DAY: &str = "2026-11-22";

struct Ran {
    exit: Exit,
    stdout: String,
    stderr: String,
}

fn hemvist_with_input(arguments: &[&str], mut stdin: &[u8]) -> Ran {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let exit = run(["hemvist"].iter().chain(arguments), &mut stdin, &mut stdout, &mut stderr);
    Ran { exit, stdout: String::from_utf8(stdout).unwrap(), stderr: String::from_utf8(stderr).unwrap() }
}

fn hemvist(arguments: &[&str]) -> Ran {
    hemvist_with_input(arguments, b"")
}

/// On the day of every case.
fn on_the_day<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["--now", DAY]].concat()
}

fn fixture(name: &str) -> String {
    format!("tests/fixtures/{name}")
}

fn golden(name: &str, arguments: &[&str], ran: &Ran) {
    let mut text = format!("$ hemvist {}\n", arguments.join(" "));
    for (heading, content) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
        if !content.is_empty() {
            write!(text, "--- {heading}\n{content}").unwrap();
        }
    }
    writeln!(text, "--- exit {}", ran.exit as u8).unwrap();
    compare(&Path::new("tests/golden").join(name), &text);
}

fn compare(file: &Path, text: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file, text).unwrap();
    }
    let wanted = std::fs::read_to_string(file).unwrap_or_default();
    assert!(wanted == text, "{} differs; UPDATE=1 rewrites it. Now it is:\n{text}", file.display());
}

fn check_golden(name: &str, arguments: &[&str], exit: Exit) -> Ran {
    let arguments = on_the_day(arguments);
    let ran = hemvist(&arguments);
    golden(name, &arguments, &ran);
    assert_eq!(ran.exit, exit);
    ran
}

#[test]
fn verdicts_name_field_rule_and_place() {
    let (models, policies) = (fixture("department/models.yaml"), fixture("department/policies.yaml"));
    check_golden("check-department.txt", &["check", &models, &policies], Exit::Findings);
}

#[test]
fn nodes_say_where_a_model_can_go_and_why_not_elsewhere() {
    let (models, policies) = (fixture("owned"), fixture("department/policies.yaml"));
    let nodes = fixture("department/nodes.json");
    check_golden("check-nodes.txt", &["check", &models, &policies, "--nodes", &nodes], Exit::Success);
}

#[test]
fn nodes_in_the_same_folder_count_too_and_no_file_is_read_twice() {
    let (folder, nodes) = (fixture("department"), fixture("department/nodes.json"));
    let with = hemvist(&on_the_day(&["check", &folder, "--nodes", &nodes]));
    let without = hemvist(&on_the_day(&["check", &folder]));
    assert!(with.stdout.contains("gpu-a1 in jkpg-a has room"), "{}", with.stdout);
    assert_eq!(with.stdout, without.stdout);
}

#[test]
fn a_model_that_fits_nowhere_is_a_warning() {
    let (model, folder) = (fixture("nowhere"), fixture("department/policies.yaml"));
    let nodes = fixture("department/nodes.json");
    let arguments = ["check", &model, &folder, "--nodes", &nodes];
    check_golden("check-nowhere.txt", &arguments, Exit::Success);
    assert_eq!(hemvist(&on_the_day(&[&arguments[..], &["--strict"]].concat())).exit, Exit::Findings);
}

#[test]
fn json_says_the_same_in_fields() {
    let folder = fixture("department");
    let ran = check_golden("check-department-json.txt", &["check", &folder, "-o", "json"], Exit::Findings);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["summary"]["refused"], 1);
    assert_eq!(report["models"][1]["verdict"], "Refused");
    let finding = &report["models"][1]["findings"][0];
    assert_eq!(finding["file"], "tests/fixtures/department/models.yaml");
    assert!(finding["rule"]["place"]["line"].as_u64().unwrap() > 1);
}

#[test]
fn faults_of_the_files_are_findings() {
    check_golden("check-faults.txt", &["check", &fixture("faults")], Exit::Findings);
}

#[test]
fn a_document_that_cannot_be_parsed_hides_no_other() {
    let ran = check_golden("check-broken.txt", &["check", &fixture("broken")], Exit::Input);
    assert!(
        ran.stdout.contains("b-syntax.yaml:10:") && ran.stdout.contains("(document 2)"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.contains("ModelDeployment teknik/kodassistent"), "{}", ran.stdout);
}

#[test]
fn a_warning_is_no_failure_unless_strict() {
    let folder = fixture("warn");
    check_golden("check-warn.txt", &["check", &folder], Exit::Success);
    assert_eq!(hemvist(&on_the_day(&["check", &folder, "--strict"])).exit, Exit::Findings);
}

#[test]
fn the_root_namespace_and_the_governed_ones_are_settings() {
    let (model, policies) = (fixture("owned"), fixture("department/policies.yaml"));
    for option in [["--root-namespace", "elsewhere"], ["--ungoverned-namespaces", "kube-system,teknik"]] {
        let ran = hemvist(&on_the_day(&["check", &model, &policies, option[0], option[1]]));
        assert_eq!(ran.exit, Exit::Findings, "{}", ran.stdout);
        assert!(ran.stdout.contains("NoPolicy"), "{}", ran.stdout);
    }
}

#[test]
fn the_standard_input_is_a_file_like_any_other() {
    let text = std::fs::read(fixture("owned/model.yaml")).unwrap();
    let ran = hemvist_with_input(&on_the_day(&["check", "-", &fixture("department/policies.yaml")]), &text);
    assert_eq!(ran.exit, Exit::Success, "{}", ran.stdout);
    assert!(ran.stdout.contains("accepted (<stdin>:1:1)"), "{}", ran.stdout);
}

#[test]
fn what_cannot_be_read_reports_what_was_expected() {
    check_golden("check-missing.txt", &["check", &fixture("missing.yaml"), &fixture("empty")], Exit::Input);
    let ran =
        hemvist_with_input(&["check", "-"], b"apiVersion: v1\nkind: Namespace\nmetadata: {name: teknik}\n");
    assert_eq!(ran.exit, Exit::Input);
    assert_eq!(ran.stderr, "error: no ModelDeployment or AIPolicy in 1 file with 1 object\n");
    let ran = hemvist(&["check", &fixture("faults/values.yaml")]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (Exit::Input, ""));
    assert!(ran.stderr.contains("is not a Kubernetes object"), "{}", ran.stderr);
    let ran = hemvist_with_input(&["check", "-"], &[0xff, 0xfe]);
    assert_eq!(ran.exit, Exit::Input);
    assert!(ran.stderr.contains("standard input cannot be read"), "{}", ran.stderr);
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let cases: [&[&str]; 7] = [
        &[],
        &["check"],
        &["chekc"],
        &["check", "x", "--now", "22/11"],
        &["render", "x", "--model", "no-namespace"],
        &["check", "x", "-o", "xml"],
        &["explain", "NoSuchReason"],
    ];
    for arguments in cases {
        let ran = hemvist(arguments);
        assert_eq!(ran.exit, Exit::Usage, "{arguments:?}");
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn rendered_objects_need_no_hemvist() {
    let (model, policies) = (fixture("department/models.yaml"), fixture("department/policies.yaml"));
    let arguments = ["render", &model, &policies, "--model", "teknik/kodassistent"];
    let ran = check_golden("render.txt", &arguments, Exit::Success);
    for absent in
        ["00000000-0000-0000-0000-000000000000", "ownerReferences", "rendered-hash", "deployment-uid"]
    {
        assert!(!ran.stdout.contains(absent), "{absent} in\n{}", ran.stdout);
    }
    assert!(ran.stderr.contains("has no UID"), "{}", ran.stderr);
}

#[test]
fn rendered_objects_of_a_model_with_a_uid_are_the_operators_own() {
    let proxy = [
        "--proxy-image",
        concat!(
            "registry.region.example/envoy@sha256:",
            "77777777777777777777777777777777",
            "77777777777777777777777777777777"
        ),
    ];
    let files = [fixture("owned"), fixture("department/policies.yaml")];
    let ran = hemvist(&on_the_day(&[&["render", &files[0], &files[1]], proxy.as_slice()].concat()));
    assert_eq!((ran.exit, ran.stderr.as_str()), (Exit::Success, ""));
    assert!(ran.stdout.contains(&format!("image: {}\n", proxy[1])), "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("ownerReferences:").count(), 5);
    assert_eq!(
        ran.stdout.matches("uid: 6f1c2a0e-7d7b-4b57-9a0e-0d6f0f3a1b11").count(),
        5 + ran.stdout.matches("deployment-uid: ").count()
    );
    let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&ran.stdout).unwrap();
    let kinds: Vec<_> = documents.iter().map(|document| document["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ServiceAccount", "NetworkPolicy", "Service", "PodDisruptionBudget", "Deployment"]);
}

#[test]
fn refused_models_are_not_rendered_and_say_why() {
    let (model, policies) = (fixture("department/models.yaml"), fixture("department/policies.yaml"));
    let arguments = ["render", &model, &policies, "--model", "teknik/utan-bedomning"];
    let ran = check_golden("render-refused.txt", &arguments, Exit::Findings);
    assert!(ran.stdout.is_empty());
}

#[test]
fn nothing_is_rendered_while_a_rule_may_be_missing() {
    for (folder, exit) in [("broken", Exit::Input), ("faults", Exit::Findings)] {
        let ran = hemvist(&on_the_day(&["render", &fixture(folder), &fixture("department/policies.yaml")]));
        assert_eq!(ran.exit, exit);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
        assert!(ran.stderr.contains("a rule may be missing"), "{}", ran.stderr);
    }
}

#[test]
fn a_model_that_is_not_there_cannot_be_rendered() {
    let ran = hemvist(&["render", &fixture("owned"), "--model", "teknik/other"]);
    assert_eq!(
        (ran.exit, ran.stderr.as_str()),
        (Exit::Input, "error: no ModelDeployment teknik/other in the files\n")
    );
}

#[test]
fn the_definitions_survive_their_way_through_yaml() {
    let printed: Vec<serde_json::Value> = serde_saphyr::from_multiple(&hemvist(&["crds"]).stdout).unwrap();
    let definitions = hemvist_api::all_definitions();
    let wanted: Vec<_> =
        definitions.iter().map(|definition| serde_json::to_value(definition).unwrap()).collect();
    assert!(printed == wanted, "the printed definitions are not those of the types");
}

#[test]
fn every_reason_is_explained() {
    let list = hemvist(&["explain"]).stdout;
    for reason in hemvist_api::condition::Reason::ALL {
        assert!(list.lines().any(|line| line.split(' ').next() == Some(reason.as_str())), "{reason}");
        let ran = hemvist(&["explain", &reason.as_str().to_lowercase()]);
        assert_eq!(ran.exit, Exit::Success);
        assert!(ran.stdout.starts_with(&format!("{reason}\n\n")) && ran.stdout.contains("\nWhat to do: "));
    }
    let ran = hemvist(&["explain", "assessment"]);
    assert!(ran.stderr.contains("AssessmentMissing, AssessmentExpired"), "{}", ran.stderr);
}

#[test]
fn every_rule_is_explained_by_its_code_and_by_its_reason() {
    let mut rules = 0;
    for rule in hemvist_core::rules::all() {
        let ran = hemvist(&["explain", rule.code]);
        assert_eq!(ran.exit, Exit::Success, "{}", rule.code);
        assert!(ran.stdout.contains(rule.fault), "{}", ran.stdout);
        for reason in rule.reasons {
            let ran = hemvist(&["explain", reason.as_str()]);
            assert!(ran.stdout.contains(&format!("  {}: {}.", rule.code, rule.fault)), "{}", ran.stdout);
        }
        rules += 1;
    }
    assert!(rules > 60, "only {rules} rules");
    let ran = hemvist(&["explain", "assessmenttooold"]);
    assert!(ran.stdout.contains("have no clock"), "{}", ran.stdout);
}

#[test]
fn help_and_version_are_results() {
    let help = hemvist(&["--help"]);
    assert_eq!(help.exit, Exit::Success);
    assert!(!hemvist(&["check", "--help"]).stdout.contains('`'));
    assert!(help.stdout.contains("needs a cluster") && help.stderr.is_empty(), "{}", help.stdout);
    let version = hemvist(&["version"]).stdout;
    assert!(version.starts_with("hemvist ") && version.contains("hemvist.dev/v1alpha1"), "{version}");
}

#[test]
fn a_reader_that_goes_away_does_not_change_the_exit_code() {
    struct Gone(io::ErrorKind);
    impl io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for (kind, exit) in
        [(io::ErrorKind::BrokenPipe, Exit::Success), (io::ErrorKind::StorageFull, Exit::Input)]
    {
        assert_eq!(run(["hemvist", "crds"], &mut io::empty(), &mut Gone(kind), &mut io::sink()), exit);
    }
}

/// The verdict on every model of the region of the examples, as the documentation has it.
#[test]
fn the_examples_of_the_region_are_judged_as_documented() {
    let folder = PathBuf::from("../../examples/region");
    if !folder.exists() {
        return;
    }
    // One of the models has its weights on a volume, with a digest that something has to check.
    let tools = "--tools-image=registry.region.example/hemvist/hemvist-tools@sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let ran = hemvist(&on_the_day(&["check", "../../examples/region", tools, "-o", "json"]));
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["problems"], serde_json::json!([]));
    let mut text = String::new();
    for model in report["models"].as_array().unwrap() {
        let word = |key: &str| model[key].as_str().unwrap().to_owned();
        write!(text, "{}/{} {}", word("namespace"), word("name"), word("verdict")).unwrap();
        for finding in model["findings"].as_array().unwrap() {
            write!(text, " {}", finding["reason"].as_str().unwrap()).unwrap();
        }
        text.push('\n');
    }
    compare(Path::new("tests/golden/examples-region.txt"), &text);
}

/// What a cluster serves and the settings of the installation decide what scales a model and what routes to it; the command
/// line takes the same settings.
#[test]
fn the_settings_of_the_installation_decide_what_scales_and_what_routes_to_a_model() {
    let text = std::fs::read_to_string(fixture("owned/model.yaml")).unwrap();
    let scaled = text.replace(
        "  replicas: 2\n",
        "  scaling: {minReplicas: 1, maxReplicas: 3, metric: QueueDepth, target: 4}\n  \
         access: {gateway: {hostname: ai.region.example}}\n",
    );
    assert_ne!(scaled, text);
    let policies = fixture("department/policies.yaml");
    let base = on_the_day(&["render", "-", &policies]);
    let run_with = |further: &[&str]| hemvist_with_input(&[&base, further].concat(), scaled.as_bytes());
    let kinds = |ran: &Ran| -> Vec<String> {
        ran.stdout.lines().filter_map(|line| line.strip_prefix("kind: ").map(str::to_owned)).collect()
    };

    let refused = run_with(&[]);
    assert_eq!(refused.exit, Exit::Findings);
    assert!(refused.stderr.contains("spec.access.gateway"), "{}", refused.stderr);
    let plain = run_with(&["--gateway=ingang/region"]);
    assert_eq!(kinds(&plain).last().unwrap(), "HorizontalPodAutoscaler", "{}", plain.stderr);
    let prometheus = "--prometheus-address=http://prometheus.overvakning.svc:9090";
    let whole = run_with(&["--gateway=ingang/region", prometheus, "--serves=ScaledObject,HTTPRoute"]);
    assert_eq!(kinds(&whole)[5..], ["ScaledObject", "HTTPRoute"], "{}", whole.stderr);
    assert_eq!(run_with(&["--serves=Unheard"]).exit, Exit::Usage);
}

/// The operator asks replicas how they are from the namespace of its own account, and is let in from no other.
#[test]
fn render_lets_the_operator_reach_the_status_port() {
    let folder = fixture("department");
    let base = on_the_day(&["render", &folder]);
    let let_in = |further: &[&str]| -> Vec<serde_json::Value> {
        let rendered = hemvist(&[&base, further].concat()).stdout;
        let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&rendered).unwrap();
        let policies = documents.into_iter().filter(|one| one["kind"] == "NetworkPolicy");
        let rules =
            policies.flat_map(|policy| policy["spec"]["ingress"].as_array().cloned().unwrap_or_default());
        let status = rules.filter(|rule| rule["ports"][0]["port"] == 8001);
        status
            .map(|rule| rule["from"][0]["namespaceSelector"]["matchExpressions"][0]["values"].clone())
            .collect()
    };
    assert_eq!(let_in(&[]), [serde_json::json!(["hemvist-system"])]);
    assert_eq!(let_in(&["--inspect"]), let_in(&[]));
    assert_eq!(let_in(&["--inspect=false"]), [] as [serde_json::Value; 0]);
    let elsewhere = "--operator-user=system:serviceaccount:drift:hemvist";
    assert_eq!(let_in(&[elsewhere]), [serde_json::json!(["drift"])]);
}
