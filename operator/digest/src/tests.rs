use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;

const THREADS: NonZeroUsize = NonZeroUsize::new(3).unwrap();

/// What is said of a folder, by the line that the documentation gives to people who have nothing but a shell.
fn by_shell(line: &str, folder: &Path) -> String {
    let output = Command::new("sh").args(["-c", line]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    format!("sha256:{}", text.split_whitespace().next().unwrap())
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

#[test]
fn a_folder_has_the_digest_that_a_shell_reckons() {
    // In bytes, `B` comes before `a`, and `.` before `/`: a sort by the rules of a language or by folders says otherwise.
    let files =
        [("a/b", "1"), ("a.b", "2"), ("B", "3"), ("å", ""), ("-n", "5"), ("a b", "6"), (".hidden", "7")];
    let folder = folder(&files);
    let page = include_str!("../../../docs/src/tasks/provide-weights.md");
    let line = page.lines().find(|line| line.starts_with("find ")).unwrap();
    assert_eq!(digest(folder.path(), THREADS).unwrap().to_string(), by_shell(line, folder.path()));
}

#[test]
fn a_file_has_the_digest_of_its_content() {
    let folder = folder(&[("model.gguf", "weights"), ("other", "")]);
    let file = folder.path().join("model.gguf");
    assert_eq!(digest(&file, THREADS).unwrap().to_string(), by_shell("sha256sum model.gguf", folder.path()));
}

#[test]
fn of_a_split_model_every_part_counts() {
    let folder = folder(&[("m-00001-of-00002.gguf", "1"), ("m-00002-of-00002.gguf", "2"), ("other", "")]);
    let first = folder.path().join("m-00001-of-00002.gguf");
    let expected = by_shell("sha256sum m-*-of-00002.gguf | sha256sum", folder.path());
    assert_eq!(digest(&first, THREADS).unwrap().to_string(), expected);
    std::fs::remove_file(folder.path().join("m-00002-of-00002.gguf")).unwrap();
    assert!(matches!(digest(&first, THREADS), Err(DigestError::MissingPart(_))));
}

#[test]
fn only_the_first_part_of_a_split_model_names_it() {
    assert!(walk::parts("m-00001-of-00003.gguf").is_some_and(|parts| parts.len() == 3));
    for other in
        ["m-00002-of-00003.gguf", "m-00001-of-00001.gguf", "m-1-of-3.gguf", "m.gguf", "m-00001-of-+0003.gguf"]
    {
        assert_eq!(walk::parts(other), None, "{other}");
    }
}

#[test]
fn what_the_list_could_not_tell_is_refused() {
    let link = folder(&[("a", "1")]);
    symlink("a", link.path().join("b")).unwrap();
    assert!(matches!(digest(link.path(), THREADS), Err(DigestError::NotRegular(_))));
    assert!(matches!(digest(&link.path().join("b"), THREADS), Err(DigestError::NotRegular(_))));
    for name in ["a\\b", "a\nb", "a\rb"] {
        assert!(
            matches!(digest(folder(&[(name, "")]).path(), THREADS), Err(DigestError::Name(_))),
            "{name:?}"
        );
    }
    assert!(matches!(digest(folder(&[]).path(), THREADS), Err(DigestError::Empty(_))));
    assert!(matches!(digest(Path::new("/nonexistent"), THREADS), Err(DigestError::Read { .. })));
}

#[test]
fn a_digest_is_read_in_the_form_it_is_written_in() {
    let text = format!("sha256:{}", "0123456789abcdef".repeat(4));
    assert_eq!(text.parse::<Digest>().unwrap().to_string(), text);
    for other in [
        "",
        "sha256:",
        &text[..70],
        &text.to_uppercase(),
        &text.replace("sha256", "sha512"),
        &format!("{text}0"),
    ] {
        assert_eq!(other.parse::<Digest>(), Err(NotADigest), "{other}");
    }
}
