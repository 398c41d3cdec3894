"""A notebook as a page: text, code, and each kind of output."""

from base64 import b64encode
from pathlib import Path

import nbformat

from website.notebooks import as_page


def test_cells_and_outputs(tmp_path: Path) -> None:
    v4 = nbformat.v4
    png = b64encode(b"picture").decode()
    outputs = [
        v4.new_output("stream", text="said\n"),
        v4.new_output("display_data", {"image/png": png, "text/plain": "<Figure>"}),
        v4.new_output("execute_result", {"text/html": "<b>\nx</b>", "text/plain": "x"}),
        v4.new_output("execute_result", {"text/plain": "7"}),
    ]
    cells = [v4.new_markdown_cell("# Title\n\nText."), v4.new_code_cell("run()", outputs=outputs)]
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "n.ipynb")
    text, pictures = as_page(tmp_path / "n.ipynb")
    assert text.startswith("# Title\n\nText.\n\n```python\nrun()\n```\n\n```\nsaid\n```\n")
    assert pictures == {"n-1.png": b"picture"} and "](n-1.png)" in text
    assert "<b> x</b>" in text and "```\n7\n```" in text and "Figure" not in text
