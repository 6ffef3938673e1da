"""Reads a TensorFlow library's registry of kernels through its C interface: kernel-registry.py LIBRARY OP...

Prints one line of JSON: the version, and for every op the serialized `tensorflow.KernelList` in hexadecimal
digits (empty for an op that has no kernel). Needs no device: kernels register when the library is loaded.
"""

import ctypes
import json
import sys


class Buffer(ctypes.Structure):
    """`TF_Buffer` of `tensorflow/c/tf_buffer.h`."""

    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t), ("deallocator", ctypes.c_void_p)]


def kernels_of(library, op):
    status = library.TF_NewStatus()
    buffer = library.TF_GetRegisteredKernelsForOp(op.encode(), status)
    if library.TF_GetCode(status) != 0:
        sys.exit(library.TF_Message(status).decode())
    kernels = ctypes.string_at(buffer.contents.data, buffer.contents.length)
    library.TF_DeleteBuffer(buffer)
    library.TF_DeleteStatus(status)
    return kernels.hex()


path, *ops = sys.argv[1:]
tensorflow = ctypes.CDLL(path)
tensorflow.TF_Version.restype = ctypes.c_char_p
tensorflow.TF_NewStatus.restype = ctypes.c_void_p
tensorflow.TF_DeleteStatus.argtypes = [ctypes.c_void_p]
tensorflow.TF_GetCode.argtypes = [ctypes.c_void_p]
tensorflow.TF_Message.argtypes = [ctypes.c_void_p]
tensorflow.TF_Message.restype = ctypes.c_char_p
tensorflow.TF_GetRegisteredKernelsForOp.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
tensorflow.TF_GetRegisteredKernelsForOp.restype = ctypes.POINTER(Buffer)
tensorflow.TF_DeleteBuffer.argtypes = [ctypes.POINTER(Buffer)]
kernels = {op: kernels_of(tensorflow, op) for op in ops}
print(json.dumps({"tensorflowVersion": tensorflow.TF_Version().decode(), "kernels": kernels}))
