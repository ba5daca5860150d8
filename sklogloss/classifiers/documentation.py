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
        return address and address + "/generated/sklogloss.{name}.html"

    def _doc_link_url_param_generator(self):
        return {"name": type(self).__name__}
