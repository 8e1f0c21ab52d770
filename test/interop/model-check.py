"""What native Lance finds wrong with the versions of a model table, each given with its rows and filters on stdin."""
import json, sys
import lance


def vector(first):
    return [first, first * 7 % 13, first * 5 % 11, 1]


def measure(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b))


def find_faults(d, rows, filters, graphs, segments):
    try:
        d.validate()
    except Exception as error:
        yield f"validate: {error}"
    read = d.to_table().to_pylist()
    for row in read:
        row["vec"] = row["vec"][0]
    by_id = {row["id"]: row for row in rows}
    if len(read) != len(rows) or any(by_id.get(row["id"]) != row for row in read):
        yield f"rows {read}"
    # Native alone asks each segment for all fragments that any of the index covers: one whose column was written anew in
    # place since answers with what was there. So only indexes of one segment are asked, but for ids, which do not change.
    for condition, wanted in filters:
        by_index = condition.startswith("id") or segments.get("value_idx", 1) == 1
        found = sorted(d.to_table(columns=["id"], filter=condition, use_scalar_index=by_index)["id"].to_pylist())
        if found != wanted:
            yield f"{condition} finds {found}, expected {wanted}"
    if not rows or segments.get("vec_idx", 1) > 1:
        return
    q = vector(500)
    nearest = {"column": "vec", "q": q, "k": len(rows), "nprobes": 100, "ef": 2 * len(rows) + 50, "refine_factor": 2}
    found = d.to_table(columns=["id", "_distance"], nearest=nearest).to_pylist()
    ids = [row["id"] for row in found]
    if len(set(ids)) != len(ids):
        yield f"a search of vectors finds a row twice: {sorted(ids)}"
    for row in found:
        there = by_id.get(row["id"])
        if there is None or abs(measure(vector(there["vec"]), q) - row["_distance"]) > 1e-3 * (1 + row["_distance"]):
            yield f"a search of vectors finds row {row}, expected {there}"
    if not graphs and len(set(ids)) < len(rows):
        yield f"a search of vectors misses rows {sorted(set(by_id) - set(ids))}"


faults = []
folder = sys.argv[1]
for version in json.load(sys.stdin):
    number = version["version"]
    try:
        d = lance.dataset(folder, version=number)
        for fault in find_faults(d, version["rows"], version["filters"], version["graphs"], version["segments"]):
            faults.append(f"version {number}: {fault}")
    except Exception as error:
        faults.append(f"version {number}: {type(error).__name__}: {error}")
print("\n" + json.dumps(faults))
