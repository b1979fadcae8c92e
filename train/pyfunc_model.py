"""The model as MLflow loads it: text in, prediction out, by the code in the model folder itself.

MLflow runs this file when it loads the model ("models from code"): nothing is unpickled, and the project need
not be installed.
"""

import importlib
import sys

import mlflow
from mlflow.pyfunc import PythonModel

PACKAGE = "sentiment"


class SentimentModel(PythonModel):
    """Reviews as strings, or as a table with the column `review`."""

    def load_context(self, context):
        self.predictor = _predictor_of(context.artifacts["model"])

    def predict(self, context, model_input, params=None):
        reviews = model_input["review"] if hasattr(model_input, "columns") else model_input
        predictions = self.predictor.predict([str(review) for review in reviews])
        return [
            {
                "sentiment": prediction.sentiment,
                "probability": prediction.probability,
                "model": self.predictor.version,
            }
            for prediction in predictions
        ]


def _predictor_of(folder: str):
    """The folder's Predictor, made by its own code even where another version of the package is loaded."""
    others = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == PACKAGE}
    sys.path.insert(0, f"{folder}/code")
    try:
        importlib.invalidate_caches()
        return importlib.import_module(f"{PACKAGE}.predictor").Predictor.from_folder(folder)
    finally:
        sys.path.remove(f"{folder}/code")
        for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
            del sys.modules[name]
        sys.modules.update(others)


mlflow.models.set_model(SentimentModel())
