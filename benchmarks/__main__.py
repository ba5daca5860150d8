"""``python -m benchmarks kernels`` and ``python -m benchmarks fit``; -h shows the arguments."""

import sys
from importlib import import_module

TABLES = {
    "kernels": "the loss functions against those of scikit-learn",
    "fit": "fits against the solvers of scikit-learn, at equal accuracy",
}


def main(argv):
    if not argv or argv[0] not in TABLES:
        print("usage: python -m benchmarks TABLE [-h] [arguments of the table]\n")
        for table, text in TABLES.items():
            print(f"  {table:8} {text}")
        return 0 if argv and argv[0] in ("-h", "--help") else 2
    return import_module(f"benchmarks.{argv[0]}").main(argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
