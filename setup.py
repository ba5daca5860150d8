"""Extension modules and compiler flags. Everything else is in pyproject.toml.

Three environment variables change the build:

SKLOGLOSS_NO_OPENMP=1      build without OpenMP (whose settings limit the number of threads)
SKLOGLOSS_DEBUG=1          check bounds in Cython code and keep assertions; slow
SKLOGLOSS_SANITIZE=NAMES   build with the compiler's sanitizers, "address,undefined" or "thread",
                           for tests; docs/development/testing.rst says how

CC, CFLAGS, CPPFLAGS and LDFLAGS are respected, as by every setuptools build.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("SKLOGLOSS_DEBUG", "0") == "1"
SANITIZE = os.environ.get("SKLOGLOSS_SANITIZE", "")
# The thread sanitizer does not know how OpenMP's threads wait for each other.
NO_OPENMP = os.environ.get("SKLOGLOSS_NO_OPENMP", "0") == "1" or "thread" in SANITIZE
WINDOWS = sys.platform == "win32"


def flags(*variables):
    return [flag for variable in variables for flag in shlex.split(os.environ.get(variable, ""))]


def compiles_and_links(source_text, compile_flags, link_flags):
    """Whether the C compiler makes a program of source_text."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text(source_text)
        command = [*compiler, *flags("CPPFLAGS", "CFLAGS"), *compile_flags, str(source)]
        command += ["-o", str(source.with_suffix("")), *flags("LDFLAGS"), *link_flags]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def openmp_flags():
    """Return (compile flags, link flags) of OpenMP, empty where the compiler lacks it."""
    if NO_OPENMP:
        return [], []
    if WINDOWS:
        return ["/openmp:experimental"], []  # plain /openmp refuses omp simd
    compile_flags, link_flags = ["-fopenmp"], ["-fopenmp"]
    if sys.platform == "darwin":
        # Apple's clang has no -fopenmp of its own; libomp's folders come in CPPFLAGS and LDFLAGS.
        compile_flags, link_flags = ["-Xpreprocessor", "-fopenmp"], ["-lomp"]
    program = "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
    if compiles_and_links(program, compile_flags, link_flags):
        return compile_flags, link_flags
    print("sklogloss: the compiler has no OpenMP, building without it", file=sys.stderr)
    return [], []


def vectorisation_flags():
    """Return what makes GCC vectorise fully at -O2, which compiles in half the time of -O3.

    Nothing for a compiler that does not know these flags; Clang vectorises at -O2 by itself.
    """
    gcc_flags = ["-ftree-vectorize", "-fvect-cost-model=dynamic"]
    return gcc_flags if compiles_and_links("int main(void) { return 0; }", gcc_flags, []) else []


def sanitizer_flags():
    """Return the flags of a build in which a fault ends the process with a report.

    Without clones of the kernels, which would take most of the time to compile.
    """
    if not SANITIZE:
        return []
    return [
        f"-fsanitize={SANITIZE}",
        "-fno-sanitize-recover=all",
        "-fno-omit-frame-pointer",
        "-g1",
        "-DSKL_ONE_LEVEL",
    ]


OPENMP_COMPILE, OPENMP_LINK = openmp_flags()
# -fopenmp alone has it with it.
THREADS = [] if WINDOWS else ["-pthread"]
SANITIZER = sanitizer_flags()

if WINDOWS:
    COMPILE = ["/O2", "/std:c11"]
else:
    # Python's own -g would make the modules three times as large and the build slower.
    # The two -fno flags let GCC vectorise loops with selects; neither changes a result.
    # Contraction to fused multiply-add may differ between machines, never between runs.
    COMPILE = [
        *(["-O1"] if DEBUG or SANITIZE else ["-O2", "-g0"]),
        *([] if SANITIZE else vectorisation_flags()),
        "-fno-math-errno",
        "-fno-trapping-math",
        "-ffp-contract=fast",
        *SANITIZER,
    ]
    if not OPENMP_COMPILE:
        COMPILE.append("-fopenmp-simd")

CYTHON = "sklogloss/_cython"
# The code of memoryviews, which each module would otherwise have a copy of. Python also knows this
# module without its package: the name must be nobody else's.
SHARED = "sklogloss._cython._cython_sklogloss"
# One folder per kind of build: setuptools compares dates alone and would pass the files of one
# kind off as another's.
KIND = SANITIZE.replace(",", "-") or ("debug" if DEBUG else "release")
BUILD = f"build/{KIND}{'' if OPENMP_COMPILE else '-no-openmp'}"


def cython_source(name):
    """Return the path of the module's C file if an earlier build has made it, else of its .pyx.

    Cython by itself goes by the dates of its own files, too. Those are new in every environment
    that pip builds in, and all would be compiled again.
    """
    c_file = Path(BUILD, "cython", CYTHON, f"{name}.c")
    sources = [Path(__file__), *Path(CYTHON).glob("*.pyx"), *Path(CYTHON).glob("*.pxd")]
    newest = max(source.stat().st_mtime for source in sources)
    is_new = c_file.exists() and c_file.stat().st_mtime > newest
    return str(c_file) if is_new else f"{CYTHON}/{name}.pyx"


def extension(name, *c_sources):
    return Extension(
        f"sklogloss._cython.{name}",
        sources=[cython_source(name), *(f"{CYTHON}/{source}" for source in c_sources)],
        depends=sorted(str(header) for header in Path(CYTHON).glob("*.h")),
        include_dirs=[CYTHON],
        extra_compile_args=[*COMPILE, *THREADS, *OPENMP_COMPILE],
        extra_link_args=[*THREADS, *OPENMP_LINK, *SANITIZER],
        undef_macros=["NDEBUG"] if DEBUG else [],
    )


setup(
    ext_modules=cythonize(
        [
            extension(
                "loss_kernel",
                "links.c",
                "softmax_chunk.c",
                "log_loss.c",
                "focal_loss.c",
                "brier_loss.c",
            ),
            extension("function_kernel"),
            extension("loss_evaluation"),
            extension("parallel", "thread_pool.c"),
            extension("design"),
            extension("dense_design", "dense_block.c", "gram_kernel.c", "thin_product.c"),
            extension("sparse_design", "sparse_block.c"),
            extension("row_pass"),
            extension("pass_steps", "row_weights.c"),
            extension("data_pass"),
            extension("class_grams"),
            extension("jeffreys_pass"),
            extension("coordinate_descent", "softmax_row.c"),
            extension("csr_columns"),
            extension("largest_entries"),
            extension("dual_ascent"),
            extension("softmax_system", "softmax_passes.c"),
            extension("mean_derivatives"),
            extension("cholesky"),
            extension("free_step"),
            extension("two_loops"),
            extension("blas_limit"),
            extension("build_info"),
            # Cython writes this file.
            Extension(
                SHARED,
                [f"{CYTHON}/_cython_sklogloss.c"],
                extra_compile_args=COMPILE,
                extra_link_args=SANITIZER,
            ),
        ],
        shared_utility_qualified_name=SHARED,
        build_dir=f"{BUILD}/cython",
        compiler_directives={
            "language_level": "3",
            "boundscheck": DEBUG,
            "wraparound": False,
            "initializedcheck": DEBUG,
            "cdivision": True,
            "embedsignature": True,
            "freethreading_compatible": True,
        },
    ),
    options={"build": {"build_base": BUILD}, "build_ext": {"parallel": os.cpu_count()}},
)
