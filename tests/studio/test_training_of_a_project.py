"""A training runs in a process of its own: followed, stopped, and reported in whatever way it ends."""

from __future__ import annotations

import os
import shutil
import signal
import time

import pytest
from support.browser import png
from support.paths import GOLDEN
from support.posix import posix

from onnxnn.studio.recipe_text import HEADING


@pytest.fixture
def filled(studio):
    """A studio whose project can be trained."""
    with studio() as client:
        for name, channel in (("red", 0), ("绿", 1)):
            client.post("/studio/classes", json={"name": name})
            for value in (90, 180):
                color = tuple(value if each == channel else 0 for each in range(3))
                client.post("/studio/images", files={"image": png(color=color)}, data={"class": name})
        yield client


def test_a_training_is_followed_and_its_model_is_served(filled, trained):
    assert filled.get("/studio/project").json()["is_changed"]
    assert filled.post("/studio/train", json={"epochs": 3}).status_code == 200
    facts = trained(filled)
    training = facts["training"]
    assert (training["phase"], training["epochs"], training["share"], training["error"]) == ("done", 3, 1, "")
    assert [row["acc"] for row in training["rows"]] == [0.25, 0.5, 0.75]
    assert facts["model"]["classes"] == ["red", "绿"]
    assert not facts["is_changed"]
    answer = filled.post("/predict", files={"image": png()})
    assert answer.json()["predictions"][0]["label"] in ("red", "绿")
    assert "epochs: 3" in filled.project.recipe.read_text(encoding="utf-8")


def test_another_training_replaces_the_model_that_is_served(filled, trained, playing):
    filled.post("/studio/train", json={})
    trained(filled)
    other = str(GOLDEN / "models" / "image_embedder.onnx")
    playing(f"shutil.copy({other!r}, model); say('done', stopped=False)")
    filled.post("/studio/train", json={})
    trained(filled)
    assert filled.post("/predict", files={"image": png()}).status_code == 400
    assert filled.post("/embed", files={"image": png()}).status_code == 200


WAIT = "say('start', epochs=9)\nwhile not asked: time.sleep(0.01)\nsay('done', stopped=True)"


def test_a_training_is_stopped_by_a_button(filled, trained, playing):
    playing("shutil.copy(play, model)\n" + WAIT)
    filled.post("/studio/train", json={})
    trained(filled, "train")
    assert filled.post("/studio/stop", json={}).status_code == 200
    assert filled.get("/studio/project").json()["training"]["is_stopping"] or trained(filled)
    assert trained(filled)["training"]["phase"] == "stopped"
    assert filled.post("/studio/stop", json={}).status_code == 200


@pytest.mark.parametrize(("language", "said"), [("en", "stopped at once"), ("zh", "立即停止")])
def test_a_training_that_does_not_stop_is_ended(filled, trained, playing, language, said):
    playing("say('start', epochs=9); time.sleep(60)")
    filled.post("/studio/train", json={})
    trained(filled, "train")
    for _ in range(2):
        filled.post("/studio/stop", json={}, headers={"Accept-Language": language})
    training = trained(filled)["training"]
    assert training["phase"] == "failed"
    assert said in training["error"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_training_runs_at_a_time_and_keeps_its_images(filled, trained, playing, language):
    playing(WAIT)
    headers = {"Accept-Language": language}
    starts = filled.gather(*(("POST", "/studio/train", {"json": {}, "headers": headers}) for _ in range(3)))
    assert sorted(each.status_code for each in starts) == [200, 409, 409]
    trained(filled, "train")
    for path, body in (
        ("/studio/train", {}),
        ("/studio/classes/remove", {"name": "red"}),
        ("/studio/classes/rename", {"name": "red", "to": "blue"}),
        ("/studio/images/remove", {"class": "red", "images": []}),
    ):
        answer = filled.post(path, json=body, headers=headers)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (409, "E-STUDIO-03")
        assert ("训练" in error["message"]) == (language == "zh")
    assert filled.post("/studio/images", files={"image": png()}, data={"class": "red"}).status_code == 200
    filled.post("/studio/stop", json={})


@pytest.mark.parametrize(
    ("play", "said"),
    [
        ("say('error', text=model + ': no', code='E-DATA-02')", "model.onnx: no"),
        ("raise ValueError('broken inside')", "ValueError: broken inside"),
        ("sys.exit(3)", "exit code 3"),
        ("print('x' * 200_000, flush=True); time.sleep(60)", "signal 9" if os.name == "posix" else "code 1"),
        ("say('done', stopped=False)", "model.onnx: no such"),
        ("print('no message'); say('row'); say('epoch'); sys.exit(1)", "exit code 1"),
    ],
)
def test_a_training_that_fails_says_why(filled, trained, playing, play, said):
    playing(play)
    filled.post("/studio/train", json={})
    training = trained(filled)["training"]
    assert training["phase"] == "failed"
    assert said in training["error"]
    assert str(filled.project.folder) not in training["error"]
    playing()
    assert filled.post("/studio/train", json={}).status_code == 200
    assert trained(filled)["training"]["phase"] == "done"


@posix
@pytest.mark.parametrize(("language", "said"), [("en", "signal 9"), ("zh", "信号 9")])
def test_a_process_that_is_killed_is_reported(filled, trained, playing, language, said):
    playing("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    filled.post("/studio/train", json={}, headers={"Accept-Language": language})
    training = trained(filled)["training"]
    assert training["phase"] == "failed"
    assert said in training["error"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_too_little_to_learn_from_is_refused(client, language):
    headers = {"Accept-Language": language}

    def refused():
        answer = client.post("/studio/train", json={}, headers=headers)
        assert answer.status_code == 409
        assert client.get("/studio/project").json()["training"]["phase"] == "idle"
        return answer.json()["error"]["message"]

    assert "0" in refused()
    client.post("/studio/classes", json={"name": "cat"})
    assert "1" in refused()
    client.post("/studio/classes", json={"name": "dog"})
    for number in (0, 1):
        assert "cat" in refused()
        client.post("/studio/images", files={"image": png(color=(99 * number, 0, 0))}, data={"class": "cat"})
    client.post("/studio/images", files={"image": png()}, data={"class": "dog"})
    assert "dog" in refused()
    assert not client.project.recipe.exists()


def test_a_project_continues_after_a_restart(studio, playing, trained):
    with studio() as client:
        for name in ("red", "green"):
            client.post("/studio/classes", json={"name": name})
            for value in (90, 180):
                client.post("/studio/images", files={"image": png(color=(value, 0, 0))}, data={"class": name})
        client.post("/studio/train", json={})
        trained(client)
        client.project.checkpoints.mkdir()
        client.project.history.write_text("epoch,loss,acc,val_acc\n1,0.5,0.75,\n2,nan,1.0,0.5\n", "utf-8")
    with studio() as client:
        facts = client.get("/studio/project").json()
        assert [len(each["images"]) for each in facts["classes"]] == [2, 2]
        assert facts["model"]["classes"] == ["red", "绿"]
        assert facts["training"]["phase"] == "done"
        assert facts["training"]["rows"] == [
            {"epoch": 1, "loss": 0.5, "acc": 0.75},
            {"epoch": 2, "acc": 1, "val_acc": 0.5},
        ]


def test_figures_of_a_training_that_was_ended_are_not_those_of_the_model_before(studio, tmp_path):
    folder = tmp_path / "pets"
    (folder / "data").mkdir(parents=True)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "basenn.csv").write_text("epoch,loss,acc,val_acc\n1,0.5,0.75,0.5\n", "utf-8")
    (folder / "recipe.yaml").write_text(HEADING, "utf-8")
    shutil.copy(GOLDEN / "models" / "image_classifier.onnx", folder / "model.onnx")
    for seconds, (phase, rows) in {1_000: ("idle", 0), 3_000: ("done", 1)}.items():
        os.utime(folder / "recipe.yaml", (2_000, 2_000))
        os.utime(folder / "model.onnx", (seconds, seconds))
        with studio() as client:
            facts = client.get("/studio/project").json()
            assert facts["model"] is not None
            assert (facts["training"]["phase"], len(facts["training"]["rows"])) == (phase, rows)


@pytest.mark.parametrize("history", ["", "\0", "a,b\n1\n", "a\nx\n", "a\n1,2,3\n"])
def test_a_damaged_project_opens(studio, tmp_path, history):
    folder = tmp_path / "pets"
    (folder / "data" / "cat").mkdir(parents=True)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "basenn.csv").write_text(history, "utf-8")
    (folder / "model.onnx").write_bytes(b"no model")
    with studio() as client:
        facts = client.get("/studio/project").json()
        assert facts["model"] is None
        assert [each["name"] for each in facts["classes"]] == ["cat"]


@posix
def test_the_server_ends_the_training_with_itself(studio, playing, trained):
    playing(
        "open(model + '.pid', 'w').write(str(__import__('os').getpid())); say('start', epochs=9)\n" + WAIT
    )
    with studio() as client:
        for name in ("red", "green"):
            client.post("/studio/classes", json={"name": name})
            for value in (90, 180):
                client.post("/studio/images", files={"image": png(color=(value, 0, 0))}, data={"class": name})
        client.post("/studio/train", json={})
        trained(client, "train")
        process = int((client.project.folder / "model.onnx.pid").read_text("utf-8"))
    for _ in range(100):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.kill(process, signal.SIGKILL)
    raise AssertionError("it trains on")
