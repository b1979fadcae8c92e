"""Log training runs and models to MLflow: `python train/tracking.py --help` (tracking/commands.py does it).

train/train.py starts it to log a run while it goes on, in SageMaker's jobs too: there the packages lie beside
this file, in the project one folder up.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(folder) for folder in (HERE, HERE.parent) if (folder / "sentiment").is_dir()]

from tracking.commands import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
