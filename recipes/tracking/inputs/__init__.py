"""Where frames come from: a file, a folder of images, a camera, an address."""

from .address import Address
from .camera import Camera
from .file import VideoFile
from .folder import ImageFolder
from .input import Input
from .several import SeveralSources, names_of, open_inputs
from .source import VideoSource, input_of, open_input

__all__ = [
    "Address",
    "Camera",
    "ImageFolder",
    "Input",
    "SeveralSources",
    "VideoFile",
    "VideoSource",
    "input_of",
    "names_of",
    "open_input",
    "open_inputs",
]
