"""One native writer of the model test: the same random calls as test/conformance/model-writer.ts makes."""
import json, random, sys
import lance, pyarrow as pa

options = json.loads(sys.argv[1])
uri, writer, steps = options["folder"], options["writer"], options["steps"]
shared, stable, weights, retries = options["shared"], options["stable"], options["weights"], 200
draw = random.Random(options["seed"] * 7919 + writer).randrange
own = lambda i: 100_000 * (writer + 1) + i
columns = ["id", "value", "vec"]


def vector(id, value):
    first = (id * 31 + value * 17) % 1009
    return [first, first * 7 % 13, first * 5 % 11, 1]


def rows(ids, value, with_vectors=True):
    fields = [pa.field("id", pa.int32(), False), pa.field("value", pa.int64())]
    data = {"id": ids, "value": [value] * len(ids)}
    if with_vectors:
        fields.append(pa.field("vec", pa.list_(pa.float32(), 4)))
        data["vec"] = [vector(id, value) for id in ids]
    return pa.table(data, schema=pa.schema(fields))


def draw_kind():
    die = draw(sum(weights.values()))
    for kind, weight in weights.items():
        die -= weight
        if die < 0:
            return kind


def draw_index():
    column = columns[draw(3)]
    if column != "vec":
        return {"kind": "index", "column": column, "type": "BTREE"}
    # Native alone refuses a graph once rows of it are gone in a compaction that deferred the remap.
    return {"kind": "index", "column": column, "type": "IVF_HNSW_SQ" if stable and draw(3) == 0 else "IVF_FLAT"}


def draw_operation(d, step):
    value, kind = writer * 1000 + step, draw_kind()
    if kind == "append":
        return {"kind": kind, "value": value, "ids": [own(1000 + step * 10 + i) for i in range(3)]}
    if kind == "delete":
        return {"kind": kind, "ids": [draw(shared), own(draw(8)), own(1000 + draw(step + 1) * 10)]}
    if kind == "update":
        return {"kind": kind, "rest": draw(5), "by": 1 + draw(9)}
    if kind == "upsert":
        return {"kind": kind, "value": value, "ids": sorted({own(draw(8)), own(draw(8))})}
    if kind in ("merge", "patch"):
        return {"kind": kind, "value": value, "ids": sorted({draw(shared), draw(shared)})}
    if kind == "compact":
        # Native alone loses rows of an index where a compaction that remaps it follows on one that deferred that.
        has_moves = any(index.name == "__lance_frag_reuse" for index in d.describe_indices())
        return {"kind": kind, "defer": not stable and (has_moves or draw(2) == 0)}
    if kind in ("optimize", "commitStaged"):
        return {"kind": "optimize", "segments": [None, 0, 1, 10][draw(4)]}
    if kind == "config":
        return {"kind": kind, "key": f"writer {writer}", "value": str(step)}
    if kind == "columns":
        mine = [name for name in d.schema.names if name.startswith(f"c{writer}_")]
        if not mine:
            return {"kind": "addColumn", "name": f"c{writer}_{step}", "factor": 1 + draw(4), "add": draw(9)}
        if draw(2) == 0:
            return {"kind": "dropColumn", "name": mine[0]}
        return {"kind": "renameColumn", "name": mine[0], "to": f"c{writer}_{step}r{draw(1000)}"}
    if kind == "tag":
        return {"kind": kind, "name": f"t{writer}"}
    if kind == "restore":
        return {"kind": kind, "version": max(1, d.version - draw(6))}
    # No drop: native alone does not see that a compaction wrote an index anew meanwhile, and the index stays.
    return draw_index()


def perform(d, o):
    """
    Gives the handle on the version it made, and how much it says it changed; 1 where calls do not say, 0 where they may
    have found nothing to do.
    """
    changed = 1
    kind = o["kind"]
    if kind == "append":
        d.insert(rows(o["ids"], o["value"]))
    elif kind == "delete":
        changed = d.delete(f"id IN ({', '.join(map(str, o['ids']))})")["num_deleted_rows"]
    elif kind == "update":
        where = f"id < {shared} AND id % 5 = {o['rest']}"
        changed = d.update({"value": f"value + {o['by']}"}, where=where)["num_rows_updated"]
    elif kind in ("upsert", "merge", "patch"):
        merge = d.merge_insert("id").when_matched_update_all()
        if kind == "upsert":
            merge = merge.when_not_matched_insert_all()
        stats = merge.execute(rows(o["ids"], o["value"], kind != "patch"))
        changed = stats["num_inserted_rows"] + stats["num_updated_rows"]
    elif kind == "addColumn":
        d.add_columns({o["name"]: f"value * {o['factor']} + {o['add']}"})
    elif kind == "dropColumn":
        d.drop_columns([o["name"]])
    elif kind == "renameColumn":
        d.alter_columns({"path": o["name"], "name": o["to"]})
    elif kind == "config":
        d.update_config({o["key"]: o["value"]})
    elif kind == "index" and o["type"] == "BTREE":
        d.create_scalar_index(o["column"], "BTREE", replace=True)
    elif kind == "index":
        d.create_index(o["column"], o["type"], num_partitions=2, replace=True)
    elif kind == "optimize":
        d.optimize.optimize_indices(**({} if o["segments"] is None else {"num_indices_to_merge": o["segments"]}))
        changed = 0
    elif kind == "compact":
        metrics = d.optimize.compact_files(target_rows_per_fragment=50, defer_index_remap=o["defer"])
        changed = metrics.fragments_removed
    elif kind == "restore":
        d = lance.dataset(uri, version=o["version"])
        d.restore()
    elif o["name"] in d.tags.list():
        d.tags.update(o["name"], d.version)
    else:
        d.tags.create(o["name"], d.version)
    return d, changed


# As in TypeScript: from version 1, so that each writer meets the others.
d = lance.dataset(uri, version=1)
acknowledged, conflicts, late = [], 0, 0
for step in range(steps):
    if draw(10) < 6 and step > 0:
        d = lance.dataset(uri)
    for attempt in range(retries):
        operation = draw_operation(d, step)
        before = d.version
        try:
            d, changed = perform(d, operation)
        except Exception as error:
            if not any(word in str(error).lower() for word in ("conflict", "concurrent")):
                raise Exception(f"writer {writer}, {operation} at version {before}") from error
            conflicts += 1
            d = lance.dataset(uri)
            continue
        acknowledged.append({"writer": writer, "operation": operation, "version": d.version, "changed": changed})
        late += changed > 0 and d.version > before + 1 and operation["kind"] != "compact"
        break
print("\n" + json.dumps({"acknowledged": acknowledged, "conflicts": conflicts, "late": late}))
