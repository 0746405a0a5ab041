"""Show on the display of a UNIHIKER what its camera sees: python unihiker_display.py pets.onnx

Needs onnxnn-runtime, and opencv-python and unihiker, which the board brings. Press Ctrl-C to end.
"""

from __future__ import annotations

import sys

import cv2
import onnxnn_runtime as rt
from PIL import Image, ImageOps
from unihiker import GUI

DISPLAY = (240, 320)
"""Width and height of the display, upright."""


def frames_of(camera):
    """Yield the frames of a camera as PIL images."""
    try:
        while True:
            ok, frame = camera.read()
            if not ok:
                raise OSError("the camera gives no image. Check its cable.")
            yield Image.fromarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    finally:
        camera.release()


def main():
    """Run the loop."""
    model = rt.load(sys.argv[1], low_memory=True)
    camera = cv2.VideoCapture(0)
    camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest image, not one that has waited
    gui = GUI()
    shown = gui.draw_image(x=0, y=0, w=DISPLAY[0], h=DISPLAY[1], image=Image.new("RGB", DISPLAY))
    text = gui.draw_text(x=4, y=290, text="", color="white", font_size=16)
    try:
        for found in model.stream(frames_of(camera)):
            said = found.prediction
            shown.config(image=ImageOps.fit(found.frame, DISPLAY))
            text.config(text=f"{said.label} {said.score:.2f}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
