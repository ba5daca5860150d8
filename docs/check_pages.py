"""Open every page of the built site in Chromium: ``python docs/check_pages.py docs/_build/html``.

Each page is opened at the width of a desktop, light and dark, and at that of a telephone. The check
fails on

- a page that is wider than the window, and a heading that is wider than the page,
- text that hardly differs from its background,
- at the desktop's width, a code block or signature that does not fit; at the telephone's, one that
  cannot be scrolled,
- a picture without a description, or with a file name for one,
- an output that is the address of an object,
- a side column without content,
- a script or a file of the page that fails.

Needs ``chromium`` (Debian's package of that name) on the path, or its path in CHROMIUM. Speaks
Chrome's protocol over a pipe, and needs no Python package.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# Width in pixels, and colour scheme.
WINDOWS = ((1400, "light"), (1400, "dark"), (390, "light"))
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--remote-debugging-pipe",
    "--hide-scrollbars",
    "--allow-file-access-from-files",
)

# What is wrong with the open page, as a list of texts.
CHECK = r"""
(() => {
  const problems = [];
  const shorten = (element) => element.textContent.trim().replace(/\s+/g, " ").slice(0, 60);
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth + 1)
    problems.push(`page is ${root.scrollWidth} px wide`);
  for (const block of document.querySelectorAll(
      "article pre, article dt.sig, article table.autosummary td, article .math, " +
      "article h1, article h2, article h3")) {
    const style = getComputedStyle(block);
    if (style.display === "inline" || block.scrollWidth <= block.clientWidth + 1) continue;
    const scrolls = ["auto", "scroll"].includes(style.overflowX);
    if (WIDTH > 1000 || !scrolls)
      problems.push(`${block.tagName} clipped, ${block.scrollWidth} > ${block.clientWidth}: ` +
                    shorten(block));
  }
  // The least contrast that the Web Content Accessibility Guidelines allow for large text.
  const LEAST_CONTRAST = 3;
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => channels(color).slice(0, 3)
    .map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const background = (element) => {
    for (; element; element = element.parentElement) {
      const color = getComputedStyle(element).backgroundColor;
      if ((channels(color)[3] ?? 1) > 0.5) return color;
    }
    return "rgb(255, 255, 255)";
  };
  for (const text of document.querySelectorAll("article :is(p, li, td, th, dt, dd, pre, h1, h2)")) {
    const pair = [luminance(getComputedStyle(text).color), luminance(background(text))];
    const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (text.getClientRects().length && contrast < LEAST_CONTRAST)
      problems.push(`contrast of ${contrast.toFixed(1)}: ${shorten(text)}`);
  }
  for (const output of document.querySelectorAll("article pre"))
    if (/<[^<>]* (object )?at 0x[0-9a-f]+>/.test(output.textContent))
      problems.push(`the address of an object: ${shorten(output)}`);
  for (const column of document.querySelectorAll(".bd-sidebar-primary, .bd-sidebar-secondary"))
    if (WIDTH > 1000 && column.getClientRects().length && !column.querySelector("a"))
      problems.push(`an empty side column: ${column.className}`);
  for (const image of document.images) {
    const name = image.src.split("/").pop().replace(/\.\w+$/, "");
    if (!image.complete || image.naturalWidth === 0) {
      if (image.loading !== "lazy") problems.push(`image not shown: ${image.src}`);
    }
    // A picture beside the text of its link is decoration, and its description is empty.
    const link = image.closest("a, .sphx-glr-thumbcontainer");
    if (image.getAttribute("alt") === "" && link && link.textContent.trim()) continue;
    if (!image.alt.trim()) problems.push(`no alternative text: ${name}`);
    else if (name.includes(image.alt) || /\.(png|svg|jpe?g)$|sphx_glr/.test(image.alt))
      problems.push(`a file name as alternative text: ${image.alt}`);
  }
  return problems;
})()
"""


class Browser:
    """A headless Chromium, asked over its pipe: JSON messages that end in a zero byte."""

    def __init__(self, profile):
        program = os.environ.get("CHROMIUM") or shutil.which("chromium")
        if program is None:
            raise SystemExit("check_pages.py: chromium is not on the path, nor named by CHROMIUM")
        read_end, self._requests = os.pipe()
        self._replies, write_end = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4.
        redirect = ["sh", "-c", f'exec "$0" "$@" 3<&{read_end} 4>&{write_end}']
        self._process = subprocess.Popen(
            [*redirect, program, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(read_end, write_end),
            stderr=subprocess.DEVNULL,
        )
        os.close(read_end)
        os.close(write_end)
        self._buffer, self._last_id, self._session, self.events = b"", 0, None, []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def _read(self):
        while b"\0" not in self._buffer:
            received = os.read(self._replies, 1 << 16)
            if not received:
                raise SystemExit("check_pages.py: chromium ended")
            self._buffer += received
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, **parameters):
        """Send a request and return its result; events that come before it are kept."""
        self._last_id += 1
        request = {"id": self._last_id, "method": method, "params": parameters}
        if self._session:
            request["sessionId"] = self._session
        os.write(self._requests, json.dumps(request).encode() + b"\0")
        while True:
            message = self._read()
            if message.get("id") == self._last_id:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def open(self, path, width, scheme):
        """Open a page and wait until it is complete; return what its console complains of."""
        self.events.clear()
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.ask("Emulation.setEmulatedMedia", features=[feature])
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.ask("Page.navigate", url=path.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())
        return [text for event in self.events for text in console_errors(event)]

    def evaluate(self, script):
        return self.ask("Runtime.evaluate", expression=script, returnByValue=True)["result"][
            "value"
        ]

    def close(self):
        self._process.terminate()
        self._process.wait()


def console_errors(event):
    method, parameters = event.get("method"), event.get("params", {})
    if method == "Runtime.exceptionThrown":
        details = parameters["exceptionDetails"]
        yield f"script fails: {details.get('exception', details).get('description', details)}"
    elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
        yield f"console: {parameters['entry']['text']} {parameters['entry'].get('url', '')}"
    elif method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
        yield f"console: {[argument.get('value') for argument in parameters['args']]}"


def main(root):
    root = Path(root).resolve()
    pages = [path for path in sorted(root.rglob("*.html")) if "_static" not in path.parts]
    n_problems = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(profile)
        try:
            for path in pages:
                for width, scheme in WINDOWS:
                    problems = browser.open(path, width, scheme)
                    problems += browser.evaluate(CHECK.replace("WIDTH", str(width)))
                    n_problems += len(problems)
                    for problem in problems:
                        print(f"{path.relative_to(root)} at {width} px, {scheme}: {problem}")
        finally:
            browser.close()
    print(f"{len(pages)} pages, {n_problems} problems")
    return 1 if n_problems or not pages else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
