"""Code that classifiers around another classifier share: tags and metadata routing."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from sklogloss.classifiers.documentation import DocumentationLinks

__all__ = ["WrappingClassifier"]


class WrappingClassifier(DocumentationLinks, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Base class of classifiers that fit another one, their parameter `estimator`."""

    estimator: Any

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the routing of metadata, to the estimator's fit.

        Returns
        -------
        routing : MetadataRouter
        """
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                estimator=self.estimator,
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags
