"""Teach a board what its camera sees: python teach_with_button.py encoder.onnx -o fruit.onnx apple pear

Needs onnxnn-runtime and opencv-python. In the window, hold 1 while the first class is before the camera, 2
for the second, and so on; from two classes on it says what it sees. s saves the file, q ends. With --gpio
17 27 each class has a button between that pin and ground (Raspberry Pi, gpiozero) instead of a key.
"""

from __future__ import annotations

import argparse
import contextlib

import cv2
import onnxnn_runtime as rt


class Buttons:
    """The class whose button is held: keys of the window, or buttons at the GPIO of a Raspberry Pi."""

    def __init__(self, labels, numbers):
        self._labels = labels
        self._buttons = []
        if numbers:
            from gpiozero import Button  # here, because only boards have it

            self._buttons = [Button(pin) for pin in numbers]

    def held(self, key):
        """Return the class whose button is held, or None."""
        for number, button in enumerate(self._buttons):
            if button.is_pressed:
                return self._labels[number]
        number = key - ord("1")
        return self._labels[number] if not self._buttons and 0 <= number < len(self._labels) else None


def learned(encoder, taught, waiting):
    """Return what is known with the frames that wait, and whether they were taken in."""
    if taught is None and len(waiting) < 2:
        return taught, False
    return rt.teach(taught or encoder, waiting, channel_order="bgr"), True


def run(options):
    """Run the loop until q is pressed or the camera ends."""
    encoder, taught, waiting = rt.load(options.model, low_memory=True), None, {}
    buttons, camera, last = Buttons(options.classes, options.gpio), cv2.VideoCapture(options.camera), None
    try:
        while True:
            ok, frame = camera.read()
            if not ok:
                raise OSError("the camera gives no image. Check that no other program uses it.")
            key = cv2.waitKey(1) & 0xFF
            if key == ord("q"):
                break
            label = buttons.held(key)
            text = ""
            if label is not None:
                waiting.setdefault(label, []).append(frame.copy())
                text = f"{label}: {len(waiting[label])}"
            elif last is not None:  # the button was let go: learn
                taught, done = learned(encoder, taught, waiting)
                waiting = {} if done else waiting
                text = "" if taught is None else f"{taught!r}"
            elif taught is not None:
                said = taught.predict([frame], channel_order="bgr")[0]
                text = f"{said.label} {said.score:.2f}"
            if key == ord("s") and taught is not None:
                text = f"saved {taught.save(options.out)}"
            last = label
            if text:
                print(text, flush=True)
            cv2.putText(frame, text, (10, 30), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 255, 0), 2)
            cv2.imshow("onnxnn", frame)
    finally:
        camera.release()
        if taught is not None:
            print(f"saved {taught.save(options.out)}", flush=True)


def main():
    """Read what is typed, and run the loop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="an .onnx file with feature vectors, or one that was taught before")
    parser.add_argument("classes", nargs="+", help="the names of the classes, in the order of the buttons")
    parser.add_argument("-o", "--out", default="taught.onnx", help="the file to write")
    parser.add_argument("--camera", type=int, default=0, help="the number of the camera")
    parser.add_argument("--gpio", type=int, nargs="*", help="the pin of each class's button")
    options = parser.parse_args()
    if options.gpio and len(options.gpio) != len(options.classes):
        parser.error("--gpio: expected a pin for each class")
    with contextlib.suppress(KeyboardInterrupt):
        run(options)


if __name__ == "__main__":
    main()
