# Raises a ValueError if the arrays of a quadratic model with an L1 penalty and bounds do not fit
# each other; lower and upper are None where there are no bounds.
cdef check_shapes(
    const double[:, ::1] matrix, const double[::1] gradient, const double[::1] x,
    const double[::1] l1, const double[::1] lower, const double[::1] upper)
