"""main.py: the command line of bench/run."""
import argparse
import importlib
import pathlib
import sys

import harness
import report

MODULES = ["rolling", "load", "training", "predicting", "workers", "growth", "memory", "endtoend"]
HERE = pathlib.Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(prog="bench/run", description="Echolon beside its peers: medians, ratios, targets, verdicts.")
    parser.add_argument("row", nargs="*", help="a module (rolling) or one of its rows (rolling.min-30); all where none is named")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the data (1000000)")
    parser.add_argument("--groups", type=int, default=100, help="groups they belong to (100)")
    parser.add_argument("--repeat", type=int, default=5, help="runs that count of each contender (5; 3 where a run takes over ten seconds)")
    parser.add_argument("--list", action="store_true", help="name the rows, measure nothing")
    parser.add_argument("--output", type=pathlib.Path,
                        help="folder for the table and the picture (bench/results for a complete run of the default size, else .bench/results)")
    options = parser.parse_args()
    if min(options.rows, options.groups, options.repeat) < 1:
        parser.error("rows, groups and repeats are 1 or more")
    if options.row and any(name.partition(".")[0] not in MODULES for name in options.row):
        parser.error(f"no such row; modules are {', '.join(MODULES)}, and --list names their rows")

    failed = 0
    for module_name in MODULES:
        wanted = {name.partition(".")[2] for name in options.row if name.partition(".")[0] == module_name}
        if options.row and not wanted:
            continue
        module = importlib.import_module(module_name)
        if options.list:
            for name, title in module.ROWS.items():
                print(f"{module_name}.{name:<20} {title}")
            continue
        complete = not wanted or "" in wanted
        if not complete and wanted - module.ROWS.keys():
            parser.error(f"no row {module_name}.{(wanted - module.ROWS.keys()).pop()}; --list names them")
        server = harness.Server()
        print(f"{module_name}: making the data ({options.rows:,} rows) …", flush=True)
        names = [name for name in module.ROWS if complete or name in wanted]
        versions = module.prepare(server, options.rows, options.groups, names)
        facts = report.facts(server, versions)
        rows = []
        for name in names:
            print(f"{module_name}.{name} …", flush=True)
            row = module.row(name)
            harness.measure(row, options.repeat)
            rows.append(row)
            failed += sum(not met for _, met in row.verdicts())
        usual = complete and all(getattr(options, name) == parser.get_default(name) for name in ("rows", "groups", "repeat"))
        folder = options.output or (HERE / "results" if usual else HERE.parent / ".bench" / "results")
        report.write(folder, module_name, module.TITLE.format(rows=options.rows, groups=options.groups), module.NOTES, rows, facts)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
