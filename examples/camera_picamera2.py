"""Say what the camera of a Raspberry Pi sees: python camera_picamera2.py pets.onnx

Needs onnxnn-runtime, and picamera2 (sudo apt install python3-picamera2; make the virtual environment with
--system-site-packages). Press Ctrl-C to end.
"""

from __future__ import annotations

import sys

import onnxnn_runtime as rt
from picamera2 import Picamera2

SIZE = (640, 480)


def frames_of(camera):
    """Yield the frames of a camera, red first."""
    # What picamera2 calls RGB888 holds blue first in memory, and BGR888 red first.
    camera.configure(camera.create_video_configuration(main={"size": SIZE, "format": "BGR888"}))
    camera.start()
    try:
        while True:
            yield camera.capture_array("main")
    finally:
        camera.stop()
        camera.close()


def main():
    """Run the loop."""
    model = rt.load(sys.argv[1], low_memory=True)
    try:
        for found in model.stream(frames_of(Picamera2())):
            said = found.prediction
            print(f"{found.seconds:7.2f} s  {said.label} {said.score:.2f}", flush=True)
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
