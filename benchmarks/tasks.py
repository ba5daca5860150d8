"""The data sets that fits are compared on, generated, from scikit-learn, or from a folder."""

import bz2
import gzip
import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import sparse
from scipy.io import loadmat
from scipy.sparse import linalg as sparse_linalg
from scipy.special import expit, logsumexp
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_svmlight_file
from sklearn.preprocessing import StandardScaler

# High enough that every solver stops by its tolerance.
MAX_ITER = 10_000
# Of sklogloss and scikit-learn.
DEFAULT_TOL = 1e-4
# A Newton step with a full Hessian takes (number of coefficients)^3 / 3 multiplications: beyond
# this size it is never the best choice.
MAX_HESSIAN_SIZE = 5_000


class Intercept(StrEnum):
    """What becomes of the intercept. A library that cannot leave it free has its own optimum."""

    FREE = ""
    PENALISED = "penalises the intercept"
    ABSENT = "fits no intercept"


@dataclass
class Task:
    """Data, the strength of the penalty, and the part of it that is L1."""

    name: str
    X: np.ndarray | sparse.csr_matrix
    y: np.ndarray
    C: float = 1.0
    l1_ratio: float = 0.0

    def __post_init__(self):
        self.classes, self.class_index = np.unique(self.y, return_inverse=True)

    @property
    def n_outputs(self):
        """Number of rows of coef: 1 for two classes."""
        return 1 if len(self.classes) == 2 else len(self.classes)

    @property
    def alpha(self):
        """Strength of the penalty for libraries that take the mean of the losses, not C * sum."""
        return 1 / (self.C * self.X.shape[0])

    def subsample(self):
        """Return the same task with some 200 of the rows."""
        step = max(1, self.X.shape[0] // 200)
        return Task(self.name, self.X[::step], self.y[::step], self.C, self.l1_ratio)

    def objective(self, coef, intercept, intercept_is=Intercept.FREE):
        """Return the objective in float64: C times the summed log loss, plus the penalty.

        The penalty is (1 - l1_ratio) |coef|_2^2 / 2 + l1_ratio |coef|_1. A penalised intercept
        counts as one more column of coef.
        """
        raw_prediction = self.X @ coef.T + intercept
        if len(self.classes) == 2:
            margin = np.where(self.class_index == 1, 1, -1) * raw_prediction[:, 0]
            loss = np.logaddexp(0, -margin)
        else:
            of_class = raw_prediction[np.arange(len(self.y)), self.class_index]
            loss = logsumexp(raw_prediction, axis=1) - of_class
        if intercept_is is Intercept.PENALISED:
            coef = np.column_stack([coef, intercept])
        penalty = (1 - self.l1_ratio) / 2 * np.sum(coef**2) + self.l1_ratio * np.abs(coef).sum()
        return self.C * loss.sum() + penalty


def hessian_is_small(task):
    return task.X.shape[1] * task.n_outputs <= MAX_HESSIAN_SIZE


def with_constant(X):
    """Return X with one more column, of ones: its coefficient is a penalised intercept."""
    ones = np.ones((X.shape[0], 1))
    return sparse.hstack([X, ones], format="csr") if sparse.issparse(X) else np.hstack([X, ones])


def correlated(n_samples, n_features, correlation=0.5, seed=0):
    """Return normal features, neighbours correlated, and labels from a logistic model."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features))
    innovation = np.sqrt(1 - correlation**2)
    for j in range(1, n_features):
        X[:, j] = correlation * X[:, j - 1] + innovation * X[:, j]
    coef = rng.standard_normal(n_features) / np.sqrt(n_features)
    y = (rng.random(n_samples) < expit(X @ coef - 0.5)).astype(np.int64)
    return X, y


def few_of_many(n_samples, n_features, n_nonzero=30, seed=0):
    """Return standardised normal features, neighbours correlated, of which a few matter."""
    rng = np.random.default_rng(seed)
    X, _ = correlated(n_samples, n_features, seed=seed)
    X -= X.mean(axis=0)
    X /= X.std(axis=0)
    coef = np.zeros(n_features)
    coef[rng.choice(n_features, n_nonzero, replace=False)] = rng.standard_normal(n_nonzero)
    y = (rng.random(n_samples) < expit(X @ coef)).astype(np.int64)
    return X, y


def text_like(n_samples=50_000, n_features=50_000, n_words=60, seed=0):
    """Return rows of word counts, words drawn by Zipf's law, each row scaled to length 1."""
    rng = np.random.default_rng(seed)
    frequency = 1 / np.arange(1, n_features + 1)
    words = rng.choice(n_features, size=n_samples * n_words, p=frequency / frequency.sum())
    rows = np.repeat(np.arange(n_samples), n_words)
    X = sparse.csr_matrix((np.ones(words.size), (rows, words)), shape=(n_samples, n_features))
    X.data /= np.repeat(sparse_linalg.norm(X, axis=1), np.diff(X.indptr))
    coef = 3 * rng.standard_normal(n_features)
    y = (rng.random(n_samples) < expit(X @ coef)).astype(np.int64)
    return X, y


def independent_columns(rng, n_samples, n_features):
    return rng.standard_normal((n_samples, n_features))


def low_rank_columns(rng, n_samples, n_features):
    """Return columns that are mixtures of ten common factors, and as much noise again."""
    factors = rng.standard_normal((n_samples, 10))
    X = factors @ rng.standard_normal((10, n_features)) / np.sqrt(10)
    X += rng.standard_normal((n_samples, n_features))
    return X


def counts(rng, n_samples, n_features):
    """Return counts of rare and frequent events, mostly zero, divided by their root mean square."""
    rate = np.minimum(np.exp(1.5 * rng.standard_normal(n_features) - 2), 20)
    X = rng.poisson(rate * rng.gamma(2, 0.5, size=(n_samples, 1)), size=(n_samples, n_features))
    return X / np.sqrt(np.maximum((X**2).mean(axis=0), 1 / n_samples))


KINDS = {
    "independent": independent_columns,
    "low rank": low_rank_columns,
    "counts": counts,
    "sparse counts": counts,
}


@dataclass(frozen=True)
class Shape:
    """Data to generate: its size, the number of classes, and one of KINDS.

    The classes overlap: some 70 % of the rows have the one that their features make most probable.
    """

    n_samples: int
    n_features: int
    n_classes: int
    kind: str

    @classmethod
    def of(cls, name):
        """Return the shape that str() made this name of, None if it made it of none."""
        found = re.fullmatch(r"([\d,]+) x ([\d,]+), K = (\d+), ([a-z ]+)", name)
        if found is None:
            return None
        *numbers, kind = found.groups()
        return cls(*(int(number.replace(",", "")) for number in numbers), kind)

    def __str__(self):
        size = f"{self.n_samples:,} x {self.n_features:,}, K = {self.n_classes}"
        return f"{size}, {self.kind}"

    def task(self):
        """Return the Task: the same one each time."""
        rng = np.random.default_rng(0)
        X = KINDS[self.kind](rng, self.n_samples, self.n_features)
        score = (X - X.mean(axis=0)) @ rng.standard_normal((self.n_features, self.n_classes))
        # Gumbel noise has a standard deviation of 1.28.
        score *= (1 + np.log(self.n_classes)) / score.std()
        y = np.argmax(score + rng.gumbel(size=score.shape), axis=1)
        return Task(str(self), sparse.csr_array(X) if "sparse" in self.kind else X, y)


@dataclass(frozen=True)
class Embeddings:
    """Rows of length one to generate, as a network embeds what it is shown: a cluster per class.

    Attributes
    ----------
    n_samples, n_features, n_classes : int
    C : float
    dtype : str
    is_separate : bool
        Whether the clusters have gaps between them. Else some 70 % of the rows are closest to the
        centre of their own class.
    """

    n_samples: int
    n_features: int
    n_classes: int
    C: float
    dtype: str
    is_separate: bool

    @classmethod
    def of(cls, name):
        """Return what str() made this name of, None if it made it of none."""
        pattern = r"([\d,]+) x ([\d,]+), K = ([\d,]+), C = ([\d.]+), (float\d\d), (\w+)"
        found = re.fullmatch(pattern, name)
        if found is None:
            return None
        *numbers, C, dtype, kind = found.groups()
        numbers = (int(number.replace(",", "")) for number in numbers)
        return cls(*numbers, float(C), dtype, kind == "separate")

    def __str__(self):
        size = f"{self.n_samples:,} x {self.n_features:,}, K = {self.n_classes:,}"
        kind = "separate" if self.is_separate else "overlapping"
        return f"{size}, C = {self.C:g}, {self.dtype}, {kind}"

    def task(self):
        """Return the Task: the same one each time."""
        rng = np.random.default_rng(0)
        centres = rng.standard_normal((self.n_classes, self.n_features))
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        # Each class has as many rows, or one more.
        y = rng.permutation(np.arange(self.n_samples) % self.n_classes)
        X = rng.standard_normal((self.n_samples, self.n_features))
        some = slice(0, 2000)
        noise, signal = X[some] @ centres.T, centres[y[some]] @ centres.T
        of_own = np.arange(len(noise)), y[some]
        # So far from zero a centre has to be for a row to be closer to it than to any other.
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = (noise - noise[of_own][:, None]) / (signal[of_own][:, None] - signal)
        distance[of_own] = -np.inf
        distances = distance.max(axis=1)
        far = 1.3 * distances.max() if self.is_separate else np.quantile(distances, 0.7)
        X += far * centres[y]
        X /= np.linalg.norm(X, axis=1, keepdims=True)
        return Task(str(self), X.astype(self.dtype), y, self.C)


def generated_dense(n_samples, n_features):
    def load(folder):
        return Task(f"{n_samples:,} x {n_features:,}", *correlated(n_samples, n_features))

    return load


def generated_few(n_samples, n_features):
    def load(folder):
        name = f"{n_samples:,} x {n_features:,}, 30 coefficients"
        return Task(name, *few_of_many(n_samples, n_features))

    return load


def generated_text(folder):
    return Task("text-like 50,000 x 50,000", *text_like())


def with_l1(load, C, l1_ratio=1.0):
    """Return a function that loads the same data with an L1 penalty or an elastic net."""

    def load_with_l1(folder):
        task = load(folder)
        penalty = "L1" if l1_ratio == 1 else f"elastic net {l1_ratio:g}"
        name = task.name.removesuffix(f", C = {task.C:g}")
        return Task(f"{name}, {penalty}, C = {C:g}", task.X, task.y, C, l1_ratio)

    return load_with_l1


def breast_cancer(folder):
    X, y = load_breast_cancer(return_X_y=True)
    return Task("breast cancer 569 x 30", StandardScaler().fit_transform(X), y)


def digits(folder):
    X, y = load_digits(return_X_y=True)
    return Task("digits 1,797 x 64, K = 10", X / 16, y)


def iris(folder):
    X, y = load_iris(return_X_y=True)
    return Task("iris 150 x 4, K = 3", X, y)


def a9a(folder):
    return Task("a9a 32,561 x 123, sparse", *load_svmlight_file(str(folder / "a9a.gz")))


def read_idx(path):
    """Return the array in a gzipped IDX file of unsigned bytes."""
    with gzip.open(path) as file:
        content = file.read()
    n_dimensions = content[3]
    shape = np.frombuffer(content, dtype=">i4", count=n_dimensions, offset=4)
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * n_dimensions).reshape(shape)


def mnist(folder):
    images = read_idx(folder / "mnist10k-images.idx.gz")
    labels = read_idx(folder / "mnist10k-labels.idx.gz")
    X = images.reshape(len(images), -1) / 255
    return Task("MNIST 10,000 x 784, K = 10, C = 0.1", X, labels.astype(np.int64), C=0.1)


def news20(folder):
    with bz2.open(folder / "news20.bz2") as file:
        X, y = load_svmlight_file(file)
    return Task("news20 15,935 x 62,061, sparse, K = 20", X, y)


def leukemia(folder):
    matrices = loadmat(folder / "leukemia.mat")
    X = np.ascontiguousarray(matrices["X"], dtype=np.float64)
    return Task("leukemia 72 x 7,070", X, matrices["Y"].ravel())


def mammography(folder):
    table = np.genfromtxt(folder / "mammography.csv", delimiter=",", dtype=str)
    y = np.char.strip(table[:, -1], "'").astype(np.int64)
    X = StandardScaler().fit_transform(table[:, :-1].astype(np.float64))
    return Task("mammography 11,183 x 6", X, y)


TASKS = {
    "dense-20": generated_dense(1_000_000, 20),
    "dense-100": generated_dense(200_000, 100),
    "dense-500": generated_dense(20_000, 500),
    "wide": generated_dense(500, 10_000),
    "text": generated_text,
    "breast-cancer": breast_cancer,
    "digits": digits,
    "iris": iris,
}
L1_TASKS = {
    "dense-500-l1": with_l1(TASKS["dense-500"], 0.1),
    "wide-l1": with_l1(TASKS["wide"], 0.1),
    "text-l1": with_l1(generated_text, 1.0),
    "breast-cancer-l1": with_l1(breast_cancer, 1.0),
}
PATH_TASKS = {
    "few-of-20000": generated_few(1_000, 20_000),
    "few-of-5000": generated_few(5_000, 5_000),
    "few-of-500": generated_few(20_000, 500),
    "few-of-2000": generated_few(1_000, 2_000),
}
FOLDER_TASKS = {
    "a9a": a9a,
    "mnist": mnist,
    "news20": news20,
    "mammography": mammography,
    "leukemia": leukemia,
    "mnist-elastic-net": with_l1(mnist, 0.1, 0.5),
    "news20-l1": with_l1(news20, 1.0),
}


def load_task(name, folder=None):
    """Return the task of a name, also of Shape and Embeddings; folder has that of FOLDER_TASKS."""
    for generated in (Shape.of(name), Embeddings.of(name)):
        if generated is not None:
            return generated.task()
    return {**TASKS, **L1_TASKS, **PATH_TASKS, **FOLDER_TASKS}[name](folder)
