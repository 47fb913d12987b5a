//! The modules of one crate, and the arrows between them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::reader::{Named, Source, read};

/// The modules of one crate. Each is a path from its root, of which the path is empty.
#[derive(Debug, Default)]
pub struct Tree {
    /// The file of each module.
    modules: BTreeMap<Vec<String>, String>,
    /// The source of each file, with the module that it is.
    files: Vec<(String, Vec<String>, Source)>,
}

/// A file, and the module that it is.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    pub file: String,
    pub module: Vec<String>,
}

/// A file uses what is in another one.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Arrow {
    pub from: Place,
    pub to: Place,
    line: usize,
    words: String,
}

impl fmt::Display for Arrow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} in {}:{}", self.words, self.from.file, self.line)
    }
}

/// The module of the first level that a module belongs to; `None` stands for the root of the crate, to which its tests
/// belong.
pub fn top(module: &[String]) -> Option<&str> {
    module.first().map(String::as_str).filter(|name| *name != "tests")
}

impl Tree {
    /// Reads the crate with this root.
    pub fn of_crate(root: &Path) -> Self {
        let mut tree = Self::default();
        tree.add_file(root, root.parent().unwrap(), &[]);
        tree
    }

    fn add_file(&mut self, file: &Path, folder: &Path, module: &[String]) {
        let text =
            std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let source = read(&text);
        for declared in &source.files {
            let inner = [module, &declared.within[..], std::slice::from_ref(&declared.name)].concat();
            let within: PathBuf = declared.within.iter().collect();
            let beside = file.parent().unwrap();
            let plain = folder.join(&within).join(format!("{}.rs", declared.name));
            let older = folder.join(&within).join(&declared.name).join("mod.rs");
            let stated = declared.path.as_ref().map(|path| beside.join(path));
            let found = stated.unwrap_or(if plain.exists() { plain } else { older });
            self.add_file(&found, &folder.join(within).join(&declared.name), &inner);
        }
        self.add(&file.display().to_string(), module, source);
    }

    /// Adds the source of one file.
    pub fn add(&mut self, file: &str, module: &[String], source: Source) {
        self.modules.insert(module.to_vec(), file.to_owned());
        for inline in &source.inline {
            self.modules.insert([module, inline].concat(), file.to_owned());
        }
        self.files.push((file.to_owned(), module.to_vec(), source));
    }

    /// Every file that belongs to the crate.
    pub fn files(&self) -> BTreeSet<&str> {
        self.files.iter().map(|(file, _, _)| file.as_str()).collect()
    }

    /// The modules of the first level that have a file.
    pub fn tops(&self) -> BTreeSet<&str> {
        self.files.iter().filter_map(|(_, module, _)| top(module)).collect()
    }

    /// Every arrow from one file to another.
    pub fn arrows(&self) -> BTreeSet<Arrow> {
        let imports = self.imports();
        let mut arrows = BTreeSet::new();
        for (file, module, source) in &self.files {
            for named in &source.paths {
                let Some(target) = self.resolve(&imports, module, named) else { continue };
                let Some(used) = self.modules.get(&target) else { continue };
                if used != file {
                    arrows.insert(Arrow {
                        from: Place { file: file.clone(), module: module.clone() },
                        to: Place { file: used.clone(), module: target },
                        line: named.line,
                        words: named.words.join("::"),
                    });
                }
            }
        }
        arrows
    }

    /// What the `use`s of the root bring in, which can be asked of it as if it were its own.
    fn imports(&self) -> BTreeMap<String, Vec<String>> {
        let roots = self.files.iter().filter(|(_, module, _)| module.is_empty());
        let named = roots.flat_map(|(_, _, source)| &source.paths).filter(|named| named.within.is_empty());
        let imports =
            named.filter_map(|named| Some((named.imported.clone()?, self.absolute(&[], &named.words)?)));
        imports.collect()
    }

    /// The path from the root of the crate; `None` where it leads to another crate.
    fn absolute(&self, here: &[String], words: &[String]) -> Option<Vec<String>> {
        let (first, rest) = words.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([here, rest].concat()),
            "super" => {
                let ups = words.iter().take_while(|word| *word == "super").count();
                let above = here.get(..here.len().checked_sub(ups)?)?;
                Some([above, &words[ups..]].concat())
            }
            child => {
                // A child of this module, or of one around it that hands its names on.
                let parent = (0..=here.len())
                    .rev()
                    .map(|length| &here[..length])
                    .find(|parent| self.modules.contains_key(&[*parent, &[child.to_owned()]].concat()))?;
                let in_this_file = self.modules.get(parent)? == self.modules.get(here)?;
                in_this_file.then(|| [parent, words].concat())
            }
        }
    }

    /// The module that a path leads to. A name that the root of the crate only hands on is that of the module where it
    /// comes from.
    fn resolve(
        &self,
        imports: &BTreeMap<String, Vec<String>>,
        module: &[String],
        named: &Named,
    ) -> Option<Vec<String>> {
        let here = [module, &named.within[..]].concat();
        let path = self.absolute(&here, &named.words)?;
        let deepest = self.deepest(&path);
        match path.first().and_then(|name| imports.get(name)) {
            Some(handed_on) if deepest.is_empty() => Some(self.deepest(handed_on)),
            _ => Some(deepest),
        }
    }

    /// The module that a path goes into: what follows is in it.
    fn deepest(&self, path: &[String]) -> Vec<String> {
        let length = (1..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length]));
        path[..length.unwrap_or_default()].to_vec()
    }
}

/// The groups of files that use each other in a circle.
pub fn circles(arrows: &BTreeSet<Arrow>) -> Vec<BTreeSet<String>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for arrow in arrows {
        next.entry(&arrow.from.file).or_default().insert(&arrow.to.file);
    }
    let reached_from = |begin: &str| {
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut left: Vec<&str> = next.get(begin).into_iter().flatten().copied().collect();
        while let Some(file) = left.pop() {
            if reached.insert(file) {
                left.extend(next.get(file).into_iter().flatten().copied());
            }
        }
        reached
    };
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        next.keys().map(|file| (*file, reached_from(file))).collect();
    let mut found: Vec<BTreeSet<String>> = Vec::new();
    for (file, ahead) in &reached {
        if ahead.contains(file) && !found.iter().any(|circle| circle.contains(*file)) {
            let circle = ahead.iter().filter(|one| reached.get(*one).is_some_and(|back| back.contains(file)));
            found.push(circle.map(|one| (*one).to_owned()).collect());
        }
    }
    found
}
