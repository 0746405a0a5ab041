"""The few lines through which layers write ONNX nodes.

A layer's `emit` calls `GraphBuilder.node` and the helpers below. Operators whose form changed between opsets
have a helper here, so that layers need not care.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import DTypeLike
from onnx import TensorProto, helper
from onnxnn_runtime.api.invariants import present
from torch import nn

from .nodes import MOST_PARTS, Array, Nodes, Value, to_numpy

__all__ = ["Array", "GraphBuilder", "Value", "to_numpy"]

_FOLDABLE = ("Conv", "Gemm")
"""Operators whose weight has its outputs along the first axis, and whose outputs lie along axis 1."""


class GraphBuilder(Nodes):
    """Collects nodes and weights as `Nodes` does, and knows how each opset writes what layers need."""

    def mark_tokens(self, tokens: Value, padding: int) -> None:
        """Say which tokens (N, T) the sequence is made of, and which number is no token but padding."""
        self._tokens, self._mask = (tokens, padding), None

    @property
    def mask(self) -> Value | None:
        """Which steps hold a token, bool (N, T); None where no layer marked the tokens."""
        if self._mask is None and self._tokens is not None:
            self._mask = self.real_steps(*self._tokens)
        return self._mask

    def real_steps(self, tokens: Value, padding: int) -> Value:
        """Return which tokens (N, T) are no padding, bool; a row of nothing but padding counts as real."""
        same = self.node("Equal", tokens, self.constant(padding), name="is_padding")
        real = self.node("Not", same)
        some = self.largest(self.node("Cast", real, to=TensorProto.FLOAT), [1], keepdims=True)
        none = self.node("Not", self.node("Cast", some, to=TensorProto.BOOL))
        return self.node("Or", real, none)

    def conv(
        self, x: Value, module: nn.Conv1d | nn.Conv2d | nn.Conv3d, pads: Sequence[int] | str = ()
    ) -> Value:
        """Convolution as a torch module has it (padding by zeros, given as numbers).

        Args:
            x: Its input.
            module: The module.
            pads: The zeros before and after each axis where the module computes them by itself, or
                "SAME_UPPER" for the runtime to compute them as TensorFlow does.
        """
        inputs = [x, self.weight("weight", module.weight)]
        if module.bias is not None:
            inputs.append(self.weight("bias", module.bias))
        padding = [int(p) for p in module.padding]
        auto = isinstance(pads, str)
        return self.node(
            "Conv",
            *inputs,
            auto_pad=pads if auto else None,
            kernel_shape=module.kernel_size,
            strides=module.stride,
            pads=None if auto else [*(pads or (*padding, *padding))],
            dilations=module.dilation,
            group=module.groups,
        )

    def gemm(self, x: Value, weight: torch.Tensor, bias: torch.Tensor | None) -> Value:
        """y = x Wᵀ + b for x (N, inputs), W (outputs, inputs)."""
        inputs = [x, self.weight("weight", weight)]
        if bias is not None:
            inputs.append(self.weight("bias", bias))
        elif self.opset < 11:  # where the bias was not optional yet
            inputs.append(self.weight("bias", torch.zeros(len(weight))))
        return self.node("Gemm", *inputs, transB=1)

    def batch_norm(
        self, x: Value, module: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d, axis: int, rank: int
    ) -> Value:
        """Batch normalisation by the running statistics.

        Folded into the convolution or linear layer that makes x when nothing else reads x; else Mul and Add,
        which engines have that lack BatchNormalization, or have it for images alone.
        """
        running = (present(module.running_mean), present(module.running_var))
        mean, variance = (to_numpy(v).astype(np.float64) for v in running)
        ones, zeros = np.ones_like(mean), np.zeros_like(mean)
        gamma = to_numpy(module.weight) if module.affine else ones
        beta = to_numpy(module.bias) if module.affine else zeros
        scale = gamma / np.sqrt(variance + module.eps)
        return self.affine(x, scale, beta - mean * scale, axis, rank)

    def affine(self, x: Value, scale: Array, shift: Array, axis: int, rank: int) -> Value:
        """y = scale · x + shift along one axis, computed in float64 before it is rounded.

        Folded into the convolution or linear layer that makes x when nothing else reads x.

        Args:
            x: Values with `rank` axes, batch included.
            scale: One number for each index of `axis`.
            shift: Likewise.
            axis: Which axis of x.
            rank: Number of axes of x.
        """
        scale, shift = np.asarray(scale, np.float64), np.asarray(shift, np.float64)
        folded = self._folded(x, scale, shift, axis, rank)
        if folded is not None:
            return folded
        shape = (1,) * axis + (-1,) + (1,) * (rank - axis - 1)
        y = self.node("Mul", x, self.weight("scale", scale.reshape(shape).astype(np.float32)))
        return self.node("Add", y, self.weight("shift", shift.reshape(shape).astype(np.float32)))

    def _folded(self, x: Value, scale: Array, shift: Array, axis: int, rank: int) -> Value | None:
        """Scale and shift x by the weights of the node that makes it; None where that cannot be done."""
        made = self._producers.get(x)
        if made is None or x in self._used:
            return None
        if made.op_type in _FOLDABLE and axis == 1 and self._is_own(made.input[1:]):
            weight = made.input[1]
            self._rescale(weight, scale.reshape((-1,) + (1,) * (self.weights[weight].ndim - 1)))
            if len(made.input) < 3:
                bias = weight.removesuffix("weight") + "bias"
                made.input.append(bias)
                self.weights[bias] = np.zeros(len(shift), np.float32)
            self._rescale(made.input[2], scale, shift)
            return x
        if axis != rank - 1:
            return None
        # A linear layer on each step of a sequence, its weight (inputs, outputs).
        product = self._producers.get(made.input[0]) if made.op_type == "Add" else made
        if product is None or product.op_type != "MatMul" or not self._is_own(product.input[1:]):
            return None
        if product is made:
            self._rescale(product.input[1], scale)
            return self.node("Add", x, self.weight("shift", shift.astype(np.float32)))
        if not self._is_own(made.input[1:]) or self.weights[made.input[1]].shape != scale.shape:
            return None
        self._rescale(product.input[1], scale)
        self._rescale(made.input[1], scale, shift)
        return x

    def _is_own(self, names: Sequence[Value]) -> bool:
        """Return whether values are weights that a single node reads."""
        shared = set(self._constants.values())
        read = [value for node in self._nodes for value in node.input]
        return all(n in self.weights and n not in shared and read.count(n) == 1 for n in names)

    def _rescale(self, name: str, scale: Array, shift: Array | float = 0.0) -> None:
        self.weights[name] = (self.weights[name].astype(np.float64) * scale + shift).astype(np.float32)

    def flatten(self, x: Value, rank: int) -> Value:
        """One vector per sample; x has `rank` axes. Asked twice, the same node answers."""
        if rank == 2:
            return x
        if x not in self._flattened:
            self._flattened[x] = self.node("Flatten", x)
        return self._flattened[x]

    def gelu(self, x: Value) -> Value:
        """x/2 · (1 + erf(x/√2)); its own operator from opset 20 on."""
        if self.opset >= 20:
            return self.node("Gelu", x)
        erf = self.node("Erf", self.node("Div", x, self.constant(np.sqrt(2), np.float32)))
        bell = self.node("Add", erf, self.constant(1, np.float32))
        return self.node("Mul", self.node("Mul", x, bell), self.constant(0.5, np.float32))

    def class_maps(self) -> Value | None:
        """Write the class activation maps (N, classes, h, w) of the head that reads the feature vector.

        It is a 1x1 convolution with the head's weights. None where the feature vector is no mean of channels
        over all places, or more than one linear layer reads it.

        Source: Zhou et al.: "Learning Deep Features for Discriminative Localization", CVPR 2016.
        """
        channels = None if self.feature is None else self.means.get(self.feature)
        heads = [node for node in self._nodes if node.op_type == "Gemm" and node.input[0] == self.feature]
        if channels is None or len(heads) != 1:
            return None
        with self.scope("heatmap"):
            weight = self.weights[heads[0].input[1]][:, :, np.newaxis, np.newaxis]
            return self.node("Conv", channels, self.weight("weight", weight), kernel_shape=[1, 1])

    def reshape(self, x: Value, *sizes: int) -> Value:
        """Reshape; 0 keeps the size of that axis, -1 takes what is left."""
        return self.node("Reshape", x, self.constant(sizes))

    def clip(self, x: Value, low: float, high: float, dtype: DTypeLike = np.float32) -> Value:
        """Limit values of a type to low..high."""
        if self.opset < 11:
            return self.node("Clip", x, min=low, max=high)
        return self.node("Clip", x, self.constant(low, dtype), self.constant(high, dtype))

    def softmax(self, x: Value, axis: int, rank: int) -> Value:
        """Softmax along one axis of x, which has `rank` axes."""
        if self.opset >= 13 or axis == rank - 1:  # before 13 all axes from `axis` on were one
            return self.node("Softmax", x, axis=axis)
        order = [*(i for i in range(rank) if i != axis), axis]
        back = [order.index(i) for i in range(rank)]
        y = self.node("Softmax", self.node("Transpose", x, perm=order), axis=rank - 1)
        return self.node("Transpose", y, perm=back)

    def squeeze(self, x: Value, axis: int) -> Value:
        """Remove an axis of size 1."""
        return self._along("Squeeze", x, [axis], 13)

    def unsqueeze(self, x: Value, axis: int) -> Value:
        """Insert an axis of size 1."""
        return self._along("Unsqueeze", x, [axis], 13)

    def mean(self, x: Value, axes: Sequence[int], keepdims: bool = False) -> Value:
        """Mean over axes."""
        return self._along("ReduceMean", x, axes, 18, keepdims=int(keepdims))

    def largest(self, x: Value, axes: Sequence[int], keepdims: bool = False) -> Value:
        """Largest value over axes."""
        return self._along("ReduceMax", x, axes, 18, keepdims=int(keepdims))

    def total(self, x: Value, axes: Sequence[int], keepdims: bool = False) -> Value:
        """Sum over axes."""
        return self._along("ReduceSum", x, axes, 13, keepdims=int(keepdims))

    def _along(
        self, operator: str, x: Value, axes: Sequence[int], since: int, keepdims: int | None = None
    ) -> Value:
        """Write a node along axes, which are an attribute before the opset `since`, then an input."""
        if self.opset < since:
            return self.node(operator, x, axes=list(axes), keepdims=keepdims)
        return self.node(operator, x, self.constant(axes), keepdims=keepdims)

    def layer_norm(self, x: Value, module: nn.LayerNorm, rank: int) -> Value:
        """(x - μ) / √(σ² + ε) · γ + β over the last of `rank` axes; its own operator from opset 17 on."""
        weight, bias = self.weight("weight", module.weight), self.weight("bias", module.bias)
        if self.opset >= 17:
            return self.node("LayerNormalization", x, weight, bias, axis=-1, epsilon=module.eps)
        # In this form ONNX Runtime recognises it and runs it as one operator.
        centred = self.node("Sub", x, self.mean(x, [rank - 1], keepdims=True))
        square = self.node("Pow", centred, self.constant(2, np.float32))
        variance = self.mean(square, [rank - 1], keepdims=True)
        spread = self.node("Sqrt", self.node("Add", variance, self.constant(module.eps, np.float32)))
        return self.node("Add", self.node("Mul", self.node("Div", centred, spread), weight), bias)

    def split(self, x: Value, axis: int, sizes: Sequence[int]) -> list[Value]:
        """Cut x along an axis into parts of these sizes, by several nodes where there are many parts."""
        if len(sizes) > MOST_PARTS:
            step = MOST_PARTS
            while step * MOST_PARTS < len(sizes):
                step *= MOST_PARTS
            groups = [sizes[start : start + step] for start in range(0, len(sizes), step)]
            parts = self.split(x, axis, [sum(group) for group in groups])
            pairs = zip(parts, groups, strict=True)
            return [
                v for part, group in pairs for v in (self.split(part, axis, group) if group[1:] else [part])
            ]
        if self.opset < 13:
            return self.nodes("Split", x, outputs=len(sizes), axis=axis, split=list(sizes))
        return self.nodes("Split", x, self.constant(sizes), outputs=len(sizes), axis=axis)

    def pixel_shuffle(self, x: Value, size: int) -> Value:
        """(N, C size², H, W) -> (N, C, H size, W size), as `torch.nn.functional.pixel_shuffle`."""
        return x if size == 1 else self.node("DepthToSpace", x, blocksize=size, mode="CRD")

    def axis_size(self, x: Value, axis: int) -> Value:
        """The size of an axis as it is when the graph runs, int64 without axes."""
        return self.node("Gather", self.node("Shape", x), self.constant(axis), axis=0)

    def count(self, stop: Value) -> Value:
        """The numbers 0, 1, ..., stop - 1, int64."""
        if self.opset >= 11:
            return self.node("Range", self.constant(0), stop, self.constant(1))
        ones = helper.make_tensor("one", TensorProto.INT64, [1], [1])
        found = self.node("NonZero", self.node("ConstantOfShape", self.unsqueeze(stop, 0), value=ones))
        return self.squeeze(found, 0)

    def cached(self, shape: tuple[int | str, ...], batch: Value) -> Value:
        """Return a state that begins empty, for every sample of the batch; "" in a graph without a cache.

        Args:
            shape: As for `empty_state`, "batch" first.
            batch: How many samples there are, int64 without axes.
        """
        if not self.keeps_cache:
            return ""
        state = self.empty_state(shape)
        # OpenVINO takes a default of no numbers for a scalar, whose past then has to have the size 0.
        found = self.node("Concat", self.node("Shape", state), self.constant([0] * len(shape)), axis=0)
        sizes = [self.unsqueeze(batch, 0)]
        for axis, size in enumerate(shape[1:], 1):
            known = isinstance(size, int)
            sizes.append(self.constant([size]) if known else self.slice(found, 0, axis, axis + 1))
        past = self.node("Expand", state, self.node("Concat", *sizes, axis=0), name="past")
        self._expanded[past] = state
        return past

    def grown(self, shape: tuple[int | str, ...], x: Value, axis: int, batch: Value) -> Value:
        """Return a state with x after it along an axis, which it becomes; x in a graph without a cache.

        Args:
            shape, batch: As for `cached`.
            x: What is new.
            axis: Along which.
        """
        past = self.cached(shape, batch)
        if not past:
            return x
        y = self.node("Concat", past, x, axis=axis)
        self.next_state(past, y)
        return y

    def slice(self, x: Value, axis: int, start: int, stop: int) -> Value:
        """Keep what lies between two positions of an axis; a negative start counts from the end."""
        if self.opset < 10:
            return self.node("Slice", x, axes=[axis], starts=[start], ends=[stop])
        bounds = (self.constant([start]), self.constant([stop]), self.constant([axis]))
        return self.node("Slice", x, *bounds)

    def loop(
        self,
        turns: int,
        carried: Mapping[Value, Sequence[int | str]],
        body: Callable[[GraphBuilder, Value, list[Value]], Sequence[Value]],
    ) -> list[Value]:
        """Run the same nodes a number of times; they and their weights are stored once.

        Args:
            turns: How many times.
            carried: The values that the first turn finds and each turn passes to the next, float32, with
                their sizes.
            body: (builder, turn, values) -> the values that the next turn finds. It writes its nodes through
                that builder; `turn` is int64 (1,), from 0. Values of this graph may be read by their names.

        Returns:
            The values after the last turn.
        """
        inner = GraphBuilder(self.opset)
        inner._node_names = self._node_names
        name = self._unique("Loop")
        inner._constant_name = f"{name}.constant"
        turn, going = f"{name}.turn", f"{name}.going"
        taken = [f"{name}.taken{number}" for number in range(len(carried))]
        given = body(inner, inner.reshape(turn, 1), taken)
        inputs = [
            helper.make_tensor_value_info(turn, TensorProto.INT64, []),
            helper.make_tensor_value_info(going, TensorProto.BOOL, []),
        ]
        outputs = [helper.make_tensor_value_info(inner.node("Identity", going), TensorProto.BOOL, [])]
        for value, after, sizes in zip(taken, given, carried.values(), strict=True):
            inputs.append(helper.make_tensor_value_info(value, TensorProto.FLOAT, list(sizes)))
            outputs.append(helper.make_tensor_value_info(after, TensorProto.FLOAT, list(sizes)))
        graph = helper.make_graph(inner._nodes, f"{name}.body", inputs, outputs, inner._initializers())
        values = [f"{name}:{number}" if number else name for number in range(len(carried))]
        always = self.constant(True, np.bool_)
        made = helper.make_node(
            "Loop", [self.constant(turns), always, *carried], values, name=name, body=graph
        )
        self._nodes.append(made)
        self._used.update(carried)
        return values
