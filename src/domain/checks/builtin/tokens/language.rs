//! The table of languages: which files are written in which, and how each writes comments and strings.
//!
//! A language is known by its file's name. What is not in the table has no tokens, since nobody knows where its strings end. Dialects that
//! write comments and strings alike are one line here.

use crate::base::name::TreePath;

/// What a language is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Programs.
    Code,
    /// How pages look.
    Style,
    /// Configuration and data.
    Data,
    /// Text between tags.
    Markup,
}

/// What the table cannot say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Nothing more.
    Plain,
    /// Raw strings in `#`.
    Rust,
    /// Regular expressions without a quote.
    Script,
    /// Raw strings with a delimiter.
    Cpp,
    /// A `#` within a word begins no comment.
    Shell,
    /// `#[` is an attribute.
    Php,
    /// `\%` is no comment.
    Tex,
    /// `\"` is a character.
    Lisp,
}

/// How a language says that it uses what is elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imports {
    /// By lines that begin with one of these words, and go on while a bracket is open.
    Words(&'static [&'static str]),
    /// By lines that begin with `#` and one of these words.
    Hash(&'static [&'static str]),
}

/// A comment with an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// What begins it.
    pub open: &'static [u8],
    /// What ends it.
    pub close: &'static [u8],
    /// Whether one may stand in another.
    pub nests: bool,
    /// Whether both stand at the beginning of a line alone.
    pub at_line_start: bool,
}

/// How a string is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// What begins it.
    pub open: &'static [u8],
    /// What ends it.
    pub close: &'static [u8],
    /// Whether a backslash takes the meaning of what follows.
    pub escapes: bool,
    /// Whether it goes on past the end of the line.
    pub spans_lines: bool,
    /// Whether `${` begins code.
    pub interpolates: bool,
}

/// How a language writes what is neither word, number nor mark.
#[derive(Debug, PartialEq, Eq)]
pub struct Language {
    /// What it is for.
    pub sort: Sort,
    /// What begins a comment that ends with its line.
    pub lines: &'static [&'static [u8]],
    /// Comments with an end.
    pub blocks: &'static [Block],
    /// Strings, those with longer openings first.
    pub quotes: &'static [Quote],
    /// Whether a single quote stands alone as well.
    pub has_lifetimes: bool,
    /// What else is to be known.
    pub manner: Manner,
    /// How it imports.
    pub imports: Imports,
}

const fn block(open: &'static [u8], close: &'static [u8]) -> Block {
    Block { open, close, nests: false, at_line_start: false }
}

const fn nesting(open: &'static [u8], close: &'static [u8]) -> Block {
    Block { open, close, nests: true, at_line_start: false }
}

const fn quote(open: &'static [u8]) -> Quote {
    Quote { open, close: open, escapes: true, spans_lines: false, interpolates: false }
}

const fn long(open: &'static [u8]) -> Quote {
    Quote { open, close: open, escapes: true, spans_lines: true, interpolates: false }
}

const fn raw(open: &'static [u8], close: &'static [u8]) -> Quote {
    Quote { open, close, escapes: false, spans_lines: true, interpolates: false }
}

const STAR: Block = block(b"/*", b"*/");
const MARKUP: Block = block(b"<!--", b"-->");
const DOUBLE: Quote = quote(b"\"");
const SINGLE: Quote = quote(b"'");
const TRIPLE: Quote = long(b"\"\"\"");
const TEMPLATE: Quote = Quote { open: b"`", close: b"`", escapes: true, spans_lines: true, interpolates: true };

const NONE: Imports = Imports::Words(&[]);
const INCLUDE: Imports =
    Imports::Hash(&["include", "import", "pragma", "define", "undef", "ifdef", "ifndef", "endif", "if", "else", "elif"]);

/// What the others are made of.
const BASE: Language = Language {
    sort: Sort::Code,
    lines: &[b"//"],
    blocks: &[STAR],
    quotes: &[DOUBLE, SINGLE],
    has_lifetimes: false,
    manner: Manner::Plain,
    imports: Imports::Words(&["import", "package", "using"]),
};
const HASHED: Language = Language { lines: &[b"#"], blocks: &[], imports: NONE, ..BASE };

static C: Language = Language { manner: Manner::Cpp, imports: INCLUDE, ..BASE };
static JAVA: Language = Language { quotes: &[TRIPLE, DOUBLE, SINGLE], ..BASE };
static SCALA: Language = Language { quotes: &[TRIPLE, DOUBLE, SINGLE], has_lifetimes: true, ..BASE };
static NESTING: Language = Language { quotes: &[TRIPLE, DOUBLE, SINGLE], blocks: &[nesting(b"/*", b"*/")], ..BASE };
static C_SHARP: Language = Language {
    quotes: &[TRIPLE, raw(b"@\"", b"\""), raw(b"@$\"", b"\""), DOUBLE, SINGLE],
    imports: Imports::Words(&["using", "extern"]),
    ..BASE
};
static GO: Language = Language { quotes: &[raw(b"`", b"`"), DOUBLE, SINGLE], imports: Imports::Words(&["import", "package"]), ..BASE };
static RUST: Language = Language {
    blocks: &[nesting(b"/*", b"*/")],
    quotes: &[long(b"\""), SINGLE],
    has_lifetimes: true,
    manner: Manner::Rust,
    imports: Imports::Words(&["use", "pub use", "mod", "pub mod", "extern"]),
    ..BASE
};
static SCRIPT: Language = Language {
    quotes: &[TEMPLATE, DOUBLE, SINGLE],
    manner: Manner::Script,
    imports: Imports::Words(&["import", "export *", "export {", "require"]),
    ..BASE
};
static COMPONENT: Language = Language { blocks: &[STAR, MARKUP], quotes: &[DOUBLE, SINGLE], lines: &[b"// "], ..BASE };
static DART: Language =
    Language { quotes: &[TRIPLE, long(b"'''"), DOUBLE, SINGLE], imports: Imports::Words(&["import", "export", "part", "library"]), ..BASE };
static PHP: Language = Language {
    lines: &[b"//", b"#"],
    quotes: &[long(b"\""), long(b"'")],
    manner: Manner::Php,
    imports: Imports::Words(&["use", "namespace", "require", "require_once", "include", "include_once"]),
    ..BASE
};
static PYTHON: Language =
    Language { quotes: &[TRIPLE, long(b"'''"), DOUBLE, SINGLE], imports: Imports::Words(&["import", "from"]), ..HASHED };
static RUBY: Language = Language {
    blocks: &[Block { open: b"=begin", close: b"=end", nests: false, at_line_start: true }],
    imports: Imports::Words(&["require", "require_relative", "autoload", "gem"]),
    ..HASHED
};
static ELIXIR: Language =
    Language { quotes: &[TRIPLE, DOUBLE, SINGLE], imports: Imports::Words(&["import", "alias", "require", "use"]), ..HASHED };
static SHELL: Language = Language { manner: Manner::Shell, imports: Imports::Words(&["source", "."]), ..HASHED };
/// Documentation within Perl begins with a word of its own at the start of a line.
const fn pod(open: &'static [u8]) -> Block {
    Block { open, close: b"=cut", nests: false, at_line_start: true }
}
static PERL: Language = Language {
    manner: Manner::Shell,
    imports: Imports::Words(&["use", "package", "require"]),
    blocks: &[pod(b"=head"), pod(b"=pod"), pod(b"=over"), pod(b"=item"), pod(b"=begin"), pod(b"=for"), pod(b"=encoding")],
    ..HASHED
};
static POWERSHELL: Language = Language { blocks: &[block(b"<#", b"#>")], ..HASHED };
static R: Language = Language { imports: Imports::Words(&["library", "require"]), ..HASHED };
static JULIA: Language = Language {
    blocks: &[nesting(b"#=", b"=#")],
    quotes: &[TRIPLE, DOUBLE],
    imports: Imports::Words(&["using", "import", "include"]),
    ..HASHED
};
static TERRAFORM: Language = Language { lines: &[b"#", b"//"], blocks: &[STAR], quotes: &[DOUBLE], ..HASHED };
static NIX: Language = Language { blocks: &[STAR], quotes: &[raw(b"''", b"''"), long(b"\"")], ..HASHED };
static CMAKE: Language = Language { quotes: &[long(b"\"")], imports: Imports::Words(&["include", "find_package"]), ..HASHED };
static SQL: Language = Language { lines: &[b"--"], blocks: &[STAR], quotes: &[DOUBLE, SINGLE], imports: NONE, ..BASE };
static LUA: Language = Language {
    lines: &[b"--"],
    blocks: &[block(b"--[[", b"]]"), block(b"--[=[", b"]=]")],
    quotes: &[raw(b"[[", b"]]"), DOUBLE, SINGLE],
    imports: Imports::Words(&["require"]),
    ..BASE
};
static HASKELL: Language = Language {
    lines: &[b"--"],
    blocks: &[nesting(b"{-", b"-}")],
    quotes: &[TRIPLE, DOUBLE, SINGLE],
    has_lifetimes: true,
    imports: Imports::Words(&["import", "module"]),
    ..BASE
};
static ADA: Language = Language {
    lines: &[b"--"],
    blocks: &[],
    quotes: &[DOUBLE, SINGLE],
    has_lifetimes: true,
    imports: Imports::Words(&["with", "use", "library"]),
    ..BASE
};
static ML: Language = Language {
    lines: &[],
    blocks: &[nesting(b"(*", b"*)")],
    quotes: &[long(b"\""), SINGLE],
    has_lifetimes: true,
    imports: Imports::Words(&["open", "include"]),
    ..BASE
};
static F_SHARP: Language = Language {
    blocks: &[nesting(b"(*", b"*)")],
    quotes: &[TRIPLE, long(b"\""), SINGLE],
    has_lifetimes: true,
    imports: Imports::Words(&["open", "module", "namespace"]),
    ..BASE
};
static LISP: Language =
    Language { lines: &[b";"], blocks: &[nesting(b"#|", b"|#")], quotes: &[long(b"\"")], manner: Manner::Lisp, imports: NONE, ..BASE };
static ERLANG: Language = Language { lines: &[b"%"], blocks: &[], imports: NONE, ..BASE };
static TEX: Language =
    Language { sort: Sort::Markup, lines: &[b"%"], blocks: &[], quotes: &[], manner: Manner::Tex, imports: NONE, ..BASE };
static PASCAL: Language =
    Language { blocks: &[block(b"{", b"}"), block(b"(*", b"*)")], quotes: &[SINGLE], imports: Imports::Words(&["uses", "unit"]), ..BASE };
static BASIC: Language = Language { lines: &[b"'"], blocks: &[], quotes: &[DOUBLE], imports: Imports::Words(&["Imports"]), ..BASE };
static CSS: Language = Language { sort: Sort::Style, lines: &[], imports: NONE, ..BASE };
static SCSS: Language = Language { sort: Sort::Style, lines: &[b"// "], imports: NONE, ..BASE };
static CONFIG: Language = Language { sort: Sort::Data, lines: &[b"#"], manner: Manner::Shell, ..HASHED };
static TOML: Language = Language { sort: Sort::Data, quotes: &[TRIPLE, raw(b"'''", b"'''"), DOUBLE, SINGLE], ..HASHED };
static INI: Language = Language { sort: Sort::Data, lines: &[b"#", b";"], quotes: &[], manner: Manner::Shell, ..HASHED };
static JSON_WITH_COMMENTS: Language = Language { sort: Sort::Data, imports: NONE, ..BASE };
static TAGS: Language = Language { sort: Sort::Markup, lines: &[], blocks: &[MARKUP], quotes: &[], imports: NONE, ..BASE };

impl Language {
    /// The language of a file, by its name.
    pub fn of(path: &TreePath) -> Option<&'static Language> {
        let name = std::str::from_utf8(path.file_name()).ok()?.to_ascii_lowercase();
        if let Some(language) = named(&name) {
            return Some(language);
        }
        let (_, extension) = name.rsplit_once('.')?;
        by_extension(extension)
    }
}

fn named(name: &str) -> Option<&'static Language> {
    Some(match name {
        "dockerfile" | "containerfile" | "makefile" | "gnumakefile" | "justfile" | ".bashrc" | ".zshrc" | ".profile" => &SHELL,
        "gemfile" | "rakefile" | "vagrantfile" | "fastfile" | "podfile" | "brewfile" | "guardfile" => &RUBY,
        "jenkinsfile" => &JAVA,
        "cmakelists.txt" => &CMAKE,
        "sconstruct" | "sconscript" | "build.bazel" | "build" | "workspace" | "tiltfile" => &PYTHON,
        ".gitignore" | ".gitattributes" | ".dockerignore" | ".env" | "codeowners" | "requirements.txt" => &CONFIG,
        ".editorconfig" | ".npmrc" => &INI,
        _ => return None,
    })
}

fn by_extension(extension: &str) -> Option<&'static Language> {
    Some(match extension {
        "c" | "h" | "cc" | "cpp" | "cxx" | "c++" | "hh" | "hpp" | "hxx" | "inl" | "ipp" | "m" | "mm" | "cu" | "cuh" | "ino" | "glsl"
        | "hlsl" | "metal" => &C,
        "java" | "groovy" | "gradle" | "apex" => &JAVA,
        "kt" | "kts" | "swift" => &NESTING,
        "scala" | "sc" | "sbt" => &SCALA,
        "cs" | "csx" => &C_SHARP,
        "go" => &GO,
        "rs" => &RUST,
        "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" => &SCRIPT,
        "vue" | "svelte" | "astro" => &COMPONENT,
        "dart" => &DART,
        "php" | "phtml" => &PHP,
        "zig" | "v" | "sv" | "proto" | "thrift" | "sol" | "d" | "hx" | "vala" | "as" => &JAVA,
        "py" | "pyi" | "pyx" | "bzl" | "star" | "gd" => &PYTHON,
        "rb" | "rake" | "gemspec" | "cr" => &RUBY,
        "ex" | "exs" => &ELIXIR,
        "sh" | "bash" | "zsh" | "ksh" | "fish" | "bats" | "mk" | "tcl" | "awk" | "just" => &SHELL,
        "pl" | "pm" | "t" => &PERL,
        "ps1" | "psm1" => &POWERSHELL,
        "r" => &R,
        "jl" => &JULIA,
        "tf" | "hcl" | "tfvars" => &TERRAFORM,
        "nix" => &NIX,
        "cmake" => &CMAKE,
        "coffee" | "nim" => &HASHED_CODE,
        "sql" => &SQL,
        "lua" => &LUA,
        "hs" | "elm" | "purs" | "agda" => &HASKELL,
        "adb" | "ads" | "vhd" | "vhdl" => &ADA,
        "ml" | "mli" => &ML,
        "fs" | "fsx" | "fsi" => &F_SHARP,
        "clj" | "cljs" | "cljc" | "lisp" | "el" | "scm" | "rkt" | "edn" => &LISP,
        "erl" | "hrl" => &ERLANG,
        "tex" | "sty" | "cls" => &TEX,
        "pas" | "pp" | "dpr" => &PASCAL,
        "vb" | "bas" | "vbs" => &BASIC,
        "css" => &CSS,
        "scss" | "less" | "sass" | "styl" => &SCSS,
        "yaml" | "yml" | "conf" | "properties" => &CONFIG,
        "toml" => &TOML,
        "ini" | "cfg" | "service" | "timer" | "desktop" => &INI,
        "jsonc" | "json5" => &JSON_WITH_COMMENTS,
        "html" | "htm" | "xml" | "xhtml" | "xsl" | "md" | "markdown" => &TAGS,
        _ => return None,
    })
}

static HASHED_CODE: Language = Language { imports: Imports::Words(&["import", "from", "include"]), ..HASHED };
