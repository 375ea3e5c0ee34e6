"""`splits.csv` of a run: each example, its split, and what it did for the model."""

from pathlib import Path

from keras_transfer.errors import UserError
from keras_transfer.run.tables import read_table

SPLITS_FILE = "splits.csv"
ROLES = {"trained": "trained it", "selected": "selected its epochs"}  # what a warning says of them


def write_roles(folder, table, selected_on):
    """Write `splits.csv`: path, label, split, role (trained, selected or empty), group, sha256.

    Args:
        table: DataFrame with `shown`, `label` (as text), `split`, `group` and `sha256`.
        selected_on: the split that selected something.
    """
    split_roles = {selected_on: "selected", "train": "trained"}
    roles = table["split"].map(lambda split: split_roles.get(split, ""))
    columns = table[["shown", "label", "split", "group", "sha256"]]
    columns = columns.rename(columns={"shown": "path"})
    columns.insert(3, "role", roles)
    columns.to_csv(Path(folder) / SPLITS_FILE, index=False)


def read_splits(folder):
    """`splits.csv` as a DataFrame of texts; a UserError where it is gone or damaged.

    Older ones have no `label` and no `group`.
    """
    return read_table(Path(folder) / SPLITS_FILE, ["path", "split", "sha256"])


def read_roles(folder):
    """{sha256: role} of the examples in `splits.csv` that have one; empty without that file."""
    try:
        table = read_table(Path(folder) / SPLITS_FILE, ["role", "sha256"])
    except (OSError, UserError):  # none there, or somebody else's file of that name
        return {}
    table = table[table["role"].isin(ROLES)]
    return dict(zip(table["sha256"], table["role"], strict=True))
