"""The header reader: real files, and every way in which a file can be wrong."""

import io
import os
import struct
from pathlib import Path

import pytest
from gguf import GGMLQuantizationType, GGUFReader
from gguf.constants import GGML_QUANT_SIZES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import gguf
from app.errors import ModelFileError
from app.gguf import reader, tables


def header_bytes(version: int = 3, tensors: int = 0, keys: int = 0, body: bytes = b"") -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys) + body


def string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_reads_what_the_reference_reader_reads(any_model: Path) -> None:
    header = gguf.read(any_model)
    reference = GGUFReader(any_model)
    assert [t.name for t in header.tensors] == [t.name for t in reference.tensors]
    assert [t.shape for t in header.tensors] == [tuple(t.shape) for t in reference.tensors]
    assert header.weights_size == sum(t.n_bytes for t in reference.tensors)
    assert header.data_offset == reference.data_offset
    for key, field in reference.fields.items():
        if key.startswith("GGUF."):
            continue
        ours, theirs = header.metadata[key], field.contents()
        if isinstance(ours, tuple):
            assert list(ours) == theirs
        else:
            assert ours == theirs


def test_a_stream_is_read_like_a_file(any_model: Path) -> None:
    with any_model.open("rb") as stream:
        header = gguf.read_stream(stream, any_model.stat().st_size, any_model.name)
    from_file = gguf.read(any_model)
    assert (header.metadata, header.tensors) == (from_file.metadata, from_file.tensors)
    assert header.path.name == any_model.name
    begun = io.BytesIO(any_model.read_bytes()[:100])
    with pytest.raises(ModelFileError, match=r"“cut\.gguf” is incomplete"):
        gguf.read_stream(begun, any_model.stat().st_size, "cut.gguf")


def test_describes_the_model(tiny: Path) -> None:
    header = gguf.read(tiny)
    assert header.name == "Tiny random"
    assert header.architecture == "llama"
    assert header.quantisation == "F32"
    assert header.kind == "model"
    assert header.trained_context == 512
    assert header.chat_template.startswith("{% for message")
    assert header.parameters == sum(t.elements for t in header.tensors) > 50_000


def test_tensor_sizes_agree_with_the_reference() -> None:
    known = {int(kind) for kind in GGMLQuantizationType} - {int(GGMLQuantizationType.Q8_1)}
    for type_id, (_, block, size) in tables.TENSOR_TYPES.items():
        if type_id in known:  # the reference has Q8_1 of before llama.cpp made its sums half floats
            assert GGML_QUANT_SIZES[GGMLQuantizationType(type_id)] == (block, size)


def test_of_a_huge_file_only_the_header_is_read(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huge = write(tmp_path / "huge.gguf", tiny.read_bytes())
    os.truncate(huge, 40 << 30)
    seen: list[int] = []
    require = reader._Reader._require

    def watched(self: reader._Reader, count: int) -> None:
        require(self, count)
        seen.append(len(self._buffer))

    monkeypatch.setattr(reader._Reader, "_require", watched)
    assert gguf.read(huge).file_size == 40 << 30
    assert max(seen) <= reader.READ_STEP


def test_skips_long_vocabularies(tmp_path: Path) -> None:
    words = b"".join(string(f"word{index}") for index in range(5000))
    key = string("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 5000) + words
    after = string("general.name") + struct.pack("<I", 8) + string("After")
    header = gguf.read(write(tmp_path / "v.gguf", header_bytes(keys=2, body=key + after)))
    assert header.metadata["tokenizer.ggml.tokens"] == gguf.LongArray(8, 5000)
    assert header.name == "After"
    assert header.kind == "vocabulary"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (b"GG", "not a GGUF"),
        (b"PK\x03\x04 a zip file", "not a GGUF"),
        (b"GGUF", "ends inside its header"),
        (header_bytes(version=1), "version 1"),
        (header_bytes(version=9), "version 9"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
        (header_bytes(tensors=1 << 60), "makes no sense"),
        (header_bytes(keys=1 << 63), "makes no sense"),
        (header_bytes(keys=1, body=string("x") + struct.pack("<IQ", 8, 1 << 40)), "no sense"),
        (header_bytes(keys=1, body=struct.pack("<Q", 1 << 62)), "makes no sense"),
        (header_bytes(keys=1, body=string("x") + struct.pack("<I", 77)), "makes no sense"),
        (
            header_bytes(keys=1, body=string("x") + struct.pack("<IIQ", 9, 9, 3) + b"0" * 30),
            "makes no sense",
        ),
        (
            header_bytes(keys=1, body=string("x") + struct.pack("<IIQ", 9, 4, 1 << 61)),
            "makes no sense",
        ),
        (
            header_bytes(tensors=1, body=string("t") + struct.pack("<I", 99) + b"0" * 40),
            "makes no sense",
        ),
        (
            header_bytes(
                tensors=1,
                body=string("t") + struct.pack("<IQQIQ", 2, 1 << 40, 1 << 40, 0, 0) + b"0" * 40,
            ),
            "makes no sense",
        ),
        (
            header_bytes(keys=1, body=string("general.alignment") + struct.pack("<II", 4, 3)),
            "makes no sense",
        ),
    ],
)
def test_refuses_nonsense_in_a_sentence(tmp_path: Path, data: bytes, sentence: str) -> None:
    with pytest.raises(ModelFileError, match=sentence) as caught:
        gguf.read(write(tmp_path / "odd “name” 🦜.gguf", data))
    assert "odd “name” 🦜.gguf" in caught.value.message
    assert caught.value.remedy


def test_says_how_much_of_a_truncated_file_is_there(tiny: Path, tmp_path: Path) -> None:
    data = tiny.read_bytes()
    cut = write(tmp_path / "cut.gguf", data[: len(data) // 2])
    with pytest.raises(ModelFileError, match=rf"incomplete: {len(data) // 2:,} of"):
        gguf.read(cut)


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="is a folder"):
        gguf.read(tmp_path)
    with pytest.raises(ModelFileError, match="not there any more"):
        gguf.read(tmp_path / "gone.gguf")
    with pytest.raises(ModelFileError, match="not a path"):
        gguf.read("a\0b")


def test_every_truncation_is_a_sentence(tiny: Path, tmp_path: Path) -> None:
    data = tiny.read_bytes()
    end = gguf.read(tiny).data_offset
    file = tmp_path / "cut.gguf"
    for length in [*range(200), *range(200, end, 97), end - 1, end, len(data) - 1]:
        file.write_bytes(data[:length])
        with pytest.raises(ModelFileError):
            gguf.read(file)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(position=st.integers(4, 6000), change=st.binary(min_size=1, max_size=12))
def test_damage_never_escapes(tiny: Path, tmp_path: Path, position: int, change: bytes) -> None:
    data = bytearray(tiny.read_bytes())
    data[position : position + len(change)] = change
    file = write(tmp_path / "damaged.gguf", bytes(data))
    try:
        header = gguf.read(file)
    except ModelFileError:
        return
    assert header.file_size == len(data)
    str(header.name), header.quantisation, header.kind, header.trained_context
