//! What the first bytes of a file say of who made it.

use super::super::subject::Subject;

/// Lines that are this long on average were not typed.
const LINE: usize = 500;
/// Of a head this long at least it is asked how long its lines are.
const SAMPLE: usize = 4_000;

/// What a compiler made, in words.
pub fn artifact(subject: &Subject<'_>, head: &[u8]) -> Option<&'static str> {
    let short = |at: usize| head.get(at..at + 2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    match head {
        [0x7f, b'E', b'L', b'F', _, order, ..] => {
            let kind = short(16).map(|kind| if *order == 2 { kind.swap_bytes() } else { kind });
            Some(if kind == Some(1) { "an object file" } else { "a compiled program or library" })
        }
        // Universal binaries of macOS begin the same; there the number of architectures stands in the place of the version.
        [0xca, 0xfe, 0xba, 0xbe, _, _, major, minor, ..] if u16::from_be_bytes([*major, *minor]) >= 45 => Some("a compiled Java class"),
        [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 1..=44, ..] => Some("a compiled program of macOS"),
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => Some("a compiled program or object file of macOS"),
        [b'M', b'Z', ..] if is_portable_executable(head) => Some("a compiled program or library of Windows"),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Some("a WebAssembly module"),
        [b'd', b'e', b'x', b'\n', b'0', ..] => Some("compiled Android code"),
        [b'B', b'C', 0xc0, 0xde, ..] => Some("LLVM bit code"),
        [_, _, b'\r', b'\n', ..] if matches!(subject.extension(), "pyc" | "pyo") => Some("compiled Python code"),
        [0x64, 0x86, ..] | [0x4c, 0x01, ..] if subject.extension() == "obj" => Some("an object file"),
        _ if head.starts_with(b"!<arch>\n") && !head[8..].starts_with(b"debian-binary") => Some("a static library"),
        _ => None,
    }
}

/// Whether the offset at 0x3c leads to the signature that programs of Windows have.
fn is_portable_executable(head: &[u8]) -> bool {
    let Some(offset) = head.get(0x3c..0x40).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes) else { return false };
    usize::try_from(offset).ok().and_then(|at| head.get(at..)).is_some_and(|at| at.starts_with(b"PE\0\0"))
}

/// Whether it holds other files. Documents that happen to be zipped do not count, nor do the wrappers that builds start from.
pub fn is_archive(subject: &Subject<'_>, head: &[u8]) -> bool {
    const DOCUMENTS: [&str; 19] = [
        "docx", "xlsx", "pptx", "dotx", "xltx", "potx", "odt", "ods", "odp", "odg", "epub", "sketch", "fig", "3mf", "kra", "xmind", "svgz",
        "npz", "usdz",
    ];
    let beginnings: [&[u8]; 9] = [
        b"PK\x03\x04",
        b"\x1f\x8b",
        b"BZh",
        b"\xfd7zXZ\0",
        b"7z\xbc\xaf\x27\x1c",
        b"Rar!\x1a\x07",
        b"\x28\xb5\x2f\xfd",
        b"\x04\x22\x4d\x18",
        b"!<arch>\ndebian",
    ];
    let is_one = beginnings.iter().any(|beginning| head.starts_with(beginning)) || head.get(257..262) == Some(b"ustar");
    is_one && !DOCUMENTS.contains(&subject.extension()) && !matches!(subject.name(), "gradle-wrapper.jar" | "maven-wrapper.jar")
}

/// Whether it is a script or style sheet whose lines nobody typed.
pub fn is_minified(subject: &Subject<'_>, head: &[u8]) -> bool {
    let is_of_web = matches!(subject.extension(), "js" | "mjs" | "cjs" | "css");
    is_of_web && head.len() >= SAMPLE && (memchr::memchr_iter(b'\n', head).count() + 1) * LINE < head.len()
}
