"""What the PyTorch training image adds to the toolkit: it runs the entry point with its errors captured."""

from sagemaker_training import entry_point, environment, runner


def main():
    env = environment.Environment()
    entry_point.run(
        uri=env.module_dir,
        user_entry_point=env.user_entry_point,
        args=env.to_cmd_args(),
        env_vars=env.to_env_vars(),
        capture_error=True,
        runner_type=runner.ProcessRunnerType,
    )
