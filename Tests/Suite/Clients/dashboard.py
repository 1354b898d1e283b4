"""A real Prometheus scrapes the services; every question of the dashboard must have an answer.

    dashboard.py PROMETHEUS DASHBOARD.json FOLDER JOB=HOST:PORT …

Ends with 1 and names the panels that stay empty.
"""

import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.parse
import urllib.request

sys.path.append(f"{os.path.dirname(os.path.abspath(__file__))}/../../../tools")
from processes import free_port  # noqa: E402

program, dashboard, folder, *targets = sys.argv[1:]
folder = pathlib.Path(folder)
folder.mkdir(parents=True)

address = f"127.0.0.1:{free_port()}"

configuration = {
    "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
    "rule_files": [str(pathlib.Path(dashboard).parent.parent / "prometheus/alerts.yml")],
    "scrape_configs": [
        {"job_name": job, "static_configs": [{"targets": [target]}]}
        for job, target in (target.split("=") for target in targets)
    ],
}
# JSON is YAML.
(folder / "prometheus.yml").write_text(json.dumps(configuration))


def ask(path, **parameters):
    url = f"http://{address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)["data"]


def questions():
    """Title and expression of each query, as Grafana would send it with everything chosen."""
    for panel in json.loads(pathlib.Path(dashboard).read_text())["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$__rate_interval", "10s")
            yield panel["title"], expression.replace("$job", "registry|activity|funding|notification")


process = subprocess.Popen(
    [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
     f"--web.listen-address={address}", "--log.level=warn"], stdout=subprocess.DEVNULL)
try:
    deadline = time.monotonic() + 120
    empty, silent = ["nothing was asked"], []
    while (empty or silent) and time.monotonic() < deadline:
        time.sleep(1)
        try:
            empty = [f"{title}: {text}" for title, text in questions() if not ask("query", query=text)["result"]]
            up = {one["metric"]["job"] for one in ask("query", query="up == 1")["result"]}
            silent = sorted({target.split("=")[0] for target in targets} - up)
        except OSError as error:
            empty = [f"Prometheus does not answer: {error}"]
    broken = [rule["name"] for group in ask("rules")["groups"] for rule in group["rules"] if rule["health"] == "err"]
finally:
    process.terminate()
    process.wait()
for line in silent:
    print(f"not scraped: {line}")
for line in empty:
    print(f"nothing to show: {line}")
for line in broken:
    print(f"cannot be evaluated: {line}")
sys.exit(1 if silent or empty or broken else 0)
