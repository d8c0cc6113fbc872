"""What a file is by its name, or by its first bytes where that does not say; nothing is decoded.

The suffixes of videos are those that FFmpeg's readers list for pictures that move, and those that
recorders and older tools give the same formats.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import MappingProxyType

VIDEO = "videos"
PLAYLIST = "playlists"
PICTURE = "pictures"
TEXT = "text"
SOUND = "sound"
ARCHIVE = "archives"
UNFINISHED = "unfinished downloads"
HIDDEN = "hidden files"
EMPTY = "empty files"
UNREADABLE = "files that cannot be read"
UNKNOWN = "files of an unknown kind"

HEAD = 4096
"""First bytes of a file that are looked at."""

_VIDEOS = """
    .mp4 .m4v .mov .qt .3gp .3gpp .3g2 .3gp2 .f4v .mj2 .ismv .mqv .insv .lrv .360 .avi .divx .xvid
    .amv .mkv .mk3d .webm .ogv .ogm .flv .kux .wmv .asf .dvr-ms .wtv .mxf .gxf .mpg .mpeg .mpe .mpv
    .m1v .m2v .m2p .vob .vro .evo .tod .ts .mts .m2t .m2ts .trp .tp .tsv4 .rm .rmvb .ivr .gif .dv
    .dif .nut .nuv .nsv .y4m .h261 .h263 .h264 .264 .avc .h26l .h265 .265 .hevc .h266 .266 .vvc
    .obu .ivf .vc1 .rcv .avs2 .avs3 .evc .apv .mjpeg .mjpg .dav .ifv .mxg .lvf .ty .cdxl .viv .flc
    .fli .smk .bik .apng
"""
_AMBIGUOUS = ".ts .mts .rm .dv .dif .avc .tp .ty"  # .ts and .mts are TypeScript too
_OTHERS = {
    TEXT: """
        .txt .md .rst .csv .tsv .json .jsonl .yaml .yml .toml .ini .cfg .conf .xml .html .htm .log
        .py .ipynb .js .jsx .tsx .css .sh .bat .c .h .cpp .java .go .rs .sql .tex .nfo .sha256 .md5
    """,
    PICTURE: """
        .jpg .jpeg .jpe .jfif .png .bmp .tif .tiff .webp .heic .heif .avif .jxl .jp2 .svg .ico
        .dng .cr2 .nef .arw .psd .exr .tga .ppm .pgm .pbm .mpo .thm
    """,
    SOUND: """
        .mp3 .mp2 .mpa .m4a .m4b .aac .ac3 .eac3 .dts .wav .w64 .flac .alac .opus .oga .mka .wma
        .aif .aiff .au .amr .ape .wv .tta .caf .mid .midi .ra .thd
    """,
    "subtitles": ".srt .vtt .ass .ssa .sub .idx .smi .sami .sup .lrc .scc .mks .stl .ttml",
    "documents": ".pdf .doc .docx .xls .xlsx .ppt .pptx .odt .ods .odp .rtf .epub",
    ARCHIVE: ".zip .rar .7z .tar .gz .tgz .bz2 .tbz2 .xz .txz .zst .lz4 .lzma .iso .dmg",
    UNFINISHED: ".part .partial .crdownload .download .aria2 .!ut .ytdl .tmp",
    PLAYLIST: ".m3u .m3u8 .mpd .ffconcat .concat .sdp .pls .asx .wax .wvx .xspf .ram .ifo .bup",
    "features, scores and weights": """
        .h5 .hdf5 .parquet .arrow .feather .npy .npz .mat .pkl .pickle .pt .pth .ckpt .safetensors
        .onnx
    """,
}


def _table() -> dict[str, str]:
    table = {suffix: kind for kind, listed in _OTHERS.items() for suffix in listed.split()}
    return table | dict.fromkeys(_VIDEOS.split(), VIDEO)


_BY_SUFFIX = MappingProxyType(_table())
_LOOKED_INTO = frozenset(_AMBIGUOUS.split())

_PLAYLISTS = re.compile(
    rb"(#EXTM3U|ffconcat version|v=0\r?\n|RTSPtext|\[Reference\]|\[playlist\]"
    rb"|<asx\b|(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(MPD|SmoothStreamingMedia|CompositionPlaylist)\b)",
    re.DOTALL | re.IGNORECASE,
)
_SIGNATURES = (
    (VIDEO, rb"\x1a\x45\xdf\xa3"),  # Matroska, WebM
    (VIDEO, rb"RIFF....(AVI |AVIX|AMV |CDXA)|ON2 ...."),
    (VIDEO, rb"FLV\x01|KDK"),
    (VIDEO, rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),  # ASF
    (VIDEO, rb"\xb7\xd8\x00\x20\x37\x49\xda\x11"),  # WTV
    (VIDEO, rb".{0,64}?\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02"),  # MXF
    (VIDEO, rb"\x00\x00\x00\x00\x01\xbc.{4}"),  # GXF
    (VIDEO, rb"(.{0,4}\x47.{187}){3}"),  # MPEG-TS, with times before its packets too
    (VIDEO, rb"(.{4}\x47.{187}){3}"),
    (VIDEO, rb"(IMKH.{36})?\x00\x00\x01[\xba\xb3\xb0]"),  # MPEG-PS, MPEG-1, -2, -4
    (VIDEO, rb"\x00?\x00\x00\x01([\x27\x47\x67\x09]|[\x40\x42\x44\x46]\x01|\x00[\x71\x79\xa1])"),
    (VIDEO, rb"\x1f\x07\x00[\x3f\xbf]"),  # DV
    (VIDEO, rb"DHAV|DKIF|YUV4MPEG2 |nut/multimedia|\.RMF|\.REC|NuppelVideo|NSV[fs]|HX[VF][SF]"),
    (VIDEO, rb"SMK[24]|BIK[bfghi]|GIF8[79]a|MLVI|\x12\x00\x0a[\x0a-\x0f]"),
    (SOUND, rb"ID3|fLaC|RIFF....WAVE|FORM....AIF|MThd|#!AMR|\xff[\xfb\xfa\xf3\xf2\xf1\xf9]|MAC "),
    (PICTURE, rb"\xff\xd8\xff|\x89PNG|II\*\x00|MM\x00\*|RIFF....WEBP|BM....\x00\x00\x00\x00"),
    (ARCHIVE, rb"PK[\x03\x05]\x04|PK\x05\x06|Rar!|7z\xbc\xaf|\x1f\x8b\x08|BZh[1-9]|\xfd7zXZ"),
    (ARCHIVE, rb"\x28\xb5\x2f\xfd|.{257}ustar"),
    ("documents", rb"%PDF-|\xd0\xcf\x11\xe0\xa1\xb1"),
    ("features, scores and weights", rb"\x89HDF\r\n|PAR1|\x93NUMPY"),
)
_PATTERNS = tuple((kind, re.compile(pattern, re.DOTALL)) for kind, pattern in _SIGNATURES)
_OGG_PICTURES = (b"\x80theora", b"\x01video", b"BBCD\0", b"OVP80")
_STILL_BRANDS = (b"heic", b"heix", b"mif1", b"avif", b"jpx ")
_SOUND_BRANDS = (b"M4A ", b"M4B ", b"M4P ")
_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp", b"sidx")


def kind_by_name(path: Path) -> str:
    """Return what its suffix says that a file is: :data:`UNKNOWN` where it says nothing.

    Programs that copy give a file another end, or a dot in front, until it is whole.
    """
    if kind := _BY_SUFFIX.get(path.suffix.lower()):
        return kind
    if path.name.startswith("."):
        return HIDDEN
    is_renamed = _BY_SUFFIX.get(Path(path.stem).suffix.lower()) == VIDEO
    return UNFINISHED if path.suffix and is_renamed else UNKNOWN


def is_doubtful(path: Path) -> bool:
    """Return whether a file's first bytes have to be asked what it is."""
    return kind_by_name(path) == UNKNOWN or path.suffix.lower() in _LOOKED_INTO


def stem_of(path: Path) -> str:
    """Return a file's name without its suffix; an end that says nothing is part of the name."""
    return path.name if kind_by_name(path) == UNKNOWN else path.stem


def kind_by_content(head: bytes) -> str:
    """Return what a file is by its first :data:`HEAD` bytes."""
    if not head:
        return EMPTY
    if _PLAYLISTS.match(head.removeprefix(b"\xef\xbb\xbf").lstrip()):
        return PLAYLIST
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return PICTURE if brand in _STILL_BRANDS else SOUND if brand in _SOUND_BRANDS else VIDEO
    if head[4:8] in _BOXES:
        return VIDEO
    if head.startswith(b"OggS"):
        return VIDEO if any(mark in head for mark in _OGG_PICTURES) else SOUND
    found = next((kind for kind, pattern in _PATTERNS if pattern.match(head)), None)
    return found or (TEXT if _is_text(head) else UNKNOWN)


def _is_text(head: bytes) -> bool:
    """Return whether bytes read as text: UTF-8 or UTF-16, cut anywhere, without control codes."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # not the last character alone, which was cut
            return False
        text = head[: error.start].decode()
    return re.search(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]", text) is None
