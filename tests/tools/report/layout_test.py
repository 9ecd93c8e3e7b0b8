"""In a browser, no text of a report runs into another or out of its place.

Opens the sample reports (render_samples.cc) in headless Chromium at the width of a telephone and at
that of a desk, and measures every text. Skipped where there is no Chromium.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

SKIPPED = 77
WIDTHS = (360, 1280)
REPORTS = ("usual", "crowded", "plain", "empty", "sweep")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--hide-scrollbars", "--allow-file-access-from-files", "--virtual-time-budget=20000")

# Measures one page and tells the page around it. Boxes of texts have room above and below the
# letters, so they may touch a little.
MEASURE = """<script>
addEventListener('load', () => {
  const found = [];
  let texts = 0;
  const page = document.documentElement.clientWidth;
  const say = (what, where) => found.push(what + ': ' + where.replace(/\\s+/g, ' ').slice(0, 90));
  if (document.documentElement.scrollWidth > page) say('the page scrolls sideways', '' + page);
  for (const element of document.querySelectorAll('main *')) {
    const scroller = element.closest('.scrolls');
    const box = element.getBoundingClientRect();
    if (box.width && (!scroller || scroller === element) &&
        (box.right > page + 1 || box.left < -1)) {
      say('beyond the page', element.tagName + ' ' + element.textContent);
    }
  }
  for (const element of document.querySelectorAll('td,th,li,p,dd,dt,.band-name,.band-value')) {
    if (element.clientWidth && element.scrollWidth > element.clientWidth + 1) {
      say('wider than its place', element.textContent);
    }
    if (element.matches('.band-name') && element.textContent && element.clientWidth < 80 &&
        element.clientWidth) {
      say('squeezed', element.textContent);
    }
  }
  const compare = (list) => {
    texts += list.length;
    for (let i = 0; i < list.length; i++) {
      for (let j = i + 1; j < list.length; j++) {
        const [a, b] = [list[i].box, list[j].box];
        if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5 &&
            Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.3 * a.height) {
          say('over each other', list[i].text + ' | ' + list[j].text);
        }
      }
    }
  };
  const measured = (element) => {
    const copy = element.cloneNode(true);
    copy.querySelectorAll('title').forEach((title) => title.remove());
    return {box: element.getBoundingClientRect(), text: copy.textContent};
  };
  for (const picture of document.querySelectorAll('svg')) {
    const frame = picture.getBoundingClientRect();
    if (!frame.width) continue;
    const list = [...picture.querySelectorAll('text')].map(measured);
    compare(list);
    for (const {box, text} of list) {
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 ||
          box.bottom > frame.bottom + 1) {
        say('outside of its picture', text);
      }
    }
  }
  for (const row of document.querySelectorAll('.band-plot,td .values')) {
    compare([...row.querySelectorAll(':scope > span')].map(measured));
  }
  parent.postMessage({name: document.documentElement.dataset.name, texts, found}, '*');
});
</script>"""

COLLECT = """<body><script>
const all = [];
addEventListener('message', (event) => {
  all.push(event.data);
  document.getElementById('result').textContent = JSON.stringify(all);
});
</script><pre id="result">[]</pre>"""


def skip(reason: str) -> NoReturn:
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def pages(folder: Path) -> list[str]:
    """Writes a page that measures itself for each report and width; returns their names."""
    names = []
    frames = COLLECT
    for report in REPORTS:
        for width in WIDTHS:
            name = f"{report}-{width}"
            text = (folder / f"{report}.html").read_text(encoding="utf-8")
            text = text.replace("<html ", f'<html data-name="{name}" ', 1)
            text = text.replace("</body>", MEASURE + "</body>")
            (folder / f"{name}.measured.html").write_text(text, encoding="utf-8")
            frames += f'<iframe src="{name}.measured.html" style="width:{width}px"></iframe>'
            names.append(name)
    (folder / "all.html").write_text(frames, encoding="utf-8")
    return names


def measure(browser: str, folder: Path) -> list[dict[str, object]]:
    profile = folder / "profile"
    command = [browser, *FLAGS, f"--user-data-dir={profile}", "--window-size=1400,1000",
               "--dump-dom", (folder / "all.html").as_uri()]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    except subprocess.TimeoutExpired:
        skip(f"{browser} does not answer here")
    begin = done.stdout.find('<pre id="result">')
    if done.returncode != 0 or begin < 0:
        skip(f"{browser} does not run here: exit code {done.returncode}")
    text = done.stdout[begin + len('<pre id="result">'):done.stdout.index("</pre>", begin)]
    for escaped, character in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(escaped, character)
    return list(json.loads(text))


def main(renderer: str) -> int:
    browser = next((found for found in map(shutil.which, BROWSERS) if found), None)
    if browser is None:
        skip("there is no Chromium to measure with")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        subprocess.run([renderer, str(folder)], check=True)
        expected = pages(folder)
        results = {str(result["name"]): result for result in measure(browser, folder)}
    failures = 0
    for page in expected:
        result = results.get(page)
        if result is None:
            print(f"{page}: was not measured")
            failures += 1
            continue
        found = result["found"]
        assert isinstance(found, list)
        print(f"{page}: {result['texts']} texts measured, {len(found)} findings")
        for finding in found[:20]:
            print(f"  {finding}")
        failures += len(found)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
