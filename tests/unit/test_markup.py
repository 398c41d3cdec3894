"""What notebooks show: tables and pictures as HTML, whatever their words hold."""

import base64
import xml.etree.ElementTree as ElementTree

from underpainting import markup


def test_a_table_holds_its_cells_as_they_are() -> None:
    rows = [["a <b> & c", 0.25, None], ["d", float("nan"), 3]]
    table = ElementTree.fromstring(markup.table(["name", "<value>", "n"], rows, "1 < 2"))
    assert table.findtext("caption") == "1 < 2"
    assert [cell.text for cell in table.iter("th")] == ["name", "<value>", "n"]
    assert [cell.text for cell in table.iter("td")] == ["a <b> & c", "0.250", "-", "d", "-", "3"]


def test_a_picture_is_within_the_page() -> None:
    picture = ElementTree.fromstring(markup.picture(b"\x89PNG", 'a "mug"') + "</img>")
    head, _, data = picture.get("src", "").partition(",")
    assert picture.get("alt") == 'a "mug"' and head == "data:image/png;base64"
    assert base64.b64decode(data) == b"\x89PNG"
