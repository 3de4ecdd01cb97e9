"""Write the attacks of kept runs as every other record has them: with settings. Run once.

python tools/migrate_rows.py
"""

from __future__ import annotations

import json
from pathlib import Path

from scratchticket.attacks import PGD, Attack
from scratchticket.base.files import write_atomically

RECORDS = Path(__file__).parents[1] / "records"


def main() -> None:
    """Rewrite them."""
    for path in sorted(RECORDS.glob("*.jsonl")):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            for result in line.get("record", line).get("results", {}).values():
                for place, row in enumerate(result["attacks"]):
                    if "settings" in row:
                        continue
                    steps, size = row.pop("steps"), row.pop("step_size")
                    method = PGD(steps, size, random_start=row.pop("random_start"))
                    facts = Attack(method, row["epsilon"], row["norm"]).facts()
                    assert {key: facts[key] for key in facts if key in row}.items() <= row.items()
                    result["attacks"][place] = facts | row
        write_atomically(path, "".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
