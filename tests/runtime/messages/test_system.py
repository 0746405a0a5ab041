"""Reasons of the operating system are in the language of the user."""

from __future__ import annotations

import errno
import io
import os
import re

import pytest
from onnxnn_runtime.errors import InputError
from onnxnn_runtime.files.access import cannot_read, cannot_write, unknown_before
from onnxnn_runtime.images.decode import decode
from onnxnn_runtime.messages.system import system_reason
from onnxnn_runtime.session.providers import first_line

COMMON = ("EACCES", "EISDIR", "EMFILE", "ENAMETOOLONG", "ENOENT", "ENOSPC", "EPERM", "EROFS")


@pytest.mark.parametrize("name", COMMON)
def test_common_reasons_are_translated(monkeypatch, name):
    number = getattr(errno, name)
    error = OSError(number, os.strerror(number))
    monkeypatch.setenv("ONNXNN_LANG", "en")
    assert system_reason(error) == os.strerror(number)
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    assert re.fullmatch("[\u4e00-\u9fff]+", system_reason(error))


def test_other_reasons_stay_as_they_are(monkeypatch):
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    assert system_reason(OSError(errno.EDOM, "Numerical argument out of domain")).startswith("Numerical")
    assert system_reason(OSError("no number")) == "no number"
    assert system_reason(ValueError("not the system's")) == "not the system's"


@pytest.mark.parametrize("worded", [cannot_read, cannot_write, unknown_before])
def test_errors_of_files_in_chinese_hold_no_english_reason(monkeypatch, worded):
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    number = errno.ENOSPC
    said = str(worded("a.onnx", OSError(number, os.strerror(number))))
    assert "没有剩余空间" in said
    assert os.strerror(number) not in said


class BrokenFile(io.BytesIO):
    def read(self, size=-1):
        raise OSError(errno.EIO, os.strerror(errno.EIO), "/mnt/stick")


def test_the_reason_of_an_open_file_is_in_chinese(monkeypatch):
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    with pytest.raises(InputError, match="（输入/输出错误）") as caught:
        decode(BrokenFile(), "RGB")
    assert "Errno" not in str(caught.value)


def test_the_first_line_of_an_error_of_the_system_is_its_reason(monkeypatch):
    error = OSError(errno.ENOENT, os.strerror(errno.ENOENT), "libcuda.so.1")
    monkeypatch.setenv("ONNXNN_LANG", "en")
    assert first_line(error) == os.strerror(errno.ENOENT)
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    assert re.fullmatch("[\u4e00-\u9fff]+", first_line(error))
    assert first_line(OSError("a\nb")) == "a"
    assert first_line(OSError()) == "OSError"
