"""Say what an OpenCV camera sees: python camera_opencv.py pets.onnx

Needs onnxnn-runtime and opencv-python. Press Ctrl-C to end, or q in the window.
"""

from __future__ import annotations

import argparse

import cv2
import onnxnn_runtime as rt


def frames_of(camera):
    """Yield the frames of a camera, blue first, until it is closed."""
    try:
        while True:
            ok, frame = camera.read()
            if not ok:
                raise OSError("the camera gives no image. Check that no other program uses it.")
            yield frame
    finally:
        camera.release()


def main():
    """Run the loop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="an .onnx file with its card")
    parser.add_argument("--camera", type=int, default=0, help="the number of the camera")
    parser.add_argument("--window", action="store_true", help="show the images, too")
    options = parser.parse_args()
    model = rt.load(options.model, low_memory=True)
    try:
        for found in model.stream(frames_of(cv2.VideoCapture(options.camera)), channel_order="bgr"):
            said = found.prediction
            text = f"{said.label} {said.score:.2f}"
            print(f"{found.seconds:7.2f} s  {text}  ({found.dropped} frames dropped)", flush=True)
            if options.window:
                cv2.putText(found.frame, text, (10, 30), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 255, 0), 2)
                cv2.imshow("onnxnn", found.frame)
                if cv2.waitKey(1) == ord("q"):
                    break
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
