"""The order of the examples in the gallery: from first steps to other sciences."""

from sphinx_gallery.sorting import FileNameSortKey

ORDER = (
    "quickstart",
    "penalties",
    "probabilities",
    "imbalanced",
    "odds_ratios",
    "recalibration",
    "partitions",
    "building_block",
    "splice_sites",
    "substitution_models",
    "generative_models",
)


class GalleryOrder(FileNameSortKey):
    """Sort by ORDER, in which each example must be."""

    def __call__(self, filename):
        return ORDER.index(filename.removesuffix(".py"))
