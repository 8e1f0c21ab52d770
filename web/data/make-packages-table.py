"""Makes the bundled table web/public/packages.lance with native Lance.

    python web/data/make-packages-table.py CORPUS_FOLDER OUT_FOLDER

CORPUS_FOLDER holds packages.parquet and packages-static-128.f16 (row-major float16, same row order): records of
Debian 12's package index. 10,000 of them, those a person would look for (no libraries, debug symbols, language
bindings or translations), go into one table of four fragments, with the vector as fixed-size list of 128 float32.
"""

import sys

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROWS, FRAGMENTS, DIMENSION = 10_000, 4, 128
LEFT_OUT = ["libs", "libdevel", "oldlibs", "debug", "perl", "python", "ruby", "javascript", "golang", "rust", "haskell",
            "ocaml", "php", "java", "introspection", "localization", "kernel", "lisp", "gnu-r", "cli-mono", "metapackages",
            "devel", "translations", "doc", "interpreters", "embedded", "fonts", "zope"]


def main(corpus: str, out: str) -> None:
    table = pq.read_table(f"{corpus}/packages.parquet")
    vectors = np.fromfile(f"{corpus}/packages-static-128.f16", dtype=np.float16).reshape(-1, DIMENSION)
    wanted = pc.invert(pc.is_in(table["section"], value_set=pa.array(LEFT_OUT)))
    rows = np.flatnonzero(wanted.to_numpy())[:ROWS]
    assert len(rows) == ROWS, f"only {len(rows)} rows are left"
    flat = pa.array(vectors[rows].astype(np.float32).ravel())
    picked = table.take(rows).select(
        ["name", "version", "section", "tags", "installed_kb", "download_bytes", "homepage", "summary", "description"]
    )
    picked = picked.append_column("vector", pa.FixedSizeListArray.from_arrays(flat, DIMENSION)).combine_chunks()
    lance.write_dataset(picked, out, mode="overwrite", max_rows_per_file=ROWS // FRAGMENTS, data_storage_version="2.1")
    dataset = lance.dataset(out)
    print(dataset.count_rows(), [f.count_rows() for f in dataset.get_fragments()], dataset.schema)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
