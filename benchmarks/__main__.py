"""``python -m benchmarks TABLE``; -h shows the tables, TABLE -h the arguments of one."""

import sys
from importlib import import_module

TABLES = {
    "fit": "fits against other libraries, at equal accuracy",
    "map": "fits of many shapes of data against scikit-learn, at its defaults and at its best",
    "probes": "fits of hundreds of classes to embeddings against other libraries",
    "path": "L1 paths against other libraries, at equal accuracy",
    "threads": "fits with one thread and with two",
    "busy": "fits beside processes that keep the cores busy, two at once, within a quota",
    "scaling": "time per row of fits to more and more rows",
    "variants": "fits to float32 and float64, to C-ordered and F-ordered data",
    "predict": "predict_proba against scikit-learn's",
    "focal": "fits of focal loss against those of log loss, and SciPy's L-BFGS",
    "firth": "fits under Jeffreys' prior against firthmodels",
    "grid_search": "a grid search against scikit-learn's estimator",
    "cross_validation": "LogLossClassifierCV against LogisticRegressionCV",
    "dask": "fits of partitions against fits in memory, dask-ml and dask-glm",
    "dask_model": "messages and bytes of fits on Dask, counted, and a model of larger fits",
    "out_of_core": "fits of files larger than the memory that they may take",
    "inference": "fits with standard errors against statsmodels, profile intervals against fits",
    "coverage": "how often confidence intervals have the true coefficient",
    "calibration": "log loss before and after calibration, and the speed of calibrators",
    "passes": "how often a fit goes over the data",
    "kernels": "the loss functions against those of scikit-learn",
    "metrics": "log loss and its decomposition against scikit-learn's log loss",
    "costs": "what passes and factorizations cost, which solvers are chosen by",
    "ablation": "what each numeric constant of the solvers is worth",
    "structure": "how many functions and files a fit visits, constants, long functions",
    "chart": "no table: draws the committed results of fit as the picture of the README",
    "environments": "no table: makes the environments that fit runs other libraries in",
}


def main(argv):
    if not argv or argv[0] not in TABLES:
        print("usage: python -m benchmarks TABLE [-h] [arguments of the table]\n")
        for table, text in TABLES.items():
            print(f"  {table:16} {text}")
        return 0 if argv and argv[0] in ("-h", "--help") else 2
    return import_module(f"benchmarks.{argv[0]}").main(argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
