"""What influences a training from outside the suite and its versions: GPU driver and libraries, Keras's settings, variables.

A record keeps it under ``environment``: name -> text. Records are published, so that nothing may be in it that is secret.
"""

import os
import re
from importlib.metadata import distributions

# What TensorFlow, XLA, JAX, Keras, and the libraries under them (OpenMP, oneDNN, MKL, CUDA, cuBLAS, cuDNN) read
READ = re.compile(r"(TF|XLA|JAX|KERAS|OMP|KMP|GOMP|MKL|DNNL|ONEDNN|CUDA|CUBLAS|CUBLASLT|CUDNN)_\w+|NVIDIA_TF32_OVERRIDE")
# Terraform's variables begin with TF_, too, and hold passwords and tokens
SECRET = re.compile(r"TF_(VAR|TOKEN|CLI|CLOUD|REGISTRY)_\w+|\w*(SECRET|PASSWORD|CREDENTIAL|TOKEN|KEY)\w*")
# They choose backend and device, which a record names
ELSEWHERE = {"KERAS_BACKEND", "JAX_PLATFORMS", "JAX_PLATFORM_NAME", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"}
LOGGING = {"TF_CPP_MIN_LOG_LEVEL", "TF_CPP_MAX_VLOG_LEVEL", "TF_CPP_VMODULE", "JAX_LOGGING_LEVEL", "JAX_DEBUG_LOG_MODULES"}
FOLDERS = {"KERAS_HOME", "CUDA_HOME", "CUDA_PATH", "CUDA_ROOT", "CUDA_CACHE_PATH"}
FOLDERS |= {"JAX_COMPILATION_CACHE_DIR", "TF_XLA_PERSISTENT_CACHE_DIRECTORY"}
BY_LIBRARIES = {"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"}  # that set them when they are imported, and a child inherits them
LEFT_OUT = ELSEWHERE | LOGGING | FOLDERS | BY_LIBRARIES
WHEELS = re.compile(r"(nvidia|jax[-_]cuda\d+)[-_].+", re.IGNORECASE)  # CUDA, cuDNN and their like, as pip installs them


def variables(backend):
    """The environment variables that a backend reads, but for those that only choose a device, a folder or what is logged.

    Call it before Keras is imported: a backend may set some itself. Keras sets TF_FORCE_GPU_ALLOW_GROWTH for any other
    backend than TensorFlow, and a child would inherit it.
    """
    left_out = LEFT_OUT | (set() if backend == "tensorflow" else {"TF_FORCE_GPU_ALLOW_GROWTH"})
    return {name: os.environ[name] for name in os.environ if READ.fullmatch(name) and not SECRET.fullmatch(name) and name not in left_out}


def settings():
    """Keras's settings, from keras.json or from a call, once Keras is imported: name -> text."""
    from keras import config

    return {name: str(getattr(config, name)()) for name in ("floatx", "epsilon", "image_data_format")}


def libraries():
    """The CUDA libraries that pip has installed: distribution -> version."""
    found = {(each.metadata["Name"] or "").lower().replace("_", "-"): each.version for each in distributions()}
    return {name: found[name] for name in sorted(found) if WHEELS.fullmatch(name)}


def everything(set_variables, gpu):
    """What a record says of it.

    Args:
        set_variables: as ``variables`` returned them before Keras was imported.
        gpu: as ``machine.gpu`` returns it.
    """
    driver = {"driver": gpu["driver"] or "unknown", **libraries()} if gpu else {}
    return {**settings(), **driver, **dict(sorted(set_variables.items()))}
