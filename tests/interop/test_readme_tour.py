"""The README's two minutes, word for word: every block marked as part of the tour, in order, in an empty directory."""

import os
import re
import subprocess
import sys
from pathlib import Path

from support.service import environment, serving

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"<!-- tour -->\n```sh\n(.*?)```", re.DOTALL)


def test_the_tour(tmp_path: Path) -> None:
    blocks = BLOCK.findall((ROOT / "README.md").read_text())
    assert len(blocks) == 6
    # What the reader has: the checkout, and in it the virtual environment of the first command.
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "spec").symlink_to(ROOT / "spec")
    (checkout / ".venv").symlink_to(sys.prefix)
    with serving(tmp_path, port=3000, TOOLGATE_API_KEY="") as service:
        # What stands in the service's environment alone, as the text says, is not in the second terminal's.
        settings = {
            name: value for name, value in environment(service.data_dir).items() if name != "TOOLGATE_EGRESS_ALLOW"
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(blocks)],
            cwd=checkout,
            env={**settings, "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=180,
        )
        print(done.stdout, done.stderr)
        assert done.returncode == 0
        said = done.stdout
        assert re.search(r"server: my-first-server-[a-z0-9]{8}", said)
        assert "'list_connectors_alloy', 'get_connector_resources_alloy'" in said
        assert '"actionId":"chat_postMessage"' in said
        assert "Added connector 'toolgate'" in said
        assert re.search(r'create-server -> {"executionId":"[0-9a-f]{24}","status":"completed"', said)
        assert "Made by an assistant" in said
        after = said[said.index("'blockedActions'") :]
        assert 'create-server -> {"error":{"code":"FORBIDDEN","message":"Action not allowed"' in after
        assert 'list-servers -> {"executionId"' in after
        assert service.client(Authorization="").get("/health/live").status_code == 200
