import subprocess
import sys


def test_the_settings_of_training_import_nothing_heavy():
    code = "import sys, model.training.config; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
