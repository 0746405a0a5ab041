"""The folder of a project: what opens, and what comes and goes in it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest
from onnxnn_runtime.errors import InputError, OutputError
from onnxnn_runtime.messages.catalogue import speaking
from support.posix import posix

from onnxnn.studio.project import MOST_CLASSES, opened_project
from onnxnn.studio.recipe_text import HEADING


@pytest.fixture
def project(tmp_path):
    with opened_project(tmp_path / "pets") as project:
        yield project


def test_a_new_project_that_stays_empty_leaves_nothing(tmp_path):
    with opened_project(tmp_path / "a" / "pets") as project:
        assert project.classes() == []
    assert not (tmp_path / "a" / "pets").exists()


def test_a_project_is_a_data_set_of_class_folders(tmp_path):
    with opened_project(tmp_path / "pets") as project:
        for name in ("10", "9", "猫"):
            project.add_class(name)
        first, second = project.add_image("猫", b"one"), project.add_image("猫", b"two")
        assert project.add_image("猫", b"one") == first
        assert [each.name for each in project.classes()] == ["9", "10", "猫"]
    with opened_project(tmp_path / "pets") as project:
        assert project.classes()[2].images == (first, second)
        assert project.image("猫", second) == b"two"
    assert (tmp_path / "pets" / "data" / "猫" / first).read_bytes() == b"one"


def test_a_number_is_never_that_of_another_image(project):
    project.add_class("cat")
    first = project.add_image("cat", b"one")
    project.remove_images("cat", [first])
    assert project.add_image("cat", b"two") != first


def test_images_of_users_stay_as_they_are(tmp_path):
    folder = tmp_path / "pets" / "data" / "cat"
    folder.mkdir(parents=True)
    for name in ("IMG_7.PNG", "a.jpeg", "notes.txt", ".DS_Store"):
        (folder / name).write_bytes(b"x")
    with opened_project(tmp_path / "pets") as project:
        assert project.classes()[0].images == ("IMG_7.PNG", "a.jpeg")
        with pytest.raises(OutputError, match="holds something else, too"):
            project.remove_class("cat")
    assert os.listdir(folder) == ["notes.txt"]


@posix
def test_links_lead_nowhere(tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a.jpg").write_bytes(b"secret")
    data = tmp_path / "pets" / "data"
    (data / "cat").mkdir(parents=True)
    (data / "linked").symlink_to(secret)
    (data / "cat" / "a.jpg").symlink_to(secret / "a.jpg")
    with opened_project(tmp_path / "pets") as project:
        assert [(each.name, each.images) for each in project.classes()] == [("cat", ())]
        for name, file in (("cat", "a.jpg"), ("linked", "a.jpg"), ("../../secret", "a.jpg"), ("cat", "../x")):
            with pytest.raises(InputError):
                project.image(name, file)
    assert (secret / "a.jpg").exists()


@posix
def test_a_class_is_not_made_where_a_link_has_its_name(project, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (project.data / "cat").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="cat"):
        project.add_class("cat")
    assert project.classes() == []


def test_classes_are_renamed_also_in_case_alone(project):
    project.add_class("cat")
    project.add_class("dog")
    file = project.add_image("cat", b"one")
    assert project.rename_class("cat", "Cat") == "Cat"
    assert project.rename_class("Cat", "猫") == "猫"
    assert project.image("猫", file) == b"one"
    for wanted in ("dog", "a/b", ""):
        with pytest.raises(InputError):
            project.rename_class("猫", wanted)
    with pytest.raises(InputError, match="no class of this name"):
        project.rename_class("cat", "x")


def test_there_are_not_endlessly_many_classes(project):
    for number in range(MOST_CLASSES):
        (project.data / str(number)).mkdir()
    with pytest.raises(InputError, match="at most 100 classes"):
        project.add_class("one more")


def test_there_are_not_endlessly_many_images(project, monkeypatch):
    monkeypatch.setattr("onnxnn.studio.project.MOST_IMAGES", 2)
    project.add_class("cat")
    for each in (b"1", b"2"):
        project.add_image("cat", each)
    with pytest.raises(InputError, match="at most 2 images"):
        project.add_image("cat", b"3")


def test_a_full_disk_leaves_no_half_image(project, monkeypatch):
    project.add_class("cat")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("onnxnn_runtime.files.atomic.os.replace", full)
    with pytest.raises(OutputError, match="No space left"):
        project.add_image("cat", b"one")
    assert list((project.data / "cat").iterdir()) == []


HOLD = """
import sys
from onnxnn.studio.project import opened_project
with opened_project(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_a_project_that_another_process_has_open_is_refused(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "pets")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout.readline().strip() == b"open"
        with pytest.raises(InputError, match=f"open already .process {holder.pid} "):
            opened_project(tmp_path / "pets").__enter__()
        holder.kill()
        holder.wait()
        with opened_project(tmp_path / "pets"):
            pass


@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_what_is_no_project_is_refused(tmp_path, project, language):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"")
    own = tmp_path / "own"
    (own / "data").mkdir(parents=True)
    (own / "recipe.yaml").write_text("task: cls\n", encoding="utf-8")
    with speaking(language):
        for path in (tmp_path / "file", tmp_path / "photos", own, project.folder):
            with pytest.raises(InputError) as error:
                opened_project(path).__enter__()
            assert error.value.code == "E-STUDIO-01"
            assert str(path) in error.value.text
        for path in ("", "a\0b", None, "https://a.org/b", 3):
            with pytest.raises(InputError):
                opened_project(path).__enter__()
    assert os.listdir(tmp_path / "photos") == ["a.jpg"]
    assert (own / "recipe.yaml").read_text(encoding="utf-8") == "task: cls\n"


def test_a_recipe_of_the_studio_is_no_obstacle(tmp_path):
    folder = tmp_path / "pets"
    (folder / "data").mkdir(parents=True)
    (folder / "recipe.yaml").write_text(HEADING + "\n", encoding="utf-8")
    with opened_project(folder):
        pass
    assert folder.exists()


def test_what_came_or_went_since_a_training_is_known(project):
    project.add_class("cat")
    assert project.is_changed()
    for number, file in enumerate((project.data, project.data / "cat", project.recipe, project.model)):
        if number > 1:
            file.write_bytes(b"")
        os.utime(file, (number, number))
    assert not project.is_changed()
    project.add_image("cat", b"one")
    assert project.is_changed()
    os.utime(project.data / "cat", (1, 1))
    os.utime(project.recipe, (9, 9))
    assert project.is_changed()
