"""The plugin mkmini-plugin-mtree: `describe`, or serving mkmini."""

import json
import os
import sys

import mtree

# mkmini sets this variable; it is no secret.
COOKIE = ("MKMINI_PLUGIN", "a mini linux for any cpu")

USAGE = """This is a plugin of mkmini, the exporter "mtree". It is not run by hand: mkmini
starts it for a configuration that says

  export "mtree" {}

With the argument "describe" it prints as JSON what it can do.
"""


def main():
    if sys.argv[1:] and sys.argv[-1] == "describe":
        json.dump(mtree.MANIFEST, sys.stdout, indent=2)
        print()
        return 0
    if os.environ.get(COOKIE[0]) != COOKIE[1]:
        sys.stderr.write(USAGE)
        return 1
    # Only now: gRPC takes a third of a second to load.
    import serve

    return serve.serve(mtree.MANIFEST["exporter"], mtree.export)


if __name__ == "__main__":
    sys.exit(main())
