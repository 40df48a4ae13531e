"""What a browser makes of the page; passed over where there is none."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

from hf_metalr.report import Run, build_report
from hf_metalr.transferability.profile import TransferabilityProfile
from tests.patience import HANGS
from tests.plotting.histories import full_history
from tests.report.page import layer

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")


def browse(page: Path, folder: Path) -> tuple[str, str]:
    """Return a page as a window of 500 pixels makes it, and what the browser had to say."""
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--window-size=500,800", f"--user-data-dir={folder / 'user'}", "--enable-logging=stderr", "--dump-dom"]
    # Into files: helpers of the browser outlive it and would hold a pipe open.
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        subprocess.run([str(BROWSER), *flags, page.as_uri()], stdout=out, stderr=err, check=True, timeout=HANGS)
    return tuple((folder / name).read_text(encoding="utf-8", errors="replace") for name in ("out", "err"))


def test_a_browser_runs_the_script_without_a_complaint(tmp_path) -> None:
    page = tmp_path / "report.html"
    page.write_text(build_report(Run("a", full_history())), encoding="utf-8")
    dom, complaints = browse(page, tmp_path)
    assert 'data-kind="lines"' in dom
    # Where exceptions and breaches of the policy are told.
    assert "CONSOLE" not in complaints


# Of every number in exponents the lines it takes, of the single dots their width, and how far the page is too wide.
MEASURE = """<script>
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), broken = [];
let found = 0;
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  if (node.parentElement.closest("script")) continue;
  for (const match of node.data.matchAll(/\\d[\\d.]*e-?\\d+/g)) {
    const range = document.createRange();
    range.setStart(node, match.index);
    range.setEnd(node, match.index + match[0].length);
    found += 1;
    if (new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size > 1) broken.push(match[0]);
  }
}
const lines = [...document.querySelectorAll(".lines svg[role] path:not(.grid)")];
const answer = {
  found, broken,
  dots: lines.map((line) => parseFloat(getComputedStyle(line).strokeWidth)),
  over: document.body.scrollWidth - document.body.clientWidth,
};
document.body.innerHTML = "";
document.body.dataset.answer = JSON.stringify(answer);
</script>"""


@pytest.mark.parametrize(("steps", "thickest"), [(1, 9.0), (6, 2.4)])
def test_on_a_phone_no_number_is_broken_and_single_dots_are_seen(tmp_path, steps, thickest) -> None:
    rows = full_history(5, steps, prefix="base_model.model.encoder.")
    rows[-1]["base_lr"]["head"] = 0.02
    profile = TransferabilityProfile((layer("a"),), "m", "n", "o", recipe="learning rate 1e-05 " * 9)
    facts = {f"fact {index}": "x" * index + " 1.25e-05" for index in range(16)}
    run = Run("bert-" + "base_uncased_" * 5, rows, facts=facts, settings=facts, profile=profile)
    page = tmp_path / "report.html"
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", build_report(run))
    # Headless windows are no narrower than 500 pixels; the phone's rules hold up to 576.
    page.write_text(html.replace("</body>", "<style>body{width:390px}</style>" + MEASURE + "</body>"), encoding="utf-8")
    dom, _ = browse(page, tmp_path)
    answer = json.loads(unescape(re.search(r'data-answer="([^"]*)"', dom)[1]))
    assert answer["found"] > 50
    assert answer["broken"] == []
    assert max(answer["dots"]) == thickest
    assert answer["over"] <= 0
