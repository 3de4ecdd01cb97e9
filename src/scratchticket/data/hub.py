"""Known data sets from the Hugging Face Hub, through the ``datasets`` library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import datasets
import huggingface_hub
import pyarrow as pa
from huggingface_hub.errors import LocalEntryNotFoundError

from scratchticket.base.errors import InputError
from scratchticket.data.known import KnownSet
from scratchticket.data.parquet import check_complete
from scratchticket.data.recipe import DataRecipe
from scratchticket.data.source import FileHash, Source
from scratchticket.data.tables import Table, tables_source

_TIMEOUT = 10  # seconds
_BATCH = 256


def hub_source(name: str, known: KnownSet, recipe: DataRecipe) -> Source:
    """Return the source of a known data set, downloaded if it is not in the cache.

    Raises:
        InputError: If it cannot be downloaded; or see :func:`tables_source`.
    """
    found = fetched(name, known)
    files = [Path(file["filename"]) for part in known.files for file in found[part].cache_files]

    def digest(hashed: FileHash) -> str:
        return " ".join(hashed(file) for file in files)

    tables = {part: [_table(f"{known.repository} {part}", found[part])] for part in known.files}
    return tables_source(name, tables, digest, label_column=recipe.label_column)


def fetched(name: str, known: KnownSet) -> datasets.DatasetDict:
    """Return the parts of a known data set from the ``datasets`` library.

    Raises:
        InputError: If it can be neither downloaded nor found on disk.
    """
    try:
        return datasets.load_dataset(
            _place(known),
            data_files=dict(known.files),
            keep_in_memory=False,  # the digest needs files
            verification_mode="no_checks",  # would fail, since some parts are not downloaded
        )
    except InputError:
        raise
    except Exception as error:  # of the network, the libraries or the disk
        reason = " ".join(str(error).split())
        raise InputError(
            f"cannot get {name} from the hub ({known.repository}): {reason[:200]}; "
            f"{known.terms}give the path of a local copy "
            f"(--data PATH; for the verb run, --data {name}=PATH)"
        ) from None


def _place(known: KnownSet) -> str:
    """Return the repository's name, or the folder of an earlier download if the hub is offline.

    The ``datasets`` library would retry for a long time, and would not find an earlier download of
    only some of a repository's files.
    """
    place = known.repository
    if not Path(place).is_dir():
        try:
            huggingface_hub.HfApi().dataset_info(place, timeout=_TIMEOUT)
            return place
        except Exception:
            with suppress(LocalEntryNotFoundError):
                place = huggingface_hub.snapshot_download(
                    place, repo_type="dataset", local_files_only=True
                )
            if place == known.repository:
                raise
    for pattern in known.files.values():
        check_complete(sorted(Path(place).glob(pattern)))
    return place


def _table(name: str, part: datasets.Dataset) -> Table:
    """Return a part as a table that is read in batches."""

    def read(column: str) -> Iterator[pa.Array]:
        pieces = part.select_columns([column]).with_format("arrow").iter(_BATCH)
        for piece in pieces:
            yield from piece.column(0).chunks

    return Table(name, part.features.arrow_schema, len(part), read)
