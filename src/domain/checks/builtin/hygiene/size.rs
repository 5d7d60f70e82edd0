//! `large-binary`: what every clone carries for ever.
//!
//! Names promise and content tells: of a large file the beginning is read, and no more. The commonest slip is a program somebody has
//! built, which has no extension; a dump may be called `.txt`. Text is never spoken of, however long: git packs it well.

use crate::base::text;
use crate::domain::issues::finding::{Finding, Kind, Severity};
use crate::engine::git::tree::TreeFile;

use super::super::subject::Subject;
use super::finding;

/// From this size on a binary file is large, in bytes.
pub const LARGE: u64 = 5 << 20;

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

/// Whether the name says that it is binary.
pub fn is_binary_name(subject: &Subject<'_>) -> bool {
    BINARY.contains(&subject.extension())
}

/// Whether this is the beginning of a binary file: it holds a zero byte, as git asks; or its name says so and it is no text. Text of
/// Windows' wide characters has zero bytes and says so at its beginning.
pub fn is_binary(subject: &Subject<'_>, head: &[u8]) -> bool {
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return false;
    }
    let is_text = || std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true);
    memchr::memchr(0, head).is_some() || is_binary_name(subject) && !is_text()
}

/// Speaks of a large file that begins like this.
pub fn judge(file: &TreeFile, subject: &Subject<'_>, size: u64, head: &[u8]) -> Option<Finding> {
    if size < LARGE || !is_binary(subject, head) {
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
