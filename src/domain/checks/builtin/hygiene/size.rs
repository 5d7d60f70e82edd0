//! `large-binary`: what every clone carries for ever.
//!
//! Where the name says that a file is binary, its size is all that is asked for. A name that says nothing is read up to a cap, since the
//! commonest slip is a program somebody has built, which has no extension; past the cap nothing is read and nobody would call it text.
//! Text is never spoken of, however long: git packs it well.

use crate::base::text;
use crate::domain::issues::finding::{Finding, Kind, Severity};
use crate::engine::git::tree::TreeFile;

use super::super::Wants;
use super::finding;
use super::subject::Subject;

/// From this size on a binary file is large, in bytes.
pub const LARGE: u64 = 5 << 20;
/// Up to this size a file is read to tell whether it is binary.
const READ_AT_MOST: u64 = 32 << 20;

/// Extensions of files that are binary.
const BINARY: [&str; 104] = [
    "7z",
    "a",
    "aab",
    "aac",
    "ai",
    "apk",
    "app",
    "avi",
    "avif",
    "bin",
    "bmp",
    "br",
    "bz2",
    "cab",
    "class",
    "crate",
    "dat",
    "db",
    "deb",
    "dex",
    "dll",
    "dmg",
    "doc",
    "docx",
    "dylib",
    "ear",
    "egg",
    "eot",
    "exe",
    "fbx",
    "flac",
    "flv",
    "gem",
    "gif",
    "glb",
    "gz",
    "h5",
    "heic",
    "icns",
    "ico",
    "img",
    "ipa",
    "iso",
    "jar",
    "jpeg",
    "jpg",
    "key",
    "lib",
    "lz4",
    "m4a",
    "mdb",
    "mkv",
    "model",
    "mov",
    "mp3",
    "mp4",
    "mpg",
    "msi",
    "nupkg",
    "o",
    "obj",
    "ogg",
    "onnx",
    "otf",
    "parquet",
    "pb",
    "pdb",
    "pdf",
    "pkl",
    "png",
    "ppt",
    "pptx",
    "psd",
    "pt",
    "pth",
    "pyc",
    "pyd",
    "qcow2",
    "rar",
    "rlib",
    "rpm",
    "safetensors",
    "so",
    "sqlite",
    "sqlite3",
    "swf",
    "tar",
    "tgz",
    "tif",
    "tiff",
    "ttf",
    "vdi",
    "vmdk",
    "war",
    "wasm",
    "wav",
    "webm",
    "webp",
    "whl",
    "woff2",
    "xls",
    "xlsx",
    "xz",
    "zip",
];

/// Extensions of files that are text, however large.
const TEXT: [&str; 44] = [
    "arff", "c", "cpp", "css", "csv", "dot", "fa", "fasta", "fastq", "geojson", "gpx", "h", "html", "ipynb", "java", "js", "json", "jsonl",
    "kml", "ldif", "lock", "log", "map", "md", "ndjson", "nt", "owl", "patch", "po", "pot", "py", "rdf", "rst", "sql", "svg", "tsv", "ttl",
    "txt", "vcf", "wkt", "xml", "yaml", "yml", "rs",
];

/// Whether the name says that it is binary.
pub fn is_binary_name(subject: &Subject<'_>) -> bool {
    BINARY.contains(&subject.extension())
}

/// What this rule has to know.
pub fn wants(subject: &Subject<'_>, size: u64) -> Wants {
    if size < LARGE || TEXT.contains(&subject.extension()) {
        Wants::Nothing
    } else if is_binary_name(subject) || size > READ_AT_MOST {
        Wants::Size
    } else {
        Wants::Content { cap: size }
    }
}

/// Speaks of a large file; `binary` is what its content says, where it was read.
pub fn judge(file: &TreeFile, subject: &Subject<'_>, size: u64, binary: bool) -> Option<Finding> {
    let is_large = match wants(subject, size) {
        Wants::Nothing => false,
        Wants::Size => true,
        Wants::Content { .. } => binary,
    };
    if !is_large {
        return None;
    }
    let pattern = match file.path.extension() {
        Some(extension) if is_binary_name(subject) => format!("*.{extension}"),
        _ => String::from_utf8_lossy(file.path.file_name()).into_owned(),
    };
    let size = text::bytes(size);
    let message = format!(
        "A binary file of {size} burdens every clone with each of its versions; keep it in Git LFS (`git lfs track \"{}\"`) or outside the repository",
        text::clip(&pattern, 60)
    );
    Some(finding(&file.path, "large-binary", Kind::Quality, Severity::Minor, None, message))
}
