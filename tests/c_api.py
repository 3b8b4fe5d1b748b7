"""Runs requests on a SavedModel through TensorFlow's C API, the loader that TF Serving is built on.

A program of its own: it imports neither TensorFlow's Python nor the package that made the model,
so that nothing of theirs can be what makes a model work. JSON on standard input and output:

    {"library": "libtensorflow_cc.so.2", "model": DIRECTORY, "requests": [
        {"inputs": {"TENSOR:0": ARRAY}, "outputs": ["TENSOR:0", ...]}, ...]}

with an ARRAY as {"dtype": NAME, "shape": [...], "values": [base64, ...]}: of strings one value an
element, of numbers a single one. Answers {"modules": [...], "answers": [{"code": 0, "message": "",
"outputs": [ARRAY, ...]}, ...]}; codes are those of TensorFlow and gRPC.
"""

import base64
import ctypes
import json
import math
import sys
from ctypes import POINTER, Structure, c_char_p, c_int, c_int64, c_size_t, c_void_p

TYPES = {"float32": (1, 4), "int32": (3, 4), "string": (7, 24), "int64": (9, 8)}
NAMES = {number: name for name, (number, _) in TYPES.items()}


class Output(Structure):
    """A tensor of a graph."""

    _fields_ = [("operation", c_void_p), ("index", c_int)]


SIGNATURES = {
    "TF_NewStatus": (c_void_p,),
    "TF_GetCode": (c_int, c_void_p),
    "TF_Message": (c_char_p, c_void_p),
    "TF_NewGraph": (c_void_p,),
    "TF_NewSessionOptions": (c_void_p,),
    "TF_LoadSessionFromSavedModel": (
        *(c_void_p, c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_int),
        *(c_void_p, c_void_p, c_void_p),
    ),
    "TF_GraphOperationByName": (c_void_p, c_void_p, c_char_p),
    "TF_SessionRun": (
        *(None, c_void_p, c_void_p, POINTER(Output), POINTER(c_void_p), c_int),
        *(POINTER(Output), POINTER(c_void_p), c_int, c_void_p, c_int, c_void_p, c_void_p),
    ),
    "TF_AllocateTensor": (c_void_p, c_int, POINTER(c_int64), c_int, c_size_t),
    "TF_DeleteTensor": (None, c_void_p),
    "TF_TensorType": (c_int, c_void_p),
    "TF_NumDims": (c_int, c_void_p),
    "TF_Dim": (c_int64, c_void_p, c_int),
    "TF_TensorData": (c_void_p, c_void_p),
    "TF_StringInit": (None, c_void_p),
    "TF_StringCopy": (None, c_void_p, c_char_p, c_size_t),
    "TF_StringGetDataPointer": (c_void_p, c_void_p),
    "TF_StringGetSize": (c_size_t, c_void_p),
}


class Model:
    """A SavedModel in a session."""

    def __init__(self, library: str, directory: str) -> None:
        self.tf = ctypes.CDLL(library)
        for name, (result, *arguments) in SIGNATURES.items():
            function = getattr(self.tf, name)
            function.restype, function.argtypes = result, arguments
        self.status, self.graph = self.tf.TF_NewStatus(), self.tf.TF_NewGraph()
        tags = (c_char_p * 1)(b"serve")
        options = self.tf.TF_NewSessionOptions()
        self.session = self.tf.TF_LoadSessionFromSavedModel(
            options, None, directory.encode(), tags, 1, self.graph, None, self.status
        )
        if self.tf.TF_GetCode(self.status):
            raise SystemExit(self.tf.TF_Message(self.status).decode())

    def run(self, inputs: dict, outputs: list) -> dict:
        fed = (Output * len(inputs))(*map(self._output, inputs))
        fetched = (Output * len(outputs))(*map(self._output, outputs))
        given = (c_void_p * len(inputs))(*map(self._tensor, inputs.values()))
        taken = (c_void_p * len(outputs))()
        self.tf.TF_SessionRun(
            *(self.session, None, fed, given, len(inputs), fetched, taken, len(outputs)),
            *(None, 0, None, self.status),
        )
        code = self.tf.TF_GetCode(self.status)
        answer = {
            "code": code,
            "message": self.tf.TF_Message(self.status).decode(),
            "outputs": [] if code else [self._array(tensor) for tensor in taken],
        }
        for tensor in [*given, *(tensor for tensor in taken if tensor)]:
            self.tf.TF_DeleteTensor(tensor)
        return answer

    def _output(self, name: str) -> Output:
        operation, index = name.split(":")
        found = self.tf.TF_GraphOperationByName(self.graph, operation.encode())
        if not found:
            raise SystemExit(f"the graph has no operation {operation}")
        return Output(found, int(index))

    def _tensor(self, array: dict) -> int:
        number, size = TYPES[array["dtype"]]
        shape, values = array["shape"], [base64.b64decode(value) for value in array["values"]]
        dimensions = (c_int64 * len(shape))(*shape)
        tensor = self.tf.TF_AllocateTensor(number, dimensions, len(shape), size * math.prod(shape))
        data = self.tf.TF_TensorData(tensor)
        if array["dtype"] == "string":
            for place, value in enumerate(values):
                self.tf.TF_StringInit(data + size * place)
                self.tf.TF_StringCopy(data + size * place, value, len(value))
        else:
            ctypes.memmove(data, values[0], len(values[0]))
        return tensor

    def _array(self, tensor: int) -> dict:
        name = NAMES[self.tf.TF_TensorType(tensor)]
        shape = [self.tf.TF_Dim(tensor, axis) for axis in range(self.tf.TF_NumDims(tensor))]
        data, size, count = self.tf.TF_TensorData(tensor), TYPES[name][1], math.prod(shape)
        if name == "string":
            places = [data + size * place for place in range(count)]
            values = [
                ctypes.string_at(
                    self.tf.TF_StringGetDataPointer(place), self.tf.TF_StringGetSize(place)
                )
                for place in places
            ]
        else:
            values = [ctypes.string_at(data, size * count)]
        encoded = [base64.b64encode(value).decode() for value in values]
        return {"dtype": name, "shape": shape, "values": encoded}


def main() -> None:
    job = json.load(sys.stdin)
    model = Model(job["library"], job["model"])
    answers = [model.run(request["inputs"], request["outputs"]) for request in job["requests"]]
    modules = sorted({name.partition(".")[0] for name in sys.modules})
    json.dump({"modules": modules, "answers": answers}, sys.stdout)


if __name__ == "__main__":
    main()
