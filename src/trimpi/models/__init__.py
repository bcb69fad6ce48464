"""Models and processors: loading, saving, the embedded base model. Importing it registers our processors."""

from trimpi.models.loading import default_device, load_model, load_processor, resolve_model_path, save_model
from trimpi.models.processing import build_qwen_processor, register_processors

register_processors()

__all__ = [
    "build_qwen_processor",
    "default_device",
    "load_model",
    "load_processor",
    "resolve_model_path",
    "save_model",
]
