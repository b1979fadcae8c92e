"""Log training runs and models to MLflow: `python train/tracking.py --help` (see tracking/commands.py).

train/train.py starts it to log a run during training. In a SageMaker job, the packages are beside this file;
in the project, they are one folder up.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(folder) for folder in (HERE, HERE.parent) if (folder / "sentiment").is_dir()]

import sentiment.interrupts  # noqa: E402, F401

from tracking.commands import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
