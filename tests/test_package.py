import subprocess
import sys

import omniedit


def test_importing_the_package_loads_no_heavy_modules() -> None:
    program = "import sys, omniedit.config.schema; print({'torch', 'transformers', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()"


def test_public_names_load_on_first_use() -> None:
    assert omniedit.Task("object_swap").is_local
    assert set(omniedit.__all__) >= {"EditPair", "EditPipeline", "Task"}
