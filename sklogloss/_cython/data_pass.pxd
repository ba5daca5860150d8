# Arguments of a pass, checked: a pass reads raw memory.

from .design cimport Design, Gram
from .loss_kernel cimport LossKernel

cdef char *weight_address(Design design, sample_weight) except? NULL

cdef char *curvature_address(
    Design design, LossKernel loss, curvature, int flags=*
) except NULL

# The work of cross-products, in stored entries.
cdef double gram_work(Design design) noexcept

cdef Gram gram_of(
    Design design, center, scale, bint intercept, bint signed_weight, bint in_float32
) except *
