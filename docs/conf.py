"""
How Sphinx builds the site: C{sphinx-build -W docs site}, in a clone.

The API reference is pydoctor's. The help of each command is the output of the command
itself, so the reference of options is always that of the code.
"""

import os
import sys
from pathlib import Path

import clock

ROOT = Path(__file__).parent.parent

# sphinxcontrib.programoutput finds the commands here, and usage.Options its width.
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
# The tutorial's programs may have left a virtual environment there.
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
