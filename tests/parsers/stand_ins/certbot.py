"""certbot and an authority in one: asks each name for its challenge, then signs the request.

The authority's certificate and key lie in /tmp/authority.pem; /tmp/days says for how long it signs, and no number means
that it refuses. What was asked is counted in /tmp/asked.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import urllib.request

parser = argparse.ArgumentParser()
parser.add_argument("command", choices=["certonly"])
for switch in ("--non-interactive", "--agree-tos", "--webroot"):
    parser.add_argument(switch, action="store_true", required=True)
for option in ("--email", "--csr", "--webroot-path", "--cert-path", "--chain-path", "--fullchain-path"):
    parser.add_argument(option, required=True)
given = parser.parse_args()

with pathlib.Path("/tmp/asked").open("a") as asked:
    asked.write("once\n")
read = ["openssl", "req", "-in", given.csr, "-noout", "-text"]
text = subprocess.run(read, check=True, capture_output=True, text=True).stdout
challenge = pathlib.Path(given.webroot_path, ".well-known/acme-challenge/token")
challenge.parent.mkdir(parents=True, exist_ok=True)
challenge.write_text("the answer")
for name in re.findall(r"DNS:([^,\s]+)", text):
    with urllib.request.urlopen(f"http://{name}/.well-known/acme-challenge/token", timeout=10) as answer:
        if answer.read() != b"the answer":
            sys.exit(f"{name}: a wrong answer")
challenge.unlink()
days = pathlib.Path("/tmp/days").read_text().strip()
if not days.isdigit():
    sys.exit("the authority refuses")
sign = [
    "openssl",
    "x509",
    "-req",
    "-in",
    given.csr,
    "-CA",
    "/tmp/authority.pem",
    "-copy_extensions",
    "copy",
    "-days",
    days,
]
chain = subprocess.run(sign, check=True, capture_output=True, text=True).stdout
with pathlib.Path(given.fullchain_path).open("x") as file:
    file.write(chain)
