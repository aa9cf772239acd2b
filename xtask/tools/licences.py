"""Prints each installed package's licence and its texts as JSON. `cargo xtask sbom` runs it."""

import json
import re
import sys
from importlib.metadata import Distribution, distributions

TEXT = re.compile(
    r"\.dist-info/(?:.*/)?(?:licen[cs]e|copying|copyright|notice|authors)[^/]*$", re.IGNORECASE
)
CLASSIFIER = "License :: "


def described(package: Distribution) -> dict[str, object]:
    metadata = package.metadata
    # Older packages put a name into `License`. Some put the whole text there, and their
    # classifiers say more.
    named = metadata.get("License") or ""
    classified = [
        text for text in metadata.get_all("Classifier") or [] if text.startswith(CLASSIFIER)
    ]
    name = (
        named
        if named and "\n" not in named
        else " and ".join(text.split(" :: ")[-1] for text in classified)
    )
    files = [file for file in package.files or [] if TEXT.search(str(file))]
    return {
        "name": re.sub(r"[-_.]+", "-", package.name).lower(),
        "expression": metadata.get("License-Expression"),
        "licence": name or None,
        "texts": {
            str(file).partition("/")[2]: file.read_text(encoding="utf-8") for file in sorted(files)
        },
    }


json.dump([described(package) for package in distributions()], sys.stdout)
