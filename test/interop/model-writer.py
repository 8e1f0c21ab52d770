"""One native writer of the model test: the same random calls as test/conformance/model-writer.ts makes."""
import json, random, sys
import lance, pyarrow as pa

options = json.loads(sys.argv[1])
uri, writer, steps = options["folder"], options["writer"], options["steps"]
shared, retries = options["shared"], 200
draw = random.Random(options["seed"] * 7919 + writer).randrange
own = lambda i: 100_000 * (writer + 1) + i


def rows(ids, value):
    schema = pa.schema([pa.field("id", pa.int32(), False), pa.field("value", pa.int64())])
    return pa.table({"id": ids, "value": [value] * len(ids)}, schema=schema)


def draw_operation(d, step):
    value, die = writer * 1000 + step, draw(100)
    if die < 18:
        return {"kind": "append", "value": value, "ids": [own(1000 + step * 10 + i) for i in range(3)]}
    if die < 30:
        return {"kind": "delete", "ids": [draw(shared), own(draw(8)), own(1000 + draw(step + 1) * 10)]}
    if die < 50:
        return {"kind": "update", "rest": draw(5), "by": 1 + draw(9)}
    if die < 60:
        return {"kind": "upsert", "value": value, "ids": sorted({own(draw(8)), own(draw(8))})}
    if die < 68:
        return {"kind": "merge", "value": value, "ids": sorted({draw(shared), draw(shared)})}
    if die < 77:
        return {"kind": "compact"}
    if die < 83:
        return {"kind": "index"}
    if die < 88:
        return {"kind": "config", "key": f"writer {writer}", "value": str(step)}
    if die < 95:
        mine = [name for name in d.schema.names if name.startswith(f"c{writer}_")]
        if not mine:
            return {"kind": "addColumn", "name": f"c{writer}_{step}", "factor": 1 + draw(4), "add": draw(9)}
        if draw(2) == 0:
            return {"kind": "dropColumn", "name": mine[0]}
        return {"kind": "renameColumn", "name": mine[0], "to": f"c{writer}_{step}r{draw(1000)}"}
    if die < 98:
        return {"kind": "tag", "name": f"t{writer}"}
    return {"kind": "restore", "version": max(1, d.version - draw(6))}


def perform(d, o):
    """Gives the handle on the version it made, and how much it says it changed; 1 where calls do not say."""
    changed = 1
    kind = o["kind"]
    if kind == "append":
        d.insert(rows(o["ids"], o["value"]))
    elif kind == "delete":
        changed = d.delete(f"id IN ({', '.join(map(str, o['ids']))})")["num_deleted_rows"]
    elif kind == "update":
        where = f"id < {shared} AND id % 5 = {o['rest']}"
        changed = d.update({"value": f"value + {o['by']}"}, where=where)["num_rows_updated"]
    elif kind in ("upsert", "merge"):
        merge = d.merge_insert("id").when_matched_update_all()
        if kind == "upsert":
            merge = merge.when_not_matched_insert_all()
        stats = merge.execute(rows(o["ids"], o["value"]))
        changed = stats["num_inserted_rows"] + stats["num_updated_rows"]
    elif kind == "addColumn":
        d.add_columns({o["name"]: f"value * {o['factor']} + {o['add']}"})
    elif kind == "dropColumn":
        d.drop_columns([o["name"]])
    elif kind == "renameColumn":
        d.alter_columns({"path": o["name"], "name": o["to"]})
    elif kind == "config":
        d.update_config({o["key"]: o["value"]})
    elif kind == "index":
        d.create_scalar_index("id", "BTREE", replace=True)
    elif kind == "compact":
        changed = d.optimize.compact_files(target_rows_per_fragment=50).fragments_removed
    elif kind == "restore":
        d = lance.dataset(uri, version=o["version"])
        d.restore()
    elif o["name"] in d.tags.list():
        d.tags.update(o["name"], d.version)
    else:
        d.tags.create(o["name"], d.version)
    return d, changed


d = lance.dataset(uri)
acknowledged, conflicts = [], 0
for step in range(steps):
    if draw(10) < 6:
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
        break
print("\n" + json.dumps({"acknowledged": acknowledged, "conflicts": conflicts}))
