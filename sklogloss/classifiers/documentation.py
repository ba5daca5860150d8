"""Links from an estimator's HTML display to the documentation."""

import functools

__all__ = ["DocumentationLinks"]


@functools.cache
def documentation_address():
    """Return the address of the documentation that the installed package names, "" if none."""
    # It takes as long to import as a few fits, and only displays need it.
    from importlib import metadata

    try:
        urls = metadata.metadata("sklogloss").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        return ""
    addresses = dict(url.split(", ", 1) for url in urls)
    return addresses.get("Documentation", "").rstrip("/")


class DocumentationLinks:
    """What scikit-learn asks of an estimator whose display links to pages of its own."""

    _doc_link_module = "sklogloss"

    @property
    def _doc_link_template(self):
        address = documentation_address()
        return address and address + "/generated/{name}.html"

    def _doc_link_url_param_generator(self):
        # The pages have the names that users import: sklogloss, or sklogloss.calibration.
        package, folder, *_ = type(self).__module__.split(".")
        public = package if folder == "classifiers" else f"{package}.{folder}"
        return {"name": f"{public}.{type(self).__name__}"}
