"""Native Lance's side of the index interop test: one command per run, JSON in and out."""

import base64
import json
import sys
from datetime import datetime, timezone

import lance
import numpy as np
import pyarrow as pa
from lance.dataset import Index
from lance import IndexFile


def to_index(segment):
    """Our segment JSON as pylance's dataclass."""
    created_ms = segment["createdAt"]
    return Index(
        uuid=segment["uuid"],
        name=segment["name"],
        fields=segment["fields"],
        dataset_version=segment["datasetVersion"],
        fragment_ids=set(segment["fragmentIds"]),
        index_version=segment["indexVersion"],
        created_at=None if created_ms is None else datetime.fromtimestamp(created_ms / 1000, tz=timezone.utc),
        files=[IndexFile(file["path"], file["sizeBytes"]) for file in segment["files"]],
        index_details=(segment["indexDetails"]["typeUrl"], base64.b64decode(segment["indexDetails"]["value"])),
    )


def from_index(index):
    """pylance's dataclass as our segment JSON."""
    type_url, value = index.index_details
    return {
        "uuid": str(index.uuid),
        "name": index.name,
        "fields": list(index.fields),
        "datasetVersion": index.dataset_version,
        "fragmentIds": sorted(index.fragment_ids),
        "indexVersion": index.index_version,
        "createdAt": None,
        "baseId": None,
        "files": [{"path": file.path, "sizeBytes": file.size_bytes} for file in index.files],
        "indexDetails": {"typeUrl": type_url, "value": base64.b64encode(bytes(value)).decode()},
    }


def describe(dataset):
    return [
        {"name": d.name, "type": d.index_type, "rows": d.num_rows_indexed, "segments": sorted(sorted(s.fragment_ids) for s in d.segments)}
        for d in sorted(dataset.describe_indices(), key=lambda d: d.name)
    ]


def run_filters(dataset, filters):
    """Ids by index and by scan, and the plan, of each filter."""
    out = []
    for text in filters:
        rows = dataset.scanner(columns=["id"], filter=text).to_table()["id"].to_pylist()
        scan = dataset.scanner(columns=["id"], filter=text, use_scalar_index=False).to_table()["id"].to_pylist()
        plan = dataset.scanner(columns=["id"], filter=text).explain_plan()
        out.append({"filter": text, "ids": sorted(rows), "scan": sorted(scan), "plan": plan})
    return out


def run_nearest(dataset, column, queries, k, metric, nprobes=None):
    """Distances through the index and by brute force, and the plan, of each vector. No nprobes: native's own choice."""
    out = []
    for q in queries:
        nearest = {"column": column, "q": np.array(q, dtype=np.float32), "k": k, "metric": metric}
        if nprobes is not None:
            nearest["nprobes"] = nprobes
        scanner = dataset.scanner(columns=["id"], nearest=nearest)
        found = scanner.to_table()
        exact = dataset.scanner(columns=["id"], nearest={**nearest, "use_index": False}).to_table()
        out.append({
            "ids": found["id"].to_pylist(),
            "distances": found["_distance"].to_pylist(),
            "exactIds": exact["id"].to_pylist(),
            "exactDistances": exact["_distance"].to_pylist(),
            "plan": scanner.explain_plan(),
        })
    return out


def make_table(first, count, seed, dimension):
    rng = np.random.default_rng(seed)
    null = rng.random(count) < 0.1
    words = ["alpha", "beta", "gamma", "delta", "Über", "zeta"]
    vectors = rng.normal(size=(count, dimension)).astype(np.float32)
    items = pa.array(vectors.reshape(-1), pa.float32())
    return pa.table({
        "id": pa.array(range(first, first + count), pa.int32()),
        "i": pa.array(rng.integers(-50, 50, count), pa.int32(), mask=null),
        "f": pa.array([float("nan") if x > 2 else x for x in rng.normal(size=count)], pa.float64(), mask=rng.random(count) < 0.1),
        "s": pa.array([f"{words[n % 6]}{n % 30:02}" for n in rng.integers(0, 1000, count)], pa.string()),
        "ts": pa.array(rng.integers(0, 2 * 10**15, count), pa.timestamp("us")),
        "v": pa.FixedSizeListArray.from_arrays(items, dimension),
    })


def main(command):
    name = command["dataset"]
    action = command["action"]
    if action == "create":
        for part, count in enumerate(command["fragments"]):
            table = make_table(sum(command["fragments"][:part]), count, part, command["dimension"])
            lance.write_dataset(table, name, mode="create" if part == 0 else "append")
        return lance.dataset(name).version
    dataset = lance.dataset(name)
    if action == "query":
        return {
            "indices": describe(dataset),
            "filters": run_filters(dataset, command.get("filters", [])),
            "nearest": [run_nearest(dataset, **each) for each in command.get("nearest", [])],
            "rows": dataset.count_rows(),
        }
    if action == "commit":
        segments = [to_index(segment) for segment in command["segments"]]
        return lance.LanceDataset.commit_existing_index_segments(dataset, command["name"], command["column"], segments).version
    if action == "merge":
        return from_index(dataset.merge_existing_index_segments([to_index(segment) for segment in command["segments"]]))
    if action == "build":
        options = dict(command.get("options", {}))
        if "ivf_centroids" in options:
            options["ivf_centroids"] = np.array(options["ivf_centroids"], dtype=np.float32)
        return [
            from_index(dataset.create_index_uncommitted(command["column"], command["type"], command["name"], fragment_ids=ids, **options))
            for ids in command["groups"]
        ]
    if action == "change":
        for part in command.get("append", []):
            dataset.insert(make_table(part["first"], part["count"], part["seed"], command["dimension"]))
        for text in command.get("delete", []):
            dataset.delete(text)
        if command.get("optimize"):
            dataset.optimize.optimize_indices(num_indices_to_merge=command["optimize"])
        return lance.dataset(name).version
    raise ValueError(action)


print(json.dumps(main(json.load(sys.stdin))))
