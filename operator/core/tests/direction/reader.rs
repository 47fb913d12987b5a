//! Reads which modules a Rust source file declares, and which paths it names.
//!
//! A reader of tokens and not of the whole language: comments and texts are skipped, everything else that begins with a
//! word and `::` is a path. That is enough, because Rust has no other way to name what is in another module.

/// What one source file says.
#[derive(Debug, Default)]
pub struct Source {
    /// Modules that have a file of their own: `mod name;`.
    pub files: Vec<Declaration>,
    /// Modules written in braces, as paths within the file.
    pub inline: Vec<Vec<String>>,
    /// Every path, in order.
    pub paths: Vec<Named>,
}

/// `mod name;`
#[derive(Debug, Eq, PartialEq)]
pub struct Declaration {
    /// The inline modules around it.
    pub within: Vec<String>,
    pub name: String,
    /// `#[path = "…"]`, relative to the folder of the file.
    pub path: Option<String>,
}

/// A path as it is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Named {
    /// The inline modules around it.
    pub within: Vec<String>,
    /// Its words, such as `crate`, `snapshot`, `Key`; `*` stands for everything.
    pub words: Vec<String>,
    /// The name that it has from here on, where it is part of a `use`.
    pub imported: Option<String>,
    /// Line in the file, from 1.
    pub line: usize,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    /// `::`
    Colons,
    Mark(char),
}

/// Reads one file.
pub fn read(text: &str) -> Source {
    let tokens = tokens(text);
    let mut reader =
        Reader { tokens: &tokens, at: 0, within: Vec::new(), depth: 0, source: Source::default() };
    reader.read();
    reader.source
}

struct Reader<'a> {
    tokens: &'a [(Token, usize)],
    at: usize,
    /// The inline modules around this place, each with the depth of braces at which it ends.
    within: Vec<(String, usize)>,
    depth: usize,
    source: Source,
}

impl Reader<'_> {
    fn token(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|(token, _)| token)
    }

    fn word(&self, ahead: usize) -> Option<&str> {
        match self.token(ahead)? {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    fn line(&self) -> usize {
        self.tokens.get(self.at).map_or(0, |(_, line)| *line)
    }

    fn is(&self, ahead: usize, mark: char) -> bool {
        self.token(ahead) == Some(&Token::Mark(mark))
    }

    fn is_word_before(&self, back: usize, word: &str) -> bool {
        self.at.checked_sub(back).is_some_and(|at| self.tokens[at].0 == Token::Word(word.to_owned()))
    }

    fn is_after_colons(&self) -> bool {
        self.at > 0 && self.tokens[self.at - 1].0 == Token::Colons
    }

    fn modules(&self) -> Vec<String> {
        self.within.iter().map(|(name, _)| name.clone()).collect()
    }

    fn read(&mut self) {
        let mut path = None;
        let mut imports = false;
        while let Some(token) = self.token(0) {
            match token {
                Token::Mark('#') if self.is(1, '[') && self.word(2) == Some("path") && self.is(3, '=') => {
                    if let Some(Token::Text(text)) = self.token(4) {
                        path = Some(text.clone());
                    }
                }
                Token::Mark('{') => self.depth += 1,
                Token::Mark('}') => {
                    self.depth = self.depth.saturating_sub(1);
                    self.within.retain(|(_, depth)| *depth < self.depth + 1);
                }
                Token::Mark(';') => (path, imports) = (None, false),
                Token::Word(word) if word == "use" => imports = true,
                Token::Word(word) if word == "mod" => {
                    self.read_module(path.take());
                    continue;
                }
                // Some attributes name functions in texts.
                Token::Text(text) if text.starts_with("crate::") || text.starts_with("super::") => {
                    let words = text.split("::").map(str::to_owned).collect();
                    let line = self.line();
                    self.note(words, None, line);
                }
                Token::Word(_) if self.token(1) == Some(&Token::Colons) && !self.is_after_colons() => {
                    // `pub(in crate::x)` says who may see something and uses nothing.
                    let shown = !self.is_word_before(1, "in") || !self.is_word_before(3, "pub");
                    self.read_path(&[], imports, shown);
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    fn read_module(&mut self, path: Option<String>) {
        let name = self.word(1).map(str::to_owned);
        match (name, self.token(2)) {
            (Some(name), Some(Token::Mark(';'))) => {
                let within = self.modules();
                self.source.files.push(Declaration { within, name, path });
                self.at += 3;
            }
            (Some(name), Some(Token::Mark('{'))) => {
                self.depth += 1;
                self.within.push((name, self.depth));
                self.source.inline.push(self.modules());
                self.at += 3;
            }
            _ => self.at += 1,
        }
    }

    /// Reads a path from its first word on, with everything in braces below it.
    fn read_path(&mut self, before: &[String], imports: bool, shown: bool) {
        let mut words = before.to_vec();
        let line = self.line();
        loop {
            match self.token(0).cloned() {
                Some(Token::Word(word)) => words.push(word),
                Some(Token::Mark('*')) => words.push("*".to_owned()),
                Some(Token::Mark('{')) => {
                    self.at += 1;
                    while self.token(0).is_some() && !self.is(0, '}') {
                        match self.token(0) {
                            Some(Token::Word(_) | Token::Mark('*' | '{')) => {
                                self.read_path(&words, imports, shown);
                            }
                            _ => self.at += 1,
                        }
                    }
                    self.at += 1;
                    return;
                }
                // `::<`
                _ => break,
            }
            self.at += 1;
            if self.token(0) != Some(&Token::Colons) {
                break;
            }
            self.at += 1;
        }
        if words.len() > 1 && words.last().is_some_and(|word| word == "self") {
            words.pop();
        }
        let mut name = words.last().cloned();
        if imports && self.word(0) == Some("as") {
            name = self.word(1).map(str::to_owned);
            self.at += 2;
        }
        if shown {
            self.note(words, name.filter(|_| imports), line);
        }
    }

    fn note(&mut self, words: Vec<String>, imported: Option<String>, line: usize) {
        let within = self.modules();
        self.source.paths.push(Named { within, words, imported, line });
    }
}

/// The tokens of a file, each with its line. Comments are left out, also those that are documentation.
fn tokens(text: &str) -> Vec<(Token, usize)> {
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(&character) = characters.get(at) {
        let rest = &characters[at..];
        let (token, length) = match character {
            '/' if rest.get(1) == Some(&'/') => (None, rest.iter().take_while(|one| **one != '\n').count()),
            '/' if rest.get(1) == Some(&'*') => (None, comment(rest)),
            '"' => quoted(rest, 1),
            'b' | 'c' if rest.get(1) == Some(&'"') => quoted(rest, 2),
            'r' | 'b' | 'c' if let Some(raw) = raw(rest) => raw,
            '\'' => (None, after_quote(rest)),
            ':' if rest.get(1) == Some(&':') => (Some(Token::Colons), 2),
            one if one.is_alphanumeric() || one == '_' => {
                let word: String =
                    rest.iter().take_while(|one| one.is_alphanumeric() || **one == '_').collect();
                let length = word.chars().count();
                (Some(Token::Word(word)), length)
            }
            one if one.is_whitespace() => (None, 1),
            one => (Some(Token::Mark(one)), 1),
        };
        found.extend(token.map(|token| (token, line)));
        line += rest[..length].iter().filter(|one| **one == '\n').count();
        at += length;
    }
    found
}

/// The length of a comment between `/*` and `*/`; there may be others in it.
fn comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match (rest[at], rest.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => {
                (depth, at) = (depth - 1, at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn quoted(rest: &[char], begin: usize) -> (Option<Token>, usize) {
    let mut at = begin;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    let end = at.min(rest.len());
    (Some(Token::Text(rest[begin..end].iter().collect())), (end + 1).min(rest.len()))
}

/// `r"…"`, `r#"…"#`, and the same of bytes.
fn raw(rest: &[char]) -> Option<(Option<Token>, usize)> {
    let letters = rest.iter().take_while(|one| matches!(one, 'r' | 'b' | 'c')).count();
    let hashes = rest[letters..].iter().take_while(|one| **one == '#').count();
    let begin = letters + hashes + 1;
    if letters > 2 || rest[letters - 1] != 'r' || rest.get(begin - 1) != Some(&'"') {
        return None;
    }
    let ends = |at: &usize| {
        rest[*at] == '"' && rest[at + 1..].iter().take(hashes).filter(|one| **one == '#').count() == hashes
    };
    let end = (begin..rest.len()).find(ends)?;
    Some((Some(Token::Text(rest[begin..end].iter().collect())), end + 1 + hashes))
}

/// The length of a character such as `'a'` or `'\''`, or of the mark of a lifetime.
fn after_quote(rest: &[char]) -> usize {
    if rest.get(1) == Some(&'\\') {
        return rest.iter().skip(3).position(|one| *one == '\'').map_or(rest.len(), |at| at + 4);
    }
    if rest.get(2) == Some(&'\'') { 3 } else { 1 }
}
