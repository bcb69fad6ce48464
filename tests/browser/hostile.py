"""Everything that a model, a document or a file name could put into a page to break it."""

from __future__ import annotations

import json
from pathlib import Path

from trimpi.policies import Policy, save_policy

MARKUP = (
    "<script>window.ran = 1</script></style></script></textarea></noscript><!-- <img src=x onerror='window.ran = 1'>"
    "<svg onload=window.ran=1> \"' {{ 7*7 }} &amp; ]]> javascript:window.ran=1"
)
UNSEEN = "a\u202eb\u2066c\u200fd\u0000e\u0007f\u2028g\ufeffh"
LINE = 1_000_000


def make_hostile(run: Path) -> None:
    """Hostile text in every field of every record; the first record of a suite is one line of a million characters."""
    text = f"{MARKUP} {UNSEEN}"
    for path in (run / "eval").glob("*/*.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for position, row in enumerate(rows):
            row.update(
                id=f"{position} {text}",
                policy=text,
                request=text,
                completion=f"<think>{text}</think>" if position else "W" * LINE,
                extracted=text,
                gold=text,
                reason=text,
                error=text,
                sections=[text],
                tags={text: text},
                parts={text: 0.5},
                outcome="wrong",
            )
            row["steps"] = [dict.fromkeys(("text", "verdict", "error", "why", "section"), text)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for path in (run / "eval").glob("*/*.json"):
        data = json.loads(path.read_text())
        details = data.get("details", {})
        edits = {f"{text} {edit}": counts for edit, counts in details.get("by_edit", {}).items()}
        data.update(details={**details, "by_edit": edits, text: {text: text}}, errors={text: 2})
        path.write_text(json.dumps(data))
    recipe = {"name": text, "stages": [], "task": {"type": text}}
    (run / "recipe.yaml").write_text(json.dumps(recipe))
    (run / "manifest.json").write_text(json.dumps({text: text}))
    paid = json.loads((run / "break_even.json").read_text())
    paid["assumptions"]["currency"] = paid["measured"]["device"] = text
    paid["ways"] = {name: {**way, "words": text} for name, way in paid["ways"].items()}
    (run / "break_even.json").write_text(json.dumps({**paid, "hours_unknown": [text]}))
    for policy in (run / "data").glob("**/policy.md"):
        save_policy(Policy(MARKUP, (f"# {MARKUP}\n{MARKUP}\n",)), policy.parent)
