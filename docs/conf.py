"""
How Sphinx builds the site: C{sphinx-build -W docs site}, in a clone.

pydoctor makes the API reference. The help of each command is the output of the command
itself, so it always matches the code.
"""

import os
import sys
from pathlib import Path

import clock

ROOT = Path(__file__).parent.parent

# sphinxcontrib.programoutput looks up commands in PATH. usage.Options reads the width
# of the help from COLUMNS.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
os.environ["COLUMNS"] = "80"

project = "clock"
copyright = "the authors of clock"
release = clock.__version__

extensions = [
    "pydoctor.sphinx_ext.build_apidocs",
    "sphinx.ext.intersphinx",
    "sphinxcontrib.programoutput",
]
# A reader of the tutorial may have made a virtual environment in these folders.
exclude_patterns = ["tutorial/**/.venv", "tutorial/**/venv"]
highlight_language = "none"
nitpicky = True

pydoctor_args = [
    f"--config={ROOT / 'setup.cfg'}",
    f"--project-base-dir={ROOT}",
    "--project-url=../index.html",
    f"--add-package={ROOT / 'clock'}",
    "--html-output={outdir}/api",
]
pydoctor_url_path = "api/"

html_theme = "furo"
html_title = "clock"
html_copy_source = False
html_show_sourcelink = False
