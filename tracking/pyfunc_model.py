"""The pyfunc model that MLflow loads; it predicts with the code in the model folder.

MLflow runs this file when it loads the model ("models from code"), so nothing is unpickled, and the project
need not be installed.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas
from mlflow.pyfunc.model import PythonModel, PythonModelContext

PACKAGE = "sentiment"


class SentimentModel(PythonModel):
    """Predicts for a string, a list of strings, or a table with one column; MLflow makes a table of each."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the logged model folder. Raises ArtifactError."""
        self.predictor = _predictor_of(context.artifacts["model"])

    def predict(
        self,
        context: PythonModelContext,
        model_input: pandas.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Predict the reviews in a table's first column: a verdict and the model's version for each."""
        predictions = self.predictor.predict(list(model_input.iloc[:, 0]))
        return [
            {
                "sentiment": prediction.sentiment,
                "probability": prediction.probability,
                "unsure": prediction.unsure,
                "model": self.predictor.version,
            }
            for prediction in predictions
        ]


def _predictor_of(folder: str) -> Any:
    """Load the folder's Predictor with the folder's code, even if another version of the package is loaded.

    If no version of the package was loaded before, its modules stay in sys.modules; otherwise, only the
    predictor refers to them.
    """
    others = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == PACKAGE}
    sys.path.insert(0, f"{folder}/code")
    try:
        # Models of earlier code have the predictor at the top of the package.
        room = "serving." if Path(folder, "code", PACKAGE, "serving").is_dir() else ""
        return importlib.import_module(f"{PACKAGE}.{room}predictor").Predictor.from_folder(folder)
    finally:
        if others:
            sys.path.remove(f"{folder}/code")
            for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
                del sys.modules[name]
            sys.modules.update(others)


mlflow.models.set_model(SentimentModel())
